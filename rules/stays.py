"""Days and nights where somebody is: in their own time zone, across travel and changes of the clocks.

A day is all the time at which the calendar where they are shows its date: after a flight to the east it is short, after one to
the west it is long, and in a night in which clocks change it has 23 or 25 hours. A night counts for the day on which it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from devices.sample import Instant
from rules.calendar import local

MIDNIGHT, EVENING = 0, 18
"""The hours at which a day begins, and the night that ends on the next one."""


class Stay(NamedTuple):
    """In a time zone from `since` on, until the next stay."""

    since: Instant
    zone: str


class Dates(NamedTuple):
    """Time, cut: from `starts[i]` (ms, rising) until the next start it is the day of ordinal `days[i]`."""

    starts: NDArray[np.int64]
    days: NDArray[np.int64]

    def of(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """The day (ordinal) of each instant; none may be before the first start."""
        return self.days[np.searchsorted(self.starts, at, side="right") - 1]


def dates(stays: Sequence[Stay], *, since: Instant, until: Instant, hour: int = MIDNIGHT) -> Dates:
    """The days from `since` to `until`; with `hour=EVENING`, the days on which nights end.

    `stays` in order of time; where the first comes later than `since`, it counts for the time before it too.
    """
    starts, days = zip(*_starts(stays, since, until, hour), strict=True)
    return Dates(np.array(starts, np.int64), np.array(days, np.int64))


def _starts(stays: Sequence[Stay], since: Instant, until: Instant, hour: int) -> Iterator[tuple[Instant, int]]:
    for place, stay in enumerate(stays):
        start = since if place == 0 else max(stay.since, since)
        end = min(stays[place + 1].since, until) if place + 1 < len(stays) else until
        if start < end:
            yield from _within(stay.zone, start, end, hour)


def _within(zone: str, start: Instant, end: Instant, hour: int) -> Iterator[tuple[Instant, int]]:
    """The days of one zone from `start`, which may lie in the middle of one, to `end`."""
    now = local(start, zone)
    day = now.date() + timedelta(days=1 if hour and now.hour >= hour else 0)
    yield start, day.toordinal()
    while (at := begins(day + timedelta(days=1), zone, hour)) < end:
        day += timedelta(days=1)
        if at > start:
            yield at, day.toordinal()


def begins(day: date, zone: str, hour: int = MIDNIGHT) -> Instant:
    """When a day begins somewhere; with `hour=EVENING`, the night that ends on it."""
    shown = datetime.combine(day - timedelta(days=1) if hour else day, time(hour), tzinfo=ZoneInfo(zone))
    return int(shown.timestamp() * 1000)
