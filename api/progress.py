"""Progress of a person, from daily rollups."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from api.instants import to_rfc3339
from api.schemas import ChangeOut, MonthOut, ProgressOut, SeriesItem
from api.series import by_day, day_value, midnight, tidy
from devices.errors import Invalid, NotFound
from devices.units import spoken_unit
from hub.views import View
from rules import progress
from rules.progress import DayValue, Progress

SPAN = timedelta(days=160)
"""Without `from`: five months and a little."""
LONGEST = timedelta(days=3660)


def answer(view: View, name: str, *, since: datetime | None, until: datetime | None, zone: str) -> ProgressOut:
    """How a metric came along. Raises `NotFound`, `Invalid`."""
    metric = view.metrics.get(name)
    if metric is None:
        raise NotFound(f"there is no metric {name}; there are {', '.join(sorted(view.metrics)) or 'none'}")
    if metric.spec.kind == "state":
        raise Invalid(f"{name} is a state; progress is told of numbers")
    until = until or datetime.now(UTC)
    since = since or until - SPAN
    if not timedelta() < until - since <= LONGEST:
        raise Invalid("from must be before to, and at most ten years before it")
    first, last = since.astimezone(ZoneInfo(zone)).date(), until.astimezone(ZoneInfo(zone)).date()
    days = [
        DayValue(day, value)
        for day, rollups in by_day(view.days(name, first, last)).items()
        if (value := day_value(metric, rollups)) is not None
    ]
    came = progress.progress(days)
    return ProgressOut(
        metric=name,
        unit=metric.spec.unit,
        timezone=zone,
        items=[SeriesItem(at=to_rfc3339(midnight(day, zone)), value=tidy(value)) for day, value in days],
        months=[MonthOut(month=each.month, value=round(each.value, 3), days=each.days) for each in came.months],
        change=_change(name, came),
        insufficient=came.insufficient,
        sentence=progress.sentence(came, titles=metric.spec.title.model_dump(), unit=spoken_unit(metric.spec.unit)),
    )


def _change(name: str, came: Progress) -> ChangeOut | None:
    change = came.change
    if change is None:
        return None
    return ChangeOut(
        first=round(change.first.value, 3),
        last=round(change.last.value, 3),
        difference=round(change.difference, 3),
        percent=None if change.percent is None else round(change.percent, 2),
        better=progress.is_better(name, change),
    )
