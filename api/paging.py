"""Cursors of lists that are told newest first."""

from __future__ import annotations

from devices.errors import Invalid
from devices.sample import Instant

_DIGITS = 18
"""More no number has that a store counts in."""


def cursor_of(at: Instant, id_: str) -> str:
    """Where a page ended."""
    return f"{at}.{id_}"


def before_of(cursor: str | None) -> tuple[Instant, str] | None:
    """Where the next page begins. Raises `Invalid`."""
    if cursor is None:
        return None
    at, _, id_ = cursor.partition(".")
    return number_in(at), id_


def number_in(cursor: str) -> int:
    """The number that a cursor is. Raises `Invalid`."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _DIGITS):
        raise Invalid("cursor: send back what `next` said, unchanged")
    return int(cursor)
