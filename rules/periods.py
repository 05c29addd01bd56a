"""Periods: the days of a series by week and by month. A day without data is not there; it is never zero."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean
from typing import Literal, NamedTuple, TypeAlias

Every: TypeAlias = Literal["day", "week", "month"]

A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)


class DayValue(NamedTuple):
    """One number for one day. A series has at most one a day."""

    day: date
    value: float


class Period(NamedTuple):
    """The mean of the days of a period that have data, and how many these are."""

    start: date
    value: float
    days: int


class TooFew(NamedTuple):
    """How many days of data would be needed, and how many there are."""

    needed: int
    have: int

    def __str__(self) -> str:
        return f"{self.needed} days of data; there are {self.have}"


@dataclass(frozen=True, slots=True)
class Span:
    """From the first day to the last, both included; `running` if the last day is not over yet."""

    first: date
    last: date
    running: bool = False

    def over(self, days: Iterable[DayValue]) -> list[DayValue]:
        """The days that are over, oldest first: half a day says nothing of how a person does."""
        until = self.last - A_DAY if self.running else self.last
        return sorted(each for each in days if self.first <= each.day <= until)

    def seen(self, days: Iterable[DayValue]) -> list[DayValue]:
        """The days within the span, oldest first, the running one among them."""
        return sorted(each for each in days if self.first <= each.day <= self.last)


def whole(days: Sequence[DayValue]) -> Span:
    """From the first day that has data to the last, all over. Raises `ValueError` where there is none."""
    return Span(min(each.day for each in days), max(each.day for each in days))


def start_of(day: date, every: Every) -> date:
    """The first day of the period: weeks begin on Monday (ISO 8601)."""
    match every:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)


def members(days: Iterable[DayValue], every: Every) -> dict[date, list[DayValue]]:
    """The days of each period that has any, by the period's first day, oldest first."""
    grouped: dict[date, list[DayValue]] = defaultdict(list)
    for each in sorted(days):
        grouped[start_of(each.day, every)].append(each)
    return dict(grouped)


def periods(days: Iterable[DayValue], every: Every) -> list[Period]:
    """A series by day, week or month, oldest first; periods without data are not there."""
    return [
        Period(start, fmean(value for _, value in within), len(within))
        for start, within in members(days, every).items()
    ]
