"""Tables: what is told of a cohort, and who is in which band of it.

"Top X %": X = ⌈100 · (strictly better + 1) / N⌉, rounded up to a band; who is the same shares the better rank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.bins import middle
from rules.blur import NOISY_FROM, Blur, Noise
from rules.features import Better, Feature
from rules.floors import FLOORS, Floors

BANDS = (1, 2, 5, 10, 25, 50, 75, 100)
"""In %, as the specification has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A cohort in a feature in a month, frozen.

    `size` is rounded to two digits; quartiles and median, in the feature's unit, to what is shown of it. `thresholds` are the
    bands with the worst bin that is in each, best first, for looking people up: bins are finer than what may be told.
    Where neither direction is better there are none. `epsilon` is set where there is noise in all of it.
    """

    size: int
    low: float
    median: float
    high: float
    better: Better | None
    thresholds: tuple[tuple[int, int], ...]
    epsilon: float | None = None


def table(
    feature: Feature, counts: NDArray[np.int64], floors: Floors = FLOORS, noise: Noise | None = None
) -> Table | None:
    """The table of a cohort from its counts [bins]; `None` where there are too few people."""
    people = int(counts.sum())
    if people < max(floors.cohort, 1):
        return None
    if noise is not None and people >= NOISY_FROM:
        return _blurred(feature, counts, floors, noise)
    low, median, high = (_quantile(feature, counts, quarter * people) for quarter in (1, 2, 3))
    thresholds = _thresholds(counts, feature.better, floors.band) if feature.better else ()
    return Table(size=_rounded(people), low=low, median=median, high=high, better=feature.better, thresholds=thresholds)


def band_of(told: Table, at: int) -> int | None:
    """The band, in %, of somebody in a bin; `None` where neither direction is better."""
    if told.better is None:
        return None
    sign = 1 if told.better == "down" else -1
    return next((band for band, worst in told.thresholds if sign * at <= sign * worst), BANDS[-1])


def _blurred(feature: Feature, counts: NDArray[np.int64], floors: Floors, noise: Noise) -> Table:
    """The same with noise. A band that noise could move altogether joins the next wider one."""
    within = np.cumsum(counts)
    people, last = int(within[-1]), len(counts) - 1
    blur = Blur(noise, draws=4 + (len(BANDS) - 1 if feature.better else 0), bins=len(counts))
    low, median, high = sorted(blur.bin(within, quarter * people // 4) for quarter in (1, 2, 3))
    best_first = within if feature.better == "down" else np.cumsum(counts[::-1])
    found, told = list[tuple[int, int]](), 0
    for band in BANDS[:-1] if feature.better else ():
        if (rank := band * people // 100) >= blur.reach:
            worst = blur.bin(best_first, rank)
            if best_first[worst] - told >= floors.band and people - best_first[worst] >= floors.band:
                told = int(best_first[worst])
                found.append((band, worst if feature.better == "down" else last - worst))
    low_shown, median_shown, high_shown = (_shown(feature, at) for at in (low, median, high))
    return Table(
        size=_rounded(blur.people(people)),
        low=low_shown,
        median=median_shown,
        high=high_shown,
        better=feature.better,
        thresholds=tuple(found),
        epsilon=noise.epsilon,
    )


def _quantile(feature: Feature, counts: NDArray[np.int64], fourths: int) -> float:
    """The value below or at which a quarter, half, three quarters of people are (nearest rank)."""
    rank = -(-fourths // 4)
    return _shown(feature, int(np.searchsorted(np.cumsum(counts), rank)))


def _shown(feature: Feature, at: int) -> float:
    """The value of a bin, as coarsely as it is shown."""
    return round(round(middle(feature, at) / feature.shown) * feature.shown, 9)


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
