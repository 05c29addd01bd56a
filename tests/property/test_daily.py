"""Daily features: what is found day by day is what is found of everything at once, and what a person would count by hand."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.sample import DAY, HOUR, MINUTE
from rules.daily import KEPT, LISTENED, Observed, Strand, Wearer, features_of, needed
from rules.stays import EVENING, Stay, begins, dates

FIRST = date(2026, 3, 5)
SEOUL, NEW_YORK = "Asia/Seoul", "America/New_York"
ZONES = (SEOUL, NEW_YORK, "Europe/Berlin", "Asia/Kathmandu", "Pacific/Kiritimati", "UTC")
RANGES = {"steps": 9000, "distance": 9000, "energy": 900, "heart_rate": 200, "sleep_stage": 1, "weight": 90}


@st.composite
def pasts(draw):
    """A few days of one or two watches with gaps, resets and travel; and how many days."""
    count = draw(st.integers(2, 6))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    start = begins(FIRST, SEOUL) - 4 * DAY
    until = start + (count + 8) * DAY
    strands = {metric: [] for metric in LISTENED}
    for _ in range(draw(st.integers(1, 2))):
        for metric in LISTENED:
            every = int(chance.choice([1, 5, 20, 400])) * MINUTE
            at = np.sort(chance.choice(np.arange(start, until, every), size=int(0.6 * (until - start) / every)))
            at = np.unique(at + chance.integers(0, MINUTE, len(at)))
            value = np.round(chance.uniform(1, RANGES[metric], len(at)), 1)
            if metric in ("steps", "distance", "energy"):
                value = np.cumsum(chance.uniform(0, 30, len(at))) % RANGES[metric]
            if metric == "sleep_stage":
                value = np.round(value - 0.5)
            strands[metric].append(Strand(at, value))
    travel = sorted(chance.integers(start, until, draw(st.integers(0, 2))).tolist())
    stays = [Stay(0, draw(st.sampled_from(ZONES))), *(Stay(at, draw(st.sampled_from(ZONES))) for at in travel)]
    workouts = [np.sort(chance.integers(start, until, 5)), np.sort(chance.integers(start, until, 3))]
    return Observed(strands, workouts, frozenset({"steps"})), stays, count


def _of(observed, stays, first, last):
    return features_of(observed, Wearer(stays, lambda day: 187.0), first=first, last=last)


def _cut_out(observed, since, until):
    strands = {
        metric: [Strand(each.at[mask], each.value[mask]) for each in several for mask in [_in(each.at, since, until)]]
        for metric, several in observed.strands.items()
    }
    return Observed(strands, [each[_in(each, since, until)] for each in observed.workouts], observed.resets_daily)


def _in(at, since, until):
    return (at >= since) & (at < until)


@given(pasts())
@settings(max_examples=40, deadline=None)
def test_a_day_found_alone_from_what_bears_on_it_is_the_day_found_among_all(past):
    observed, stays, count = past
    last = FIRST + timedelta(days=count - 1)
    together = _of(observed, stays, FIRST, last)
    for place in range(count):
        day = FIRST + timedelta(days=place)
        since, until = needed(stays, day, day)
        alone = _of(_cut_out(observed, since, until), stays, day, day)
        for name in KEPT:
            assert np.array_equal(alone[name], together[name][place : place + 1], equal_nan=True), (name, day)


@given(pasts())
@settings(max_examples=25, deadline=None)
def test_a_second_watch_that_says_the_same_changes_nothing(past):
    observed, stays, count = past
    last = FIRST + timedelta(days=count - 1)
    one = Observed({m: s[:1] for m, s in observed.strands.items()}, observed.workouts[:1], observed.resets_daily)
    two = Observed(
        {m: s[:1] * 2 for m, s in observed.strands.items()}, observed.workouts[:1] * 2, observed.resets_daily
    )
    close = {"steps", "distance", "energy"}  # over an hour's silence nobody can tell whether both counted the same
    for name, column in _of(one, stays, FIRST, last).items():
        if name in close:
            continue
        assert np.array_equal(column, _of(two, stays, FIRST, last)[name], equal_nan=True), name


@given(st.lists(st.tuples(st.integers(0, 9 * DAY), st.sampled_from(ZONES)), max_size=3), st.integers(0, 9 * DAY - 1))
@settings(max_examples=200, deadline=None)
def test_an_instant_is_of_the_day_that_the_calendar_shows_where_somebody_is(travel, offset):
    start = begins(FIRST, "UTC")
    stays = [Stay(0, SEOUL), *(Stay(start + at, zone) for at, zone in sorted(set(travel)))]
    at = start + offset
    zone = max((stay for stay in stays if stay.since <= at), key=lambda stay: (stay.since, stays.index(stay))).zone
    for hour in (0, EVENING):
        (found,) = dates(stays, since=start - DAY, until=start + 9 * DAY, hour=hour).of(np.array([at]))
        day = date.fromordinal(int(found))
        assert begins(day, zone, hour) <= at < begins(day + timedelta(days=1), zone, hour)


def _minutes(start, count, value):
    at = start + np.arange(count, dtype=np.int64) * MINUTE
    return Strand(at, np.broadcast_to(np.asarray(value, float), (count,)).copy())


def test_a_day_by_hand():
    start = begins(FIRST, SEOUL)
    heart = np.concatenate(
        [np.full(6 * 60, 55.0), np.full(600, 80.0), np.full(30, 150.0), np.full(2, 100.0), np.full(448, 70.0)]
    )
    sleep = Strand(np.array([start - HOUR, start + 6 * HOUR]), np.array([1.0, 0.0]))
    steps = _minutes(start, 1440, np.arange(1440) * 7)
    ended = start + (6 * 60 + 600 + 30) * MINUTE
    observed = Observed(
        {
            "heart_rate": [_minutes(start, 1440, heart)],
            "sleep_stage": [sleep],
            "steps": [steps],
            "weight": [Strand(np.array([start + 7 * HOUR]), np.array([63.5]))],
        },
        [np.array([ended])],
        frozenset({"steps"}),
    )
    found = _of(observed, [Stay(0, SEOUL)], FIRST, FIRST + timedelta(days=1))
    assert found["steps"][0] == 1439 * 7
    assert found["resting_heart_rate"][0] == 55
    assert found["active_minutes"][0] == 30  # from 55 + 0.4 x (187 - 55) = 107.8; after the run 100 is not
    assert found["vigorous_minutes"][0] == 30  # from 134.2
    assert found["heart_rate_recovery"][0] == 150 - 100
    assert found["sleep_minutes"][0] == 240  # a stage is believed for four hours
    assert found["workouts"][0] == 1
    assert found["weight"][0] == 63.5
    assert np.isnan(found["distance"][0])
    assert all(np.isnan(column[1]) for column in found.values())


@pytest.mark.parametrize(
    ("zone", "day", "hours"), [(NEW_YORK, date(2026, 3, 8), 23), (NEW_YORK, date(2026, 11, 1), 25), (SEOUL, FIRST, 24)]
)
def test_a_day_on_which_clocks_change_has_its_hours(zone, day, hours):
    start = begins(day, zone)
    observed = Observed({"heart_rate": [_minutes(start - DAY, 3 * 1440, 160)]}, [], frozenset())
    found = _of(observed, [Stay(0, zone)], day, day)
    assert found["active_minutes"][0] == 0  # all day at the resting rate: no reserve was touched
    counted = features_of(observed, Wearer([Stay(0, zone)], lambda _: 100.0), first=day, last=day)
    assert counted["active_minutes"][0] == hours * 60  # at more than the maximum by age


def test_a_flight_to_the_east_makes_a_short_day_and_one_back_a_long_one():
    start = begins(FIRST, "Europe/Berlin")
    noon = start + 12 * HOUR
    observed = Observed({"steps": [_minutes(start - DAY, 4 * 1440, np.arange(4 * 1440) * 1.0)]}, [], frozenset())
    stays = [Stay(0, "Europe/Berlin"), Stay(noon, SEOUL)]
    found = _of(observed, stays, FIRST, FIRST + timedelta(days=1))
    assert found["steps"].tolist() == [16 * 60, 1440]  # 12 h in Berlin, and from 20:00 on in Seoul
    back = _of(observed, [Stay(0, SEOUL), Stay(noon, "Europe/Berlin")], FIRST, FIRST)
    assert back["steps"][0] == 24 * 60 + 8 * 60


def test_two_watches_worn_one_after_the_other_and_both_at_once():
    start = begins(FIRST, SEOUL)
    new, old = (
        _minutes(start + 8 * HOUR, 240, np.arange(240) * 10),
        _minutes(start + 10 * HOUR, 240, np.arange(240) * 10),
    )
    observed = Observed({"steps": [new, old]}, [], frozenset({"steps"}))
    (steps,) = _of(observed, [Stay(0, SEOUL)], FIRST, FIRST)["steps"]
    assert steps == 239 * 10 + 119 * 10 + 10 * 1  # 8:00 to 11:59 of the new one, and the old one from there on
