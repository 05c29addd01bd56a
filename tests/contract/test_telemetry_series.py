"""What is read from a telemetry store, raw and in buckets, held against brute force in Python."""

from __future__ import annotations

import math
import random
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.sample import DAY, HOUR, Sample
from hub.telemetry import AGGS, Point, Span, Window
from tests.contract.watches import (
    EVER,
    T0,
    a_sample,
    an_event,
    days_of,
    quick,
    raw_of,
)


def test_a_window_includes_its_beginning_and_not_its_end(store):
    store.append([a_sample(at) for at in (9, 10, 19, 20)])
    assert [point.at - T0 for point in raw_of(store, window=Window(T0 + 10, T0 + 20))] == [10, 19]


def test_a_span_includes_its_beginning_and_not_its_end(store):
    store.append([a_sample(at) for at in (9, 10, 19, 20, 30, 31)] + [a_sample(15, source="watch2")])
    spans = [Span("watch1", T0 + 10, T0 + 20), Span("watch1", T0 + 31)]
    assert [point.at - T0 for point in raw_of(store, "heart_rate", *spans)] == [10, 19, 31]


def test_unknown_sources_and_metrics_are_empty(store):
    store.append([a_sample(1)])
    assert raw_of(store, "heart_rate", Span("nobody")) == []
    assert raw_of(store, "mood") == []
    assert store.raw([], "heart_rate", EVER) == []
    assert store.buckets([Span("nobody")], "heart_rate", EVER, every=HOUR, agg="mean") == []
    assert days_of(store, "mood") == []
    assert store.events([], EVER) == []
    assert store.latest(["nobody"]) == []


def test_points_name_their_source(store):
    store.append([a_sample(1, 70), a_sample(2, 71, source="watch2")])
    assert raw_of(store, "heart_rate", Span("watch1"), Span("watch2")) == [
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
    store.append([a_sample(at, text, metric="sleep_stage") for at, text in enumerate(texts)] + [a_sample(0, 72.5)])
    assert [point.value for point in raw_of(store, "sleep_stage")] == texts
    assert raw_of(store)[0].value == 72.5
    last = store.buckets([Span("watch1")], "sleep_stage", EVER, every=DAY, agg="last")
    assert [point.value for point in last] == ["1"]
    assert days_of(store, "sleep_stage") == []


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53), max_size=8))
@quick
def test_numbers_come_back_as_they_were(scratch, numbers):
    source = f"s{next(scratch.fresh)}"
    scratch.append([Sample(source, "heart_rate", T0 + at, number) for at, number in enumerate(numbers)])
    assert [point.value for point in scratch.raw([Span(source)], "heart_rate", EVER)] == numbers


def test_events_are_newest_first_within_spans_window_and_limit(store):
    store.append([an_event(f"e{at}", at, n=at, deep={"a": [1, None]}) for at in (3, 1, 2, 5, 4)])
    spans = [Span("watch1", T0 + 2, T0 + 5)]
    assert [event.id for event in store.events(spans, EVER)] == ["e4", "e3", "e2"]
    assert [event.id for event in store.events(spans, Window(T0 + 3, T0 + 4))] == ["e3"]
    [newest] = store.events(spans, Window(0, 1 << 50, limit=1))
    assert newest == an_event("e4", 4, n=4, deep={"a": [1, None]})


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
    store.append([a_sample(at, at) for at in range(10)])
    [point] = store.buckets([Span("watch1", T0 + 2, T0 + 5)], "heart_rate", EVER, every=HOUR, agg="sum")
    assert point == Point(T0, 9)


@pytest.mark.parametrize(
    ("agg", "value"), [("count", 2), ("first", "rem"), ("last", "deep"), ("mean", None), ("sum", None)]
)
def test_texts_can_be_counted_but_not_added(store, agg, value):
    store.append([a_sample(0, "rem", metric="sleep_stage"), a_sample(1, "deep", metric="sleep_stage")])
    assert store.buckets([Span("watch1")], "sleep_stage", EVER, every=HOUR, agg=agg) == [Point(T0, value)]
