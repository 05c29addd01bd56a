"""A metric day by day: rising, falling, drifting, or held against a limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import time, timedelta
from functools import reduce
from itertools import pairwise
from operator import add
from statistics import fmean
from typing import Any

import msgspec

from devices.sample import Instant, Sample
from rules import calendar
from rules.bounds import Band, Test
from rules.signal import Signal
from rules.tally import Lasts, binned, increases, quantile, with_last
from rules.terms import Term
from rules.view import Clause, Truth, View

DAYS_KEPT = 16
"""The fourteen steps in a row that may be asked for, the day before them, and the one that has just begun."""
LATEST_DAYS, EARLIER_DAYS, EARLIER_NEEDED = 3, 10, 4
ANY: Band = (-math.inf, math.inf)
_NOON = time(12)


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
        known, yesterday = self._complete(view), self._ordinal(view.at, view.subject.zone) - 1
        if yesterday not in known:
            return None
        if self.rises is not None:
            return _in_a_row(known, self.rises, up=True)
        if self.falls is not None:
            return _in_a_row(known, self.falls, up=False)
        if self.drifts_by is not None:
            drift, limit = _drift(known), view.number(self.drifts_by)
            return None if drift is None or limit is None else drift > limit
        assert self.test is not None
        return self.test.judge(known[yesterday], None, view)

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
            bins=binned(day.bins, values, self.range) if self.agg == "low" else day.bins,
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
                return quantile(dict(day.bins), day.count, 0.05, self.range)
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
        bins = binned(day.bins if day else (), (value,), self.range) if self.agg == "low" else ()
        if day is None:
            return DayValue(ordinal, 1, value, value, value, value, None, bins)
        low, high = min(day.low, value), max(day.high, value)
        return DayValue(ordinal, day.count + 1, day.total + value, low, high, value, None, bins)


def _summed(grown: DayValue, today: DayValue | None, sample: Sample, lasts: Lasts) -> DayValue:
    """A day of a counter, whose total is what it grew by."""
    assert not isinstance(sample.value, str)
    (more,) = increases(dict(lasts).get(sample.source), (sample.value,))
    total = (today.total if today else 0.0) + more
    return msgspec.structs.replace(grown, total=total, lasts=with_last(lasts, sample.source, sample.value))


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
