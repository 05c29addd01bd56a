"""A wearer's past: the same day is the same, counters restart at local midnight, nothing lies in the future."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from devices import codecs
from devices.sample import DAY, MINUTE, Event
from simulators import messages, models
from simulators.history import Past, days_back, publish_day, publish_past
from simulators.messages import Reading
from simulators.past import local_date, midnight, observed_on
from simulators.wearers import joon, minji

SEOUL = ZoneInfo("Asia/Seoul")
BERLIN = ZoneInfo("Europe/Berlin")
MODEL = models.load("health-watch")
SINCE = date(2026, 4, 1)
TODAY = date(2026, 11, 20)
NOW = int(datetime(2026, 11, 20, 9, 30, tzinfo=UTC).timestamp() * 1000)


def _past(seed: int = 1, *, zone: ZoneInfo = SEOUL) -> Past:
    return Past(minji(SINCE), "minji-watch", seed, zone)


def _readings(moments, metric: str):
    return [(each.ts, each.values[metric]) for each in moments if isinstance(each, Reading) and metric in each.values]


class Recorder:
    """Takes the place of a publisher."""

    def __init__(self) -> None:
        self.payloads: list[tuple[str, bytes]] = []

    def say(self, moment, *, window=None) -> None:
        self.payloads.append(("event" if isinstance(moment, Event) else "telemetry", messages.encode(moment)))

    def say_batch(self, readings, *, window=None) -> None:
        self.payloads += [("telemetry", payload) for payload in messages.encode_batch(readings)]


def _publish(days: int, *, skip=frozenset()) -> list[tuple[str, bytes]]:
    recorder = Recorder()
    publish_past(recorder, _past(), days=days_back(NOW, days, SEOUL), now=NOW, done=lambda day: None, skip=skip)
    return recorder.payloads


def test_the_same_day_is_the_same_however_many_are_asked_for():
    short, long = _publish(1), _publish(4)
    assert long[-len(short) :] == short
    assert len(long) > len(short)


def test_another_seed_is_another_day():
    assert _past(1).day(TODAY, until=NOW) != _past(2).day(TODAY, until=NOW)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("who", [minji, joon])
def test_every_value_and_event_is_what_the_model_allows(seed, who):
    for back in range(0, 60, 6):
        day = TODAY - timedelta(days=back)
        moments = observed_on(who(SINCE), day, device="watch", seed=seed, zone=SEOUL)
        end = midnight(day + timedelta(days=1), SEOUL)
        for part in messages.batches(moments):
            if isinstance(part, Event):
                assert codecs.event(messages.encode(part), source="watch", model=MODEL, received_at=end) == part
                continue
            for payload in messages.encode_batch(part):
                decoded = codecs.telemetry(payload, source="watch", model=MODEL, received_at=end)
                assert decoded.rejects == []
                assert len(decoded.samples) == sum(len(reading.values) for reading in part)


@pytest.mark.parametrize("zone", [SEOUL, BERLIN])
def test_counters_restart_at_local_midnight_and_only_grow_within_the_day(zone):
    for day in (TODAY, TODAY - timedelta(days=1), date(2026, 10, 25), date(2026, 3, 29)):
        moments = _past(zone=zone).day(day, until=NOW + 400 * DAY)
        assert {local_date(messages.instant(moment), zone) for moment in moments} == {day}
        for metric in ("steps", "distance", "energy"):
            values = [value for _, value in _readings(moments, metric)]
            assert values == sorted(values)
            assert values[0] < 200
        assert _readings(moments, "steps")[-1][1] > 2_000


@pytest.mark.parametrize("day", [TODAY, date(2026, 10, 25), date(2026, 3, 29)])
def test_no_metric_has_two_values_for_one_instant(day):
    moments = _past(zone=BERLIN).day(day, until=NOW + 400 * DAY)
    for metric in MODEL.metrics:
        stamps = [ts for ts, _ in _readings(moments, metric)]
        assert len(stamps) == len(set(stamps))


def test_nothing_lies_in_the_future():
    for minutes in range(0, 1_440, 97):
        now = midnight(TODAY, SEOUL) + minutes * MINUTE
        assert all(messages.instant(moment) <= now for moment in _past().day(local_date(now, SEOUL), until=now))


def test_a_batch_holds_at_most_200_readings_and_200_kib():
    payloads = [payload for channel, payload in _publish(3) if channel == "telemetry"]
    assert all(payload.count(b'"ts"') <= 200 and len(payload) < 200 * 1024 for payload in payloads)
    assert max(payload.count(b'"ts"') for payload in payloads) == 200


def test_what_is_too_large_for_one_message_becomes_several():
    readings = [Reading(ts, {"inventory": [{"name": "x" * 3_000}]}) for ts in range(200)]
    payloads = messages.encode_batch(readings)
    assert len(payloads) > 1
    assert all(len(payload) < 200 * 1024 for payload in payloads)


def test_months_show_workouts_that_begin_and_end_and_grow():
    days = [TODAY - timedelta(days=back) for back in range(150, 0, -1)]
    events = [moment for day in days for moment in _past().day(day, until=NOW) if isinstance(moment, Event)]
    ended = [event for event in events if event.type == "workout.ended"]
    assert len(ended) == sum(event.type == "workout.started" for event in events)
    assert 50 <= len(ended) <= 100
    third = len(ended) // 3
    early, late = (sum(event.data["distance_m"] for event in part) for part in (ended[:third], ended[-third:]))
    assert late > 1.2 * early
    assert len({event.id for event in events}) == len(events)


def test_weight_falls_and_so_does_the_sleeping_heart_rate():
    def around(day: date, metric: str) -> float:
        days = [day + timedelta(days=offset) for offset in range(7)]
        return sum(min(value for _, value in _readings(_past().day(each, until=NOW), metric)) for each in days) / 7

    first, last = TODAY - timedelta(days=150), TODAY - timedelta(days=8)
    assert around(first, "weight") - around(last, "weight") > 1.5
    assert around(first, "heart_rate") - around(last, "heart_rate") > 3


def test_a_workout_is_observed_every_ten_seconds_and_waking_every_minute():
    day = next(
        day
        for day in (TODAY - timedelta(days=back) for back in range(30))
        if any(isinstance(moment, Event) and "workout" in moment.type for moment in _past().day(day, until=NOW))
    )
    speeds = [ts for ts, _ in _readings(_past().day(day, until=NOW), "speed")]
    assert {later - earlier for earlier, later in pairwise(speeds)} == {10_000}


def test_counters_go_on_where_the_day_stands():
    steps, metres, kcal = _past().counters(NOW)
    assert (steps, metres, kcal) == tuple(
        _readings(_past().day(TODAY, until=NOW), metric)[-1][1] for metric in ("steps", "distance", "energy")
    )
    assert steps > 1_000


def test_days_that_the_hub_has_are_skipped():
    skipped = TODAY - timedelta(days=1)
    assert len(_publish(2, skip={skipped})) < len(_publish(2))


def test_a_day_is_counted_as_it_is_published():
    recorder = Recorder()
    tally = publish_day(recorder, _past().day(TODAY, until=NOW))
    assert tally.messages == len(recorder.payloads)
    assert tally.events == sum(channel == "event" for channel, _ in recorder.payloads)
    assert tally.samples > 1_000
