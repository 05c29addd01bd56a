"""Turns: the days from which on a metric stood at another level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import log, sqrt
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from rules.periods import DayValue, TooFew
from rules.trend import MAD_TO_DEVIATION

if TYPE_CHECKING:
    from rules.trend import Numbers

ENOUGH_DAYS = 28
SHORTEST = 7
"""Days of data between two turns, at the least."""
PENALTY = 3
"""Times log n, for each turn: the modified criterion of Zhang and Siegmund (2007), which finds fewer in noise than the plain one."""
EXTRAORDINARY = 3
"""A day further than this many times the noise from its week is taken as if it were at that distance."""
SMALLEST = 0.5
"""How far the level must move, as a part of the noise."""
ENOUGH_WEEKS = 8


class Turn(NamedTuple):
    """The first day of the new level; the means of the days from the turn before, and up to the turn after."""

    day: date
    before: float
    after: float


def turns(days: Sequence[DayValue]) -> list[Turn] | TooFew:
    """Where the level changed, oldest first; a steady slope is a trend and has no turns.

    Changes of the mean (`ruptures.KernelCPD`, exact) are looked for in the series and in what a straight line leaves of it.
    Of what is found, the turns stay whose going would make the fit worse by more than the penalty, with a common slope or
    without, whichever fits better; noise is told from the differences of neighbours, in a robust way.
    """
    if len(days) < ENOUGH_DAYS:
        return TooFew(ENOUGH_DAYS, len(days))
    import numpy as np

    ordered = sorted(days)
    values = np.array([value for _, value in ordered], dtype=float)
    at = np.array([day.toordinal() for day, _ in ordered], dtype=float)
    noise = _noise(values)
    if noise == 0:
        return []
    fit = _Fit.of(at, _calmed(values, noise), noise)
    return _told(ordered, fit.best(), noise)


@dataclass(frozen=True, slots=True)
class _Fit:
    """How well levels, and levels on a slope, fit: from running sums, so that a try costs as much as it has turns."""

    at: Numbers
    values: Numbers
    sums: Numbers
    """Running sums of 1, t, y, tt, ty, yy, in rows."""

    @classmethod
    def of(cls, at: Numbers, values: Numbers, noise: float) -> _Fit:
        import numpy as np

        t, y = (at - at.mean()) / (at[-1] - at[0]), (values - values.mean()) / noise
        columns = np.stack([np.ones_like(t), t, y, t * t, t * y, y * y])
        return cls(t, y, np.concatenate([np.zeros((6, 1)), columns.cumsum(axis=1)], axis=1))

    def best(self) -> list[int]:
        """The places where a new level begins."""
        import numpy as np

        line = np.polynomial.Polynomial.fit(self.at, self.values, 1)
        found = sorted({*_breaks(self.values), *_breaks(self.values - line(self.at))})
        level, sloped = self._pruned(found, slope=False), self._pruned(found, slope=True)
        return level if self._cost(level, slope=False) <= self._cost(sloped, slope=True) else sloped

    def _pruned(self, breaks: list[int], *, slope: bool) -> list[int]:
        """Let go, one by one, of what is not worth its penalty or stands too close to another."""
        cost = self._cost(breaks, slope=slope)
        while breaks:
            tries = [breaks[:place] + breaks[place + 1 :] for place in range(len(breaks))]
            least, fewer = min((self._cost(each, slope=slope), each) for each in tries)
            if least > cost and _apart(breaks):
                break
            cost, breaks = least, fewer
        return breaks

    def _cost(self, breaks: list[int], *, slope: bool) -> float:
        """What is left unexplained, in units of the noise, and a penalty for each turn and for a slope."""
        import numpy as np

        edges = [0, *breaks, len(self.values)]
        n, t, y, tt, ty, yy = np.diff(self.sums[:, edges], axis=1)
        left = float((yy - y * y / n).sum())
        if slope:
            left -= float((ty - t * y / n).sum()) ** 2 / float((tt - t * t / n).sum())
        return left + (PENALTY * len(breaks) + slope) * log(len(self.values))


def _breaks(values: Numbers) -> list[int]:
    """Where the mean changes, of values in units of their noise."""
    import ruptures

    search = ruptures.KernelCPD(kernel="linear", min_size=SHORTEST).fit(values.reshape(-1, 1))
    return [int(each) for each in search.predict(pen=PENALTY * log(len(values)))[:-1]]


def _apart(breaks: list[int]) -> bool:
    return all(after - before >= SHORTEST for before, after in pairwise(breaks))


def _noise(values: Numbers) -> float:
    """The standard deviation of a day about its level, turns left out: the greater of what neighbours and weeks say.

    Weeks are there because one day resembles the next: then means of many days vary more than neighbours would suggest.
    """
    import numpy as np

    daily = _deviation(np.diff(values))
    weeks = len(values) // SHORTEST
    if weeks < ENOUGH_WEEKS:
        return daily
    means = values[: weeks * SHORTEST].reshape(weeks, SHORTEST).mean(axis=1)
    return max(daily, _deviation(np.diff(means)) * sqrt(SHORTEST))


def _deviation(differences: Numbers) -> float:
    """Of a value, from differences of two: robust, unless more than half of them are the same."""
    import numpy as np

    middling = np.median(np.abs(differences - np.median(differences))) * MAD_TO_DEVIATION
    return float(middling or differences.std()) / sqrt(2)


def _calmed(values: Numbers, noise: float) -> Numbers:
    """One extraordinary day is no turn: it is drawn towards the median of its week."""
    import numpy as np

    padded = np.pad(values, SHORTEST // 2, mode="reflect")
    middles = np.median(np.lib.stride_tricks.sliding_window_view(padded, SHORTEST), axis=1)
    return np.clip(values, middles - EXTRAORDINARY * noise, middles + EXTRAORDINARY * noise)


def _told(ordered: list[DayValue], breaks: list[int], noise: float) -> list[Turn]:
    """The turns with their levels, the smallest dropped until all of them matter."""
    while True:
        edges = [0, *breaks, len(ordered)]
        levels = [fmean(value for _, value in ordered[first:end]) for first, end in pairwise(edges)]
        moves = [abs(after - before) for before, after in pairwise(levels)]
        if not moves or min(moves) >= SMALLEST * noise:
            return [
                Turn(ordered[place].day, before, after)
                for place, (before, after) in zip(breaks, pairwise(levels), strict=True)
            ]
        smallest = moves.index(min(moves))
        breaks = breaks[:smallest] + breaks[smallest + 1 :]
