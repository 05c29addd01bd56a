"""Conditions against models of them in plain Python: what is unknown, what has held, what a window came to, what followed what."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.sample import DAY, HOUR, MINUTE, SECOND, Event, Sample
from rules import bounds
from rules.engine import Engine
from rules.language import CLEAR
from rules.terms import Term
from rules.view import TraitSet
from rules.windows import Amount
from tests.property.stage import NOW, PERSON, START, begun, feed, pairs, rule, tick

MIDNIGHT = START + MINUTE


def episodes(truths):
    """The decisions of a rule without a ladder from what was true when: unknown changes nothing."""
    firing, decided = False, []
    for at, truth in truths:
        if truth is True and not firing:
            decided.append((at, "notice"))
            firing = True
        elif truth is False and firing:
            decided.append((at, CLEAR))
            firing = False
    return decided


# What is unknown.

LEAVES = {
    "calm": ("calm", "'true'"),
    "home": ("home", "'true'"),
    "mood": ("mood", "good"),
    "level": ("level", "3"),
}


def kleene(tree, known):
    """Strong Kleene logic over 0, 1/2, 1; `count` is true if enough are, false if even all unknown ones would not do."""
    kind, inside = tree
    if kind == "leaf":
        return {None: 0.5, True: 1.0, False: 0.0}[known[inside]]
    if kind == "not":
        return 1 - kleene(inside, known)
    if kind == "all":
        return min(kleene(each, known) for each in inside)
    if kind == "any":
        return max(kleene(each, known) for each in inside)
    wanted, parts = inside
    return sorted((kleene(each, known) for each in parts), reverse=True)[wanted - 1]


def said(tree):
    kind, inside = tree
    match kind:
        case "leaf":
            trait, wanted = LEAVES[inside]
            return f"{{trait: {trait}, equals: {wanted}}}"
        case "not":
            return f"{{not: {said(inside)}}}"
        case "count":
            return f"{{count: [{', '.join(map(said, inside[1]))}], at_least: {inside[0]}}}"
        case _:
            return f"{{{kind}: [{', '.join(map(said, inside))}]}}"


def _counts(trees):
    return st.lists(trees, min_size=2, max_size=4).flatmap(
        lambda inside: st.tuples(st.integers(1, len(inside)), st.just(inside))
    )


def _is_possible(parts):
    """What is here and not here at once is refused when it is saved."""
    return not any(("not", each) in parts for each in parts)


trees = st.recursive(
    st.tuples(st.just("leaf"), st.sampled_from(sorted(LEAVES))),
    lambda inside: st.one_of(
        st.tuples(st.just("not"), inside),
        st.tuples(st.sampled_from(["all", "any"]), st.lists(inside, min_size=1, max_size=3).filter(_is_possible)),
        st.tuples(st.just("count"), _counts(inside)),
    ),
    max_leaves=8,
)
VALUES = {
    "calm": {True: True, False: False},
    "home": {True: "true", False: "away"},
    "mood": {True: "good", False: "bad"},
    "level": {True: 3.0, False: 4.0, None: "unheard of"},
}


@given(trees, st.lists(st.tuples(st.sampled_from(sorted(LEAVES)), st.sampled_from([True, False, None])), max_size=25))
@settings(max_examples=200)
def test_joined_conditions_follow_kleene_and_unknown_never_fires(tree, changes):
    engine, known, truths, decided = Engine([rule(said(tree))]), dict.fromkeys(LEAVES), [], []
    for second, (name, truth) in enumerate(changes):
        if truth not in VALUES[name]:
            continue
        known[name] = truth
        at = START + second * SECOND
        decided += engine.set_trait("person", PERSON, TraitSet(at, name, VALUES[name][truth]), now=NOW)
        heard = f"trait: {name}," in said(tree)
        if heard:
            truths.append((at - START, {0.0: False, 0.5: None, 1.0: True}[kleene(tree, known)]))
    assert pairs(decided) == episodes(truths)


# A threshold that must hold.

RATES = st.sampled_from([60.0, 144.9, 145.0, 149.0, 150.0, 150.1, 160.0, 200.0])


@st.composite
def held_values(draw):
    at, values = 0, []
    for pause, value in draw(st.lists(st.tuples(st.integers(1, 9_000), RATES), min_size=1, max_size=25)):
        at += pause
        values.append((at, value))
    return values


@given(held_values(), st.sampled_from([0, 1, 3_000, 8_000]), st.sampled_from([(0,), (0, 4_000), (2_000, 2_000, 7_000)]))
@settings(max_examples=200)
def test_a_threshold_holds_from_sample_to_sample(values, for_, after):
    ladder = [(f"{ms}ms", f"level_{'abc'[n]}") for n, ms in enumerate(after)]
    when = f"{{metric: heart_rate, above: 150, clear_below: 145, for: {for_}ms}}"
    engine, end = begun(rule(when, ladder=ladder)), values[-1][0] + HOUR
    decided = feed(engine, [Sample("watch1", "heart_rate", START + at, value) for at, value in values])
    decided += tick(engine, START + end)
    expected, since, true = [], None, False
    for at, value in [*values, (end + 1, math.nan)]:
        now = value > 150 or (true and value >= 145)
        if true and not now:
            times = [(since + for_ + ms, level) for ms, (_, level) in zip(after, ladder, strict=True)]
            expected += [(due, level) for due, level in times if due < at or due == since]
            if since + for_ < at <= end:
                expected.append((at, CLEAR))
        if now and not true:
            since = at
        true = now
    assert pairs(decided) == expected


# Windows, over samples on the marks at which they slide.

AGGS = {
    "mean": lambda values: sum(values) / len(values) if values else None,
    "sum": lambda values: sum(values) if values else None,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "count": len,
    "delta": lambda values: values[-1] - values[0] if values else None,
    "percentile": lambda values: sorted(values)[math.ceil(len(values) / 2) - 1] if values else None,
}
LIMITS = {"mean": 125.0, "sum": 800.0, "min": 75.0, "max": 175.0, "count": 4.0, "delta": 40.0, "percentile": 125.0}


@given(
    st.sampled_from(sorted(AGGS)),
    st.dictionaries(st.integers(0, 240), st.sampled_from([50, 100, 150, 200]), max_size=60),
)
@settings(max_examples=150)
def test_a_window_comes_to_what_is_in_it(agg, values):
    limit, share = LIMITS[agg], ", percentile: 50" if agg == "percentile" else ""
    engine = begun(rule(f"{{metric: heart_rate, window: 60s, agg: {agg}{share}, above: {limit}}}"))
    samples = [
        Sample("watch1", "heart_rate", START + at * SECOND, float(value)) for at, value in sorted(values.items())
    ]
    decided = feed(engine, samples) + tick(engine, START + HOUR)
    truths = []
    for second in range(min(values, default=400), 400):
        amount = AGGS[agg]([value for at, value in sorted(values.items()) if second - 60 <= at <= second])
        truths.append((second * SECOND, None if amount is None else amount > limit))
    assert pairs(decided) == episodes(truths)


@given(st.dictionaries(st.integers(0, 240), st.sampled_from(["run", "swim"]), max_size=40))
def test_events_are_counted_over_a_window_if_they_are_meant(events):
    when = "{count_of: workout.started, window: 60s, above: 2, where: \"data.sport == 'run'\"}"
    engine = begun(rule(when))
    told = [
        Event("watch1", f"e{at}", "workout.started", START + at * SECOND, {"sport": events[at]})
        for at in sorted(events)
    ]
    decided = feed(engine, told) + tick(engine, START + HOUR)
    runs = [at for at, sport in events.items() if sport == "run"]
    truths = [(second * SECOND, sum(second - 60 <= at <= second for at in runs) > 2) for second in range(400)]
    assert pairs(decided) == episodes(truths)


# What follows what.

KINDS = {"a": "worn", "b": "workout.started", "c": "workout.ended", "x": "removed"}
happenings = st.dictionaries(st.integers(0, 60), st.sampled_from(sorted(KINDS)), max_size=30).map(
    lambda known: sorted(known.items())
)


def _events(told):
    return [Event("watch1", f"e{at}", KINDS[kind], START + at * SECOND, {}) for at, kind in told]


@given(happenings, st.sampled_from(["ab", "abc", "aa", "aba"]), st.booleans(), st.sampled_from([1, 5, 12]))
@settings(max_examples=200)
def test_a_sequence_is_any_way_through_its_steps_in_time(told, steps, spoiled, within):
    without = ", without: {event: removed}" if spoiled else ""
    sequence = ", ".join(f"{{event: {KINDS[step]}}}" for step in steps)
    engine = begun(rule(f"{{sequence: [{sequence}], within: {within}s{without}}}", moment=True, lateness="0s"))
    ways, expected = [], []
    for at, kind in told:
        if spoiled and kind == "x":
            ways = []
        ways += [(begin, done + 1) for begin, done in ways if steps[done] == kind and at - begin <= within]
        if any(done == len(steps) for _, done in ways):
            expected.append((at * SECOND, "notice"))
            ways = []
        ways += [(at, 1)] if kind == steps[0] else []
    assert pairs(feed(engine, _events(told))) == expected


@given(happenings, st.integers(1, 12))
@settings(max_examples=150)
def test_what_should_have_followed_and_did_not_is_missed_on_time(told, within):
    when = f"{{missing: {{event: removed}}, after: {{event: worn}}, within: {within}s}}"
    engine = begun(rule(when, moment=True, lateness="0s"))
    decided = feed(engine, _events(told)) + tick(engine, START + HOUR)
    expected, known, waiting = [], dict(told), None
    for at in range(100):
        if known.get(at) == "x":
            waiting = None
        if waiting is not None and at == waiting + within:
            expected.append((at * SECOND, "notice"))
            waiting = None
        if known.get(at) == "a" and waiting is None:
            waiting = at
    assert pairs(decided) == expected


# How long in a day.


@given(
    st.dictionaries(st.integers(-90, 90), st.sampled_from([60.0, 190.0]), min_size=1, max_size=20), st.integers(1, 60)
)
@settings(max_examples=150)
def test_a_total_of_a_day_begins_anew_at_the_midnight_of_the_home(values, minutes):
    engine = begun(rule(f"{{total: {{metric: heart_rate, above: 150}}, per: day, above: {minutes}m}}"))
    told = sorted(values.items())
    samples = [Sample("watch1", "heart_rate", MIDNIGHT + at * MINUTE, value) for at, value in told]
    decided = feed(engine, samples) + tick(engine, MIDNIGHT + 200 * MINUTE)
    truths, total, high = [], 0, False
    for minute in range(told[0][0], 201):
        total += high
        if minute == 0:
            total = 0
        high = values.get(minute, 190.0 if high else 60.0) > 150
        truths.append((minute * MINUTE + MINUTE, total >= minutes))
    assert pairs(decided) == episodes(truths)


# One thing at a time, by hand.


@pytest.mark.parametrize(
    ("when", "values", "expected"),
    [
        ("{metric: heart_rate, between: [100, 110]}", [99, 100, 110, 110.5], [(1, "notice"), (3, CLEAR)]),
        ("{metric: heart_rate, equals: 100}", [99, 100, 101], [(1, "notice"), (2, CLEAR)]),
        ("{metric: heart_rate, below: 60, clear_above: 70}", [59, 70, 70.5], [(0, "notice"), (2, CLEAR)]),
        ("{metric: heart_rate, above: 100}", [100, 100.5, 100], [(1, "notice"), (2, CLEAR)]),
        ("{metric: heart_rate, where: 'value * 2.0 == 120.0'}", [59, 60, 61], [(1, "notice"), (2, CLEAR)]),
        ("{metric: heart_rate, where: 'value.nothing'}", [59, 60, 61], []),
        ("{metric: heart_rate, above: 100}", ["unwell", 101, "unwell", 99], [(1, "notice"), (3, CLEAR)]),
        ("{not: {metric: heart_rate, above: 100}}", ["unwell", 99, "unwell", 101], [(1, "notice"), (3, CLEAR)]),
    ],
)
def test_a_level_is_told_by_its_last_sample(when, values, expected):
    engine = begun(rule(when))
    decided = feed(
        engine, [Sample("watch1", "heart_rate", START + n * SECOND, _number(value)) for n, value in enumerate(values)]
    )
    assert pairs(decided) == [(second * SECOND, level) for second, level in expected]


def _number(value):
    return float(value) if isinstance(value, int) else value


def test_a_gap_is_held_or_starts_a_timer_over():
    for gap, expected in (("hold", 12), ("reset", 14)):
        engine = begun(rule(f"{{metric: heart_rate, above: 150, for: 5s, on_gap: {{longer_than: 4s, then: {gap}}}}}"))
        times = [0, 1, 2, 9, 10, 11, 12, 13, 14, 15, 16]
        samples = [Sample("watch1", "heart_rate", START + at * SECOND, 190.0) for at in times]
        first = feed(engine, samples)[0]
        assert (first.observed_at - START) // SECOND == expected


def test_what_is_unknown_lets_a_timer_stand_still():
    engine = begun(rule("{metric: heart_rate, above: 150, for: 5s}"))
    said = {0: 190.0, 2: "unwell", 4: 190.0}
    decided = feed(engine, [Sample("watch1", "heart_rate", START + at * SECOND, said[at]) for at in said])
    assert pairs(decided + tick(engine, START + MINUTE)) == [(7 * SECOND, "notice")]


@given(
    counter=st.booleans(),
    percentile=st.sampled_from([None, 90.0]),
    steps=st.lists(st.tuples(st.integers(0, 3 * SECOND), st.floats(0, 300, allow_nan=False)), max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
def test_what_is_taken_in_all_at_once_is_what_one_by_one_comes_to(counter, percentile, steps, cuts):
    amount = Amount(
        0,
        name="steps",
        of=None,
        agg="sum",
        window=MINUTE,
        test=bounds.Test(above=Term(None, 1.0)),
        counter=counter,
        percentile=percentile,
        range_=(0.0, 300.0),
    )
    at = [NOW + sum(gap for gap, _ in steps[: place + 1]) for place in range(len(steps))]
    values = [value for _, value in steps]
    one_by_one = memory = amount.start
    for moment, value in zip(at, values, strict=True):
        one_by_one = amount.absorb(one_by_one, [moment], [value], "UTC")
    for first, last in pairwise([0, *sorted(min(cut, len(at)) for cut in cuts), len(at)]):
        memory = amount.absorb(memory, at[first:last], values[first:last], "UTC")
    assert memory == one_by_one
    panes = memory.panes
    assert sum(pane.count for pane in panes) == len(steps)
    assert [pane.last for pane in panes[-1:]] == values[-1:]
    grown = sum(later - before if later >= before else later for before, later in pairwise(values))
    assert sum(pane.grown for pane in panes) == pytest.approx(grown if counter else 0.0)


@pytest.mark.parametrize("offset", [0, 3 * HOUR])
@pytest.mark.parametrize("steps", [1, 13, 14])
def test_days_that_rise_are_counted_wherever_in_the_day_they_are_told(steps, offset):
    engine = Engine([rule(f"{{daily: heart_rate, agg: mean, rises: {steps}}}")])
    told = [Sample("watch1", "heart_rate", MIDNIGHT + day * DAY + offset, 60.0 + day) for day in range(steps + 3)]
    decided = feed(engine, told)
    assert [each.observed_at for each in decided] == [MIDNIGHT + (steps + 1) * DAY]
