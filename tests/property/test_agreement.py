"""The engine, the replay and `step` alone agree about rules of any make, about what watches say, several things at a time."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from rules import snapshot
from rules.engine import Engine
from tests.property.stage import (
    NOW,
    PERSON,
    START,
    Sample,
    begun,
    end_of,
    feed,
    finish,
    fold,
    intricate,
    messages,
    replayed,
    rule,
    tick,
    told,
)

MOST = settings(max_examples=500)


@given(intricate(), messages(), st.lists(st.integers(0, 100), max_size=6))
@MOST
def test_live_is_folding_step_in_whatever_batches(program, changes, cuts):
    engine, live = begun(program), []
    places = sorted({min(cut, len(changes)) for cut in cuts} | {0, len(changes)})
    for first, last in pairwise(places):
        live += feed(engine, changes[first:last])
    live += finish(engine, program, changes)
    assert told(live) == told(fold(program, changes, until=end_of(changes)))


@given(intricate(), messages(), st.lists(st.integers(0, 100), max_size=4))
@MOST
def test_live_is_folding_step_with_crashes_and_looks_at_the_clock(program, changes, cuts):
    engine, live = begun(program), []
    for number, change in enumerate(changes):
        live += tick(engine, change.observed_at - 1)
        live += feed(engine, [change])
        if number in cuts:
            kept, engine = snapshot.save(engine), Engine([program])
            assert snapshot.load(engine, kept) == set()
            engine.begin("person", PERSON, at=NOW)
    live += finish(engine, program, changes)
    assert told(live) == told(fold(program, changes, until=end_of(changes)))


@given(intricate(), messages())
@MOST
def test_replaying_is_folding_step(program, changes):
    until = end_of(changes)
    assert told(replayed(program, changes, until=until)) == told(fold(program, changes, until=until))


def _said(metric, seconds, value, watch="watch1"):
    return Sample(watch, metric, START + round(seconds * 1_000), value)


def test_a_window_beside_another_metric_is_no_band():
    program = rule("{all: [{metric: spo2, below: 92}, {metric: heart_rate, window: 1m, agg: mean, above: 100}]}")
    changes = [_said("heart_rate" if at % 2 else "spo2", at, 120.0 if at % 2 else 91.0) for at in range(8)]
    assert told(feed(begun(program), changes)) == told(fold(program, changes))
    assert len(fold(program, changes)) == 1


def test_a_sum_that_comes_to_its_limit_exactly_is_looked_at():
    program = rule("{metric: steps, window: 1m, agg: sum, between: [50, 120], for: 1s}")
    steps = [(37, 5.0), (55.501, 30.0), (99.004, 50.0), (100.004, 55.0)]
    changes = [_said("steps", at, value) for at, value in steps]
    decided = told(fold(program, changes, until=end_of(changes)))
    assert len(decided) == 2
    engine = begun(program)
    assert told(feed(engine, changes) + finish(engine, program, changes)) == decided
    assert told(replayed(program, changes, until=end_of(changes))) == decided


def test_what_is_told_is_what_was_said_last():
    program = rule("{any: [{metric: heart_rate, rises_above: 150}, {metric: spo2, falls_below: 92}]}", moment=True)
    changes = [
        _said("heart_rate", 0, 120.0),
        *(_said("spo2", at, value) for at, value in ((1, 97.0), (2, 96.0), (3, 90.0))),
    ]
    for decided in (fold(program, changes), feed(begun(program), changes), replayed(program, changes, until=None)):
        assert [(each.clauses[0].value, each.clauses[1].value) for each in decided] == [(120.0, 90.0)]
