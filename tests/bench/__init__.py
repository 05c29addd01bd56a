"""Benchmarks: figures, measured against the hub as a user runs it. `make bench` prints their table."""
