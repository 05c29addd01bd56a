"""Days, weeks and times of day, in the time zone of a home."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim

from devices.sample import MINUTE, Instant

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
    """The next time the wall clock shows `clock`, later than `after`."""
    today = day_of(after, zone).date
    at = _shown(today, clock, zone)
    while at <= after:
        today += timedelta(days=1)
        at = _shown(today, clock, zone)
    return at


@lru_cache(maxsize=8192)
def _shown(day: date, clock: time, zone: str) -> Instant:
    return int(datetime.combine(day, clock, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def dates_ahead(at: Instant, zone: str, count: int) -> list[str]:
    """Today and the days after it, as YYYY-MM-DD."""
    today = day_of(at, zone).date
    return [(today + timedelta(days=days)).isoformat() for days in range(count)]


def _midnight(day: date, zone: str) -> Instant:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp() * 1000)
