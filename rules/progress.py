"""Progress: what the days of months say, from the first month to the last. First form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

ENOUGH_DAYS = 5
"""A month with fewer days of data is not compared."""

BETTER_UP = frozenset({"steps", "distance", "energy", "spo2"})
BETTER_DOWN = frozenset({"resting_heart_rate"})


class DayValue(NamedTuple):
    """One number for one day."""

    day: date
    value: float


class Month(NamedTuple):
    """The mean of a calendar month's days, and how many days there were."""

    month: str
    value: float
    days: int


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
        return 100 * self.difference / self.first.value if self.first.value else None


@dataclass(frozen=True, slots=True)
class Progress:
    """Months of a metric; `change` is `None` where `insufficient` says what is missing."""

    months: list[Month]
    change: Change | None
    insufficient: str | None


def progress(days: Sequence[DayValue]) -> Progress:
    """Compare the months of a series of days. Days without data are gaps, not zeros."""
    by_month: dict[str, list[float]] = defaultdict(list)
    for day, value in days:
        by_month[f"{day:%Y-%m}"].append(value)
    months = [Month(month, sum(values) / len(values), len(values)) for month, values in sorted(by_month.items())]
    full = [month for month in months if month.days >= ENOUGH_DAYS]
    if len(full) < 2:
        return Progress(months, None, f"two months with at least {ENOUGH_DAYS} days of data; there are {len(full)}")
    return Progress(months, Change(full[0], full[-1]), None)


def is_better(metric: str, change: Change) -> bool | None:
    """Whether a change is for the better; `None` where neither direction is."""
    if metric in BETTER_UP:
        return change.difference > 0
    if metric in BETTER_DOWN:
        return change.difference < 0
    return None


def sentence(progressed: Progress, *, titles: dict[str, str], unit: str) -> dict[str, str]:
    """Progress in words, in the languages of `titles`."""
    change = progressed.change
    if change is None:
        en, ko = "There is not enough data for a comparison yet.", "아직 비교할 만큼 기록이 쌓이지 않았어요."
    elif change.difference == 0 or (change.percent is not None and abs(change.percent) < 1):
        now = _figure(change.last.value, unit)
        en = f"{titles['en']} stayed about the same since {_month_en(change.first.month)}: {now}."
        ko = f"{titles['ko']}: {_month_ko(change.first.month)}부터 비슷하게 유지되고 있어요. 지금은 {now}."
    else:
        up = change.difference > 0
        size = _figure(abs(change.difference), unit) if change.percent is None else f"{abs(change.percent):.0f} %"
        numbers = f"{_figure(change.first.value, '')} → {_figure(change.last.value, unit)}"
        en = (
            f"{titles['en']} went {'up' if up else 'down'} by {size} since {_month_en(change.first.month)} ({numbers})."
        )
        ko = f"{titles['ko']}: {_month_ko(change.first.month)}보다 {size} {'늘었어요' if up else '줄었어요'} ({numbers})."
    return {"en": en, "ko": ko}


def _figure(value: float, unit: str) -> str:
    """Three figures or so: more is noise."""
    digits = 0 if abs(value) >= 100 else 1
    return f"{value:,.{digits}f} {unit}".rstrip()


def _month_en(month: str) -> str:
    return f"{date.fromisoformat(month + '-01'):%B %Y}"


def _month_ko(month: str) -> str:
    return f"{month[:4]}년 {int(month[5:])}월"
