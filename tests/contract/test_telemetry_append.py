"""What is appended to a telemetry store: each key once, the first stays, and the order of arrival."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.sample import Sample
from hub.telemetry import Span, Stored
from tests.contract.watches import (
    EVER,
    KINDS,
    T0,
    a_sample,
    an_event,
    quick,
    raw_of,
)


def test_what_is_new_comes_back_in_the_order_given(store):
    changes = [a_sample(5), an_event("e1"), a_sample(3), a_sample(3, metric="steps"), a_sample(3, source="watch2")]
    assert list(store.append(changes)) == changes


def test_appending_nothing_is_fine(store):
    assert list(store.append([])) == []
    assert store.last_seq() == 0


def test_a_repeat_within_a_batch_is_kept_once_and_the_first_wins(store):
    assert list(store.append([a_sample(1, 70), a_sample(1, 71), a_sample(2, 72)])) == [a_sample(1, 70), a_sample(2, 72)]
    assert [point.value for point in raw_of(store)] == [70, 72]


def test_a_repeat_across_batches_is_kept_once(store):
    store.append([a_sample(1, 70), a_sample(3, 72)])
    assert list(store.append([a_sample(1, 99), a_sample(2, 71), a_sample(3, 99), a_sample(4, 73)])) == [
        a_sample(2, 71),
        a_sample(4, 73),
    ]
    assert [point.value for point in raw_of(store)] == [70, 71, 72, 73]


@pytest.mark.parametrize("rolled", [True, False])
def test_a_repeat_after_reopening_is_kept_once(open_store, path, rolled):
    store = open_store(path, KINDS)
    changes = [a_sample(1, 70), a_sample(2, 71), an_event("e1"), a_sample(1, "rem", metric="sleep_stage")]
    store.append(changes)
    if rolled:
        store.roll()
    store.close()
    store = open_store(path, KINDS)
    assert list(store.append(changes)) == []
    assert len(raw_of(store)) == 2
    assert len(store.events([Span("watch1")], EVER)) == 1
    store.close()


def test_events_are_known_by_source_and_id(store):
    first = an_event("e1", 5, sport="run")
    assert list(store.append([first, an_event("e1", 6), an_event("e1", 5, source="watch2")])) == [
        first,
        an_event("e1", 5, source="watch2"),
    ]
    assert list(store.append([an_event("e1", 7), an_event("e2", 1)])) == [an_event("e2", 1)]
    assert store.events([Span("watch1")], EVER) == [first, an_event("e2", 1)]


def test_late_data_is_taken_in_and_read_in_order(store):
    for at in (50, 10, 30, 20, 40):
        assert list(store.append([a_sample(at, at)])) == [a_sample(at, at)]
    assert [point.value for point in raw_of(store)] == [10, 20, 30, 40, 50]


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


def test_since_gives_everything_in_the_order_it_came(store):
    changes = [a_sample(9), an_event("e1", 3, n=1), a_sample(4), a_sample(4, "deep", metric="sleep_stage")]
    store.append(changes[:2])
    store.append(changes[2:])
    told = list(store.since(0))
    assert [each.change for each in told] == changes
    assert [each.seq for each in told] == sorted({each.seq for each in told})
    assert told[-1].seq == store.last_seq()
    for place, each in enumerate(told):
        assert list(store.since(each.seq)) == told[place + 1 :]


def test_since_a_place_gives_what_came_after_it_and_no_repeats(store):
    store.append([a_sample(1), a_sample(2)])
    place = store.last_seq()
    store.append([a_sample(1), a_sample(3), a_sample(2)])
    store.append([a_sample(3)])
    assert [each.change for each in store.since(place)] == [a_sample(3)]
    assert list(store.since(store.last_seq())) == []


def test_the_order_goes_on_after_reopening(open_store, path):
    store = open_store(path, KINDS)
    store.append([a_sample(1), an_event("e1")])
    place = store.last_seq()
    store.close()
    store = open_store(path, KINDS)
    assert store.last_seq() == place
    store.append([a_sample(2)])
    assert [each.change for each in store.since(place)] == [a_sample(2)]
    assert [each.change for each in store.since(0)] == [a_sample(1), an_event("e1"), a_sample(2)]
    store.close()


@pytest.mark.parametrize("redelivered", [[a_sample(1)], [a_sample(2), a_sample(1)], [an_event("e1"), a_sample(1)]])
def test_a_place_once_given_is_never_passed_again(open_store, path, redelivered):
    """The rules keep a snapshot with its place; what comes after a restart must lie behind that place."""
    store = open_store(path, KINDS)
    store.append([a_sample(1)])
    store.append(redelivered)
    place = store.last_seq()
    store.close()
    store = open_store(path, KINDS)
    store.append([a_sample(3)])
    assert [each.change for each in store.since(place)] == [a_sample(3)]
    store.close()


def test_since_reads_what_was_there_when_it_began(store):
    store.append([a_sample(1), a_sample(2)])
    reading = store.since(0)
    first = next(reading)
    store.append([a_sample(3)])
    assert isinstance(first, Stored)
    assert [each.change for each in reading] == [a_sample(2)]
