"""Progress: everything that the days of a metric say of how it came along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rules.features import Better
from rules.goals import Goal, Standing, standing
from rules.months import Change, Month, TooFewMonths, changed, months
from rules.periods import DayValue, Span, TooFew
from rules.records import Record, records
from rules.streaks import Streaks, streaks
from rules.trend import Trend, trend
from rules.turns import Turn, turns

__all__ = ["DayValue", "Progress", "progress"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a span of days comes to; what cannot be told says instead how much is missing."""

    better: Better | None
    span: Span
    months: list[Month]
    change: Change | TooFewMonths
    trend: Trend | TooFew
    turns: list[Turn] | TooFew
    streaks: Streaks
    records: list[Record]
    standing: Standing | None

    @property
    def missing(self) -> dict[str, str]:
        """For each part that cannot be told, what it would need."""
        parts = {"change": self.change, "trend": self.trend, "turns": self.turns}
        return {name: str(part) for name, part in parts.items() if isinstance(part, (TooFew, TooFewMonths))}


def progress(
    days: Sequence[DayValue], span: Span, *, better: Better | None = None, goal: Goal | None = None
) -> Progress:
    """How a metric came along in a span. Days without data are gaps, not zeros; the running day counts only for now."""
    over = span.over(days)
    by_month = months(over)
    return Progress(
        better=better,
        span=span,
        months=by_month,
        change=changed(by_month),
        trend=trend(over),
        turns=turns(over),
        streaks=streaks(days, better=better, goal=goal, span=span),
        records=records(over, better),
        standing=None if goal is None else standing(days, goal, span),
    )
