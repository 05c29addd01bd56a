"""Tables: what is told of a cohort, and who is in which band of it.

"Top X %": X = ⌈100 · (strictly better + 1) / N⌉, rounded up to a band; who is the same shares the better rank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.bins import middle
from rules.features import Better, Feature
from rules.floors import FLOORS, Floors

BANDS = (1, 2, 5, 10, 25, 50, 75, 100)
"""In %, as the specification has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A cohort in a feature in a month, frozen.

    `size` is rounded to two digits; quartiles and median, in the feature's unit, to what is shown of it. `thresholds` are the
    bands with the worst bin that is in each, best first, for looking people up: bins are finer than what may be told.
    Where neither direction is better there are none.
    """

    size: int
    low: float
    median: float
    high: float
    better: Better | None
    thresholds: tuple[tuple[int, int], ...]


def table(feature: Feature, counts: NDArray[np.int64], floors: Floors = FLOORS) -> Table | None:
    """The table of a cohort from its counts [bins]; `None` where there are too few people."""
    people = int(counts.sum())
    if people < max(floors.cohort, 1):
        return None
    low, median, high = (_quantile(feature, counts, quarter * people) for quarter in (1, 2, 3))
    thresholds = _thresholds(counts, feature.better, floors.band) if feature.better else ()
    return Table(size=_rounded(people), low=low, median=median, high=high, better=feature.better, thresholds=thresholds)


def band_of(told: Table, at: int) -> int | None:
    """The band, in %, of somebody in a bin; `None` where neither direction is better."""
    if told.better is None:
        return None
    sign = 1 if told.better == "down" else -1
    return next((band for band, worst in told.thresholds if sign * at <= sign * worst), BANDS[-1])


def _quantile(feature: Feature, counts: NDArray[np.int64], fourths: int) -> float:
    """The value below or at which a quarter, half, three quarters of people are (nearest rank), as coarsely as it is shown."""
    rank = -(-fourths // 4)
    value = middle(feature, int(np.searchsorted(np.cumsum(counts), rank)))
    return round(round(value / feature.shown) * feature.shown, 9)


def _rounded(people: int) -> int:
    """To two digits."""
    unit = int(10 ** max(len(str(people)) - 2, 0))
    return (people + unit // 2) // unit * unit


def _thresholds(counts: NDArray[np.int64], better: Better, floor: int) -> tuple[tuple[int, int], ...]:
    """Bands that enough people are in, each with its worst bin; too few join the next wider one, the last the one before."""
    within = np.cumsum(counts if better == "down" else counts[::-1])
    people = int(within[-1])
    stricter = np.concatenate(([0], within[:-1]))
    found: list[tuple[int, int, int]] = []
    for band in BANDS[:-1]:
        worst = int(np.searchsorted(100 * (stricter + 1), band * people, side="right")) - 1
        told = found[-1][2] if found else 0
        if worst >= 0 and within[worst] - told >= max(floor, 1):
            found.append((band, worst, int(within[worst])))
    while found and 0 < people - found[-1][2] < floor:
        found.pop()
    last = len(counts) - 1
    return tuple((band, worst if better == "down" else last - worst) for band, worst, _ in found)
