"""Bins of a feature: its domain cut into equal steps, once and for all.

Bins never move with the people in them, so a person can be taken out of the counts as exactly as they were put in.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rules.features import Feature

NO_BIN = 65_535
"""Stands for no value, where bins are kept as unsigned 16-bit numbers."""

_SLACK = 1e-9
"""Of a step: a value on an edge, as exactly as it can be written, belongs to the bin above."""


def bins(feature: Feature) -> int:
    """How many bins there are."""
    return round((feature.high - feature.low) / feature.step)


def bin_of(feature: Feature, value: float) -> int:
    """The bin of a value, the first or the last where it is outside the domain; `NO_BIN` for NaN."""
    if math.isnan(value):
        return NO_BIN
    steps = (min(max(value, feature.low), feature.high) - feature.low) / feature.step
    return min(math.floor(steps + _SLACK), bins(feature) - 1)


def bins_of(feature: Feature, values: ArrayLike) -> NDArray[np.uint16]:
    """The bin of each value, of the same shape, as `bin_of` has it."""
    given = np.asarray(values, dtype=np.float64)
    steps = (np.clip(given, feature.low, feature.high) - feature.low) / feature.step
    found = np.minimum(np.floor(steps + _SLACK), bins(feature) - 1)
    return np.where(np.isnan(given), NO_BIN, found).astype(np.uint16)


def edge(feature: Feature, at: int) -> float:
    """The lowest value in a bin, in the feature's unit."""
    return feature.low + at * feature.step


def middle(feature: Feature, at: int) -> float:
    """What stands for the values in a bin, in the feature's unit."""
    return edge(feature, at) + feature.step / 2
