"""One rule in one scope: its state, what has passed since the last step without changing anything, and what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from devices.sample import Instant
from rules.chain import tells
from rules.program import RESTLESS, Program
from rules.signal import Signal
from rules.signals import Level
from rules.state import UNTOLD, Heard, Outcome, Phase, State, beginning
from rules.subject import Subject
from rules.surroundings import Around

if TYPE_CHECKING:
    from rules.watch import Watch

_STANDING = {Phase.INACTIVE: Outcome.FALSE, Phase.PENDING: Outcome.PENDING, Phase.FIRING: Outcome.FIRING}
"""What a rule that has not been looked at since it was taken up has come to."""


class Bucket(NamedTuple):
    """The last evaluation that came to an outcome, with what it takes to look at it again, and how many there were."""

    at: Instant
    times: int
    state: State
    heard: Heard | None


_UNCHANGED = {Outcome.FIRED: Outcome.FIRING, Outcome.CLEARED: Outcome.FALSE}
"""What a change that changes nothing comes to, after what the last evaluation came to."""


class Passing:
    """Of one metric: the values that change nothing, and the last that came."""

    __slots__ = (
        "at",
        "counts",
        "gap",
        "high",
        "low",
        "passed",
        "plain",
        "rising",
        "seen",
        "source",
        "teller",
        "value",
        "values",
    )

    def __init__(self, *, counts: bool, rising: bool) -> None:
        self.rising = rising
        self.low, self.high, self.gap = RESTLESS
        self.seen: Instant = 0
        self.counts = counts
        self.plain = not (counts or rising)
        self.at: list[Instant] = []
        self.values: list[float] = []
        self.value = 0.0
        self.source = ""
        self.teller: str | None = None
        """The device whose values alone may pass; any, if `None`."""
        self.passed = 0

    def let_pass(self, at: Instant, value: float, source: str) -> None:
        """A value that changes nothing came."""
        self.seen, self.value, self.source = at, value, source
        self.passed += 1
        if self.rising:
            self.low = value
        if self.counts:
            self.at.append(at)
            self.values.append(value)


class Cell:
    """One rule in one scope."""

    __slots__ = (
        "around",
        "buckets",
        "calm",
        "clock",
        "due",
        "last",
        "place",
        "state",
        "subject",
        "until",
        "watch",
    )

    def __init__(self, program: Program, state: State, subject: Subject) -> None:
        self.state, self.subject = state, subject
        self.clock = state.clock
        self.until: Instant = 0
        self.due: Instant | None = None
        self.calm = {
            metric: Passing(
                counts=any(signal.counts for signal in signals), rising=any(signal.rising for signal in signals)
            )
            for metric, signals in program.quick.items()
        }
        self.buckets: dict[Outcome, Bucket] = {}
        self.last: Outcome | None = None
        self.around: Around | None = None
        self.watch: Watch | None = None
        """Who notes what passes it; tells it when asked to settle."""
        self.place = 0
        """Up to where in the order of arrival it knows everything; looked at while stored changes are fed again."""

    def settle(self) -> None:
        """Have it told what passed."""
        if self.watch is not None:
            self.watch.settle()

    def restless(self) -> None:
        """What changes nothing may be something else from now on."""
        if self.watch is not None:
            self.watch.fresh = False

    def keep(self, program: Program) -> None:
        """Take in what came since the last step."""
        self.state = self.current(program)
        self.buckets = self.looked(program, self.state)
        self.forget_passed()

    def looked(self, program: Program, state: State) -> dict[Outcome, Bucket]:
        """What looking at the rule came to by `state`, the current one: what changed nothing came to what was so before."""
        self.settle()
        passed = sum(calm.passed for calm in self.calm.values())
        if not passed:
            return self.buckets
        last = _STANDING[state.phase] if self.last is None else self.last
        outcome = Outcome.FALSE if program.moment else _UNCHANGED.get(last, last)
        known = self.buckets.get(outcome)
        at = max(calm.seen for calm in self.calm.values() if calm.passed)
        bucket = Bucket(at, passed + (known.times if known else 0), state, None)
        return self.buckets | {outcome: bucket}

    def forget_passed(self) -> None:
        """What came since the last step is in the state now."""
        for calm in self.calm.values():
            calm.passed = 0
            if calm.counts:
                calm.at.clear()
                calm.values.clear()

    def current(self, program: Program) -> State:
        """The state, with what came since the last step taken in."""
        self.settle()
        state = self.state
        for calm in self.calm.values():
            if calm.passed:
                break
        else:
            return state
        slots = list(state.slots)
        for metric, calm in self.calm.items():
            for signal in program.quick[metric] if calm.passed else ():
                _refresh(signal, slots, calm, self.subject.zone)
        return msgspec.structs.replace(state, clock=self.clock, slots=tuple(slots), due=UNTOLD)


def _refresh(signal: Signal, slots: list[Any], calm: Passing, zone: str) -> None:
    """Let a condition remember the last value that changed nothing, or all of them where they count."""
    if signal.counts:
        slots[signal.slot] = signal.absorb(slots[signal.slot], calm.at, calm.values, zone)
        return
    (reading,) = slots[signal.slot]
    if isinstance(signal, Level):
        slots[signal.slot] = (reading._replace(at=calm.seen, value=calm.value, device=calm.source),)
    else:
        slots[signal.slot] = ((reading[0], calm.value, reading[2]),)


class Running:
    """A program with its cells, active or in the shadow of another version."""

    __slots__ = ("cells", "hears", "kind", "program", "purpose", "shadow", "tells")

    def __init__(self, program: Program, *, shadow: bool) -> None:
        self.program, self.shadow = program, shadow
        self.kind: str = program.rule.scope.each
        self.purpose: str = program.rule.purpose
        self.cells: dict[str, Cell] = {}
        self.tells = tells(program.rule)
        self.hears = False
        """Whether any other rule that is on says what it listens to: then it meets every sample, in turn with that."""

    @property
    def key(self) -> str:
        """What tells it from other versions of the same rule."""
        return f"{self.program.id}/{self.program.version}" if self.shadow else self.program.id

    def cell(self, subject: Subject, at: Instant = 0) -> Cell:
        """The cell of a scope."""
        cell = self.cells.get(subject.id)
        if cell is None:
            cell = self.cells[subject.id] = Cell(self.program, beginning(self.program, at), subject)
            return cell
        if cell.subject is not subject:
            cell.settle()
            cell.restless()
            cell.subject, cell.until = subject, 0
        return cell

    def resume(self, subject: Subject, state: State) -> None:
        """Go on in a scope from a state."""
        self.cells[subject.id] = Cell(self.program, state, subject)


def last_seen(program: Program, metric: str, state: State) -> Instant:
    for signal in program.quick[metric]:
        if isinstance(signal, Level) and state.slots[signal.slot]:
            return int(state.slots[signal.slot][0].at)
    return state.clock
