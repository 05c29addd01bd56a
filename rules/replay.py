"""Replay on history: what a rule would have decided, had it been on. Nothing goes out; the same `step` decides.

History comes as arrays, one row a change. Rows that change nothing (nearly all, for most rules) are found by whole chunks, by
the same bands and times by which the live engine passes over them, so a year is replayed in a blink.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.sample import DAY, Event, Instant, Sample
from rules.cell import Cell
from rules.chain import DEPTH_LIMIT, FOLLOW_LIMIT, MADE_BY_RULE, Link, links
from rules.decision import Decision
from rules.program import NEVER, RESTLESS, Program
from rules.state import Heard, Situation, State, Stepped, beginning
from rules.step import horizon, pass_time, step
from rules.subject import Origin, Subject
from rules.view import View

_CHUNK_FIRST, _CHUNK_LIMIT = 64, 65_536
_NO_TEXT = -1
REMEMBERED: Instant = 35 * DAY
"""How far back a rule looks from where it begins, put on or replayed, so that it knows what it would know had it been on."""


@dataclass(frozen=True, slots=True)
class History:
    """What happened in one scope, in order of time.

    `at`, `metric`, `source` and `value` are columns of one length n (ms, index into `metrics`, index into `origins`, number);
    `text` is an index into `texts` or -1. Events have metric -1 and stand in `events` by their row; so does what was heard of
    other rules, in `linked`, with how many had set each other off by then. Before `begins` nothing may be looked at: nobody had
    allowed it.
    """

    at: NDArray[np.int64]
    metric: NDArray[np.int16]
    source: NDArray[np.int32]
    value: NDArray[np.float64]
    text: NDArray[np.int32]
    metrics: Sequence[str]
    origins: Sequence[Origin]
    texts: Sequence[str] = ()
    events: Mapping[int, Event] = field(default_factory=dict)
    linked: Mapping[int, tuple[Link, int]] = field(default_factory=dict)
    begins: Instant = 0

    def __len__(self) -> int:
        return len(self.at)

    def heard(self, row: int) -> Heard:
        """One row as the engine hears it."""
        origin = self.origins[int(self.source[row])]
        if (event := self.events.get(row)) is not None:
            return Heard(event, origin)
        if row in self.linked:
            return Heard(self.linked[row][0], origin, self.linked[row][1])
        text = int(self.text[row])
        value = float(self.value[row]) if text == _NO_TEXT else self.texts[text]
        return Heard(Sample(origin.source, self.metrics[int(self.metric[row])], int(self.at[row]), value), origin)


class Replayed(NamedTuple):
    """What came of replaying one scope."""

    scope: str
    decisions: list[Decision]
    state: State
    samples: int
    steps: int


def history(
    changes: Sequence[Sample | Event], origin_of: Callable[[Sample | Event], Origin], *, metrics: Sequence[str]
) -> History:
    """Changes as arrays, in order of time; rule-made events are left out, for rules make them again."""
    told = [change for change in changes if type(change) is Sample or not change.id.startswith(MADE_BY_RULE)]  # type: ignore[union-attr]
    told.sort(key=lambda change: change.observed_at)
    origins: dict[Origin, int] = {}
    texts: dict[str, int] = {}
    numbers = {name: place for place, name in enumerate(metrics)}
    count = len(told)
    metric, source = np.full(count, -1, np.int16), np.zeros(count, np.int32)
    value, text = np.full(count, np.nan), np.full(count, _NO_TEXT, np.int32)
    events = {}
    for row, change in enumerate(told):
        source[row] = origins.setdefault(origin_of(change), len(origins))
        if isinstance(change, Event):
            events[row] = change
            continue
        metric[row] = numbers[change.metric]
        if isinstance(change.value, str):
            text[row] = texts.setdefault(change.value, len(texts))
        else:
            value[row] = change.value
    at = np.fromiter((change.observed_at for change in told), np.int64, count)
    return History(at, metric, source, value, text, tuple(metrics), tuple(origins), tuple(texts), events)


def replay(
    program: Program, subject: Subject, past: History, *, since: Instant | None = None, until: Instant | None = None
) -> Replayed:
    """What a program would have decided in one scope over its history, from `since` on, or from the first change, up to `until`.

    Without either nothing is decided by a clock alone. What is in order waits for nobody.
    """
    first = since if since is not None else int(past.at[0]) if len(past) else until or 0
    runner = _Runner(replace(program, lateness=0), subject, past, first)
    decisions = list(runner.run(until))
    return Replayed(subject.id, decisions, runner.state, len(past), runner.steps)


class _Runner:
    """Steps through the rows that may change something, and over the others."""

    def __init__(self, program: Program, subject: Subject, past: History, first: Instant) -> None:
        self._program, self._subject, self._past = program, subject, past
        begins = max(first if program.timed else 0, past.begins)
        self._cell = Cell(program, beginning(program, begins), subject)
        self._low = np.full(len(past.metrics) + 1, np.inf)
        self._high = np.full(len(past.metrics) + 1, -np.inf)
        self._gap = np.full(len(past.metrics) + 1, NEVER, dtype=np.int64)
        self._pause, self._falls, self._switches = _steps(past)
        rising = [name in self._cell.calm and self._cell.calm[name].rising for name in past.metrics]
        self._rising = np.array([*rising, False])
        self._due: Instant | None = None
        self.steps = 0
        self._look_ahead(Situation(program, subject, begins))

    @property
    def state(self) -> State:
        """What the rule remembers by now."""
        return self._cell.current(self._program)

    def run(self, until: Instant | None) -> Iterator[Decision]:
        """Everything decided, in order."""
        row, count, chunk = 0, len(self._past), _CHUNK_FIRST
        while row < count:
            end = min(row + chunk, count)
            calm = self._calm(row, end)
            if calm == end - row:
                self._pass_over(row, end)
                row, chunk = end, min(chunk * 4, _CHUNK_LIMIT)
                continue
            if calm:
                self._pass_over(row, row + calm)
            yield from self._meet(self._past.heard(row + calm))
            row, chunk = row + calm + 1, _CHUNK_FIRST
        if until is not None:
            yield from self._wait(until)

    def _calm(self, row: int, end: int) -> int:
        """How many rows from here on change nothing."""
        if self._cell.until <= self._past.at[row]:
            return 0
        past, part = self._past, slice(row, end)
        metric, value = past.metric[part], past.value[part]
        changing = ~((value >= self._low[metric]) & (value <= self._high[metric]))
        changing |= past.at[part] >= self._cell.until
        changing |= (self._falls[part] | self._switches[part]) & self._rising[metric]
        changing |= self._pause[part] > self._gap[metric]
        first = int(np.argmax(changing))
        return first if changing[first] else end - row

    def _pass_over(self, row: int, end: int) -> None:
        """Remember the last value of every metric among rows that change nothing."""
        past = self._past
        self._cell.clock = int(past.at[end - 1])
        for place, name in enumerate(past.metrics):
            calm = self._cell.calm.get(name)
            if calm is None:
                continue
            rows = np.flatnonzero(past.metric[row:end] == place)
            if len(rows):
                last = row + int(rows[-1])
                calm.seen, calm.value = int(past.at[last]), float(past.value[last])
                calm.source = past.origins[past.source[last]].source
                calm.passed += len(rows)
                if calm.counts:
                    calm.at += past.at[row + rows].tolist()
                    calm.values += past.value[row + rows].tolist()

    def _wait(self, until: Instant) -> list[Decision]:
        """Let time pass, however much is due."""
        decisions: list[Decision] = []
        while self._due is not None and self._due <= until:
            situation = Situation(self._program, self._subject, self._due)
            passed = pass_time(situation, self._cell.current(self._program), self._due)
            decisions += self._follow(self._keep(situation, passed), Origin(""))
        return decisions

    def _meet(self, heard: Heard) -> list[Decision]:
        """Wait for it, and step."""
        decisions = self._wait(heard.at - 1)
        return decisions + self._follow(self._step(heard), heard.origin)

    def _follow(self, decisions: list[Decision], origin: Origin) -> list[Decision]:
        """Hear of what this rule decides as other rules do: it may set itself off."""
        follow = deque(decisions)
        for _ in range(FOLLOW_LIMIT):
            if not follow:
                break
            decision = follow.popleft()
            for link in links(decision) if decision.depth < DEPTH_LIMIT else ():
                if self._program.hears(link):
                    more = self._step(Heard(link, origin, decision.depth + 1))
                    decisions += more
                    follow += more
        return decisions

    def _step(self, heard: Heard) -> list[Decision]:
        situation = Situation(self._program, self._subject, heard.at)
        return self._keep(situation, step(situation, self._cell.current(self._program), heard))

    def _keep(self, situation: Situation, stepped: Stepped) -> list[Decision]:
        cell = self._cell
        cell.state, cell.clock = stepped.state, max(stepped.state.clock, stepped.state.newest)
        cell.forget_passed()
        self.steps += 1
        self._look_ahead(situation)
        return stepped.decisions

    def _look_ahead(self, situation: Situation) -> None:
        cell, program, state = self._cell, self._program, self._cell.state
        self._due, until = horizon(situation, state)
        cell.until = NEVER if until is None else until
        view = View(list(state.slots), state.clock, subject=self._subject, resolve=program.number)
        found = program.calm(view)
        for place, name in enumerate(self._past.metrics):
            self._low[place], self._high[place], self._gap[place] = found.get(name, RESTLESS)


def _steps(past: History) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """For every row, how long before it the last of the same metric was, whether that was higher, and of another device."""
    pauses, falls = np.zeros(len(past), dtype=np.int64), np.zeros(len(past), dtype=np.bool_)
    switches = np.zeros(len(past), dtype=np.bool_)
    for place in range(len(past.metrics)):
        rows = np.flatnonzero(past.metric == place)
        pauses[rows[1:]] = np.diff(past.at[rows])
        falls[rows[1:]] = np.diff(past.value[rows]) < 0
        switches[rows[1:]] = np.diff(past.source[rows]) != 0
    return pauses, falls, switches


class Difference(NamedTuple):
    """What two versions of a rule decided differently on the same history: only the first, only the second, both."""

    only_before: list[Decision]
    only_after: list[Decision]
    both: list[Decision]


def difference(before: Sequence[Decision], after: Sequence[Decision]) -> Difference:
    """Compare what two versions decided: the same scope, time and level count as the same decision."""
    known, other = {_moment(each) for each in before}, {_moment(each) for each in after}
    return Difference(
        [each for each in before if _moment(each) not in other],
        [each for each in after if _moment(each) not in known],
        [each for each in after if _moment(each) in known],
    )


def _moment(decision: Decision) -> tuple[str, Instant, str]:
    return decision.scope, decision.observed_at, decision.level
