"""What a visitor asked the page *Progress* for: which feature, how far back, among whom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from hub.views import View
from rules.cohorts import Dimension
from rules.features import FEATURES
from rules.periods import Span

PATH, REPORT = "/progress", "/progress/report"
SPANS: dict[str, int | None] = {"5": 5, "12": 12, "all": None}
"""So many calendar months before the one that runs; `None` is everything there is."""
GROUPS: dict[str, tuple[Dimension, ...]] = {
    "model,acquired_month": ("model", "acquired_month"),
    "age_band,sex": ("age_band", "sex"),
    "region": ("region",),
    "model": ("model",),
}
"""The groups to choose from, the usual one first."""
LONGEST = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for the page; whatever is not offered is as if it had not been asked for."""

    metric: str | None = None
    months: str = "5"
    by: str = "model,acquired_month"

    @classmethod
    def read(cls, metric: str | None, months: str | None, by: str | None) -> Asked:
        """From the query of a path."""
        return cls(
            metric if metric in FEATURES else None,
            months if months in SPANS else cls().months,
            by if by in GROUPS else cls().by,
        )

    def path(self, page: str = PATH, **changed: Any) -> str:
        """The path of a page asked for like this, but for what is changed."""
        other = replace(self, **changed)
        usual = Asked()
        query = {"metric": other.metric, "months": other.months, "by": other.by}
        told = {key: value for key, value in query.items() if value and value != getattr(usual, key)}
        return f"{page}?{urlencode(told)}" if told else page

    def span(self, view: View, today: date) -> Span:
        """The days it is about: from the first of a month to today, which is not over yet."""
        back = SPANS[self.months]
        if back is None:
            first = max(view.first_day() or today, today - LONGEST)
        else:
            at = today.year * 12 + today.month - 1 - back
            first = date(at // 12, at % 12 + 1, 1)
        return Span(min(first, today), today, running=True)
