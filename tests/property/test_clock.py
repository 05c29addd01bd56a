"""Times of day, where clocks are put forward and back: between the instants that are due, nothing changes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.sample import DAY, MINUTE
from rules import calendar
from rules.signals import Clockwork

QUARTER = 15 * MINUTE
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Seoul", "Africa/Casablanca"]
DAYS = [(2026, 3, 8), (2026, 3, 29), (2026, 4, 5), (2026, 10, 4), (2026, 10, 25), (2026, 11, 1), (2026, 2, 15)]
clocks = st.times().map(lambda at: at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0))


def instant(*at):
    return int(datetime(*at, tzinfo=UTC).timestamp() * 1000)


def stands(clockwork, at, zone):
    return clockwork.stands(SimpleNamespace(at=at, subject=SimpleNamespace(zone=zone)))


@given(
    st.sampled_from(ZONES), st.sampled_from(DAYS), clocks, clocks, st.none() | st.sets(st.integers(0, 6), min_size=1)
)
def test_between_what_is_due_nothing_changes(zone, day, begin, end, weekdays):
    clockwork = Clockwork(0, begin=begin, end=end, weekdays=frozenset(weekdays) if weekdays else None)
    midnight = calendar.day_of(instant(*day), zone).start
    due = [midnight - DAY]
    while due[-1] < midnight + 2 * DAY:
        found = clockwork.due((), due[-1], zone)
        assert found > due[-1]
        due.append(found)
    changes = {
        at for at in range(midnight - DAY + QUARTER, midnight + 2 * DAY, QUARTER)
        if stands(clockwork, at, zone) != stands(clockwork, at - 1, zone)
    }  # fmt: skip
    assert changes <= set(due)


@pytest.mark.parametrize(
    ("day", "begins"),
    [((2026, 3, 29), [(1, 0)]), ((2026, 10, 25), [(0, 30), (1, 30)]), ((2026, 7, 1), [(0, 30)])],
    ids=["forward", "back", "summer"],
)
def test_a_time_that_the_clock_leaps_over_is_when_it_does_and_one_it_shows_twice_is_twice(day, begins):
    midnight, found = calendar.day_of(instant(*day, 12), "Europe/Berlin"), []
    at = midnight.start
    while (at := calendar.next_clock(time(2, 30), at, "Europe/Berlin")) < midnight.end:
        found.append(at)
    assert found == [instant(*day, *each) for each in begins]


@pytest.mark.parametrize("zone", ZONES)
def test_a_jump_is_where_the_offset_changes(zone):
    after, until = instant(2026, 1, 1), instant(2027, 1, 1)
    jumps = set()
    for at in range(after, until, DAY):
        jumps.add(calendar.next_jump(at, zone))
    for jump in jumps - {None}:
        before, behind = (calendar.local(at, zone).utcoffset() for at in (jump - 1, jump))
        assert before != behind
        assert abs(before - behind) <= timedelta(hours=1)
    assert len(jumps - {None}) == {"Asia/Seoul": 0}.get(zone, 2)
