"""What a rule decided, and why."""

from __future__ import annotations

from typing import Any

import msgspec

from devices.sample import Instant


class Clause(msgspec.Struct, frozen=True):
    """The condition as it stood: the value, the limits it was held against, and for how long (ms of event time)."""

    metric: str
    value: float
    above: float
    clear_below: float
    held: Instant


class Decision(msgspec.Struct, frozen=True):
    """A step of a rule's ladder, taken. The same episode gives the same `id`, so deciding it again adds nothing."""

    id: str
    rule: str
    version: str
    scope: str
    source: str
    level: str
    observed_at: Instant
    decided_at: Instant
    because: dict[str, str]
    clause: Clause
    actions: list[dict[str, Any]]
