"""Conditions made of conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from devices.sample import Instant
from rules import calendar
from rules.signal import Signal
from rules.view import Clause, Truth, View


class Joined(Signal):
    """All, any, or so many of several; every one is looked at, whatever the others say."""

    def __init__(self, slot: int, inside: Sequence[Signal], join: Callable[[list[Truth]], Truth]) -> None:
        super().__init__(slot, inside)
        self.join = join

    def stands(self, view: View) -> Truth:
        return self.join([each.truth(view) for each in self.inside])


class Running(NamedTuple):
    """How long a condition has been true: `held` up to `since`, and from then on if `since` is there."""

    held: Instant = 0
    since: Instant | None = None

    def at(self, now: Instant) -> Instant:
        """How long it has been by now."""
        return self.held + (max(0, now - self.since) if self.since is not None else 0)


class Held(Signal):
    """A condition that has held for a while. What is unknown lets the time stand still; false starts it over.

    Where samples are expected at least every so often (`gap`), only they count: time between two of them that are further apart
    is left out, or starts it over, and nothing becomes true without one.
    """

    start = Running()
    remembers = Running

    def __init__(self, slot: int, inside: Signal, *, longer_than: Instant, gap: Instant | None, resets: bool) -> None:
        super().__init__(slot, [inside])
        self.longer_than, self.gap, self.resets = longer_than, gap, resets

    def stands(self, view: View) -> Truth:
        (inside,) = self.inside
        truth, running = inside.truth(view), view.slots[self.slot]
        view.slots[self.slot] = running = self._moved(running, truth, view)
        if truth is not True:
            return truth
        return self.held(view.slots, view.at) >= self.longer_than

    def due(self, slots: Sequence[Any], after: Instant, zone: str) -> Instant | None:
        return self.ripe(slots, after) if self.gap is None else None

    def ripe(self, slots: Sequence[Any], after: Instant) -> Instant | None:
        """When it will have held long enough, if it goes on; `None` if that has been found, by `after`."""
        running: Running = slots[self.slot]
        if running.since is None:
            return None
        at = running.since + self.longer_than - running.held
        return at if at > self._counted(slots, after) else None

    def held(self, slots: Sequence[Any], at: Instant) -> Instant:
        """How long it has been true, by `at`, or by the last sample where only samples count."""
        running: Running = slots[self.slot]
        return running.at(self._counted(slots, at))

    def _counted(self, slots: Sequence[Any], at: Instant) -> Instant:
        confirmed = self.inside[0].confirmed(slots) if self.gap is not None else None
        return at if confirmed is None else min(at, confirmed)

    def _moved(self, running: Running, truth: Truth, view: View) -> Running:
        if truth is False:
            return Running()
        if truth is None:
            return Running(running.at(self._counted(view.slots, view.at)), None)
        pause = view.pauses.get(self.inside[0].slot, 0)
        paused = self.gap is not None and pause > self.gap
        if running.since is not None and not paused:
            return running
        return Running(0 if paused and self.resets else running.at(view.at - pause), view.at)


class Sum(NamedTuple):
    """For how long it was true in a period, up to `since`, and whether it has been true from then on; and whether that could be
    told at any time of it."""

    period: Instant = 0
    total: Instant = 0
    since: Instant | None = None
    known: bool = False


class Total(Signal):
    """For how long, this day or week, a condition has held."""

    start = Sum()
    remembers = Sum

    def __init__(self, slot: int, inside: Signal, *, weekly: bool, longer_than: Instant) -> None:
        super().__init__(slot, [inside])
        self.weekly, self.longer_than = weekly, longer_than

    def stands(self, view: View) -> Truth:
        truth = self.inside[0].truth(view)
        known: Sum = view.slots[self.slot]
        begin = self._period(view.at, view.subject.zone).start
        total, since = (known.total, known.since) if known.period == begin else (0, None)
        if known.period != begin and known.since is not None:
            since = max(begin, known.since)
        if since is not None:
            total += view.at - since
        told = truth is not None or since is not None or (known.known and known.period == begin)
        view.slots[self.slot] = Sum(begin, total, view.at if truth is True else None, told)
        return total >= self.longer_than if told else None

    def due(self, slots: Sequence[Any], after: Instant, zone: str) -> Instant | None:
        known: Sum = slots[self.slot]
        ends = self._period(after, zone).end
        if known.since is None or known.total >= self.longer_than:
            return ends if known.total else None
        return min(ends, known.since + self.longer_than - known.total)

    def clause(self, view: View, truth: Truth) -> Clause | None:
        return Clause("total", truth, limit=float(self.longer_than), held=view.slots[self.slot].total)

    def _period(self, at: Instant, zone: str) -> calendar.Day:
        return calendar.week_of(at, zone) if self.weekly else calendar.day_of(at, zone)
