"""Months: the first month with enough days against the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rules.features import Better
from rules.periods import DayValue, periods

ENOUGH_DAYS = 5
"""A month with fewer days of data is not compared."""


class Month(NamedTuple):
    """The mean of a calendar month's days, and how many days there were."""

    month: str
    value: float
    days: int


class TooFewMonths(NamedTuple):
    """How many months have enough days, where two are needed."""

    have: int

    def __str__(self) -> str:
        return f"two months with at least {ENOUGH_DAYS} days of data; there are {self.have}"


@dataclass(frozen=True, slots=True)
class Change:
    """From the first month with enough days to the last."""

    first: Month
    last: Month

    @property
    def difference(self) -> float:
        """Last minus first, in the metric's unit."""
        return self.last.value - self.first.value

    @property
    def percent(self) -> float | None:
        """The difference as a part of the first; `None` if that was zero."""
        return 100 * self.difference / abs(self.first.value) if self.first.value else None

    def is_better(self, better: Better | None) -> bool | None:
        """Whether it is for the better; `None` where neither direction is."""
        if better is None:
            return None
        return self.difference > 0 if better == "up" else self.difference < 0


def months(days: Sequence[DayValue]) -> list[Month]:
    """The calendar months that have data, oldest first."""
    return [Month(f"{each.start:%Y-%m}", each.value, each.days) for each in periods(days, "month")]


def changed(by_month: Sequence[Month]) -> Change | TooFewMonths:
    """The first month with enough days against the last."""
    full = [month for month in by_month if month.days >= ENOUGH_DAYS]
    return Change(full[0], full[-1]) if len(full) >= 2 else TooFewMonths(len(full))
