"""What rules make of silence, of several devices at a time, and of counters."""

from __future__ import annotations

import pytest

from devices.sample import DAY, HOUR, MINUTE, SECOND, Event, Sample
from rules.engine import Engine
from rules.view import OFFLINE
from tests.property.stage import AROUND, NOW, START, begun, feed, pairs, rule, tick


def _said(metric, seconds, value, watch="watch1"):
    return Sample(watch, metric, START + round(seconds * SECOND), value)


def _event(seconds, kind, **data):
    return Event("watch1", f"{kind}-{seconds}", kind, START + round(seconds * SECOND), data)


def _decided(program, changes, until=0):
    engine = begun(program)
    return pairs(feed(engine, changes) + (tick(engine, START + until) if until else []))


@pytest.mark.parametrize("then", ["hold", "reset"])
@pytest.mark.parametrize("slow", [None, 160.0, 60.0])
def test_a_slow_device_of_a_home_is_no_pause_of_the_other(then, slow):
    held = f"{{metric: heart_rate, above: 150, for: 2m, on_gap: {{longer_than: 30s, then: {then}}}}}"
    engine = Engine([rule(held, scope="home")])
    changes = [_said("heart_rate", second, 160.0) for second in range(600)]
    if slow is not None:
        changes += [_said("heart_rate", second + 0.5, slow, "watch2") for second in range(0, 600, 60)]
    changes.sort(key=lambda change: change.observed_at)
    decided = engine.feed(changes, surroundings=AROUND, now=NOW)
    assert pairs(decided) == [(2 * MINUTE, "notice")]


def test_a_device_that_went_silent_is_not_kept_true_by_another_of_the_home():
    held = "{metric: heart_rate, above: 150, for: 2m, on_gap: {longer_than: 30s, then: hold}}"
    engine = Engine([rule(held, scope="home", lateness="0s")])
    changes = [_said("heart_rate", 0, 160.0), *(_said("heart_rate", at, 60.0, "watch2") for at in range(1, 600))]
    assert engine.feed(changes, surroundings=AROUND, now=NOW) == []


@pytest.mark.parametrize(("then", "fires"), [("reset", 120), ("hold", 110)])
def test_a_pause_is_one_though_the_device_said_that_it_goes(then, fires):
    held = f"{{metric: heart_rate, above: 150, for: 20s, on_gap: {{longer_than: 5s, then: {then}}}}}"
    beats = [_said("heart_rate", at, 160.0) for at in (*range(11), *range(100, 125))]
    gone = sorted([*beats, _event(11, OFFLINE)], key=lambda change: change.observed_at)
    assert _decided(rule(held), beats) == _decided(rule(held), gone) == [(fires * SECOND, "notice")]


@pytest.mark.parametrize(
    "inside",
    [
        "{total: {metric: heart_rate, above: 150, on_gap: {longer_than: 30s}}, per: day, above: 20m}",
        "{any: [{metric: heart_rate, above: 150, on_gap: {longer_than: 5s}}], for: 1m}",
    ],
)
@pytest.mark.parametrize("between", [[], [10], [40]])
def test_one_value_two_hours_ago_is_no_time_of_it(inside, between):
    program = rule(f"{{all: [{{event: worn}}, {inside}]}}", moment=True)
    assert _decided(program, [_said("heart_rate", 0, 160.0), *(_event(at, "worn") for at in (*between, 7_200))]) == []


def test_a_total_that_nobody_could_tell_is_unknown():
    night = "{during: {from: '00:00', to: '01:00'}}"
    program = rule(f"{{all: [{night}, {{not: {{total: {{metric: heart_rate, above: 100}}, per: day, above: 30m}}}}]}}")
    assert _decided(program, [], until=2 * HOUR) == []
    assert _decided(program, [_said("heart_rate", 120, 80.0)], until=30 * MINUTE) == [(2 * MINUTE, "notice")]


@pytest.mark.parametrize("every", [60, 30, 10])
def test_the_rate_of_a_counter_is_what_it_grows_by_in_a_minute(every):
    steps = [_said("steps", turn * every, turn * every * 100 / 60) for turn in range(60)]
    assert _decided(rule("{metric: steps, window: 2m, agg: rate, above: 110}"), steps) == []
    assert _decided(rule("{metric: steps, window: 2m, agg: rate, above: 90}"), steps)[0][1] == "notice"


def test_a_counter_that_is_told_less_often_than_its_window_counts():
    steps = [_said("steps", turn * 900, turn * 1_000.0) for turn in range(3)]
    assert _decided(rule("{metric: steps, window: 10m, agg: sum, above: 100}"), steps)[0] == (15 * MINUTE, "notice")


def test_a_day_of_a_counter_is_what_it_grew_by():
    steps = [_said("steps", 61 + turn * 60, turn * 10.0) for turn in range(100)]
    assert _decided(rule("{daily: steps, agg: sum, above: 1000}"), steps, until=2 * DAY) == []
    told = _decided(rule("{daily: steps, agg: sum, above: 980}"), steps, until=2 * DAY)
    assert [level for _, level in told][:1] == ["notice"]


@pytest.mark.parametrize(
    "when", ["{metric: steps, window: 1h, agg: sum, above: 200}", "{daily: steps, agg: sum, above: 200}"]
)
def test_every_device_counts_by_itself(when):
    """One has gone 5,000 steps before, the other 100; each goes 50 more."""
    steps = [
        _said("steps", 61 + turn, base + turn, watch)
        for turn in range(51)
        for watch, base in (("watch1", 5_000.0), ("watch2", 100.0))
    ]
    assert _decided(rule(when), steps, until=26 * HOUR) == []
    assert _decided(rule(when.replace("200", "99")), steps, until=26 * HOUR)[0][1] == "notice"


def test_leaving_one_place_is_not_leaving_another():
    moves = [(0, "entered", "hall"), (10, "entered", "kitchen"), (10.5, "left", "hall"), (60, "left", "kitchen")]
    changes = [_event(at, f"zone.{what}", zone=zone) for at, what, zone in moves]
    decided = _decided(rule("{present: anyone, in: kitchen}"), changes)
    assert decided == [(10 * SECOND, "notice"), (60 * SECOND, "clear")]


def test_two_episodes_of_one_instant_are_two():
    program = rule("{any: [{metric: heart_rate, above: 150}, {metric: spo2, below: 92}]}")
    changes = [_said("spo2", 0, 97.0), _said("heart_rate", 1, 160.0), _said("heart_rate", 1, 60.0, "watch2")]
    decided = feed(begun(program), [*changes, _said("spo2", 1, 90.0), _said("spo2", 5, 97.0)])
    assert [each.level for each in decided] == ["notice", "clear", "notice", "clear"]
    assert len({each.id for each in decided}) == 4


def test_days_in_a_row_are_those_up_to_yesterday():
    program = rule("{all: [{event: worn}, {daily: heart_rate, agg: mean, rises: 3}]}", moment=True)
    days = [_said("heart_rate", 3_600 + day * 86_400, 60.0 + day) for day in range(6)]
    assert _decided(program, [*days, _event(6 * 86_400 + 3_600, "worn")])[0][1] == "notice"
    assert _decided(program, [*days, _event(300 * 86_400, "worn")]) == []
