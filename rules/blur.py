"""Blur: the figures of a large cohort with noise in them, where whoever runs the hub wants that.

Each figure is drawn by the exponential mechanism (McSherry and Talwar 2007) among the bins, by how far each is from the rank it
should have; one person more or less moves every rank by one at most. The cohort's size gets noise of its own. All draws of one
table share its ε. What this adds up to over tables, metrics and months is not bounded: floors and standing tables are what
protects people first, and noise is on top.
"""

from __future__ import annotations

from math import log
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

NOISY_FROM = 1_000
"""In smaller cohorts noise would say more than people do."""
CANDIDATES = 2_000
"""Bins to draw from, evenly spaced: with noise, finer ones would tell nothing more, and each takes its time."""


class Noise(Protocol):
    """Where chance comes from. `epsilon` is what all draws of one table share."""

    epsilon: float

    def people(self, count: int, *, epsilon: float) -> int:
        """A number of people, never negative, with noise."""
        ...

    def nearest(self, errors: NDArray[np.int64], *, epsilon: float) -> int:
        """The place of a small error, the smaller the likelier; one person changes an error by one at most."""
        ...


class Blur:
    """Noise for the figures of one table, which all are drawn from here, `draws` at most."""

    def __init__(self, noise: Noise, *, draws: int, bins: int) -> None:
        self._noise, self._share = noise, noise.epsilon / draws
        self._apart = -(-bins // CANDIDATES)
        self.reach = 2 / self._share * log(min(bins, CANDIDATES))
        """So many people a rank may well be off: what is narrower is not worth telling."""

    def people(self, count: int) -> int:
        """How many there are."""
        return self._noise.people(count, epsilon=self._share)

    def bin(self, within: NDArray[np.int64], rank: int) -> int:
        """The bin up to which there are about `rank` people, given how many there are up to each bin."""
        candidates = within[self._apart - 1 :: self._apart]
        return (self._noise.nearest(np.abs(candidates - rank), epsilon=self._share) + 1) * self._apart - 1
