"""Standings: who is where on a board, week by week, by the mean of the days that have data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from statistics import fmean
from typing import NamedTuple

from rules.bins import bin_of
from rules.features import Feature
from rules.periods import DayValue, TooFew, members

ENOUGH_DAYS = 3
"""A mean of fewer days does not stand for a week."""


class Place(NamedTuple):
    """Where somebody is in a week.

    `mean` is of a day, in the metric's unit, or what is missing for one; `rank` counts from 1 and is `None` without a mean,
    and where neither direction is better.
    """

    name: str
    rank: int | None
    mean: float | TooFew


def weekly(
    days: Mapping[str, Sequence[DayValue]], mondays: Sequence[date], feature: Feature
) -> dict[date, list[Place]]:
    """The places in each of these weeks, of everybody whose days are given, by name."""
    by_week = {name: members(each, "week") for name, each in days.items()}
    return {
        monday: places(
            {name: [value for _, value in weeks.get(monday, [])] for name, weeks in by_week.items()}, feature
        )
        for monday in mondays
    }


def places(values: Mapping[str, Sequence[float]], feature: Feature) -> list[Place]:
    """The best first, those without a mean last, equals by name; where neither direction is better, all by name.

    Means within the same step of the feature are a tie, and who ties shares the better rank.
    """
    means = {name: fmean(each) for name, each in values.items() if len(each) >= ENOUGH_DAYS}
    ranks = _ranks(means, feature)
    found = [
        Place(name, ranks.get(name), means[name] if name in means else TooFew(ENOUGH_DAYS, len(each)))
        for name, each in values.items()
    ]
    return sorted(found, key=lambda place: (place.rank or len(found) + 1, place.name not in means, place.name))


def _ranks(means: Mapping[str, float], feature: Feature) -> dict[str, int]:
    if feature.better is None:
        return {}
    sign = -1 if feature.better == "up" else 1
    steps = {name: sign * bin_of(feature, mean) for name, mean in means.items()}
    ordered = sorted(steps.values())
    return {name: ordered.index(step) + 1 for name, step in steps.items()}
