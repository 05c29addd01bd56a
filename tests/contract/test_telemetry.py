"""What every telemetry store keeps to, held against brute force in Python."""

from __future__ import annotations

import math
import random
import shutil
import subprocess
import sys
import threading
from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.errors import StoreUnavailable
from devices.sample import DAY, HOUR, MINUTE, SECOND, Event, Sample
from hub.telemetry import AGGS, Day, MetricKind, Point, Span, Stored, Window
from hub.telemetry.duck import DuckStore

KINDS = [MetricKind("steps", resets_daily=True), MetricKind("distance", resets_daily=False)]
KINDS += [MetricKind("heart_rate", resets_daily=False, counts=False), MetricKind("sleep_stage", resets_daily=False)]
RESETS = {kind.name: kind.resets_daily for kind in KINDS}
COUNTS = {kind.name: kind.counts for kind in KINDS}
ROLLED = ("steps", "distance", "heart_rate")
T0 = 1_767_225_600_000
EVER = Window(0, 1 << 50, limit=1_000_000)
FIRST, LAST = date(2000, 1, 1), date(2100, 1, 1)
ROOT = Path(__file__).parents[2]

quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "telemetry.db"


@pytest.fixture
def store(open_store, path):
    opened = open_store(path, KINDS)
    yield opened
    opened.close()


@pytest.fixture
def scratch(open_store, tmp_path):
    """A store for many examples: each takes sources of its own, which costs less than a file of its own."""
    opened = open_store(tmp_path / "scratch.db", KINDS)
    opened.fresh = iter(range(1_000_000))
    yield opened
    opened.close()


def _sample(at, value=1.0, *, source="watch1", metric="heart_rate"):
    return Sample(source, metric, T0 + at, value)


def _event(id_, at=0, *, source="watch1", **data):
    return Event(source, id_, "worn", T0 + at, data)


def _raw(store, metric="heart_rate", *spans, window=EVER):
    return store.raw(spans or [Span("watch1")], metric, window)


def _days(store, metric="distance", *spans):
    return store.days(spans or [Span("watch1")], metric, FIRST, LAST)


# Append.


def test_what_is_new_comes_back_in_the_order_given(store):
    changes = [_sample(5), _event("e1"), _sample(3), _sample(3, metric="steps"), _sample(3, source="watch2")]
    assert list(store.append(changes)) == changes


def test_appending_nothing_is_fine(store):
    assert list(store.append([])) == []
    assert store.last_seq() == 0


def test_a_repeat_within_a_batch_is_kept_once_and_the_first_wins(store):
    assert list(store.append([_sample(1, 70), _sample(1, 71), _sample(2, 72)])) == [_sample(1, 70), _sample(2, 72)]
    assert [point.value for point in _raw(store)] == [70, 72]


def test_a_repeat_across_batches_is_kept_once(store):
    store.append([_sample(1, 70), _sample(3, 72)])
    assert list(store.append([_sample(1, 99), _sample(2, 71), _sample(3, 99), _sample(4, 73)])) == [
        _sample(2, 71),
        _sample(4, 73),
    ]
    assert [point.value for point in _raw(store)] == [70, 71, 72, 73]


@pytest.mark.parametrize("rolled", [True, False])
def test_a_repeat_after_reopening_is_kept_once(open_store, path, rolled):
    store = open_store(path, KINDS)
    changes = [_sample(1, 70), _sample(2, 71), _event("e1"), _sample(1, "rem", metric="sleep_stage")]
    store.append(changes)
    if rolled:
        store.roll()
    store.close()
    store = open_store(path, KINDS)
    assert list(store.append(changes)) == []
    assert len(_raw(store)) == 2
    assert len(store.events([Span("watch1")], EVER)) == 1
    store.close()


def test_events_are_known_by_source_and_id(store):
    first = _event("e1", 5, sport="run")
    assert list(store.append([first, _event("e1", 6), _event("e1", 5, source="watch2")])) == [
        first,
        _event("e1", 5, source="watch2"),
    ]
    assert list(store.append([_event("e1", 7), _event("e2", 1)])) == [_event("e2", 1)]
    assert store.events([Span("watch1")], EVER) == [first, _event("e2", 1)]


def test_late_data_is_taken_in_and_read_in_order(store):
    for at in (50, 10, 30, 20, 40):
        assert list(store.append([_sample(at, at)])) == [_sample(at, at)]
    assert [point.value for point in _raw(store)] == [10, 20, 30, 40, 50]


@given(st.lists(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), max_size=8), max_size=5))
@quick
def test_appending_keeps_the_first_of_each_key_whatever_the_batches(scratch, batches):
    sources = [f"s{next(scratch.fresh)}" for _ in range(2)]
    known = {}
    for batch in batches:
        samples = [Sample(sources[at % 2], "heart_rate", T0 + at, float(value)) for at, value in batch]
        fresh = []
        for sample in samples:
            if known.setdefault((sample.source, sample.observed_at), sample) is sample:
                fresh.append(sample)
        assert list(scratch.append(samples)) == fresh
    points = scratch.raw([Span(source) for source in sources], "heart_rate", EVER)
    assert {(point.source, point.at): point.value for point in points} == {k: s.value for k, s in known.items()}
    assert len(points) == len(known)


# The order of arrival.


def test_since_gives_everything_in_the_order_it_came(store):
    changes = [_sample(9), _event("e1", 3, n=1), _sample(4), _sample(4, "deep", metric="sleep_stage")]
    store.append(changes[:2])
    store.append(changes[2:])
    told = list(store.since(0))
    assert [each.change for each in told] == changes
    assert [each.seq for each in told] == sorted({each.seq for each in told})
    assert told[-1].seq == store.last_seq()
    for place, each in enumerate(told):
        assert list(store.since(each.seq)) == told[place + 1 :]


def test_since_a_place_gives_what_came_after_it_and_no_repeats(store):
    store.append([_sample(1), _sample(2)])
    place = store.last_seq()
    store.append([_sample(1), _sample(3), _sample(2)])
    store.append([_sample(3)])
    assert [each.change for each in store.since(place)] == [_sample(3)]
    assert list(store.since(store.last_seq())) == []


def test_the_order_goes_on_after_reopening(open_store, path):
    store = open_store(path, KINDS)
    store.append([_sample(1), _event("e1")])
    place = store.last_seq()
    store.close()
    store = open_store(path, KINDS)
    assert store.last_seq() == place
    store.append([_sample(2)])
    assert [each.change for each in store.since(place)] == [_sample(2)]
    assert [each.change for each in store.since(0)] == [_sample(1), _event("e1"), _sample(2)]
    store.close()


@pytest.mark.parametrize("redelivered", [[_sample(1)], [_sample(2), _sample(1)], [_event("e1"), _sample(1)]])
def test_a_place_once_given_is_never_passed_again(open_store, path, redelivered):
    """The rules keep a snapshot with its place; what comes after a restart must lie behind that place."""
    store = open_store(path, KINDS)
    store.append([_sample(1)])
    store.append(redelivered)
    place = store.last_seq()
    store.close()
    store = open_store(path, KINDS)
    store.append([_sample(3)])
    assert [each.change for each in store.since(place)] == [_sample(3)]
    store.close()


def test_since_reads_what_was_there_when_it_began(store):
    store.append([_sample(1), _sample(2)])
    reading = store.since(0)
    first = next(reading)
    store.append([_sample(3)])
    assert isinstance(first, Stored)
    assert [each.change for each in reading] == [_sample(2)]


# Reading samples.


def test_a_window_includes_its_beginning_and_not_its_end(store):
    store.append([_sample(at) for at in (9, 10, 19, 20)])
    assert [point.at - T0 for point in _raw(store, window=Window(T0 + 10, T0 + 20))] == [10, 19]


def test_a_span_includes_its_beginning_and_not_its_end(store):
    store.append([_sample(at) for at in (9, 10, 19, 20, 30, 31)] + [_sample(15, source="watch2")])
    spans = [Span("watch1", T0 + 10, T0 + 20), Span("watch1", T0 + 31)]
    assert [point.at - T0 for point in _raw(store, "heart_rate", *spans)] == [10, 19, 31]


def test_unknown_sources_and_metrics_are_empty(store):
    store.append([_sample(1)])
    assert _raw(store, "heart_rate", Span("nobody")) == []
    assert _raw(store, "mood") == []
    assert store.raw([], "heart_rate", EVER) == []
    assert store.buckets([Span("nobody")], "heart_rate", EVER, every=HOUR, agg="mean") == []
    assert _days(store, "mood") == []
    assert store.events([], EVER) == []
    assert store.latest(["nobody"]) == []


def test_points_name_their_source(store):
    store.append([_sample(1, 70), _sample(2, 71, source="watch2")])
    assert _raw(store, "heart_rate", Span("watch1"), Span("watch2")) == [
        Point(T0 + 1, 70, "watch1"),
        Point(T0 + 2, 71, "watch2"),
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_paging_through_ties_tells_every_sample_once_and_in_order(store, limit):
    sources = ["b", "a", "c"]
    samples = [Sample(source, "heart_rate", T0 + at // 2, float(at)) for at in range(12) for source in sources]
    store.append(random.Random(1).sample(samples, len(samples)))
    spans = [Span(source) for source in sources]
    told, after = [], None
    while page := store.raw(spans, "heart_rate", Window(0, 1 << 50, limit=limit, after=after)):
        assert len(page) <= limit
        told, after = told + page, page[-1]
    assert told == store.raw(spans, "heart_rate", EVER)
    assert len({(point.at, point.source) for point in told}) == len(told) == 18
    assert [point.at for point in told] == sorted(point.at for point in told)


def test_texts_are_kept_beside_numbers(store):
    texts = ["rem", "", "잠:deep", 'quo"te', "x" * 16_000, "NaN", "1"]
    store.append([_sample(at, text, metric="sleep_stage") for at, text in enumerate(texts)] + [_sample(0, 72.5)])
    assert [point.value for point in _raw(store, "sleep_stage")] == texts
    assert _raw(store)[0].value == 72.5
    last = store.buckets([Span("watch1")], "sleep_stage", EVER, every=DAY, agg="last")
    assert [point.value for point in last] == ["1"]
    assert _days(store, "sleep_stage") == []


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53), max_size=8))
@quick
def test_numbers_come_back_as_they_were(scratch, numbers):
    source = f"s{next(scratch.fresh)}"
    scratch.append([Sample(source, "heart_rate", T0 + at, number) for at, number in enumerate(numbers)])
    assert [point.value for point in scratch.raw([Span(source)], "heart_rate", EVER)] == numbers


def test_events_are_newest_first_within_spans_window_and_limit(store):
    store.append([_event(f"e{at}", at, n=at, deep={"a": [1, None]}) for at in (3, 1, 2, 5, 4)])
    spans = [Span("watch1", T0 + 2, T0 + 5)]
    assert [event.id for event in store.events(spans, EVER)] == ["e4", "e3", "e2"]
    assert [event.id for event in store.events(spans, Window(T0 + 3, T0 + 4))] == ["e3"]
    [newest] = store.events(spans, Window(0, 1 << 50, limit=1))
    assert newest == _event("e4", 4, n=4, deep={"a": [1, None]})


# Buckets.

_BRUTE = {
    "mean": lambda values: math.fsum(values) / len(values),
    "min": min,
    "max": max,
    "sum": math.fsum,
    "count": len,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}


@pytest.mark.parametrize("agg", AGGS)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(-50, 50)), max_size=40, unique_by=lambda pair: pair[0]),
    st.sampled_from([1, 7, 60, 1_000]),
    st.tuples(st.integers(0, 300), st.integers(0, 300)),
    st.integers(1, 50),
)
@quick
def test_buckets_are_what_brute_force_says(scratch, agg, pairs, every, bounds, limit):
    sources = [f"s{next(scratch.fresh)}" for _ in range(2)]
    scratch.append([Sample(sources[at % 2], "heart_rate", T0 + at, float(value)) for at, value in pairs])
    since, until = T0 + min(bounds), T0 + max(bounds)
    grouped = defaultdict(list)
    for at, value in sorted(pairs):
        if since <= T0 + at < until:
            grouped[(T0 + at) // every * every].append(float(value))
    wanted = [Point(at, pytest.approx(_BRUTE[agg](values))) for at, values in sorted(grouped.items())]
    spans, told, after = [Span(source) for source in sources], [], None
    while page := scratch.buckets(
        spans, "heart_rate", Window(since, until, limit=limit, after=after), every=every, agg=agg
    ):
        assert len(page) <= limit
        told, after = told + page, page[-1]
    assert told == wanted


def test_a_bucket_holds_only_what_is_in_the_spans(store):
    store.append([_sample(at, at) for at in range(10)])
    [point] = store.buckets([Span("watch1", T0 + 2, T0 + 5)], "heart_rate", EVER, every=HOUR, agg="sum")
    assert point == Point(T0, 9)


@pytest.mark.parametrize(
    ("agg", "value"), [("count", 2), ("first", "rem"), ("last", "deep"), ("mean", None), ("sum", None)]
)
def test_texts_can_be_counted_but_not_added(store, agg, value):
    store.append([_sample(0, "rem", metric="sleep_stage"), _sample(1, "deep", metric="sleep_stage")])
    assert store.buckets([Span("watch1")], "sleep_stage", EVER, every=HOUR, agg=agg) == [Point(T0, value)]


# Days.


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
    store.append([_sample(0, 10, metric="distance"), _sample(4 * DAY, 30, metric="distance")])
    store.roll()
    store.append([_sample(DAY, 25, metric="distance")])
    assert sum(day.increase for day in _days(store)) == 30


def test_a_counter_counts_in_full_at_first_and_after_a_restart(store):
    store.append([_sample(at * HOUR, value, metric="distance") for at, value in enumerate([40, 50, 3, 8])])
    assert [day.increase for day in _days(store)] == [58]


@pytest.mark.parametrize(("metric", "increases"), [("steps", [100, 120]), ("distance", [100, 20])])
def test_a_new_day_starts_from_zero_only_where_the_counter_does(store, metric, increases):
    store.append([_sample(HOUR, 100, metric=metric), _sample(DAY + HOUR, 120, metric=metric)])
    assert [day.increase for day in _days(store, metric)] == increases


def test_days_are_days_of_the_declared_zone(store):
    store.declare("watch1", "Asia/Seoul")
    store.append([_sample(14 * HOUR, 1, metric="distance"), _sample(16 * HOUR, 2, metric="distance")])
    store.append([_sample(16 * HOUR, 2, metric="distance", source="watch2")])
    assert [day.day for day in _days(store)] == [date(2026, 1, 1), date(2026, 1, 2)]
    assert [day.day for day in _days(store, "distance", Span("watch2"))] == [date(2026, 1, 1)]


def test_a_zone_counts_from_where_it_was_declared(store):
    store.append([_sample(16 * HOUR, 1, metric="distance")])
    store.declare("watch1", "Asia/Seoul")
    assert [day.day for day in _days(store)] == [date(2026, 1, 1)]


def test_zones_of_many_sources_are_declared_at_once(store):
    store.declare("watch2", "Asia/Seoul")
    store.declare_all({"watch1": "Asia/Seoul", "watch2": "UTC", "watch3": "Asia/Seoul"})
    store.declare_all({})
    sources = ("watch1", "watch2", "watch3")
    store.append([_sample(16 * HOUR, 1, metric="distance", source=source) for source in sources])
    days = {day.source: day.day for day in _days(store, "distance", *map(Span, sources))}
    assert days == {"watch1": date(2026, 1, 2), "watch2": date(2026, 1, 1), "watch3": date(2026, 1, 2)}


def test_a_zone_is_remembered_after_reopening(open_store, path):
    store = open_store(path, KINDS)
    store.declare("watch1", "Asia/Seoul")
    store.close()
    store = open_store(path, KINDS)
    store.append([_sample(16 * HOUR, 1, metric="distance")])
    assert [day.day for day in _days(store)] == [date(2026, 1, 2)]
    store.close()


def test_days_are_bounded_inclusively_and_by_spans(store):
    store.append([_sample(n * DAY + HOUR, n, metric="distance") for n in range(5)])
    told = store.days([Span("watch1")], "distance", date(2026, 1, 2), date(2026, 1, 3))
    assert [day.day.day for day in told] == [2, 3]
    span = Span("watch1", T0 + DAY, T0 + 3 * DAY)
    assert [day.day.day for day in _days(store, "distance", span)] == [2, 3]


def test_a_day_in_two_spans_of_a_source_is_told_once(store):
    store.append([_sample(HOUR, 1, metric="distance"), _sample(9 * HOUR, 2, metric="distance")])
    spans = [Span("watch1", 0, T0 + 5 * HOUR), Span("watch1", T0 + 5 * HOUR)]
    assert len(_days(store, "distance", *spans)) == 1


def test_rolling_says_how_much_it_took_in(store):
    store.append([_sample(1), _sample(2)])
    assert store.roll() == 2
    assert store.roll() == 0


# The latest.


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
    store.append([_sample(1), _sample(2, source="watch2")])
    assert len(store.latest()) == 2
    assert store.latest(["watch2"]) == [_sample(2, source="watch2")]
    assert store.latest([]) == []


# Pruning and removing.


@pytest.mark.parametrize("rolled", [True, False])
def test_pruned_samples_are_gone_and_their_rollups_stay(store, rolled):
    samples = [_sample(n * DAY, 10 * n + 1, metric="distance") for n in range(4)] + [_sample(0)]
    store.append(samples)
    if rolled:
        store.roll()
    assert store.prune("distance", T0 + 2 * DAY) == 2
    assert [point.at - T0 for point in _raw(store, "distance")] == [2 * DAY, 3 * DAY]
    assert len(_raw(store)) == 1
    assert [day.increase for day in _days(store)] == [1, 10, 10, 10]


def test_rollups_go_on_from_what_was_pruned(store):
    store.append([_sample(0, 10, metric="distance"), _sample(DAY, 20, metric="distance")])
    store.roll()
    assert store.prune("distance", T0 + 2 * DAY) == 2
    store.append([_sample(2 * DAY, 26, metric="distance")])
    assert [day.increase for day in _days(store)] == [10, 10, 6]
    assert store.latest() == [_sample(2 * DAY, 26, metric="distance")]


def test_late_data_of_a_pruned_day_does_not_undo_its_rollup(store):
    store.append([_sample(0, 10, metric="distance"), _sample(2 * HOUR, 20, metric="distance")])
    store.roll()
    store.prune("distance", T0 + DAY)
    store.append([_sample(HOUR, 15, metric="distance")])
    assert [day.increase for day in _days(store)] == [20]


def test_nothing_is_pruned_before_it_is_in_its_rollup(store):
    appended = threading.Event()

    def prune() -> None:
        while not appended.is_set():
            store.prune("heart_rate", T0 + DAY)

    pruning = threading.Thread(target=prune)
    pruning.start()
    try:
        for second in range(300):
            store.append([_sample(second * SECOND)])
    finally:
        appended.set()
        pruning.join()
    assert [day.count for day in _days(store, "heart_rate")] == [300]


def test_pruning_what_is_not_there_removes_nothing(store):
    store.append([_sample(0)])
    assert store.prune("mood", T0 + DAY) == 0
    assert store.prune("heart_rate", T0) == 0


@pytest.mark.parametrize("rolled", [True, False])
def test_removing_a_source_removes_everything_of_it_and_nothing_else(store, rolled):
    mine = [_sample(1), _sample(2, 5, metric="distance"), _event("e1")]
    other = [
        _sample(1, source="watch2"),
        _sample(2, 5, metric="distance", source="watch2"),
        _event("e1", source="watch2"),
    ]
    store.append(mine + other)
    if rolled:
        store.roll()
    assert store.remove("watch1") == 3
    assert _raw(store) == _days(store) == store.events([Span("watch1")], EVER) == store.latest(["watch1"]) == []
    assert [each.change for each in store.since(0)] == other
    assert len(_days(store, "distance", Span("watch2"))) == 1
    assert store.remove("watch1") == 0
    assert store.remove("nobody") == 0


def test_what_was_removed_can_be_stored_again(store):
    changes = [_sample(1, 70), _sample(2, 5, metric="distance"), _event("e1")]
    store.append(changes)
    store.remove("watch1")
    assert list(store.append(changes)) == changes
    assert [day.increase for day in _days(store)] == [5]
    assert list(store.append(changes)) == []


def test_removing_a_source_that_is_not_there_lets_no_repeat_in(store):
    samples = [_sample(1, source=f"watch{n}") for n in range(255)]
    store.append(samples)
    assert store.remove("nobody") == 0
    assert list(store.append(samples)) == []


# Files.


def _everything(store):
    spans = [Span("watch1"), Span("watch2")]
    days = [store.days(spans, metric, FIRST, LAST) for metric in RESETS]
    return list(store.since(0)), days, sorted(map(str, store.latest())), store.events(spans, EVER)


def _fill(store, rng, batches):
    for number in range(batches):
        samples = [
            Sample(f"watch{rng.randint(1, 2)}", rng.choice(["steps", "distance"]), T0 + rng.randrange(4 * DAY), 1.0)
            for _ in range(30)
        ]
        store.append([*samples, _event(f"e{number}", number * SECOND)])
        if rng.random() < 0.3:
            store.roll()


@pytest.mark.parametrize("checkpoint", [True, False])
def test_reopening_loses_nothing(open_store, path, checkpoint):
    store = open_store(path, KINDS)
    _fill(store, random.Random(3), 8)
    if checkpoint:
        store.checkpoint()
    before = _everything(store)
    store.close()
    store = open_store(path, KINDS)
    assert _everything(store) == before
    store.close()


@pytest.mark.parametrize("seed", range(3))
def test_a_crash_loses_nothing_that_was_appended(open_store, tmp_path, seed):
    (tmp_path / "live").mkdir()
    store = open_store(tmp_path / "live" / "telemetry.db", KINDS)
    rng = random.Random(seed)
    for crash in range(3):
        _fill(store, rng, rng.randint(1, 4))
        if rng.random() < 0.3:
            store.checkpoint()
        shutil.copytree(tmp_path / "live", tmp_path / f"crash{crash}")
        survivor = open_store(tmp_path / f"crash{crash}" / "telemetry.db", KINDS)
        assert _everything(survivor) == _everything(store)
        assert list(survivor.append([each.change for each in store.since(0)])) == []
        survivor.close()
    store.close()


def test_syncing_beside_appending_keeps_what_was_synced_through_a_kill(open_store, tmp_path):
    opened = open_store(tmp_path / "live.db", KINDS)
    appended = threading.Event()

    def sync() -> None:
        while not appended.is_set():
            opened.sync()

    syncing = threading.Thread(target=sync)
    syncing.start()
    try:
        for second in range(300):
            opened.append([_sample(second * SECOND)] + [_event(f"e{second}")] * (second % 50 == 0))
    finally:
        appended.set()
        syncing.join()
    opened.sync()
    opened.sync()
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path, copy, ignore=shutil.ignore_patterns("copy"))
    opened.append([_sample(-1)])
    recovered = open_store(copy / "live.db", KINDS)
    assert len(_raw(recovered)) == 300
    assert len(recovered.events([Span("watch1")], EVER)) == 6
    assert recovered.last_seq() == 306
    recovered.close()
    opened.close()


def test_slimming_disturbs_nobody(store):
    written, read = threading.Event(), []

    def look() -> None:
        while not written.is_set():
            read.append(len(_raw(store)) + len(_days(store, "heart_rate")))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for second in range(200):
            store.append([_sample(second * SECOND), _event(f"e{second}")])
            store.slim()
    finally:
        written.set()
        looking.join()
    assert read == sorted(read)
    assert len(_raw(store)) == 200


def test_what_is_closed_is_unavailable(open_store, path):
    store = open_store(path, KINDS)
    store.append([_sample(1)])
    store.close()
    with pytest.raises(StoreUnavailable):
        store.latest()
    with pytest.raises(StoreUnavailable):
        _raw(store)
    with pytest.raises(StoreUnavailable):
        store.slim()


def _one_clear_line(error):
    assert str(error)
    assert "\n" not in str(error)
    assert "Traceback" not in str(error)


def test_a_second_hub_on_one_file_is_told_so_in_one_line(store, path):
    """From another process: within one, DuckDB shares what is open."""
    if not isinstance(store, DuckStore):
        pytest.skip("only a store in a file of its own is locked")
    script = (
        "import sys, pathlib\n"
        "from devices.errors import StoreUnavailable\n"
        "from hub.telemetry.duck import DuckStore\n"
        "try: DuckStore(pathlib.Path(sys.argv[1]), [])\n"
        "except StoreUnavailable as error: sys.exit(f'refused: {error}')\n"
    )
    second = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert second.returncode == 1
    assert second.stderr.startswith("refused: ")
    assert "lock" in second.stderr
    assert second.stderr.count("\n") == 1


@pytest.mark.parametrize("content", [b"x", b"this is not a database\n" * 1_000, bytes(20_000)])
def test_a_file_that_is_no_store_is_unavailable_and_left_alone(open_store, path, content):
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable) as raised:
        open_store(path, KINDS)
    _one_clear_line(raised.value)
    assert path.read_bytes() == content


def test_a_directory_that_is_not_there_is_unavailable(open_store, tmp_path):
    with pytest.raises(StoreUnavailable) as raised:
        open_store(tmp_path / "nowhere" / "telemetry.db", KINDS)
    _one_clear_line(raised.value)
