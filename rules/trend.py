"""Trend: how much a metric moves in a month, and how sure that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rules.features import Better
from rules.periods import DayValue, TooFew, members

if TYPE_CHECKING:
    from numpy import ndarray

    Numbers: TypeAlias = "ndarray[Any, Any]"

Verdict: TypeAlias = Literal["better", "worse", "rising", "falling", "steady", "unclear"]

MONTH_DAYS = 30
ENOUGH_DAYS, ENOUGH_COARSE_DAYS = 14, 56
MOST_DAYS = 400
"""A longer series is taken by week: the slopes between all pairs are as many as its days squared."""
COARSE = 0.25
"""Days of which so many pairs are equal, like workouts, are taken by week as well: between equal days there is no slope."""
CONFIDENCE = 0.95
NEGLIGIBLE = 0.25
"""What a month may move and still count as steady, as a part of how far days usually lie from the line."""
ENOUGH_PAIRS = 10
STICKIEST = 0.9
"""How alike neighbours are taken to be at most; beyond it there is no telling."""
MAD_TO_DEVIATION = 1.4826
"""Median absolute deviation to standard deviation, of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A robust slope per 30 days with its 95 % interval, and `spread`, how far days usually lie from the line.

    All in the metric's unit; `days` are the days of data it is drawn from.
    """

    slope: float
    low: float
    high: float
    spread: float
    days: int

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0

    @property
    def is_clear(self) -> bool:
        """Whether even the cautious end of the interval is half of the slope."""
        return self.is_sure and min(abs(self.low), abs(self.high)) >= abs(self.slope) / 2

    def verdict(self, better: Better | None) -> Verdict:
        """What it comes to: `rising` and `falling` where neither direction is better.

        `steady` is known to move by next to nothing; `unclear` could be either way.
        """
        if not self.is_sure:
            near = max(abs(self.low), abs(self.high)) <= NEGLIGIBLE * self.spread
            return "steady" if near else "unclear"
        if better is None:
            return "rising" if self.slope > 0 else "falling"
        return "better" if (self.slope > 0) == (better == "up") else "worse"


def trend(days: Sequence[DayValue]) -> Trend | TooFew:
    """The Theil–Sen slope of a series (Sen 1968, by `scipy.stats.theilslopes`).

    The interval that comes with it takes days for independent. One day resembles the next, so it is widened by
    sqrt((1 + r) / (1 - r)), r being the correlation of what two neighbours leave beside the line (the effective number of
    samples of Bayley and Hammersley 1946). Above 400 days of data, weeks stand for their days, and so they do where days are
    coarse; then 56 days are needed in place of 14.
    """
    coarse = len(days) >= ENOUGH_DAYS and _is_coarse(days)
    if len(days) < (needed := ENOUGH_COARSE_DAYS if coarse else ENOUGH_DAYS):
        return TooFew(needed, len(days))
    import numpy as np
    from scipy.stats import theilslopes

    at, values, step = _by_week(days) if coarse or len(days) > MOST_DAYS else _by_day(days)
    slope, intercept, low, high = theilslopes(values, at, CONFIDENCE)
    beside = values - intercept - slope * at
    wider = _widening(at, beside, step)
    usual = np.median(np.abs(beside - np.median(beside))) * MAD_TO_DEVIATION
    return Trend(
        slope=float(slope * MONTH_DAYS),
        low=float((slope + (low - slope) * wider) * MONTH_DAYS),
        high=float((slope + (high - slope) * wider) * MONTH_DAYS),
        spread=float(usual * sqrt(len(days) / len(at))),
        days=len(days),
    )


def _is_coarse(days: Sequence[DayValue]) -> bool:
    """Whether many days are equal, but not all of them."""
    counts = Counter(value for _, value in days).values()
    return len(counts) > 1 and sum(count * count for count in counts) > COARSE * len(days) ** 2


def _by_day(days: Sequence[DayValue]) -> tuple[Numbers, Numbers, int]:
    """Times in days, values, and how far neighbours are apart."""
    import numpy as np

    ordered = sorted(days)
    first = ordered[0].day.toordinal()
    at = np.array([day.toordinal() - first for day, _ in ordered], dtype=float)
    return at, np.array([value for _, value in ordered], dtype=float), 1


def _by_week(days: Sequence[DayValue]) -> tuple[Numbers, Numbers, int]:
    """A week stands in the middle of those of its days that have data."""
    import numpy as np

    at, values, _ = _by_day(days)
    sizes = [len(within) for within in members(days, "week").values()]
    starts = np.cumsum([0, *sizes[:-1]])
    return np.add.reduceat(at, starts) / sizes, np.add.reduceat(values, starts) / sizes, 7


def _widening(at: Numbers, beside: Numbers, step: int) -> float:
    """How much wider the interval is than that of independent points."""
    neighbours = abs(at[1:] - at[:-1] - step) < step / 2
    total = float(beside @ beside)
    if neighbours.sum() < ENOUGH_PAIRS or total == 0:
        return 1.0
    together = float(beside[:-1][neighbours] @ beside[1:][neighbours]) / int(neighbours.sum())
    alike = min(max(together / (total / len(beside)), 0.0), STICKIEST)
    return sqrt((1 + alike) / (1 - alike))
