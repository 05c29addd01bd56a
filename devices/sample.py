"""What a device said: samples of its metrics, and events.

Instants are whole milliseconds since 1970-01-01 UTC (`Instant`): that is what travels over MQTT, what is
stored, and what rules compare. They become aware datetimes where people read them, in `api/`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

Instant: TypeAlias = int
"""Milliseconds since 1970-01-01T00:00:00Z."""

Value: TypeAlias = float | str
"""A number for gauges and counters, a text for states."""

SECOND: Instant = 1_000
MINUTE: Instant = 60 * SECOND
HOUR: Instant = 60 * MINUTE
DAY: Instant = 24 * HOUR


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One value of one metric of one source, at the time the device observed it."""

    source: str
    metric: str
    observed_at: Instant
    value: Value


class Event(msgspec.Struct, frozen=True):
    """Something that happened at a device, named in the past participle; `id` is unique per source."""

    source: str
    id: str
    type: str
    observed_at: Instant
    data: dict[str, Any]


class Reject(msgspec.Struct, frozen=True):
    """A part of a message that cannot be used: a stable `code`, a `reason` for people, and the part, cut short."""

    code: str
    reason: str
    excerpt: str = ""
