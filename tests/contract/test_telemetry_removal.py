"""What is pruned and removed from a telemetry store, and what stays."""

from __future__ import annotations

import threading

import pytest

from devices.sample import DAY, HOUR, SECOND
from hub.telemetry import Span
from tests.contract.watches import (
    EVER,
    T0,
    a_sample,
    an_event,
    days_of,
    raw_of,
)


@pytest.mark.parametrize("rolled", [True, False])
def test_pruned_samples_are_gone_and_their_rollups_stay(store, rolled):
    samples = [a_sample(n * DAY, 10 * n + 1, metric="distance") for n in range(4)] + [a_sample(0)]
    store.append(samples)
    if rolled:
        store.roll()
    assert store.prune("distance", T0 + 2 * DAY) == 2
    assert [point.at - T0 for point in raw_of(store, "distance")] == [2 * DAY, 3 * DAY]
    assert len(raw_of(store)) == 1
    assert [day.increase for day in days_of(store)] == [1, 10, 10, 10]


def test_rollups_go_on_from_what_was_pruned(store):
    store.append([a_sample(0, 10, metric="distance"), a_sample(DAY, 20, metric="distance")])
    store.roll()
    assert store.prune("distance", T0 + 2 * DAY) == 2
    store.append([a_sample(2 * DAY, 26, metric="distance")])
    assert [day.increase for day in days_of(store)] == [10, 10, 6]
    assert store.latest() == [a_sample(2 * DAY, 26, metric="distance")]


def test_late_data_of_a_pruned_day_does_not_undo_its_rollup(store):
    store.append([a_sample(0, 10, metric="distance"), a_sample(2 * HOUR, 20, metric="distance")])
    store.roll()
    store.prune("distance", T0 + DAY)
    store.append([a_sample(HOUR, 15, metric="distance")])
    assert [day.increase for day in days_of(store)] == [20]


def test_nothing_is_pruned_before_it_is_in_its_rollup(store):
    appended = threading.Event()

    def prune() -> None:
        while not appended.is_set():
            store.prune("heart_rate", T0 + DAY)

    pruning = threading.Thread(target=prune)
    pruning.start()
    try:
        for second in range(300):
            store.append([a_sample(second * SECOND)])
    finally:
        appended.set()
        pruning.join()
    assert [day.count for day in days_of(store, "heart_rate")] == [300]


def test_pruning_what_is_not_there_removes_nothing(store):
    store.append([a_sample(0)])
    assert store.prune("mood", T0 + DAY) == 0
    assert store.prune("heart_rate", T0) == 0


@pytest.mark.parametrize("rolled", [True, False])
def test_removing_a_source_removes_everything_of_it_and_nothing_else(store, rolled):
    mine = [a_sample(1), a_sample(2, 5, metric="distance"), an_event("e1")]
    other = [
        a_sample(1, source="watch2"),
        a_sample(2, 5, metric="distance", source="watch2"),
        an_event("e1", source="watch2"),
    ]
    store.append(mine + other)
    if rolled:
        store.roll()
    assert store.remove("watch1") == 3
    assert raw_of(store) == days_of(store) == store.events([Span("watch1")], EVER) == store.latest(["watch1"]) == []
    assert [each.change for each in store.since(0)] == other
    assert len(days_of(store, "distance", Span("watch2"))) == 1
    assert store.remove("watch1") == 0
    assert store.remove("nobody") == 0


def test_what_was_removed_can_be_stored_again(store):
    changes = [a_sample(1, 70), a_sample(2, 5, metric="distance"), an_event("e1")]
    store.append(changes)
    store.remove("watch1")
    assert list(store.append(changes)) == changes
    assert [day.increase for day in days_of(store)] == [5]
    assert list(store.append(changes)) == []


def test_removing_a_source_that_is_not_there_lets_no_repeat_in(store):
    samples = [a_sample(1, source=f"watch{n}") for n in range(255)]
    store.append(samples)
    assert store.remove("nobody") == 0
    assert list(store.append(samples)) == []
