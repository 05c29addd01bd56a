"""Imports: people, devices and days from elsewhere, thousands at a time, all of a file or nothing of it."""
