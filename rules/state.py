"""What a rule remembers of one scope, what it meets, and what comes of that."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from devices.sample import Instant
from rules.decision import Decision
from rules.program import Program
from rules.subject import Origin, Subject
from rules.view import Change

UNTOLD: Instant = -1


class Phase(StrEnum):
    """Where a rule stands in a scope."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


class Outcome(StrEnum):
    """What came of looking at a rule once."""

    FIRED = "fired"
    CLEARED = "cleared"
    FIRING = "firing"
    PENDING = "pending"
    COOLING = "cooling"
    FALSE = "false"
    UNKNOWN = "unknown"
    LATE = "late"
    NOT_ALLOWED = "not_allowed"
    CUT = "cut"
    """It fired, and what would have come of that in other rules was cut: they set each other off for ever."""


class Heard(NamedTuple):
    """A change and where it came from; `depth` is how many rules set each other off before it."""

    change: Change
    origin: Origin
    depth: int = 0

    @property
    def at(self) -> Instant:
        """When it was observed."""
        return self.change.observed_at


class State(msgspec.Struct, frozen=True, gc=False, eq=False):
    """What one rule remembers of one scope.

    `clock` is the time up to which everything is decided. `fired_held` is for how long the condition had been true when the
    rule fired, `rung` how many steps of the ladder are done. `waiting` are changes that others may still come before.
    """

    slots: tuple[Any, ...]
    clock: Instant = 0
    newest: Instant = 0
    phase: Phase = Phase.INACTIVE
    fired_at: Instant = 0
    fired_held: Instant = 0
    rung: int = 0
    quiet_until: Instant = 0
    again: int = 0
    """How many episodes began at the very instant at which this one did, before it."""
    depth: int = 0
    """How many rules had set each other off when it met the last change: what comes of it later follows from that too."""
    waiting: tuple[Heard, ...] = ()
    due: Instant | None = UNTOLD
    """When something is due, worked out once and kept; nothing that `step` depends on, and no part of what is remembered."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and all(
            getattr(self, name) == getattr(other, name) for name in self.__struct_fields__ if name != "due"
        )

    __hash__ = None  # type: ignore[assignment]


class Looked(NamedTuple):
    """What came of one evaluation: of the state before it and the change it met, or none but the clock."""

    at: Instant
    outcome: Outcome
    state: State
    heard: Heard | None


class Stepped(NamedTuple):
    """What a step comes to; every evaluation of it, oldest first."""

    state: State
    decisions: list[Decision]
    looked: list[Looked]


class Situation(NamedTuple):
    """What does not change during a step: the program, whom it is about, and the hub's time, which only stamps decisions."""

    program: Program
    subject: Subject
    now: Instant


def beginning(program: Program, at: Instant = 0) -> State:
    """What a rule remembers of a scope it has not met."""
    return State(tuple(signal.start for signal in program.signals), clock=at)
