"""What a rule decided, and why."""

from __future__ import annotations

from typing import Any

import msgspec

from devices.sample import Instant
from rules.view import Clause


class Decision(msgspec.Struct, frozen=True):
    """A step of a rule's ladder, taken. The same episode gives the same `id`, so deciding it again adds nothing.

    `kind` and `scope` say whom it is about: a person, a home, a device or a place. `source` is the device whose change led to
    it, empty for a timer. `shadow` decisions are only looked at.
    """

    id: str
    rule: str
    version: str
    kind: str
    scope: str
    source: str
    level: str
    observed_at: Instant
    decided_at: Instant
    because: dict[str, str]
    clauses: tuple[Clause, ...]
    actions: list[dict[str, Any]]
    shadow: bool = False
    depth: int = 0
    """How many rules set each other off until this was decided."""
