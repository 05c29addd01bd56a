"""Conditions that are moments: true during the one evaluation in which they happen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devices.sample import Instant, Value
from rules import calendar
from rules.bounds import Band, Test
from rules.signal import Signal
from rules.view import START, Clause, TraitSet, Truth, View
from rules.where import Where


class Crossing(Signal):
    """The moment a metric goes over a limit, or under one, having been on the other side before."""

    start: tuple[tuple[str, Value, Truth], ...] = ()
    remembers = tuple[tuple[str, Value, Truth], ...]

    def __init__(self, slot: int, *, metric: str, of: str | None, apart: bool, test: Test) -> None:
        super().__init__(slot)
        self.metric, self.of, self.apart, self.test = metric, of, apart, test
        self.banded = of is None and not apart

    def stands(self, view: View) -> Truth:
        sample = view.sample_of(self.metric, self.of)
        if sample is None:
            return False
        readings = view.slots[self.slot]
        source = sample.source if self.apart else ""
        before = next((truth for key, _, truth in readings if key == source), None)
        after = self.test.judge(sample.value, before, view)
        others = tuple(each for each in readings if each[0] != source)
        view.slots[self.slot] = (*others, (source, sample.value, before if after is None else after))
        return before is False and after is True

    def band(self, view: View) -> Band | None:
        readings = view.slots[self.slot]
        if len(readings) != 1:
            return None
        return self.test.band(readings[0][2], readings[0][1], view)

    def clause(self, view: View, truth: Truth) -> Clause | None:
        readings = view.slots[self.slot]
        return Clause(self.metric, truth, readings[-1][1] if readings else None, self.test.shown(view))


class Change(Signal):
    """The moment a metric has another value than before."""

    start: tuple[tuple[str, Value], ...] = ()
    remembers = tuple[tuple[str, Value], ...]

    def __init__(
        self,
        slot: int,
        *,
        metric: str,
        of: str | None,
        apart: bool,
        begin: frozenset[str] | None,
        end: frozenset[str] | None,
    ) -> None:
        super().__init__(slot)
        self.metric, self.of, self.apart, self.begin, self.end = metric, of, apart, begin, end

    def stands(self, view: View) -> Truth:
        sample = view.sample_of(self.metric, self.of)
        if sample is None:
            return False
        known = dict(view.slots[self.slot])
        source = sample.source if self.apart else ""
        before = known.get(source)
        known[source] = sample.value
        view.slots[self.slot] = tuple(known.items())
        if before is None or before == sample.value:
            return False
        return _among(before, self.begin) and _among(sample.value, self.end)

    def clause(self, view: View, truth: Truth) -> Clause | None:
        known = view.slots[self.slot]
        return Clause(self.metric, truth, known[-1][1] if known else None, ", ".join(sorted(self.end or ())) or None)


class Happening(Signal):
    """The moment of an event, if an expression about it is true."""

    def __init__(self, slot: int, *, event: str, of: str | None, where: Where | None) -> None:
        super().__init__(slot)
        self.event, self.of, self.where = event, of, where

    def stands(self, view: View) -> Truth:
        event = view.event_of(self.event, self.of)
        return False if event is None else view.told(event, self.where)

    def clause(self, view: View, truth: Truth) -> Clause | None:
        return Clause(self.event, truth, limit=self.where.source if self.where else None)


class Timetable(Signal):
    """A time on a schedule."""

    def __init__(self, slot: int, *, schedule: str) -> None:
        super().__init__(slot)
        self.schedule = schedule

    def stands(self, view: View) -> Truth:
        return view.change is None and calendar.next_time(self.schedule, view.at - 1, view.subject.zone) == view.at

    def due(self, slots: Sequence[Any], after: Instant, zone: str) -> Instant | None:
        return calendar.next_time(self.schedule, after, zone)

    def clause(self, view: View, truth: Truth) -> Clause | None:
        return Clause("schedule", truth, limit=self.schedule)


class Succession(Signal):
    """The moment the last of several moments comes, each after the one before.

    Remembered is, for each beginning of the sequence, when the latest of its kind began: an earlier one would have to be
    finished earlier, so it never matters.
    """

    remembers = tuple[Instant | None, ...]

    def __init__(self, slot: int, *, steps: Sequence[Signal], within: Instant, without: Signal | None) -> None:
        super().__init__(slot, [*steps, *([without] if without else [])])
        self.steps, self.within, self.without = tuple(steps), within, without
        self.start = (None,) * (len(steps) - 1)

    def stands(self, view: View) -> Truth:
        happened = [step.truth(view) is True for step in self.steps]
        spoiled = self.without is not None and self.without.truth(view) is True
        begun: list[Instant | None] = [None] * len(self.start) if spoiled else list(view.slots[self.slot])
        complete = False
        for place in range(len(self.steps) - 1, -1, -1):
            began = view.at if place == 0 else begun[place - 1]
            if not happened[place] or began is None or view.at - began > self.within:
                continue
            if place == len(self.steps) - 1:
                complete = True
                begun = [None] * len(self.start)
            else:
                begun[place] = began
        view.slots[self.slot] = tuple(begun)
        return complete

    def clause(self, view: View, truth: Truth) -> Clause | None:
        begun = [each for each in view.slots[self.slot] if each is not None]
        return Clause("sequence", truth, float(len(begun)), float(len(self.steps)))


class Omission(Signal):
    """The moment at which what should have followed within a while has not."""

    remembers = Instant | None

    def __init__(self, slot: int, *, missing: Signal, after: Signal, within: Instant) -> None:
        super().__init__(slot, [missing, after])
        self.missing, self.after, self.within = missing, after, within

    def stands(self, view: View) -> Truth:
        began: Instant | None = view.slots[self.slot]
        came, begins = self.missing.truth(view) is True, self.after.truth(view) is True
        if came:
            began = None
        omitted = began is not None and view.at >= began + self.within
        if omitted:
            began = None
        if begins and began is None:
            began = view.at
        view.slots[self.slot] = began
        return omitted

    def due(self, slots: Sequence[Any], after: Instant, zone: str) -> Instant | None:
        began = slots[self.slot]
        return None if began is None else began + self.within

    def clause(self, view: View, truth: Truth) -> Clause | None:
        began = view.slots[self.slot]
        return Clause("missing", truth, held=None if began is None else view.at - began)


class Countdown(Signal):
    """The moment at which a timer that other rules start and stop has run out. Starting it again begins anew."""

    remembers = Instant | None

    def __init__(self, slot: int, *, name: str, lasts: Instant) -> None:
        super().__init__(slot)
        self.name, self.lasts = name, lasts

    def take(self, view: View) -> None:
        change = view.change
        if type(change) is TraitSet and change.name == self.name:
            view.slots[self.slot] = change.observed_at if change.value == START else None

    def stands(self, view: View) -> Truth:
        began: Instant | None = view.slots[self.slot]
        if began is None or view.at < began + self.lasts:
            return False
        view.slots[self.slot] = None
        return True

    def due(self, slots: Sequence[Any], after: Instant, zone: str) -> Instant | None:
        began = slots[self.slot]
        return None if began is None else began + self.lasts

    def clause(self, view: View, truth: Truth) -> Clause | None:
        began = view.slots[self.slot]
        return Clause("timer", truth, held=self.lasts if truth else None if began is None else view.at - began)


def _among(value: Value, wanted: frozenset[str] | None) -> bool:
    return wanted is None or value in wanted
