"""Cursors of lists that are told newest first."""

from __future__ import annotations

from devices.errors import Invalid
from devices.sample import Instant


def cursor_of(at: Instant, id_: str) -> str:
    """Where a page ended."""
    return f"{at}.{id_}"


def before_of(cursor: str | None) -> tuple[Instant, str] | None:
    """Where the next page begins. Raises `Invalid`."""
    if cursor is None:
        return None
    at, _, id_ = cursor.partition(".")
    if not (at.isascii() and at.isdigit()):
        raise Invalid("cursor: send back what `next` said, unchanged")
    return int(at), id_
