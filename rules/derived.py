"""Features that follow from those of several days, or from what is known of the person: never kept, always found anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from rules import essential8
from rules.daily import KEPT, Columns
from rules.stretches import Numbers
from rules.subject import highest_by_age

LOOK_BACK_DAYS = 29
"""A derived feature of a day follows from the kept ones of that day and so many before it."""
WEEK, ENOUGH_OF_A_WEEK = 7, 5
VO2MAX_METHOD = "15.3 · HRmax/HRrest (Uth 2004), HRmax = 208 - 0.7 · age (Tanaka 2001); overstates for the untrained"


@dataclass(frozen=True, slots=True)
class Body:
    """What is known of a person, or of several [people, 1], NaN where it is not: year of birth, and how tall, m."""

    birth_year: Numbers
    height_m: Numbers


def derived(kept: Mapping[str, Numbers], body: Body, *, first: date) -> Columns:
    """All features: the kept columns ([days] or [people, days], from `first` on, NaN where missing), and those that follow."""
    columns = {name: kept[name] for name in KEPT}
    columns["vo2max"] = _vo2max(columns["resting_heart_rate"], body, first)
    columns["health_index"] = _mean(np.array(list(components(columns, body).values())))
    return columns


def components(kept: Mapping[str, Numbers], body: Body) -> Columns:
    """The parts of the health index, 0 to 100 points a day, by `essential8.COMPONENTS`; NaN where data is missing."""
    effort = _of_week(kept["active_minutes"] + kept["vigorous_minutes"]) * WEEK
    return {
        "activity": essential8.activity(effort),
        "sleep": essential8.sleep(_of_week(kept["sleep_minutes"]) / 60),
        "body_mass_index": essential8.body_mass_index(_carried(kept["weight"]) / body.height_m**2),
    }


def _mean(parts: Numbers) -> Numbers:
    """The mean of what is known of each day; NaN where nothing is."""
    known = ~np.isnan(parts)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, parts, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _vo2max(resting: Numbers, body: Body, first: date) -> Numbers:
    days = (date.fromordinal(first.toordinal() + place) for place in range(resting.shape[-1]))
    age = np.array([day.year for day in days]) - body.birth_year
    return 15.3 * highest_by_age(age) / resting


def _of_week(values: Numbers) -> Numbers:
    """The mean of each day and the six before it; NaN with fewer than five of them."""
    known = ~np.isnan(values)
    count = _sum_of_week(known.astype(np.float64))
    return np.where(count >= ENOUGH_OF_A_WEEK, _sum_of_week(np.where(known, values, 0)) / np.maximum(count, 1), np.nan)


def _sum_of_week(values: Numbers) -> Numbers:
    padded = np.concatenate([np.zeros((*values.shape[:-1], WEEK - 1)), values], axis=-1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WEEK, axis=-1)
    total: Numbers = windows.sum(axis=-1)
    return total


def _carried(values: Numbers) -> Numbers:
    """The newest value known, for as long as it is looked back."""
    days = np.arange(values.shape[-1])
    newest = np.maximum.accumulate(np.where(np.isnan(values), -LOOK_BACK_DAYS - 1, days), axis=-1)
    carried = np.take_along_axis(values, np.maximum(newest, 0), axis=-1)
    return np.where(days - newest <= LOOK_BACK_DAYS, carried, np.nan)
