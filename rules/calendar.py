"""Days, weeks and times of day, in the time zone of a home."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim

from devices.sample import DAY, MINUTE, Instant

_QUARTER = 15 * MINUTE
"""Clocks are put forward and back at full quarters of an hour, everywhere."""


class Day(NamedTuple):
    """A calendar day: its date, and when it begins and ends."""

    date: date
    start: Instant
    end: Instant


def local(at: Instant, zone: str) -> datetime:
    """The wall clock's time."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(zone))


def day_of(at: Instant, zone: str) -> Day:
    """The day an instant is in."""
    return _day_of(at // _QUARTER, zone)


@lru_cache(maxsize=8192)
def _day_of(quarter: int, zone: str) -> Day:
    today = local(quarter * _QUARTER, zone).date()
    return Day(today, _midnight(today, zone), _midnight(today + timedelta(days=1), zone))


def week_of(at: Instant, zone: str) -> Day:
    """The week an instant is in, from Monday on; `date` is its Monday."""
    return _week_of(day_of(at, zone).date, zone)


@lru_cache(maxsize=1024)
def _week_of(day: date, zone: str) -> Day:
    monday = day - timedelta(days=day.weekday())
    return Day(monday, _midnight(monday, zone), _midnight(monday + timedelta(days=7), zone))


def minutes_since_noon(at: Instant, zone: str) -> float:
    """The time of day as minutes since noon, so that an evening and the night after it count in one direction."""
    now = local(at, zone)
    return ((now.hour - 12) % 24) * 60 + now.minute + now.second / 60


def next_time(schedule: str, after: Instant, zone: str) -> Instant:
    """The next time on a cron schedule, later than `after`."""
    moment: datetime = next(CronSim(schedule, local(after, zone)))
    return int(moment.timestamp() * 1000)


def next_clock(clock: time, after: Instant, zone: str) -> Instant:
    """The next time the wall clock shows `clock`, later than `after`; where it is put forward over it, when that is done."""
    today = day_of(after, zone).date
    while (at := min((at for at in _shown(today, clock, zone) if at > after), default=None)) is None:
        today += timedelta(days=1)
    return at


def next_jump(after: Instant, zone: str) -> Instant | None:
    """When, today or tomorrow and later than `after`, the wall clock is put forward or back."""
    today = day_of(after, zone).date
    jumps = (_jump(day, zone) for day in (today, today + timedelta(days=1)))
    return next((at for at in jumps if at is not None and at > after), None)


@lru_cache(maxsize=8192)
def _shown(day: date, clock: time, zone: str) -> tuple[Instant, ...]:
    """When the wall clock shows a time on a day: once, twice where it is put back over it."""
    told = (datetime.combine(day, clock, tzinfo=ZoneInfo(zone)).replace(fold=fold) for fold in (0, 1))
    found = {int(each.timestamp() * 1000) for each in told}
    real = sorted(at for at in found if local(at, zone).time() == clock)
    return tuple(real) or ((jump,) if (jump := _jump(day, zone)) is not None else (min(found),))


@lru_cache(maxsize=8192)
def _jump(day: date, zone: str) -> Instant | None:
    start, end = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    if end - start == DAY:
        return None
    before = local(start, zone).utcoffset()
    return next((at for at in range(start, end, _QUARTER) if local(at, zone).utcoffset() != before), None)


def dates_ahead(at: Instant, zone: str, count: int) -> list[str]:
    """Today and the days after it, as YYYY-MM-DD."""
    today = day_of(at, zone).date
    return [(today + timedelta(days=days)).isoformat() for days in range(count)]


def _midnight(day: date, zone: str) -> Instant:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp() * 1000)
