"""Decisions: pure functions over facts, with time handed in."""
