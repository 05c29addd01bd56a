"""Marks: new, suspect or repeated, held against brute force."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hub.telemetry.marks import FEW, Marks

rows = st.tuples(st.sampled_from([0, 1, 2, 255, 256, 700]), st.sampled_from([0, 1, 63, 64, 90]), st.integers(0, 6))
batches = st.lists(st.lists(rows, max_size=12), max_size=5)


def _columns(batch):
    kinds = (np.int32, np.int16, np.int64)
    return [np.array([row[place] for row in batch], dtype=kind) for place, kind in enumerate(kinds)]


def _compare(marks, batch):
    novelty = marks.compare(*_columns(batch))
    return novelty.new.tolist(), novelty.suspects.tolist(), novelty.advance


@given(batches)
def test_batches_are_sorted_as_brute_force_does(batches):
    marks, newest = Marks(), {}
    for batch in batches:
        new, suspects, advance = _compare(marks, batch)
        seen = set()
        for place, (source, metric, at) in enumerate(batch):
            once = (source, metric, at) not in seen
            seen.add((source, metric, at))
            newer = at > newest.get((source, metric), -1)
            assert new[place] == (newer and once)
            assert suspects[place] == (not newer and once)
        marks.move(advance)
        for source, metric, at in batch:
            newest[source, metric] = max(at, newest.get((source, metric), -1))


@given(batches)
def test_what_was_not_committed_moves_nothing(batches):
    marks = Marks()
    for batch in batches:
        first = _compare(marks, batch)[:2]
        assert _compare(marks, batch)[:2] == first


def test_the_first_of_repeats_is_the_one_that_counts():
    new, suspects, _ = _compare(Marks(), [(1, 1, 5), (1, 1, 5), (1, 1, 4), (1, 1, 5)])
    assert new == [True, False, True, False]
    assert suspects == [False] * 4


def test_a_loaded_mark_counts_and_makes_room():
    marks = Marks()
    marks.load(1_000, 200, 50)
    new, suspects, _ = _compare(marks, [(1_000, 200, 50), (1_000, 200, 51), (1_000, 199, 50)])
    assert new == [False, True, True]
    assert suspects == [True, False, False]


def test_making_room_keeps_what_is_marked():
    marks = Marks()
    marks.load(3, 3, 50)
    marks.load(5_000, 300, 1)
    assert _compare(marks, [(3, 3, 50)])[:2] == ([False], [True])


def test_a_forgotten_source_is_new_again_and_others_are_not():
    marks = Marks()
    marks.load(1, 1, 50)
    marks.load(2, 1, 50)
    marks.forget(1)
    marks.forget(9_999)
    assert _compare(marks, [(1, 1, 50), (2, 1, 50)])[:2] == ([True, False], [False, True])


def test_forgetting_a_source_that_is_none_forgets_nobody():
    marks = Marks()
    marks.load(255, 1, 50)
    marks.forget(-1)
    assert _compare(marks, [(255, 1, 50)])[:2] == ([False], [True])


def test_an_empty_batch_is_nothing():
    marks = Marks()
    new, suspects, advance = _compare(marks, [])
    assert (new, suspects) == ([], [])
    marks.move(advance)


@given(batches)
def test_a_batch_that_follows_is_new_throughout_and_moves_the_marks_as_far(batches):
    marks, beside = Marks(), Marks()
    for batch in batches:
        newest = marks.follow(*_columns(batch))
        new, _, advance = _compare(beside, batch)
        ascending = all(
            at < later
            for place, (source, metric, at) in enumerate(batch)
            for *series, later in batch[place + 1 :]
            if [source, metric] == series
        )
        assert (newest is not None) == (all(new) and ascending)
        marks.move(_compare(marks, batch)[2] if newest is None else newest)
        beside.move(advance)
    everything = [(source, metric, at) for batch in batches for source, metric, _ in batch for at in range(8)]
    assert _compare(marks, everything)[:2] == _compare(beside, everything)[:2]


def test_many_are_not_asked_one_by_one():
    columns = _columns([(1, 1, at) for at in range(FEW + 1)])
    assert Marks().follow(*columns) is None
    assert Marks().follow(*(column[:FEW] for column in columns)) == {(1, 1): FEW - 1}
