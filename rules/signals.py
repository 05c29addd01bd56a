"""Conditions that hold for a while, each about one thing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import time
from typing import Any, NamedTuple

from devices.sample import Instant, Value
from rules import calendar
from rules.bounds import Band, Test
from rules.signal import Signal
from rules.view import OFFLINE, Clause, TraitSet, Truth, View, every, some
from rules.where import Where


class Reading(NamedTuple):
    """The newest value of a source; of a person, all their devices count as one source. `device` is who said it."""

    source: str
    at: Instant
    value: Value
    truth: Truth
    device: str


class Level(Signal):
    """A metric held against a limit, or an expression about it; `wakes` are the truths whose going stale matters."""

    start: tuple[Reading, ...] = ()
    remembers = tuple[Reading, ...]

    def __init__(  # noqa: PLR0913  (each is one word of the language)
        self,
        slot: int,
        *,
        metric: str,
        of: str | None,
        apart: bool,
        across_all: bool,
        test: Test | None,
        where: Where | None,
        stale_after: Instant | None,
        wakes: frozenset[Truth] = frozenset({True, False}),
    ) -> None:
        super().__init__(slot)
        self.metric, self.of, self.apart, self.across_all = metric, of, apart, across_all
        self.test, self.where, self.stale_after, self.wakes = test, where, stale_after, wakes
        self._dated = where is not None and "days" in where.names
        self.banded = test is not None and of is None and not apart

    def take(self, view: View) -> None:
        readings: tuple[Reading, ...] = view.slots[self.slot]
        sample = view.sample_of(self.metric, self.of)
        if sample is not None:
            source = sample.source if self.apart else ""
            before = next((each for each in readings if each.source == source), None)
            if (confirmed := self.confirmed(view.slots)) is not None:
                view.pauses[self.slot] = sample.observed_at - confirmed
            truth = self._judge(sample.value, before.truth if before else None, view)
            others = tuple(each for each in readings if each.source != source)
            reading = Reading(source, sample.observed_at, sample.value, truth, sample.source)
            view.slots[self.slot] = (*others, reading)
        elif (gone := view.event_of(OFFLINE, None)) is not None:
            view.slots[self.slot] = tuple(
                each._replace(truth=None) if each.device == gone.source else each for each in readings
            )
        elif self._dated and readings:
            view.slots[self.slot] = tuple(
                each if each.truth is None else each._replace(truth=self._judge(each.value, each.truth, view))
                for each in readings
            )

    def stands(self, view: View) -> Truth:
        truths = [None if self._stale(each, view.at) else each.truth for each in view.slots[self.slot]]
        if not truths:
            return None
        return every(truths) if self.across_all else some(truths)

    def due(self, slots: Sequence[Any], after: Instant, zone: str) -> Instant | None:
        times = []
        if self.stale_after is not None:
            times = [each.at + self.stale_after + 1 for each in slots[self.slot] if each.truth in self.wakes]
        if self._dated and slots[self.slot]:
            times.append(calendar.day_of(after, zone).end)
        return min((at for at in times if at > after), default=None)

    def confirmed(self, slots: Sequence[Any]) -> Instant | None:
        readings: tuple[Reading, ...] = slots[self.slot]
        if self.across_all:
            return min((each.at for each in readings), default=None)
        telling = [each.at for each in readings if each.truth is not False] or [each.at for each in readings]
        return max(telling, default=None)

    def band(self, view: View) -> Band | None:
        readings = view.slots[self.slot]
        if self.test is None or len(readings) != 1 or self._stale(readings[0], view.at):
            return None
        return self.test.band(readings[0].truth, readings[0].value, view)

    def clause(self, view: View, truth: Truth) -> Clause | None:
        readings = view.slots[self.slot]
        telling = next((each for each in reversed(readings) if each.truth is truth), readings[-1] if readings else None)
        limit = self.test.shown(view) if self.test else self.where.source if self.where else None
        return Clause(self.metric, truth, telling.value if telling else None, limit)

    def _judge(self, value: Value, before: Truth, view: View) -> Truth:
        if self.test is not None:
            return self.test.judge(value, before, view)
        assert self.where is not None
        return self.where({"value": _plain(value), "days": view.days()})

    def _stale(self, reading: Reading, at: Instant) -> bool:
        return self.stale_after is not None and at - reading.at > self.stale_after


class Absence(Signal):
    """No sample of a metric, or no event, for a while."""

    remembers = Instant | None

    def __init__(self, slot: int, *, name: str, of: str | None, longer_than: Instant) -> None:
        super().__init__(slot)
        self.name, self.of, self.longer_than = name, of, longer_than

    def take(self, view: View) -> None:
        seen = view.sample_of(self.name, self.of) or view.event_of(self.name, self.of)
        if seen is not None:
            view.slots[self.slot] = seen.observed_at

    def stands(self, view: View) -> Truth:
        seen = view.slots[self.slot]
        return None if seen is None else view.at - seen >= self.longer_than

    def due(self, slots: Sequence[Any], after: Instant, zone: str) -> Instant | None:
        seen = slots[self.slot]
        at = None if seen is None else seen + self.longer_than
        return at if at is not None and at > after else None

    def clause(self, view: View, truth: Truth) -> Clause | None:
        seen = view.slots[self.slot]
        return Clause(self.name, truth, held=None if seen is None else view.at - seen)


class Clockwork(Signal):
    """While the clock of the home is in a part of the day."""

    def __init__(self, slot: int, *, begin: time, end: time, weekdays: frozenset[int] | None) -> None:
        super().__init__(slot)
        self.begin, self.end, self.weekdays = begin, end, weekdays

    def stands(self, view: View) -> Truth:
        now = calendar.local(view.at, view.subject.zone)
        clock = now.time()
        after_midnight = self.begin > self.end and clock < self.end
        inside = self.begin <= clock < self.end if self.begin <= self.end else clock >= self.begin or after_midnight
        weekday = (now.weekday() - after_midnight) % 7
        return inside and (self.weekdays is None or weekday in self.weekdays)

    def due(self, slots: Sequence[Any], after: Instant, zone: str) -> Instant | None:
        ends = min(calendar.next_clock(self.begin, after, zone), calendar.next_clock(self.end, after, zone))
        jump = calendar.next_jump(after, zone)
        return ends if jump is None else min(ends, jump)

    def clause(self, view: View, truth: Truth) -> Clause | None:
        now = calendar.local(view.at, view.subject.zone)
        return Clause("clock", truth, f"{now:%H:%M}", f"{self.begin:%H:%M} – {self.end:%H:%M}")


class Whereabouts(Signal):
    """Who of a home is where: told by `zone.entered`, `zone.left`, and the places where a token was tapped."""

    start: tuple[tuple[str, str], ...] = ()
    remembers = tuple[tuple[str, str], ...]

    def __init__(self, slot: int, *, who: str, zone: str | None) -> None:
        super().__init__(slot)
        self.who, self.zone = who, zone

    def take(self, view: View) -> None:
        person = view.origin.person if view.origin else None
        if person is None:
            return
        known = tuple(each for each in view.slots[self.slot] if each[0] != person)
        here = dict(view.slots[self.slot]).get(person)
        if entered := view.event_of("zone.entered", None):
            view.slots[self.slot] = (*known, (person, str(entered.data.get("zone", ""))))
        elif tapped := view.event_of("tapped", None):
            view.slots[self.slot] = (*known, (person, str(tapped.data.get("place", ""))))
        elif (left := view.event_of("zone.left", None)) and (here is None or left.data.get("zone", "") in ("", here)):
            view.slots[self.slot] = (*known, (person, ""))

    def stands(self, view: View) -> Truth:
        known = dict(view.slots[self.slot])
        members = view.subject.members or (view.subject.id,)
        if self.who == "apart":
            places = {known[member] for member in members if known.get(member)}
            return True if len(places) > 1 else None if any(member not in known for member in members) else False
        truths: list[Truth] = [known[member] == self.zone if member in known else None for member in members]
        match self.who:
            case "anyone":
                return some(truths)
            case "everyone":
                return every(truths)
            case _:
                there = some(truths)
                return None if there is None else not there

    def clause(self, view: View, truth: Truth) -> Clause | None:
        known = dict(view.slots[self.slot])
        return Clause(self.who, truth, f"{sum(zone == self.zone for zone in known.values())}", self.zone)


class Trait(Signal):
    """A trait of the scope held against a limit."""

    remembers = tuple[str | float, Truth] | None

    def __init__(self, slot: int, *, name: str, test: Test) -> None:
        super().__init__(slot)
        self.name, self.test = name, test

    def take(self, view: View) -> None:
        change = view.change
        if type(change) is TraitSet and change.name == self.name:
            value = str(change.value).lower() if isinstance(change.value, bool) else change.value
            before = view.slots[self.slot]
            view.slots[self.slot] = (value, self.test.judge(value, before[1] if before else None, view))

    def stands(self, view: View) -> Truth:
        known = view.slots[self.slot]
        return None if known is None else known[1]

    def clause(self, view: View, truth: Truth) -> Clause | None:
        known = view.slots[self.slot]
        return Clause(self.name, truth, known[0] if known else None, self.test.shown(view))


def _plain(value: Value) -> Any:
    """A value as expressions see it: lists are stored as JSON text."""
    if isinstance(value, str) and value.startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
