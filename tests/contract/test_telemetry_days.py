"""The rollups of a telemetry store, by day and the latest, held against brute force in Python."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.sample import DAY, HOUR, MINUTE, Sample
from devices.zones import zones
from hub.telemetry import Day, Span
from tests.contract.watches import (
    COUNTS,
    FIRST,
    KINDS,
    LAST,
    RESETS,
    ROLLED,
    T0,
    a_sample,
    days_of,
    quick,
)


def _brute_days(samples, zones):
    """Rollups in plain Python: a counter starts again from zero, and what is known first counts in full; a gauge does not grow."""
    series = defaultdict(list)
    for sample in samples:
        series[sample.source, sample.metric].append(sample)
    days = {}
    for (source, metric), ordered in series.items():
        ordered.sort(key=lambda sample: sample.observed_at)
        zone, before, day_before = ZoneInfo(zones.get(source, "UTC")), None, None
        groups = defaultdict(list)
        for sample in ordered:
            day = datetime.fromtimestamp(sample.observed_at / 1000, UTC).astimezone(zone).date()
            value = sample.value
            restarted = before is None or value < before or (RESETS[metric] and day != day_before)
            groups[day].append((value, value if restarted else value - before))
            before, day_before = value, day
        for day, pairs in groups.items():
            values = [value for value, _ in pairs]
            days[source, metric, day] = Day(
                source=source,
                day=day,
                count=len(values),
                total=pytest.approx(math.fsum(values)),
                low=min(values),
                high=max(values),
                first=values[0],
                last=values[-1],
                increase=pytest.approx(math.fsum(grown for _, grown in pairs)) if COUNTS[metric] else 0,
            )
    return days


def _check_days(store, samples, zones, sources):
    wanted = _brute_days(samples, zones)
    for metric in ROLLED:
        told = store.days([Span(source) for source in sources], metric, FIRST, LAST)
        mine = {(s, d): day for (s, m, d), day in wanted.items() if m == metric}
        assert {(day.source, day.day): day for day in told} == mine
        assert len(told) == len(mine)
        assert [day.day for day in told] == sorted(day.day for day in told)


ZONES = ["UTC", "Asia/Seoul", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu"]
STARTS = [T0, 1_741_478_400_000, 1_762_041_600_000]
"""A new year, and the days around which New York's clocks go forward (2025-03-09) and back (2025-11-02)."""

counters = st.lists(
    st.tuples(st.sampled_from(ROLLED), st.integers(0, 4 * 24 * 4), st.integers(0, 100)),
    min_size=1,
    max_size=25,
    unique_by=lambda triple: triple[:2],
)


@given(counters, st.sampled_from(ZONES), st.sampled_from(STARTS), st.data())
@settings(quick, max_examples=50)
def test_days_are_what_brute_force_says_in_any_order_of_arrival(scratch, triples, zone, start, data):
    """Data in any order, in any batches, with rollups brought up to date at any time; no day is without data."""
    source = f"s{next(scratch.fresh)}"
    scratch.declare(source, zone)
    values = {(metric, n * 48): 50 for n in range(-1, 10) for metric in ROLLED}
    values |= {(metric, at): value for metric, at, value in triples}
    everything = [Sample(source, metric, start + at * 15 * MINUTE, float(v)) for (metric, at), v in values.items()]
    samples = data.draw(st.permutations(everything))
    while samples:
        size = data.draw(st.integers(1, len(samples)))
        scratch.append(samples[:size])
        samples = samples[size:]
        if data.draw(st.booleans()):
            scratch.roll()
    _check_days(scratch, everything, {source: zone}, [source])


@given(st.permutations(range(5)), st.lists(st.booleans(), min_size=5, max_size=5), st.booleans())
@quick
def test_days_are_right_when_there_are_days_without_data(scratch, order, rolls, daily):
    source, metric = f"s{next(scratch.fresh)}", "steps" if daily else "distance"
    values = [(0, 10), (1, 25), (4, 30), (5, 12), (11, 40)]
    samples = [Sample(source, metric, T0 + day * DAY + HOUR, float(value)) for day, value in values]
    for place, roll in zip(order, rolls, strict=True):
        scratch.append([samples[place]])
        if roll:
            scratch.roll()
    _check_days(scratch, samples, {}, [source])


def test_a_counter_that_was_away_for_days_counts_late_data_once(store):
    store.append([a_sample(0, 10, metric="distance"), a_sample(4 * DAY, 30, metric="distance")])
    store.roll()
    store.append([a_sample(DAY, 25, metric="distance")])
    assert sum(day.increase for day in days_of(store)) == 30


def test_a_counter_counts_in_full_at_first_and_after_a_restart(store):
    store.append([a_sample(at * HOUR, value, metric="distance") for at, value in enumerate([40, 50, 3, 8])])
    assert [day.increase for day in days_of(store)] == [58]


@pytest.mark.parametrize(("metric", "increases"), [("steps", [100, 120]), ("distance", [100, 20])])
def test_a_new_day_starts_from_zero_only_where_the_counter_does(store, metric, increases):
    store.append([a_sample(HOUR, 100, metric=metric), a_sample(DAY + HOUR, 120, metric=metric)])
    assert [day.increase for day in days_of(store, metric)] == increases


def test_days_are_days_of_the_declared_zone(store):
    store.declare("watch1", "Asia/Seoul")
    store.append([a_sample(14 * HOUR, 1, metric="distance"), a_sample(16 * HOUR, 2, metric="distance")])
    store.append([a_sample(16 * HOUR, 2, metric="distance", source="watch2")])
    assert [day.day for day in days_of(store)] == [date(2026, 1, 1), date(2026, 1, 2)]
    assert [day.day for day in days_of(store, "distance", Span("watch2"))] == [date(2026, 1, 1)]


def test_a_zone_counts_from_where_it_was_declared(store):
    store.append([a_sample(16 * HOUR, 1, metric="distance")])
    store.declare("watch1", "Asia/Seoul")
    assert [day.day for day in days_of(store)] == [date(2026, 1, 1)]


def test_zones_of_many_sources_are_declared_at_once(store):
    store.declare("watch2", "Asia/Seoul")
    store.declare_all({"watch1": "Asia/Seoul", "watch2": "UTC", "watch3": "Asia/Seoul"})
    store.declare_all({})
    sources = ("watch1", "watch2", "watch3")
    store.append([a_sample(16 * HOUR, 1, metric="distance", source=source) for source in sources])
    days = {day.source: day.day for day in days_of(store, "distance", *map(Span, sources))}
    assert days == {"watch1": date(2026, 1, 2), "watch2": date(2026, 1, 1), "watch3": date(2026, 1, 2)}


def test_a_zone_is_remembered_after_reopening(open_store, path):
    store = open_store(path, KINDS)
    store.declare("watch1", "Asia/Seoul")
    store.close()
    store = open_store(path, KINDS)
    store.append([a_sample(16 * HOUR, 1, metric="distance")])
    assert [day.day for day in days_of(store)] == [date(2026, 1, 2)]
    store.close()


def test_days_are_bounded_inclusively_and_by_spans(store):
    store.append([a_sample(n * DAY + HOUR, n, metric="distance") for n in range(5)])
    told = store.days([Span("watch1")], "distance", date(2026, 1, 2), date(2026, 1, 3))
    assert [day.day.day for day in told] == [2, 3]
    span = Span("watch1", T0 + DAY, T0 + 3 * DAY)
    assert [day.day.day for day in days_of(store, "distance", span)] == [2, 3]


def test_a_day_in_two_spans_of_a_source_is_told_once(store):
    store.append([a_sample(HOUR, 1, metric="distance"), a_sample(9 * HOUR, 2, metric="distance")])
    spans = [Span("watch1", 0, T0 + 5 * HOUR), Span("watch1", T0 + 5 * HOUR)]
    assert len(days_of(store, "distance", *spans)) == 1


def test_rolling_says_how_much_it_took_in(store):
    store.append([a_sample(1), a_sample(2)])
    assert store.roll() == 2
    assert store.roll() == 0


@given(st.lists(st.tuples(st.sampled_from(["steps", "sleep_stage"]), st.integers(0, 9)), max_size=12), st.data())
@quick
def test_latest_is_the_newest_of_every_metric_in_any_order(scratch, pairs, data):
    sources, newest = [f"s{next(scratch.fresh)}" for _ in range(2)], {}
    for metric, at in dict.fromkeys(pairs):
        sample = Sample(sources[at % 2], metric, T0 + at, float(at) if metric == "steps" else f"state {at}")
        scratch.append([sample])
        known = newest.get((sample.source, metric))
        newest[sample.source, metric] = sample if known is None or sample.observed_at > known.observed_at else known
        if data.draw(st.booleans()):
            scratch.roll()
    told = scratch.latest(sources)
    assert {(sample.source, sample.metric): sample for sample in told} == newest
    assert len(told) == len(newest)


def test_latest_is_of_all_sources_or_some(store):
    store.append([a_sample(1), a_sample(2, source="watch2")])
    assert len(store.latest()) == 2
    assert store.latest(["watch2"]) == [a_sample(2, source="watch2")]
    assert store.latest([]) == []


def test_a_zone_that_the_store_does_not_know_stops_nobody(store):
    store.append([a_sample(0, 5.0, metric="distance"), a_sample(0, 7.0, metric="distance", source="watch2")])
    store.declare("watch1", "localtime")
    store.append([a_sample(HOUR, 9.0, metric="distance"), a_sample(HOUR, 9.0, metric="distance", source="watch2")])
    assert [day.increase for day in days_of(store, "distance", Span("watch1"), Span("watch2"))] == [9.0, 9.0]


def test_every_zone_that_a_home_can_be_in_is_known(store):
    store.declare_all({f"watch-{zone}": zone for zone in sorted(zones())})
    store.append([a_sample(HOUR, 1.0, source=f"watch-{zone}") for zone in sorted(zones())])
    told = {day.source: day.day for day in days_of(store, "heart_rate", *(Span(f"watch-{zone}") for zone in zones()))}
    at = datetime.fromtimestamp((T0 + HOUR) / 1000, UTC)
    assert told == {f"watch-{zone}": at.astimezone(ZoneInfo(zone)).date() for zone in zones()}
