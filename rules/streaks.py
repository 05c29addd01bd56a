"""Streaks: days, or weeks, in a row that went well. A day without data ends a streak."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Literal, NamedTuple, TypeAlias

from rules.features import Better
from rules.goals import Goal, Per, marks
from rules.periods import A_DAY, A_WEEK, DayValue, Span, start_of

Of: TypeAlias = Literal["goal", "median", "data"]


class Run(NamedTuple):
    """So many days or weeks in a row; `first` and `last` are the first days of these."""

    first: date
    last: date
    length: int


@dataclass(frozen=True, slots=True)
class Streaks:
    """The longest run, of equals the latest, and the one that still goes on.

    `of` says what went well: `goal`, what met the goal; `median`, without a goal, days at least as good as the person's own
    middle day of the span; `data`, where neither direction is better, days with data. `threshold` is the goal or the median.
    """

    of: Of
    per: Per
    threshold: float | None
    longest: Run | None
    current: Run | None


def streaks(days: Sequence[DayValue], *, better: Better | None, goal: Goal | None, span: Span) -> Streaks:
    """The runs of a span. One that was met up to yesterday, or last week, goes on while today, or this week, is not over."""
    if goal is not None:
        return _streaks("goal", goal.per, goal.target, marks(days, goal, span), span)
    seen, over = span.seen(days), span.over(days)
    if better is None or not over:
        return _streaks("data", "day", None, {each.day: True for each in seen}, span)
    middle = median(value for _, value in over)
    told = {day: value >= middle if better == "up" else value <= middle for day, value in over}
    told |= {day: True for day, value in seen[len(over) :] if better == "up" and value >= middle}
    return _streaks("median", "day", middle, told, span)


def runs(starts: Iterable[date], step: timedelta) -> list[Run]:
    """What is in a row, oldest first."""
    found: list[Run] = []
    for start in sorted(starts):
        if found and start - found[-1].last == step:
            found[-1] = Run(found[-1].first, start, found[-1].length + 1)
        else:
            found.append(Run(start, start, 1))
    return found


def _streaks(of: Of, per: Per, threshold: float | None, told: Mapping[date, bool], span: Span) -> Streaks:
    """`told` is whether days or weeks went well; those that are not in it had no data, or cannot be judged yet."""
    step = A_DAY if per == "day" else A_WEEK
    found = runs((start for start, well in told.items() if well), step)
    longest = max(found, key=lambda run: (run.length, run.first), default=None)
    latest = start_of(span.last, per)
    still = latest not in told and _is_open(span, per)
    goes_on = found and found[-1].last >= (latest - step if still else latest)
    return Streaks(of, per, threshold, longest, found[-1] if goes_on else None)


def _is_open(span: Span, per: Per) -> bool:
    """Whether the last day, or week, may still become good."""
    return span.running or start_of(span.last + A_DAY, per) == start_of(span.last, per)
