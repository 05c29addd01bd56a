"""Series: from a view and what was asked to points, a page or all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, cast
from zoneinfo import ZoneInfo

import isodate
from fastapi import Query

from api.instants import Moment, to_instant, to_rfc3339
from api.schemas import Series, SeriesItem
from devices.errors import Invalid, NotFound, Refused
from devices.model import Metric
from devices.sample import DAY, HOUR, Instant
from hub.views import Agg, Day, Denied, Point, View, Window

RAW = "raw"
LIMIT, LIMIT_MOST = 1_000, 10_000
PIECE = 5_000
"""Points read at a time where a whole series is read: few enough that others get their turn."""

FOREVER: Instant = 1 << 52
_EXACT = 1 << 53
"""From here on floats are further apart than whole numbers."""


class SeriesQuery:
    """`?from&to&every&agg&limit&cursor`, as every series takes it."""

    def __init__(
        self,
        from_: Annotated[Moment | None, Query(alias="from", description="RFC 3339, inclusive")] = None,
        to: Annotated[Moment | None, Query(description="RFC 3339, exclusive")] = None,
        every: Annotated[str, Query(description="an ISO 8601 duration like PT1M or P1D, or raw")] = RAW,
        agg: Annotated[Agg | None, Query(description="how the samples of a step become one value")] = None,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MOST)] = LIMIT,
        cursor: Annotated[str | None, Query()] = None,
    ) -> None:
        self.since = to_instant(from_) if from_ else 0
        self.until = to_instant(to) if to else FOREVER
        self.every, self.agg, self.limit = every, agg, limit
        self.after = _read_cursor(cursor)

    @property
    def window(self) -> Window:
        """The part of the series asked for, and one point more, to know whether it goes on."""
        return Window(self.since, self.until, self.limit + 1, self.after)


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric of a view: every sample, or in steps of `step` ms, each one value by `agg`. Days are days of `zone`."""

    view: View
    metric: Metric
    step: Instant | None
    agg: Agg | None
    zone: str

    @property
    def by_days(self) -> bool:
        """Whether it comes from the daily rollups."""
        return self.step is not None and self.step >= DAY and self.metric.numeric

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.metric.numeric or self.agg == "count"

    def page(self, window: Window) -> list[Point]:
        """The points of a window, oldest first."""
        if self.step is None or self.agg is None:
            return self.view.raw(self.metric.name, window)
        if self.by_days:
            return _daily(self, window, days=self.step // DAY, agg=self.agg)
        return self.view.buckets(self.metric.name, window, every=self.step, agg=self.agg)

    def whole(self, since: Instant, until: Instant) -> Iterator[Point]:
        """Every point from `since` (inclusive) to `until` (exclusive), read a piece at a time.

        The store looks through all of a window to find its first points, so windows are made as long as holds about a piece.
        """
        if self.by_days:
            yield from self.page(Window(since, until, FOREVER))
            return
        first = self.page(Window(since, until, 1))
        since, reach, every = max(since, first[0].at) if first else until, HOUR, self.step or 1
        after = None
        while since < until:
            end = min((since + max(reach, every)) // every * every, until)
            points = self.page(Window(since, end, PIECE, after))
            yield from points
            full = len(points) == PIECE
            since, after = (max(since, points[-1].at), points[-1]) if full else (end, None)
            reach = max(reach // 2, 1) if full else reach * 2

    def end(self, at: Instant) -> Instant:
        """When the step of a point ends that begins `at`."""
        if self.step is None or not self.by_days:
            return at + (self.step or 0)
        return midnight(_local_day(at, self.zone) + timedelta(milliseconds=self.step), self.zone)


def opened(view: View | Denied) -> View:
    """The view, if the gate opened. Raises `Refused`."""
    if isinstance(view, Denied):
        raise Refused(view.reason)
    return view


def reading(view: View, name: str, *, every: str, agg: Agg | None, zone: str) -> Reading:
    """What was asked of a view. Raises `NotFound`, `Invalid`."""
    metric = view.metrics.get(name)
    if metric is None:
        raise NotFound(f"there is no metric {name}; there are {', '.join(sorted(view.metrics)) or 'none'}")
    if every == RAW:
        return Reading(view, metric, None, None, zone)
    agg, step = _aggregate(metric, agg), _duration(every)
    if step % DAY and step > DAY and metric.numeric:
        raise Invalid("a step longer than a day is a number of whole days")
    return Reading(view, metric, step, agg, zone)


def answer(view: View, name: str, query: SeriesQuery, *, zone: str) -> Series:
    """A page of a series. Days and longer are days of `zone`. Raises `NotFound`, `Invalid`."""
    asked = reading(view, name, every=query.every, agg=query.agg, zone=zone)
    points = asked.page(query.window)
    items = [SeriesItem(at=to_rfc3339(point.at), value=tidy(point.value)) for point in points[: query.limit]]
    more = len(points) > query.limit
    return Series(
        items=items,
        next=_write_cursor(points[query.limit - 1]) if more else None,
        metric=name,
        unit=asked.metric.spec.unit,
        every=query.every,
        agg=asked.agg,
    )


def day_value(metric: Metric, days: Iterable[Day]) -> float | None:
    """One number for one day of a person: what a counter grew by, of the source that saw most; else the mean."""
    days = list(days)
    if metric.spec.kind == "counter":
        return max(day.increase for day in days)
    count = sum(day.count for day in days)
    return sum(day.total for day in days) / count if count else None


def by_day(days: Iterable[Day]) -> dict[date, list[Day]]:
    """Rollups grouped by day, in order."""
    grouped: dict[date, list[Day]] = defaultdict(list)
    for day in days:
        grouped[day.day].append(day)
    return dict(sorted(grouped.items()))


def midnight(day: date, zone: str) -> Instant:
    """When a day begins somewhere."""
    return to_instant(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)))


def tidy(value: Any) -> Any:
    """Whole numbers without a trailing `.0`, as they were sent."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value


def _aggregate(metric: Metric, asked: Agg | None) -> Agg:
    if metric.spec.kind == "state" and asked not in (None, "first", "last", "count"):
        raise Invalid(f"{metric.name} is a state; it has a first, a last and a count, but no {asked}")
    return asked or ("mean" if metric.spec.kind == "gauge" else "last")


def _daily(asked: Reading, window: Window, *, days: int, agg: Agg) -> list[Point]:
    zone = asked.zone
    first, last = _local_day(window.since, zone), _local_day(window.until - 1, zone)
    groups: dict[date, list[Day]] = defaultdict(list)
    for day in asked.view.days(asked.metric.name, first, last):
        groups[date.fromordinal(day.day.toordinal() // days * days)].append(day)
    after = window.after.at if window.after else -1
    points = [Point(midnight(day, zone), _of_days(group, agg)) for day, group in sorted(groups.items())]
    return [point for point in points if point.at > after][: window.limit]


def _of_days(days: list[Day], agg: Agg) -> float:
    match agg:
        case "mean":
            return sum(day.total for day in days) / sum(day.count for day in days)
        case "min":
            return min(day.low for day in days)
        case "max":
            return max(day.high for day in days)
        case "sum":
            return sum(day.total for day in days)
        case "count":
            return float(sum(day.count for day in days))
        case "first":
            return days[0].first
        case "last":
            return days[-1].last


def _local_day(at: Instant, zone: str) -> date:
    """Of times far away, that of the beginning or end of all series."""
    within = min(max(at, -DAY), FOREVER >> 6)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=within)).astimezone(ZoneInfo(zone)).date()


def _duration(text: str) -> Instant:
    try:
        parsed = isodate.parse_duration(text, as_timedelta_if_possible=True)
        step = round(parsed.total_seconds() * 1000)
    except (isodate.ISO8601Error, AttributeError, TypeError, ValueError, OverflowError) as error:
        raise Invalid(f"every: {text!r} is neither raw nor a duration of weeks to seconds like PT1M or P1D") from error
    if step < 1 or step > 366 * DAY:
        raise Invalid("every: from a millisecond to a year")
    return cast(Instant, step)


def _write_cursor(point: Point) -> str:
    return f"{point.at}.{point.source}"


def _read_cursor(cursor: str | None) -> Point | None:
    if cursor is None:
        return None
    at, _, source = cursor.partition(".")
    try:
        return Point(int(at), None, source)
    except ValueError as error:
        raise Invalid("cursor: send back what `next` said, unchanged") from error
