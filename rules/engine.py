"""The engine: `step`, folded over what arrives, for every rule and every scope it is about.

A rule that listens to a metric costs something only when a sample of that metric comes, and nearly nothing when the sample
lies between two values, and before a time, of which the rule has said that they change nothing (`Passing`). The outcome is the
same; a property test holds the one against the other.
"""

from __future__ import annotations

import contextlib
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import msgspec

from devices.sample import Event, Instant, Sample
from rules.cell import Bucket, Cell, Running, last_seen
from rules.chain import DEPTH_LIMIT, FOLLOW_LIMIT, MADE_BY_RULE, is_heard, links
from rules.consent import SERVICE, Grants
from rules.decision import Decision
from rules.program import NEVER, RESTLESS, Program
from rules.state import Heard, Outcome, Situation, State, Stepped
from rules.step import horizon, pass_time, step
from rules.subject import Origin, Subject
from rules.surroundings import Around, Surroundings, alone
from rules.view import TraitSet, View
from rules.watch import Listener, Watch

WATCHED_LIMIT = 200_000
LIVE = 1 << 62
"""The place of what is met for the first time: behind every place that a cell knows."""
PASSED_LIMIT = 256
"""Samples that changed nothing but count are kept this long before they are taken in."""
SHADED = "s-"
"""What the ids of decisions begin with that were made in the shadow."""


class Engine:
    """Every rule that is on. Owned by one thread; `on_loop(decision)` hears of rules that set each other off for ever, and
    `on_break(running, error)` of one that cannot be run: it is let go, and the others go on.

    Rules for other purposes than service meet nothing of people who have not allowed them; `grants` says who has.
    """

    def __init__(self, programs: Iterable[Program] = (), *, grants: Grants | None = None) -> None:
        self.grants: Grants = {} if grants is None else grants
        self.running: dict[str, Running] = {}
        self._by_metric: dict[str, list[Running]] = {}
        self._by_event: dict[str, list[Running]] = {}
        self._by_trait: dict[str, list[Running]] = {}
        self._watched: dict[tuple[str, str], Watch] = {}
        self._timers: list[tuple[Instant, str, str]] = []
        self._heard: list[Running] = []
        self._chains_noted = False
        self.chained = 0
        """How many times rules have set others off, or people decided what they allow: what touches several cells at once."""
        self._place = LIVE
        self._following: deque[tuple[str, Subject, Around | None, Decision]] = deque()
        self.on_loop: Callable[[Decision], None] = lambda _: None
        self.on_break: Callable[[Running, Exception], None] = _raise
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

    def renew(self, program: Program) -> bool:
        """Take up a version that does the same as the one that is on, if it does: it goes on from what that remembers."""
        running = Running(program, shadow=False)
        before = self.running.get(running.key)
        if before is None or before.program.does != program.does:
            return False
        running.cells = before.cells
        self.adopt(running)
        return True

    def drop(self, key: str) -> Running | None:
        """Let a rule go, with what it remembers, if it is on."""
        self._watch_anew()
        gone = self.running.pop(key, None)
        if gone is not None:
            for index, names in self._indexes(gone.program):
                for name in names:
                    index[name].remove(gone)
                    if not index[name]:
                        del index[name]
            self._chains_noted = False
        return gone

    def feed(self, changes: Iterable[Sample | Event], *, surroundings: Surroundings, now: Instant) -> list[Decision]:
        """Take what is new, in the order of arrival; what is decided, in order."""
        if not self._chains_noted:
            self._note_chains()
        decisions: list[Decision] = []
        source = metric = None
        watch: Watch | None = None
        for change in changes:
            if type(change) is Event:
                if change.type in self._by_event and not change.id.startswith(MADE_BY_RULE):
                    decisions += self._hear(change, surroundings.of_event(change), now)
                    decisions += self._follow(now)
                continue
            assert type(change) is Sample
            if change.metric not in self._by_metric:
                continue
            if change.source is not source or change.metric is not metric or (watch is not None and watch.ended):
                source, metric = change.source, change.metric
                around = surroundings.of(source)
                watch = self._watching(metric, around) if around is not None else None
            if watch is None:
                continue
            passed = watch.passes(change.observed_at, change.value)
            if passed and not watch.others:
                continue
            decisions += self._meet(watch, change, now, passed=passed)
            if self._following:
                decisions += self._follow(now)
        return decisions

    def _meet(self, watch: Watch, sample: Sample, now: Instant, *, passed: bool) -> list[Decision]:
        """Let the cells that listen meet a sample, all or those that it has not passed; others only note that it changes nothing."""
        at, value = sample.observed_at, sample.value
        if not passed:
            watch.settle()
            watch.fresh = False
        decisions = self._before(watch.around, at, now) if watch.hears else []
        stepped = False
        for running, cell, calm in watch.others if passed else watch.listeners:
            if (
                calm is not None
                and cell.clock <= at < cell.until
                and type(value) is not str
                and calm.low <= value <= calm.high  # type: ignore[operator]
                and at - calm.seen <= calm.gap
                and (calm.teller is None or calm.teller == sample.source)
            ):
                cell.clock = at
                calm.let_pass(at, value, sample.source)  # type: ignore[arg-type]
                if len(calm.values) >= PASSED_LIMIT:
                    cell.keep(running.program)
            else:
                cell.around, stepped = watch.around, True
                decisions += self._move(running, cell, Heard(sample, watch.around.origin), now)
        if not (passed or stepped):
            watch.look(at)
        return decisions

    def _before(self, around: Around, at: Instant, now: Instant) -> list[Decision]:
        """What is due before a change, of rules that others hear, in the scopes it is about: heard before it is met."""
        decisions: list[Decision] = []
        for running in self._heard:
            for subject in around.scopes(running.kind):
                cell = running.cells.get(subject.id)
                while cell is not None and cell.due is not None and cell.due < at and cell.place < self._place:
                    decisions += self._move(running, running.cell(subject), cell.due, now) + self._follow(now)
                    cell = running.cells.get(subject.id) if running.key in self.running else None
        return decisions

    @contextlib.contextmanager
    def again(self, place: int) -> Iterator[None]:
        """While the stored change of a place is fed again, or time passes again: cells that know it already let it pass."""
        self._watch_anew()
        self._place = place
        try:
            yield
        finally:
            self._watch_anew()
            self._place = LIVE

    def set_trait(self, kind: str, subject: Subject, trait: TraitSet, *, now: Instant) -> list[Decision]:
        """A trait of a scope was set from outside."""
        return self._hear_trait(kind, subject, trait, None, now) + self._follow(now)

    def begin(self, kind: str, subject: Subject, *, at: Instant) -> bool:
        """Let rules that a clock alone can set off begin for a scope; whether any did."""
        begun = False
        for running in self.running.values():
            if running.kind == kind and running.program.timed and subject.id not in running.cells:
                cell = self._cell(running, subject, at)
                if cell is not None:
                    self._schedule(running, cell)
                    begun = True
        return begun

    def allows(self, running: Running, scope: str) -> bool:
        """Whether a rule may look at a scope."""
        return running.purpose == SERVICE or (scope, running.purpose) in self.grants

    def forget(self, person: str, purpose: str) -> None:
        """Let rules for a purpose forget a person, who has just decided on it; should they allow it, they begin anew."""
        self._watch_anew()
        self.chained += 1
        for running in self.running.values():
            if running.purpose == purpose:
                running.cells.pop(person, None)

    def next_due(self) -> Instant | None:
        """When time must have passed for anything to move; `None` if nothing waits for that."""
        return self._timers[0][0] if self._timers else None

    def tick(self, until: Instant, *, surroundings: Surroundings, now: Instant) -> tuple[bool, list[Decision]]:
        """Let time pass up to `until`: whether that moved anything, and what is decided."""
        decisions: list[Decision] = []
        moved = False
        while self._timers and self._timers[0][0] <= until:
            at, key, scope = heapq.heappop(self._timers)
            running = self.running.get(key)
            cell = running.cells.get(scope) if running is not None else None
            if running is None or cell is None or cell.due != at:
                continue
            if (subject := surroundings.subject(running.kind, scope)) is None:
                continue
            moved = True
            decisions += self._move(running, running.cell(subject), at, now) + self._follow(now)
        return moved, decisions

    def resume(self, running: Running, cell: Cell) -> None:
        """Go on with a cell that was kept: what is due is known when its scope is, at the next tick."""
        self._watch_anew()
        cell.due = cell.state.clock
        heapq.heappush(self._timers, (cell.due, running.key, cell.subject.id))

    def states(self, key: str) -> dict[str, State]:
        """Where a rule stands, by scope."""
        running = self.running[key]
        return {scope: cell.current(running.program) for scope, cell in running.cells.items()}

    def _index(self, running: Running) -> None:
        self._watch_anew()
        self.running[running.key] = running
        for index, names in self._indexes(running.program):
            for name in names:
                index.setdefault(name, []).append(running)
        self._chains_noted = False

    def _note_chains(self) -> None:
        """Find out which rules say what others hear, and which hear it."""
        self._heard = [each for each in self.running.values() if each.tells and not each.shadow]
        names = frozenset[str]().union(*(each.tells for each in self._heard))
        for each in self.running.values():
            each.hears = not names.isdisjoint(each.program.events | each.program.traits)
        self._chains_noted = True

    def _indexes(self, program: Program) -> Iterator[tuple[dict[str, list[Running]], frozenset[str]]]:
        yield self._by_metric, program.metrics
        yield self._by_event, program.events
        yield self._by_trait, program.traits

    def _watching(self, metric: str, around: Around) -> Watch | None:
        """The rules that listen to a metric, each with its cell of every scope it is about, if there are any; found out once."""
        key = (metric, around.origin.source)
        known = self._watched.get(key)
        if known is not None and known.around is around:
            return known if known.listeners else None
        listeners: list[Listener] = []
        if known is not None:
            known.end()
        for running in self._by_metric[metric]:
            for subject in around.scopes(running.kind):
                cell = self._cell(running, subject)
                if cell is not None and cell.place < self._place:
                    listeners.append((running, cell, None if running.hears else cell.calm.get(metric)))
        if len(self._watched) >= WATCHED_LIMIT:
            self._watch_anew()
        watch = self._watched[key] = Watch(around, listeners)
        return watch if listeners else None

    def _cell(self, running: Running, subject: Subject, at: Instant = 0) -> Cell | None:
        """The cell of a scope; `None` where a rule may not look. What was before it was allowed is over, and late."""
        if running.purpose == SERVICE:
            return running.cell(subject, at)
        since = self.grants.get((subject.id, running.purpose))
        return None if since is None else running.cell(subject, max(at, since))

    def _watch_anew(self) -> None:
        """Look up again who listens, before the next change."""
        for watch in self._watched.values():
            watch.end()
        self._watched.clear()

    def _hear(self, event: Event, around: Around | None, now: Instant, *, depth: int = 0) -> list[Decision]:
        decisions: list[Decision] = []
        listening = list(self._by_event.get(event.type, ())) if around is not None else []
        if around is not None and not depth and any(running.hears for running in listening):
            decisions += self._before(around, event.observed_at, now)
        for running in listening:
            assert around is not None
            for subject in around.scopes(running.kind):
                cell = self._cell(running, subject)
                if cell is not None and cell.place < self._place:
                    cell.around = around
                    decisions += self._move(running, cell, Heard(event, around.origin, depth), now)
        return decisions

    def _hear_trait(
        self, kind: str, subject: Subject, trait: TraitSet, around: Around | None, now: Instant, *, depth: int = 0
    ) -> list[Decision]:
        decisions: list[Decision] = []
        origin = around.origin if around is not None else Origin("")
        for running in list(self._by_trait.get(trait.name, ())):
            if running.kind == kind:
                cell = self._cell(running, subject)
                if cell is not None and cell.place < self._place:
                    cell.around = around or cell.around
                    decisions += self._move(running, cell, Heard(trait, origin, depth), now)
        return decisions

    def _move(self, running: Running, cell: Cell, to: Heard | Instant, now: Instant) -> list[Decision]:
        """Move a cell on, to a change or a time; a rule that cannot be run is let go."""
        try:
            before = cell.current(running.program)
            situation = Situation(running.program, cell.subject, now)
            stepped = pass_time(situation, before, to) if isinstance(to, int) else step(situation, before, to)
            return self._settle(running, cell, before, stepped)
        except Exception as error:  # noqa: BLE001  (whatever one rule does, the others go on; whoever hears of it has the error)
            self.drop(running.key)
            self.on_break(running, error)
            return []

    def _settle(self, running: Running, cell: Cell, before: State, stepped: Stepped) -> list[Decision]:
        """Keep what a step came to, and note what it decided that may set off others."""
        cell.buckets = cell.looked(running.program, before)
        cell.state, cell.clock = stepped.state, stepped.state.clock
        cell.forget_passed()
        for looked in stepped.looked:
            known = cell.buckets.get(looked.outcome)
            times = known.times + 1 if known else 1
            cell.buckets[looked.outcome] = Bucket(looked.at, times, looked.state, looked.heard)
            cell.last = looked.outcome if looked.outcome is not Outcome.LATE else cell.last
        self._schedule(running, cell)
        if running.shadow:
            return [_shaded(decision) for decision in stepped.decisions]
        for decision in stepped.decisions:
            if is_heard(decision):
                around = cell.around or alone(running.kind, cell.subject)
                self._following.append((running.kind, cell.subject, around, decision))
        return stepped.decisions

    def _follow(self, now: Instant) -> list[Decision]:
        """Let the traits that decisions set, and the events they publish, be met by rules, in the order they were made."""
        decisions: list[Decision] = []
        for _ in range(FOLLOW_LIMIT):
            if not self._following:
                break
            kind, subject, around, decision = self._following.popleft()
            if decision.depth >= DEPTH_LIMIT:
                self._cut(decision)
            else:
                decisions += self._set_off(kind, subject, around, decision, now)
        if self._following:
            self._cut(self._following[0][-1])
            self._following.clear()
        return decisions

    def _cut(self, decision: Decision) -> None:
        """Go no further from a decision, and have its rule's trace tell."""
        running = self.running.get(decision.rule)
        cell = running.cells.get(decision.scope) if running is not None else None
        if running is not None and cell is not None:
            known = cell.buckets.get(Outcome.CUT)
            times = known.times + 1 if known else 1
            cell.buckets = cell.buckets | {
                Outcome.CUT: Bucket(decision.observed_at, times, cell.current(running.program), None)
            }
        self.on_loop(decision)

    def _set_off(
        self, kind: str, subject: Subject, around: Around | None, decision: Decision, now: Instant
    ) -> list[Decision]:
        """What other rules decide about what one decision does."""
        self.chained += 1
        decisions: list[Decision] = []
        depth = decision.depth + 1
        for link in links(decision):
            if isinstance(link, TraitSet):
                decisions += self._hear_trait(kind, subject, link, around, now, depth=depth)
            else:
                decisions += self._hear(link, around, now, depth=depth)
        return decisions

    def _schedule(self, running: Running, cell: Cell) -> None:
        """Note until when nothing happens by itself, and which values would change nothing."""
        cell.restless()
        program, state = running.program, cell.state
        ahead = horizon(Situation(program, cell.subject, 0), state)
        if ahead.due is not None and ahead.due != cell.due:
            heapq.heappush(self._timers, (ahead.due, running.key, cell.subject.id))
        cell.due = ahead.due
        if cell.calm:
            self._look_ahead(running, cell, state, ahead.calm_until)

    def _look_ahead(self, running: Running, cell: Cell, state: State, until: Instant | None) -> None:
        """Note which values would change nothing, and until when."""
        program = running.program
        cell.until = NEVER if until is None else until
        view = View(list(state.slots), state.clock, subject=cell.subject, resolve=program.number)
        found = program.calm(view)
        for metric, calm in cell.calm.items():
            calm.low, calm.high, calm.gap = found.get(metric, RESTLESS)
            calm.seen = last_seen(program, metric, state)
            if calm.rising:
                calm.teller = program.teller(metric, state.slots)


def _raise(_: Running, error: Exception) -> None:
    raise error


def _shaded(decision: Decision) -> Decision:
    """A decision of a version in the shadow, under an id of its own: the same version may be on beside it."""
    return msgspec.structs.replace(decision, id=SHADED + decision.id[len(SHADED) :], shadow=True)
