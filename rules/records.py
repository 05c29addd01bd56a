"""Records: the best day, week and month of a person; the highest and lowest where neither is better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from rules.features import Better
from rules.periods import DayValue, Every, Period, periods

Kind: TypeAlias = Literal["best", "highest", "lowest"]

ENOUGH_DAYS: dict[Every, int] = {"day": 1, "week": 5, "month": 15}
"""A week or month with fewer days of data sets no record."""


class Record(NamedTuple):
    """A period that none was better than; of equals the first, since a record stands until it is beaten."""

    kind: Kind
    every: Every
    period: Period


def records(days: Sequence[DayValue], better: Better | None) -> list[Record]:
    """Records by day, week and month, of the means of a day; none of those that have no period with enough days."""
    kinds: list[tuple[Kind, bool]] = (
        [("highest", True), ("lowest", False)] if better is None else [("best", better == "up")]
    )
    found = []
    for every, enough in ENOUGH_DAYS.items():
        full = [period for period in periods(days, every) if period.days >= enough]
        found += [Record(kind, every, _first(full, up=up)) for kind, up in kinds if full]
    return found


def _first(full: Sequence[Period], *, up: bool) -> Period:
    """`max` and `min` keep the first of equals."""
    return (max if up else min)(full, key=lambda period: period.value)
