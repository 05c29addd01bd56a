"""Instants at the edge: RFC 3339 in UTC outside, whole milliseconds inside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator

from devices.sample import Instant


def to_rfc3339(at: Instant) -> str:
    """Like `2026-11-22T08:00:00.000Z`."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_instant(at: datetime) -> Instant:
    """Milliseconds since 1970 UTC."""
    return round(at.timestamp() * 1000)


def _with_zone(written: object) -> object:
    """A `+` in a query arrives as a space where it was not escaped."""
    return written.replace(" ", "+") if isinstance(written, str) and "T" in written else written


Moment = Annotated[AwareDatetime, BeforeValidator(_with_zone)]
"""A time with its zone, in a request."""
