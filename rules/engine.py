"""The engine: `step`, folded over what arrives, for every rule and every scope it is about.

A rule that listens to a metric costs something only when a sample of that metric comes, and nearly nothing when the sample
lies between two values, and before a time, of which the rule has said that they change nothing (`_Calm`). The outcome is the
same; a property test holds the one against the other.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import msgspec

from devices.sample import Event, Instant, Sample
from rules.decision import Decision
from rules.program import NEVER, RESTLESS, Program
from rules.signal import Signal
from rules.signals import Level
from rules.step import UNTOLD, Heard, Outcome, Situation, State, Stepped, beginning, horizon, pass_time, step
from rules.subject import Origin, Subject
from rules.view import MADE_BY_RULE, TraitSet, View, made_id

PASSED_LIMIT = 1_024
"""Samples that changed nothing but count are kept this long before they are taken in."""
DEPTH_LIMIT = 5
"""How many rules may set each other off, one after the other, by one change; then the loop is cut."""
FOLLOW_LIMIT = 32
"""How many events and traits one change may lead to, all in all; then what is left is cut."""
SHADED = "s-"
"""What the ids of decisions begin with that were made in the shadow."""
TICK_LIMIT = 10_000
"""How many scopes the clock moves on in one turn; the others are moved in the next."""


class Around(NamedTuple):
    """Where a change comes from, and every scope it is about."""

    origin: Origin
    person: Subject | None = None
    homes: tuple[Subject, ...] = ()
    device: Subject | None = None
    place: Subject | None = None

    def scopes(self, kind: str) -> tuple[Subject, ...]:
        """The scopes of one kind."""
        if kind == "home":
            return self.homes
        subject: Subject | None = getattr(self, kind)
        return () if subject is None else (subject,)


class Surroundings(Protocol):
    """What the engine must be told about devices, people and homes."""

    def of(self, source: str) -> Around | None:
        """What a sample of a device is about."""

    def of_event(self, event: Event) -> Around | None:
        """What an event is about."""

    def subject(self, kind: str, scope: str) -> Subject | None:
        """A scope by its id."""


class Bucket(NamedTuple):
    """The last evaluation that came to an outcome, with what it takes to look at it again, and how many there were."""

    at: Instant
    times: int
    state: State
    heard: Heard | None


class _Calm:
    """Of one metric: the values that change nothing, and the last that came."""

    __slots__ = ("at", "counts", "gap", "high", "low", "rising", "seen", "value", "values")

    def __init__(self, *, counts: bool, rising: bool) -> None:
        self.rising = rising
        self.low, self.high, self.gap = RESTLESS
        self.seen: Instant = 0
        self.counts = counts
        self.at: list[Instant] = []
        self.values: list[float] = []
        self.value = 0.0

    def let_pass(self, at: Instant, value: float) -> None:
        """A value that changes nothing came."""
        self.seen, self.value = at, value
        if self.rising:
            self.low = value
        if self.counts:
            self.at.append(at)
            self.values.append(value)


class Cell:
    """One rule in one scope."""

    __slots__ = ("around", "buckets", "calm", "clock", "due", "passed", "state", "subject", "until")

    def __init__(self, program: Program, state: State, subject: Subject) -> None:
        self.state, self.subject = state, subject
        self.clock = max(state.clock, state.newest)
        self.until: Instant = 0
        self.due: Instant | None = None
        self.calm = {
            metric: _Calm(
                counts=any(signal.counts for signal in signals), rising=any(signal.rising for signal in signals)
            )
            for metric, signals in program.quick.items()
        }
        self.passed = False
        self.buckets: dict[Outcome, Bucket] = {}
        self.around: Around | None = None

    def passes(self, change: Any) -> bool:
        """Whether a change would change nothing."""
        calm = self.calm.get(change.metric) if type(change) is Sample and type(change.value) is not str else None
        if calm is None or change.observed_at >= self.until or change.observed_at - calm.seen > calm.gap:
            return False
        return bool(calm.low <= change.value <= calm.high)

    def let_pass(self, sample: Any) -> None:
        """A sample that changes nothing came."""
        self.passed = True
        self.calm[sample.metric].let_pass(sample.observed_at, sample.value)

    def keep(self, program: Program) -> None:
        """Take in what came since the last step."""
        self.state = self.current(program)
        self.forget_passed()

    def forget_passed(self) -> None:
        """What came since the last step is in the state now."""
        self.passed = False
        for calm in self.calm.values():
            if calm.counts:
                calm.at.clear()
                calm.values.clear()

    def current(self, program: Program) -> State:
        """The state, with what came since the last step taken in."""
        state = self.state
        if not self.passed and self.clock <= max(state.clock, state.newest):
            return state
        slots = list(state.slots)
        for metric, calm in self.calm.items():
            for signal in program.quick[metric]:
                _refresh(signal, slots, calm, self.subject.zone)
        if program.lateness:
            return msgspec.structs.replace(state, newest=self.clock, slots=tuple(slots), due=UNTOLD)
        return msgspec.structs.replace(state, clock=self.clock, slots=tuple(slots), due=UNTOLD)


def _refresh(signal: Signal, slots: list[Any], calm: _Calm, zone: str) -> None:
    """Let a condition remember the last value that changed nothing, or all of them where they count."""
    if signal.counts:
        if calm.values:
            slots[signal.slot] = signal.absorb(slots[signal.slot], calm.at, calm.values, zone)
        return
    if not slots[signal.slot] or not calm.seen:
        return
    (reading,) = slots[signal.slot]
    if isinstance(signal, Level):
        if calm.seen > reading.at:
            slots[signal.slot] = (reading._replace(at=calm.seen, value=calm.value),)
    else:
        slots[signal.slot] = ((reading[0], calm.value, reading[2]),)


class Running:
    """A program with its cells, active or in the shadow of another version."""

    __slots__ = ("cells", "kind", "program", "shadow")

    def __init__(self, program: Program, *, shadow: bool) -> None:
        self.program, self.shadow = program, shadow
        self.kind: str = program.rule.scope.each
        self.cells: dict[str, Cell] = {}

    @property
    def key(self) -> str:
        """What tells it from other versions of the same rule."""
        return f"{self.program.id}/{self.program.version}" if self.shadow else self.program.id

    def cell(self, subject: Subject, at: Instant = 0) -> Cell:
        """The cell of a scope."""
        cell = self.cells.get(subject.id)
        if cell is None:
            cell = self.cells[subject.id] = Cell(self.program, beginning(self.program, at), subject)
        elif cell.subject is not subject:
            cell.subject, cell.until = subject, 0
        return cell

    def resume(self, subject: Subject, state: State) -> None:
        """Go on in a scope from a state."""
        self.cells[subject.id] = Cell(self.program, state, subject)


class Engine:
    """Every rule that is on. Owned by one thread; `on_loop(decision)` hears of rules that set each other off for ever."""

    def __init__(self, programs: Iterable[Program] = ()) -> None:
        self.running: dict[str, Running] = {}
        self._by_metric: dict[str, list[Running]] = {}
        self._by_event: dict[str, list[Running]] = {}
        self._by_trait: dict[str, list[Running]] = {}
        self._timers: list[tuple[Instant, str, str]] = []
        self.on_loop: Callable[[Decision], None] = lambda _: None
        self._followed = 0
        for program in programs:
            self.put(program)

    def put(self, program: Program, *, shadow: bool = False) -> Running:
        """Take a rule up, in place of the version that was on; a version that is on already goes on."""
        running = Running(program, shadow=shadow)
        before = self.running.get(running.key)
        if before is not None and before.program.version == program.version:
            return before
        self.drop(running.key)
        self._index(running)
        return running

    def adopt(self, running: Running) -> None:
        """Take up a rule that another engine ran, with what it remembers, in place of the version that was on."""
        self.drop(running.key)
        self._index(running)
        for cell in running.cells.values():
            self.resume(running, cell)

    def drop(self, key: str) -> None:
        """Let a rule go, with what it remembers."""
        gone = self.running.pop(key, None)
        if gone is not None:
            for index, names in self._indexes(gone.program):
                for name in names:
                    index[name].remove(gone)

    def feed(self, changes: Iterable[Sample | Event], *, surroundings: Surroundings, now: Instant) -> list[Decision]:
        """Take what is new, in the order of arrival; what is decided, in order."""
        decisions: list[Decision] = []
        source = metric = None
        around: Around | None = None
        watching: list[tuple[Running, Cell, _Calm | None]] = []
        for change in changes:
            if type(change) is Event:
                if change.type in self._by_event and not change.id.startswith(MADE_BY_RULE):
                    decisions += self._hear(change, surroundings.of_event(change), now)
                continue
            assert type(change) is Sample
            if change.metric not in self._by_metric:
                continue
            if change.source is not source or change.metric is not metric:
                source, metric = change.source, change.metric
                around = surroundings.of(source)
                watching = list(self._watching(metric, around)) if around is not None else []
            at, value = change.observed_at, change.value
            for running, cell, calm in watching:
                if (
                    calm is not None
                    and cell.clock <= at < cell.until
                    and type(value) is not str
                    and calm.low <= value <= calm.high  # type: ignore[operator]
                    and at - calm.seen <= calm.gap
                ):
                    cell.clock = at
                    calm.let_pass(at, value)  # type: ignore[arg-type]
                    if len(calm.values) >= PASSED_LIMIT:
                        cell.keep(running.program)
                elif around is not None:
                    cell.around = around
                    decisions += self._step(running, cell, Heard(change, around.origin), now)
        return decisions

    def set_trait(self, kind: str, subject: Subject, trait: TraitSet, *, now: Instant) -> list[Decision]:
        """A trait of a scope was set from outside."""
        return self._hear_trait(kind, subject, trait, None, now)

    def begin(self, kind: str, subject: Subject, *, at: Instant) -> bool:
        """Let rules that a clock alone can set off begin for a scope; whether any did."""
        begun = False
        for running in self.running.values():
            if running.kind == kind and running.program.timed and subject.id not in running.cells:
                self._schedule(running, running.cell(subject, at))
                begun = True
        return begun

    def tick(self, until: Instant, *, surroundings: Surroundings, now: Instant) -> tuple[bool, list[Decision]]:
        """Let time pass up to `until`: whether that moved anything, and what is decided."""
        decisions: list[Decision] = []
        moved = False
        for _ in range(TICK_LIMIT):
            if not self._timers or self._timers[0][0] > until:
                break
            at, key, scope = heapq.heappop(self._timers)
            running = self.running.get(key)
            cell = running.cells.get(scope) if running is not None else None
            if running is None or cell is None or cell.due != at:
                continue
            if (subject := surroundings.subject(running.kind, scope)) is None:
                continue
            cell.subject, moved = subject, True
            decisions += self._pass(running, cell, until, now)
        return moved, decisions

    def resume(self, running: Running, cell: Cell) -> None:
        """Go on with a cell that was kept; nothing is passed over before its scope is known again."""
        cell.due = horizon(Situation(running.program, cell.subject, 0), cell.state).due
        if cell.due is not None:
            heapq.heappush(self._timers, (cell.due, running.key, cell.subject.id))

    def states(self, key: str) -> dict[str, State]:
        """Where a rule stands, by scope."""
        running = self.running[key]
        return {scope: cell.current(running.program) for scope, cell in running.cells.items()}

    def _index(self, running: Running) -> None:
        self.running[running.key] = running
        for index, names in self._indexes(running.program):
            for name in names:
                index.setdefault(name, []).append(running)

    def _indexes(self, program: Program) -> Iterator[tuple[dict[str, list[Running]], frozenset[str]]]:
        yield self._by_metric, program.metrics
        yield self._by_event, program.events
        yield self._by_trait, program.traits

    def _watching(self, metric: str, around: Around) -> Iterator[tuple[Running, Cell, _Calm | None]]:
        """The rules that listen to a metric, each with its cell of every scope it is about."""
        for running in self._by_metric[metric]:
            for subject in around.scopes(running.kind):
                cell = running.cell(subject)
                yield running, cell, cell.calm.get(metric)

    def _hear(self, event: Event, around: Around | None, now: Instant) -> list[Decision]:
        decisions: list[Decision] = []
        for running in list(self._by_event.get(event.type, ())) if around is not None else ():
            assert around is not None
            for subject in around.scopes(running.kind):
                cell = running.cell(subject)
                cell.around = around
                decisions += self._step(running, cell, Heard(event, around.origin), now)
        return decisions

    def _hear_trait(
        self, kind: str, subject: Subject, trait: TraitSet, around: Around | None, now: Instant
    ) -> list[Decision]:
        decisions: list[Decision] = []
        origin = around.origin if around is not None else Origin("")
        for running in list(self._by_trait.get(trait.name, ())):
            if running.kind == kind:
                cell = running.cell(subject)
                decisions += self._step(running, cell, Heard(trait, origin), now)
        return decisions

    def _step(self, running: Running, cell: Cell, heard: Heard, now: Instant) -> list[Decision]:
        before = cell.current(running.program)
        stepped = step(Situation(running.program, cell.subject, now), before, heard)
        return self._settle(running, cell, before, stepped, heard, now)

    def _pass(self, running: Running, cell: Cell, until: Instant, now: Instant) -> list[Decision]:
        before = cell.current(running.program)
        stepped = pass_time(Situation(running.program, cell.subject, now), before, until)
        return self._settle(running, cell, before, stepped, None, now)

    def _settle(
        self,
        running: Running,
        cell: Cell,
        before: State,
        stepped: Stepped,
        heard: Heard | None,
        now: Instant,
    ) -> list[Decision]:
        """Keep what a step came to, and let what it decided set off others."""
        cell.state, cell.clock = stepped.state, max(stepped.state.clock, stepped.state.newest)
        cell.forget_passed()
        for at, outcome in stepped.outcomes:
            known = cell.buckets.get(outcome)
            cell.buckets[outcome] = Bucket(at, known.times + 1 if known else 1, before, heard)
        self._schedule(running, cell)
        if running.shadow:
            return [_shaded(decision) for decision in stepped.decisions]
        decisions = []
        for decision in stepped.decisions:
            decisions.append(decision)
            if not decision.depth:
                self._followed = 0
            decisions += self._follow(running, cell, decision, now)
        return decisions

    def _follow(self, running: Running, cell: Cell, decision: Decision, now: Instant) -> list[Decision]:
        """Let the traits that a decision sets, and the events it publishes, be met by rules at once."""
        decisions: list[Decision] = []
        for number, action in enumerate(decision.actions):
            if action["kind"] not in ("trait", "event"):
                continue
            self._followed += 1
            if decision.depth >= DEPTH_LIMIT or self._followed > FOLLOW_LIMIT:
                self.on_loop(decision)
                break
            if action["kind"] == "trait":
                trait = TraitSet(decision.observed_at, action["name"], action["to"], decision.depth + 1)
                decisions += self._hear_trait(running.kind, cell.subject, trait, cell.around, now)
            else:
                event = published(decision, number)
                decisions += self._hear(event, cell.around, now)
        return decisions

    def _schedule(self, running: Running, cell: Cell) -> None:
        """Note until when nothing happens by itself, and which values would change nothing."""
        program, state = running.program, cell.state
        ahead = horizon(Situation(program, cell.subject, 0), state)
        if ahead.due is not None and ahead.due != cell.due:
            heapq.heappush(self._timers, (ahead.due, running.key, cell.subject.id))
        cell.due = ahead.due
        if not cell.calm:
            return
        if state.waiting:
            cell.until = 0
            self._pass_waiting(running, cell)
            return
        self._look_ahead(running, cell, state, ahead.calm_until)

    def _look_ahead(self, running: Running, cell: Cell, state: State, until: Instant | None) -> None:
        """Note which values would change nothing, and until when."""
        program = running.program
        cell.until = NEVER if until is None else until
        view = View(list(state.slots), state.clock, subject=cell.subject, resolve=program.number)
        found = program.calm(view)
        for metric, calm in cell.calm.items():
            calm.low, calm.high, calm.gap = found.get(metric, RESTLESS)
            calm.seen = _seen(program, metric, state)

    def _pass_waiting(self, running: Running, cell: Cell) -> None:
        """Where none of the changes that wait would change anything, nobody has to wait for what may come before them."""
        waiting = cell.state.waiting
        rest = msgspec.structs.replace(cell.state, waiting=(), due=UNTOLD)
        self._look_ahead(running, cell, rest, horizon(Situation(running.program, cell.subject, 0), rest).calm_until)
        if all(cell.passes(heard.change) for heard in waiting):
            cell.state = rest
            for heard in waiting:
                cell.let_pass(heard.change)
        else:
            cell.until = 0


def _seen(program: Program, metric: str, state: State) -> Instant:
    for signal in program.quick[metric]:
        if isinstance(signal, Level) and state.slots[signal.slot]:
            return int(state.slots[signal.slot][0].at)
    return state.clock


def _shaded(decision: Decision) -> Decision:
    """A decision of a version in the shadow, under an id of its own: the same version may be on beside it."""
    return msgspec.structs.replace(decision, id=SHADED + decision.id[len(SHADED) :], shadow=True)


def published(decision: Decision, number: int) -> Event:
    """The event that an action of a decision publishes."""
    action = decision.actions[number]
    id_ = made_id(decision.id, number, decision.depth + 1)
    return Event(decision.source, id_, action["type"], decision.observed_at, dict(action["data"]))
