"""Progress of a person, from the days of a metric."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, NamedTuple, cast
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import Query
from numpy.typing import NDArray

from api.instants import Moment, to_rfc3339
from api.progress_schemas import (
    AboutOut,
    ChangeOut,
    MonthOut,
    PeriodItem,
    ProgressOut,
    RecordOut,
    RunOut,
    StandingOut,
    StreaksOut,
    TrendOut,
    TurnOut,
)
from api.series import by_day, day_value, midnight, tidy
from devices.errors import Invalid, NotFound
from hub.store.tables import GoalRow
from hub.views import View
from rules import essential8, progress
from rules.derived import VO2MAX_METHOD
from rules.features import FEATURES, Better
from rules.goals import Goal, Per, Standing
from rules.months import Change
from rules.periods import DayValue, Every, Span, TooFew, periods
from rules.progress import Progress
from rules.progress_words import sentence
from rules.records import Record
from rules.streaks import Run, Streaks
from rules.trend import Trend
from rules.turns import Turn

SPAN = timedelta(days=160)
"""Without `from`: five months and a little."""
LONGEST = timedelta(days=3660)
TICK = timedelta(milliseconds=1)
NO_DAYS = np.zeros(0)


class Told(NamedTuple):
    """A metric that progress is told of; `unit` is a UCUM code."""

    name: str
    titles: dict[str, str]
    unit: str
    better: Better | None


@dataclass(frozen=True, slots=True)
class Zoned:
    """A span of days of a time zone."""

    span: Span
    zone: str


class SpanQuery:
    """`?from&to`."""

    def __init__(
        self,
        from_: Annotated[
            Moment | None, Query(alias="from", description="RFC 3339, inclusive; 160 days before `to` if left out")
        ] = None,
        to: Annotated[Moment | None, Query(description="RFC 3339, exclusive; now if left out or later")] = None,
    ) -> None:
        self._from, self._to = from_, to

    def within(self, zone: str) -> Zoned:
        """The days asked for, where the person lives. Raises `Invalid`."""
        now = datetime.now(UTC)
        until = min(self._to or now, now)
        try:
            since = self._from or until - SPAN
            if not timedelta() < until - since <= LONGEST:
                raise Invalid("from must be before to and before now, and at most ten years before them")
            first, last, today = (at.astimezone(ZoneInfo(zone)).date() for at in (since, until - TICK, now))
        except OverflowError as error:
            raise Invalid("from and to are years 2 to 9998") from error
        return Zoned(Span(first, last, running=last >= today), zone)


def told(view: View, name: str) -> Told:
    """What a metric is called, and which direction is better, by the catalogue where it has it. Raises `NotFound`, `Invalid`."""
    known, metric = FEATURES.get(name), view.metrics.get(name)
    if known is not None:
        return Told(name, known.title.model_dump(), known.unit, known.better)
    if metric is None:
        raise NotFound(f"there is no metric {name}; there are {', '.join(sorted({*FEATURES, *view.metrics}))}")
    if metric.spec.kind == "state":
        raise Invalid(f"{name} is a state; progress is told of numbers")
    return Told(name, metric.spec.title.model_dump(), metric.spec.unit, None)


def goal_from(row: GoalRow | None) -> Goal | None:
    """A goal as it is on record; none for what has left the catalogue since."""
    if row is None or row.metric not in FEATURES:
        return None
    return Goal(row.metric, row.target, cast(Per, row.per), FEATURES[row.metric].better)


def daily(view: View, name: str, span: Span) -> list[DayValue]:
    """The days of a metric that have data: daily features, and of other metrics what their rollups come to."""
    if name in FEATURES:
        return known_days(view.features(span.first, span.last).get(name, NO_DAYS), span.first)
    return [
        DayValue(day, value)
        for day, rollups in by_day(view.days(name, span.first, span.last)).items()
        if (value := day_value(view.metrics[name], rollups)) is not None
    ]


def known_days(values: NDArray[np.float64], first: date) -> list[DayValue]:
    """The days of a column that has a value for each day from `first` on, without those that are NaN."""
    known = np.flatnonzero(~np.isnan(values)).tolist()
    return [DayValue(first + timedelta(days=place), float(values[place])) for place in known]


def answer(view: View, metric: Told, asked: Zoned, *, every: Every, goal: Goal | None) -> ProgressOut:
    """How a metric came along."""
    days = daily(view, metric.name, asked.span)
    came = progress.progress(days, asked.span, better=metric.better, goal=goal)
    missing = came.missing
    return ProgressOut(
        metric=metric.name,
        title=metric.titles,
        unit=metric.unit,
        better=metric.better,
        timezone=asked.zone,
        every=every,
        items=[
            PeriodItem(at=to_rfc3339(midnight(each.start, asked.zone)), value=tidy(each.value), days=each.days)
            for each in periods(days, every)
        ],
        months=[MonthOut(month=each.month, value=round(each.value, 3), days=each.days) for each in came.months],
        change=_change(came),
        trend=_trend(came),
        turns=[] if isinstance(came.turns, TooFew) else [_turn(each) for each in came.turns],
        streaks=_streaks(came.streaks),
        records=[_record(each) for each in came.records],
        goal=_standing(came.standing),
        insufficient=missing.get("change"),
        missing=missing,
        sentence=sentence(came, titles=metric.titles, unit=metric.unit),
        about=_about(view, metric.name, days),
    )


def _about(view: View, name: str, days: list[DayValue]) -> AboutOut | None:
    if name == "vo2max":
        return AboutOut(method=VO2MAX_METHOD)
    if name == "health_index":
        parts = view.index_parts(days[-1].day) if days else {}
        return AboutOut(method=essential8.METHOD, known=len(parts), of=essential8.OF, parts=parts)
    return None


def _change(came: Progress) -> ChangeOut | None:
    change = came.change
    if not isinstance(change, Change):
        return None
    return ChangeOut(
        first=round(change.first.value, 3),
        last=round(change.last.value, 3),
        difference=round(change.difference, 3),
        percent=None if change.percent is None else round(change.percent, 2),
        better=change.is_better(came.better),
    )


def _trend(came: Progress) -> TrendOut | None:
    trend = came.trend
    if not isinstance(trend, Trend):
        return None
    return TrendOut(
        slope=_short(trend.slope),
        low=_short(trend.low),
        high=_short(trend.high),
        days=trend.days,
        verdict=trend.verdict(came.better),
    )


def _turn(turn: Turn) -> TurnOut:
    return TurnOut(day=turn.day.isoformat(), before=_short(turn.before), after=_short(turn.after))


def _streaks(streaks: Streaks) -> StreaksOut:
    return StreaksOut(
        of=streaks.of,
        per=streaks.per,
        threshold=None if streaks.threshold is None else _short(streaks.threshold),
        longest=_run(streaks.longest),
        current=_run(streaks.current),
    )


def _run(run: Run | None) -> RunOut | None:
    return None if run is None else RunOut(first=run.first.isoformat(), last=run.last.isoformat(), length=run.length)


def _record(record: Record) -> RecordOut:
    start, value, days = record.period
    return RecordOut(kind=record.kind, every=record.every, start=start.isoformat(), value=_short(value), days=days)


def _standing(stands: Standing | None) -> StandingOut | None:
    if stands is None:
        return None
    return StandingOut(
        target=stands.goal.target,
        per=stands.goal.per,
        better=stands.goal.better,
        value=None if stands.value is None else _short(stands.value),
        percent=None if stands.percent is None else round(stands.percent, 1),
        met=stands.met,
        judged=stands.judged,
    )


def _short(value: float) -> float:
    """Six figures: what lies behind them is arithmetic."""
    return float(f"{value:.6g}")
