"""The relational store: homes, people, devices, commands, decisions. All of its SQL is in this package."""
