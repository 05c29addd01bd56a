"""Months: what the days of a calendar month come to, on which people are compared."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from rules.stretches import Numbers

ENOUGH_DAYS = 7
"""A month with fewer days of data is not compared."""


def months_of(first: date, count: int) -> NDArray[np.int64]:
    """The month of each of `count` days from `first` on, as months since the year 0."""
    days = (date.fromordinal(first.toordinal() + place) for place in range(count))
    return np.array([day.year * 12 + day.month - 1 for day in days], np.int64)


def monthly(values: Numbers, months: NDArray[np.int64]) -> tuple[NDArray[np.int64], Numbers]:
    """The months there are, and the mean of each [..., months], NaN with too few days, of daily values [..., days]."""
    there, starts = np.unique(months, return_index=True)
    known = ~np.isnan(values)
    count = np.add.reduceat(known, starts, axis=-1, dtype=np.int64)
    total = np.add.reduceat(np.where(known, values, 0.0), starts, axis=-1)
    return there, np.where(count >= ENOUGH_DAYS, total / np.maximum(count, 1), np.nan)
