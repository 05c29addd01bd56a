"""Conditions about what a metric came to: over a while that slides along, or day by day."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from datetime import time, timedelta
from functools import reduce
from itertools import pairwise
from operator import add
from statistics import fmean
from typing import Any, NamedTuple, TypeAlias

import msgspec

from devices.sample import MINUTE, Instant, Sample
from rules import calendar
from rules.bounds import Band, Test
from rules.conditions import Term
from rules.signal import Signal
from rules.view import Clause, Truth, View
from rules.where import Where

PANES = 60
"""A window slides in this many steps, so that what it remembers is bounded, however many samples there are."""
BINS = 128
DAYS_KEPT = 16
"""The fourteen steps in a row that may be asked for, the day before them, and the one that has just begun."""
DEVICES_KEPT = 32
ROUNDING = 1e-9
"""More than adding up may be off by: what comes so near a limit is looked at."""
ANY: Band = (-math.inf, math.inf)
LATEST_DAYS, EARLIER_DAYS, EARLIER_NEEDED = 3, 10, 4


class Pane(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What came in during one step of a window. `grown` is what a counter grew by; `bins` counts by value, for percentiles."""

    start: Instant
    count: int
    total: float
    low: float
    high: float
    first_at: Instant
    first: float
    last_at: Instant
    last: float
    grown: float
    bins: tuple[tuple[int, int], ...] = ()
    led: float = 0.0
    """What it grew by up to its first value, since the one before."""


Lasts: TypeAlias = tuple[tuple[str, float], ...]
"""The last value of a counter by device, the newest at the end: every device counts by itself."""


class Window(NamedTuple):
    """What an amount remembers: its panes, how it stood, when it may change by itself, and the last values of counters."""

    panes: tuple[Pane, ...] = ()
    truth: Truth = None
    due: Instant | None = None
    lasts: Lasts = ()


class Amount(Signal):
    """What a metric came to over a window, or how many times an event happened, held against a limit."""

    start = Window()
    remembers = Window

    def __init__(  # noqa: PLR0913  (each is one word of the language)
        self,
        slot: int,
        *,
        name: str,
        of: str | None,
        agg: str,
        window: Instant,
        test: Test,
        counter: bool = False,
        event: bool = False,
        where: Where | None = None,
        percentile: float | None = None,
        range_: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        super().__init__(slot)
        self.name, self.of, self.agg, self.window, self.test = name, of, agg, window, test
        self.counter, self.event, self.where = counter, event, where
        self.percentile, self.range = percentile, range_
        self.step = max(1, -(-window // PANES))
        self.adds_up = agg == "count" or (counter and agg == "sum")
        self.counts = self.rising = counter and not event and agg in ("sum", "delta")
        self.banded = self.rising and of is None

    def take(self, view: View) -> None:
        known: Window = view.slots[self.slot]
        panes = tuple(pane for pane in known.panes if pane.start + self.step + self.window > view.at)
        known = known._replace(panes=panes)
        value = self._value(view)
        if value is not None:
            assert view.change is not None
            known = self._extended(known, getattr(view.change, "source", ""), (view.at,), (value,))
        view.slots[self.slot] = known

    def stands(self, view: View) -> Truth:
        known: Window = view.slots[self.slot]
        truth = self.test.judge(self.amount(known.panes), known.truth, view)
        view.slots[self.slot] = known._replace(truth=truth, due=self._next_change(known.panes, truth, view))
        return truth

    def due(self, slots: Sequence[Any], after: Instant, zone: str) -> Instant | None:
        known: Window = slots[self.slot]
        return known.due

    def band(self, view: View) -> Band | None:
        """Of a counter's growth: values that only rise, not so far that the sum would be judged differently."""
        known: Window = view.slots[self.slot]
        amount = self.amount(known.panes)
        if known.truth is None or amount is None or not known.panes:
            return None
        found = self.test.band(known.truth, amount, view)
        if found is None:
            return None
        last = known.panes[-1].last
        high = last + (found[1] - amount)
        slack = ROUNDING * max(abs(last), abs(amount), abs(found[1])) if math.isfinite(high) else 0.0
        return last, high - slack

    def absorb(self, memory: Any, at: Sequence[Instant], values: Sequence[float], zone: str) -> Any:
        known: Window = memory
        begin = 0
        while begin < len(at):
            end = bisect_left(at, self._start(at[begin]) + self.step, begin)
            known = self._extended(known, self.teller_of(known) or "", at[begin:end], values[begin:end])
            begin = end
        return known

    def teller(self, slots: Sequence[Any]) -> str | None:
        return self.teller_of(slots[self.slot])

    @staticmethod
    def teller_of(known: Window) -> str | None:
        """The device of the newest value of a counter."""
        return known.lasts[-1][0] if known.lasts else None

    def clause(self, view: View, truth: Truth) -> Clause | None:
        return Clause(self.name, truth, self.amount(view.slots[self.slot].panes), self.test.shown(view))

    def amount(self, panes: tuple[Pane, ...]) -> float | None:
        """What the window comes to; `None` where nothing came in, except that nothing is 0 times."""
        count = sum(pane.count for pane in panes)
        match self.agg:
            case "count":
                return float(count)
            case _ if not count:
                return None
            case "sum" if not self.counter:
                return math.fsum(pane.total for pane in panes)
            case "mean":
                return math.fsum(pane.total for pane in panes) / count
            case "min":
                return min(pane.low for pane in panes)
            case "max":
                return max(pane.high for pane in panes)
            case "percentile":
                return self._percentile(panes, count)
            case _:
                return self._growth(panes)

    def _next_change(self, panes: tuple[Pane, ...], truth: Truth, view: View) -> Instant | None:
        """When, with nothing coming in, so much has slid out of the window that it may be judged differently."""
        rest = panes
        while rest:
            gone, rest = rest[0], rest[1:]
            if not self.adds_up or self.test.judge(self.amount(rest), truth, view) is not truth:
                return gone.start + self.step + self.window
        return None

    def _growth(self, panes: tuple[Pane, ...]) -> float | None:
        """`sum` of a counter, `delta`, or `rate` in a minute."""
        grown = math.fsum(pane.grown for pane in panes) if self.counter else panes[-1].last - panes[0].first
        if self.agg != "rate":
            return grown
        grown -= panes[0].led
        elapsed = panes[-1].last_at - panes[0].first_at
        return grown / elapsed * MINUTE if elapsed > 0 else None

    def _percentile(self, panes: tuple[Pane, ...], count: int) -> float:
        """To within a 128th of the metric's range."""
        counts: dict[int, int] = {}
        for pane in panes:
            for place, times in pane.bins:
                counts[place] = counts.get(place, 0) + times
        return _quantile(counts, count, (self.percentile or 0) / 100, self.range)

    def _value(self, view: View) -> float | None:
        if self.event:
            event = view.event_of(self.name, self.of)
            return 1.0 if event is not None and view.told(event, self.where) is True else None
        sample = view.sample_of(self.name, self.of)
        return sample.value if sample is not None and not isinstance(sample.value, str) else None

    def _start(self, at: Instant) -> Instant:
        return at // self.step * self.step

    def _extended(self, known: Window, device: str, at: Sequence[Instant], values: Sequence[float]) -> Window:
        """With some values of a device more, all of one step: to the last digit what one after the other would come to."""
        panes, start = known.panes, self._start(at[0])
        grown = _increases(dict(known.lasts).get(device), values) if self.counter else ()
        lasts = _with_last(known.lasts, device, values[-1]) if self.counter else ()
        last = panes[-1] if panes and panes[-1].start == start else None
        bins = _binned(last.bins if last else (), values, self.range) if self.percentile is not None else ()
        low, high = min(values), max(values)
        if last is None:
            led = grown[0] if grown else 0.0
            total, grew = reduce(add, values), reduce(add, grown or (0.0,))
            pane = Pane(start, len(at), total, low, high, at[0], values[0], at[-1], values[-1], grew, bins, led)
            return known._replace(panes=(*panes, pane), lasts=lasts)
        pane = msgspec.structs.replace(
            last,
            count=last.count + len(at),
            total=reduce(add, values, last.total),
            low=min(last.low, low),
            high=max(last.high, high),
            last_at=at[-1],
            last=values[-1],
            grown=reduce(add, grown, last.grown),
            bins=bins,
        )
        return known._replace(panes=(*panes[:-1], pane), lasts=lasts)


class DayValue(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One day of a metric, as far as it has gone."""

    ordinal: int
    count: int
    total: float
    low: float
    high: float
    last: float
    first_at: float | None
    bins: tuple[tuple[int, int], ...]
    lasts: Lasts = ()


class Days(Signal):
    """What a metric came to day by day: rising, falling, drifting, or against a limit. Only complete days count."""

    counts = True
    start: tuple[DayValue, ...] = ()
    remembers = tuple[DayValue, ...]

    def __init__(  # noqa: PLR0913  (each is one word of the language)
        self,
        slot: int,
        *,
        metric: str,
        agg: str,
        equals: frozenset[str],
        rises: int | None,
        falls: int | None,
        drifts_by: Term | None,
        test: Test | None,
        range_: tuple[float, float],
        counter: bool,
        begins: time | None,
    ) -> None:
        super().__init__(slot)
        self.metric, self.agg, self.equals = metric, agg, equals
        self.begins = 0.0 if begins is None else (begins.hour * 60 + begins.minute - 12 * 60) % (24 * 60)
        """In minutes since noon."""
        self.rises, self.falls, self.drifts_by, self.test, self.range = rises, falls, drifts_by, test, range_
        self.grows = counter and agg == "sum"
        self.banded = not self.grows

    def take(self, view: View) -> None:
        sample = view.sample_of(self.metric, None)
        if sample is None:
            return
        ordinal = self._ordinal(view.at, view.subject.zone)
        days: tuple[DayValue, ...] = view.slots[self.slot]
        today = days[-1] if days and days[-1].ordinal == ordinal else None
        grown = self._grown(today, sample.value, ordinal, view)
        if grown is not None and self.grows:
            grown = _summed(grown, today, sample, days[-1].lasts if days else ())
        if grown is not None:
            view.slots[self.slot] = (*(days[:-1] if today else days), grown)[-DAYS_KEPT:]

    def stands(self, view: View) -> Truth:
        known = self._complete(view)
        if self.rises is not None:
            return _in_a_row(known, self.rises, up=True)
        if self.falls is not None:
            return _in_a_row(known, self.falls, up=False)
        if self.drifts_by is not None:
            drift, limit = _drift(known), view.number(self.drifts_by)
            return None if drift is None or limit is None else drift > limit
        assert self.test is not None
        yesterday = self._ordinal(view.at, view.subject.zone) - 1
        return self.test.judge(known.get(yesterday), None, view)

    def due(self, slots: Sequence[Any], after: Instant, zone: str) -> Instant | None:
        return self._end(after, zone) if slots[self.slot] else None

    def clause(self, view: View, truth: Truth) -> Clause | None:
        known = self._complete(view)
        value = _drift(known) if self.drifts_by is not None else known[max(known)] if known else None
        limit = self.rises or self.falls or (view.number(self.drifts_by) if self.drifts_by else None)
        return Clause(self.metric, truth, value, self.test.shown(view) if self.test else limit)

    def band(self, view: View) -> Band | None:
        """Of a day that goes on nothing is told yet, so until it ends every value is as good as any other."""
        days = view.slots[self.slot]
        today = days and days[-1].ordinal == self._ordinal(view.at, view.subject.zone)
        return ANY if today and self.agg != "first_at" else None

    def absorb(self, memory: Any, at: Sequence[Instant], values: Sequence[float], zone: str) -> Any:
        day: DayValue = memory[-1]
        grown = msgspec.structs.replace(
            day,
            count=day.count + len(values),
            total=reduce(add, values, day.total),  # in this order, so that batches change not even the last digit
            low=min(day.low, *values),
            high=max(day.high, *values),
            last=values[-1],
            bins=_binned(day.bins, values, self.range) if self.agg == "low" else day.bins,
        )
        return (*memory[:-1], grown)

    def _ordinal(self, at: Instant, zone: str) -> int:
        """Days are calendar days, except that for the time something began they go from noon to noon."""
        day = calendar.day_of(at, zone)
        early = self.agg == "first_at" and calendar.local(at, zone).hour < 12
        return (day.date - timedelta(days=early)).toordinal()

    def _end(self, after: Instant, zone: str) -> Instant:
        if self.agg != "first_at":
            return calendar.day_of(after, zone).end
        return calendar.next_clock(_NOON, after, zone)

    def _complete(self, view: View) -> dict[int, float]:
        today = self._ordinal(view.at, view.subject.zone)
        days = ((day.ordinal, self._of(day)) for day in view.slots[self.slot] if day.ordinal < today)
        return {ordinal: value for ordinal, value in days if value is not None}

    def _of(self, day: DayValue) -> float | None:
        match self.agg:
            case "mean":
                return day.total / day.count if day.count else None
            case "sum":
                return day.total
            case "count":
                return float(day.count)
            case "min":
                return day.low
            case "max":
                return day.high
            case "last":
                return day.last
            case "low":
                return _quantile(dict(day.bins), day.count, 0.05, self.range)
            case _:
                return day.first_at

    def _grown(self, day: DayValue | None, value: float | str, ordinal: int, view: View) -> DayValue | None:
        if self.agg == "first_at":
            if day is not None or value not in self.equals:
                return None
            minutes = calendar.minutes_since_noon(view.at, view.subject.zone)
            if minutes < self.begins:
                return None
            return DayValue(ordinal, 1, 0.0, 0.0, 0.0, 0.0, minutes, ())
        if isinstance(value, str):
            return None
        bins = _binned(day.bins if day else (), (value,), self.range) if self.agg == "low" else ()
        if day is None:
            return DayValue(ordinal, 1, value, value, value, value, None, bins)
        low, high = min(day.low, value), max(day.high, value)
        return DayValue(ordinal, day.count + 1, day.total + value, low, high, value, None, bins)


def _summed(grown: DayValue, today: DayValue | None, sample: Sample, lasts: Lasts) -> DayValue:
    """A day of a counter, whose total is what it grew by."""
    assert not isinstance(sample.value, str)
    (more,) = _increases(dict(lasts).get(sample.source), (sample.value,))
    total = (today.total if today else 0.0) + more
    return msgspec.structs.replace(grown, total=total, lasts=_with_last(lasts, sample.source, sample.value))


def _in_a_row(known: dict[int, float], count: int, *, up: bool) -> Truth:
    """Whether a value went up (down) `count` days in a row, up to the last that is known; unknown with fewer days."""
    if not known:
        return None
    last = max(known)
    values = [known.get(last - back) for back in range(count, -1, -1)]
    if None in values:
        return None
    steps = [after - before for before, after in pairwise(values) if before is not None and after is not None]
    return all(step > 0 if up else step < 0 for step in steps)


def _drift(known: dict[int, float]) -> float | None:
    """How far the mean of the last three days is above that of the ten before; `None` with too few days to tell."""
    if not known:
        return None
    last = max(known)
    latest = [known[day] for day in range(last - LATEST_DAYS + 1, last + 1) if day in known]
    begin = last - LATEST_DAYS - EARLIER_DAYS + 1
    earlier = [known[day] for day in range(begin, last - LATEST_DAYS + 1) if day in known]
    if len(latest) < LATEST_DAYS or len(earlier) < EARLIER_NEEDED:
        return None
    return fmean(latest) - fmean(earlier)


def _bin(value: float, range_: tuple[float, float]) -> int:
    low, high = range_
    return min(BINS - 1, max(0, int((value - low) / (high - low) * BINS)))


def _binned(
    bins: tuple[tuple[int, int], ...], values: Sequence[float], range_: tuple[float, float]
) -> tuple[tuple[int, int], ...]:
    counts = dict(bins)
    for value in values:
        place = _bin(value, range_)
        counts[place] = counts.get(place, 0) + 1
    return tuple(sorted(counts.items()))


def _increases(before: float | None, values: Sequence[float]) -> list[float]:
    """What a counter grew by with each value: all of it when it has started again from zero."""
    earlier = [values[0] if before is None else before, *values[:-1]]
    return [value - known if value >= known else value for known, value in zip(earlier, values, strict=True)]


def _with_last(lasts: Lasts, device: str, value: float) -> Lasts:
    return (*(each for each in lasts if each[0] != device), (device, value))[-DEVICES_KEPT:]


def _quantile(counts: dict[int, int], total: int, share: float, range_: tuple[float, float]) -> float:
    low, high = range_
    wanted, seen = share * total, 0
    for place in sorted(counts):
        seen += counts[place]
        if seen >= wanted:
            return low + (place + 0.5) * (high - low) / BINS
    return high


_NOON = time(12)
