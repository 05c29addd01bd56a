"""The rules engine: live, replay and `step` by hand agree; batches, ticks and crashes change nothing; nothing grows."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.sample import SECOND, Event, Sample
from rules import snapshot
from rules.chain import DEPTH_LIMIT
from rules.engine import Engine
from rules.language import CLEAR
from rules.state import Outcome, Situation
from rules.step import explain
from rules.view import OFFLINE, TraitSet
from tests.property.stage import (
    AROUND,
    HOME,
    LADDERS,
    LASTING,
    LATE,
    LONG,
    MOMENTS,
    NOW,
    PERSON,
    RATES,
    START,
    begun,
    change_of,
    end_of,
    feed,
    finish,
    fold,
    programs,
    replayed,
    rule,
    streams,
    tick,
    told,
)

NEVER_IN_THE_STORY = {
    "moment timer",
    "rises",
    "day max",
    "first_at",
    "equals",
    "moment falls",
    "sum",
    "min",
    "where",
    "during",
}
MANY = settings(max_examples=60)
PLENTY = settings(max_examples=40)
HOUR_MS = 3_600 * SECOND


# Live, replay and dry-run are one.


@given(programs(), streams())
@MANY
def test_feeding_is_folding_step(program, changes):
    engine = begun(program)
    decided = feed(engine, changes) + finish(engine, program, changes)
    assert told(decided) == told(fold(program, changes, until=end_of(changes)))


@given(programs(), streams(LATE))
@MANY
def test_feeding_is_folding_step_where_some_comes_late(program, changes):
    engine = begun(program)
    decided = feed(engine, changes) + finish(engine, program, changes)
    assert told(decided) == told(fold(program, changes, until=end_of(changes)))


@pytest.mark.parametrize("condition", ["rises", "above"])
def test_what_comes_late_between_values_that_changed_nothing_is_put_in_its_place(condition):
    """The value after it arms the edge, or ends the episode, though by itself it had changed nothing."""
    moment = condition == "rises"
    program = rule(MOMENTS[condition] if moment else LASTING[condition], moment=moment, lateness="2s")
    arrived = [(0.0, 60.0), (1.0, 60.0), (2.0, 60.0), (0.5, 190.0), (1.5, 190.0), (5.0, 60.0)]
    changes = [Sample("watch1", "heart_rate", START + int(at * SECOND), value) for at, value in arrived]
    engine = begun(program)
    decided = feed(engine, changes) + finish(engine, program, changes)
    fired = [each.observed_at - START for each in decided if each.level != CLEAR]
    assert fired == [500, 1_500]
    assert told(decided) == told(fold(program, changes, until=end_of(changes)))


@given(programs(), streams())
@MANY
def test_replaying_is_folding_step(program, changes):
    until = end_of(changes)
    assert told(replayed(program, changes, until=until)) == told(fold(program, changes, until=until))


@pytest.mark.parametrize("ladder", [None, [("0s", "notice"), ("3s", "warning")]])
def test_what_only_a_sample_can_find_waits_for_the_next_whatever_else_comes_between(ladder):
    """Another watch says that it is gone, at the very time or behind it: the next sample of this one is looked at all the same."""
    held = "{metric: heart_rate, above: 150, for: 3s, on_gap: {longer_than: 5s, then: hold}}"
    program = rule(held, ladder=ladder)
    beats = [Sample("watch1", "heart_rate", START + at * SECOND, 160.0) for at in (0, 2, 4, 6, 8, 11, 12)]
    for gone in range(13):
        event = Event("watch2", "gone", OFFLINE, START + gone * SECOND, {})
        changes = sorted([*beats, event], key=lambda change: change.observed_at)
        plain = told(fold(program, changes, until=end_of(changes)))
        assert told(replayed(program, changes, until=end_of(changes))) == plain
        engine = begun(program)
        assert told(feed(engine, changes) + finish(engine, program, changes)) == plain
        assert len(plain) == (2 if ladder else 1)


def _long_story(seed):
    """Hours of one watch, calm for the most part, with pauses that end at, before and after what is due."""
    told, at = Random(seed), START
    changes = []
    for number in range(500):
        at += told.choice([1, 2, 2, 3, 4, 5, 9, 20]) * SECOND + told.choice([0, 0, 0, 1])
        kind = told.choice(["rate"] * 8 + ["worn", "removed", "sleep", "workout", "steps", "spo2"])
        changes.append(change_of(kind, told.choice([60.0, 148.0, 190.0, 190.0, 195.0, 200.0]), "watch1", at, number))
    return changes


@pytest.mark.parametrize("name", [*LASTING, *(f"moment {name}" for name in MOMENTS)])
@pytest.mark.parametrize("seed", [1, 2])
def test_over_a_long_story_live_replay_and_step_agree(name, seed):
    moment = name.startswith("moment ")
    program = rule(MOMENTS[name[7:]], moment=True) if moment else rule(LASTING[name], ladder=LADDERS[1])
    changes, engine, live = _long_story(seed), begun(program), []
    until = end_of(changes)
    for change in changes:
        live += tick(engine, change.observed_at - 1) + feed(engine, [change])
    live += finish(engine, program, changes)
    plain = told(fold(program, changes, until=until))
    assert told(live) == plain
    quiet = begun(program)
    assert told(feed(quiet, changes) + finish(quiet, program, changes)) == plain
    assert told(replayed(program, changes, until=until)) == plain
    assert plain or name in NEVER_IN_THE_STORY


def test_what_comes_at_the_very_time_something_is_due_comes_first():
    program = rule("{missing: {event: removed}, after: {event: worn}, within: 5s}", moment=True, lateness="0s")
    begins, ends = Event("watch1", "a", "worn", START, {}), Event("watch1", "b", "removed", START + 5 * SECOND, {})
    assert feed(begun(program), [begins, ends]) == []
    held = rule("{all: [{metric: heart_rate, above: 150}, {absent: worn, for: 5s}]}", lateness="0s")
    worn, rate = begins, Sample("watch1", "heart_rate", START + 5 * SECOND, 190.0)
    assert len(feed(begun(held), [worn, rate])) == 1
    nightly = rule("{schedule: '1 0 * * *'}", moment=True)
    nearly = rule("{any: [{schedule: '1 0 * * *'}, {event: removed}]}", moment=True, lateness="0s")
    at_one = msgspec.structs.replace(ends, observed_at=START + 120 * SECOND)
    assert len(feed(begun(nearly), [at_one])) == 2
    assert len(tick(begun(nightly), START + 120 * SECOND)) == 1


@given(streams())
def test_rules_do_not_disturb_each_other(changes):
    one, two = rule(LASTING["above hold"], id_="one"), rule(LASTING["mean"], id_="two")
    three = rule(MOMENTS["sequence"], moment=True, id_="three")
    engine = Engine([one, two, three])
    together = feed(engine, changes)
    for program in (one, two, three):
        assert [each for each in together if each.rule == program.id] == fold(program, changes)


@given(programs(), streams(LATE), st.lists(st.integers(0, 80), max_size=8))
@PLENTY
def test_the_boundaries_of_batches_change_nothing(program, changes, cuts):
    engine, decisions = begun(program), []
    edges = [0, *sorted(min(cut, len(changes)) for cut in cuts), len(changes)]
    for begin, end in pairwise(edges):
        decisions += feed(engine, changes[begin:end])
    decisions += finish(engine, program, changes)
    assert told(decisions) == told(fold(program, changes, until=end_of(changes)))


@given(programs(), streams(), st.data())
@MANY
def test_ticks_that_overtake_no_change_change_nothing(program, changes, data):
    engine, decisions = begun(program), []
    shares = st.one_of(st.none(), st.floats(0, 1))
    for change, following in pairwise([*changes, Sample("", "", end_of(changes), 0.0)]):
        decisions += feed(engine, [change])
        room = following.observed_at - change.observed_at - 1
        if room >= 0 and (share := data.draw(shares)) is not None:
            decisions += tick(engine, change.observed_at + round(room * share))
    decisions += finish(engine, program, changes)
    assert told(decisions) == told(fold(program, changes, until=end_of(changes)))


@given(programs(), streams())
def test_deciding_again_at_another_time_gives_the_same_ids(program, changes):
    ids = [each.id for each in feed(begun(program), changes)]
    again = begun(program).feed(changes, surroundings=AROUND, now=1)
    assert [each.id for each in again] == ids


@given(programs(), streams([1, 500, 1_000, 5_001], distinct=True))
def test_decision_ids_are_unique(program, changes):
    engine = begun(program)
    ids = [each.id for each in feed(engine, changes) + finish(engine, program, changes)]
    assert len(set(ids)) == len(ids)


# Crashes.


def _crashed(engine, program):
    kept = snapshot.save(engine)
    again = Engine([program])
    assert snapshot.load(again, kept) == set()
    again.begin("person", PERSON, at=NOW)
    assert snapshot.save(again) == kept
    return again


@given(programs(), streams(LATE), st.lists(st.integers(0, 80), max_size=6), st.booleans())
@MANY
def test_a_crash_at_any_point_changes_no_decision(program, changes, crashes, ticking):
    engine, decisions, done = begun(program), [], 0
    for crash in sorted({min(crash, len(changes)) for crash in crashes}):
        decisions += feed(engine, changes[done:crash])
        done, engine = crash, _crashed(engine, program)
        later = min((each.observed_at for each in changes[done:]), default=0)
        if ticking:
            decisions += tick(engine, later - 1)
    decisions += feed(engine, changes[done:])
    decisions += finish(engine, program, changes)
    assert told(decisions) == told(fold(program, changes, until=end_of(changes)))


@given(programs(), streams(LATE), st.integers(0, 60), st.integers(0, 60))
@PLENTY
def test_feeding_again_from_an_older_snapshot_decides_the_same_again(program, changes, saved, crashed):
    saved, crashed = sorted((min(saved, len(changes)), min(crashed, len(changes))))
    engine = begun(program)
    before = feed(engine, changes[:saved])
    kept = snapshot.save(engine)
    lost = feed(engine, changes[saved:crashed])
    again = Engine([program])
    assert snapshot.load(again, kept) == set()
    anew = feed(again, changes[saved:])
    assert told(anew[: len(lost)]) == told(lost)
    assert told(before + anew) == told(fold(program, changes))


PENDING = {
    "a pending for": (rule(LASTING["above for"]), [(0, 190.0)], [(3, "notice")]),
    "a climbed ladder": (
        rule(LASTING["above"], ladder=[("0s", "notice"), ("9s", "critical")]),
        [(0, 190.0), (5, 190.0)],
        [(0, "notice"), (9, "critical")],
    ),
    "a cooldown": (
        rule(LASTING["above"], cooldown="20s"),
        [(0, 190.0), (1, 60.0), (2, 190.0)],
        [(0, "notice"), (1, CLEAR), (21, "notice")],
    ),
    "an armed edge": (rule(MOMENTS["rises"], moment=True), [(0, 60.0), (8, 148.0), (9, 190.0)], [(9, "notice")]),
    "a spent edge": (
        rule(MOMENTS["rises"], moment=True),
        [(0, 60.0), (1, 190.0), (8, 148.0), (9, 190.0)],
        [(1, "notice")],
    ),
    "a window": (
        rule("{metric: heart_rate, window: 1m, agg: sum, above: 300}"),
        [(0, 160.0), (30, 160.0), (200, 10.0)],
        [(30, "notice"), (61, CLEAR)],
    ),
    "an absence": (rule(LASTING["absent"]), [(0, 60.0)], [(4, "notice")]),
    "what waits": (rule(LASTING["above"], lateness="7s"), [(0, 190.0)], [(0, "notice")]),
    "a total": (
        rule(LASTING["total"]),
        [(0, 190.0), (1, 60.0), (2, 190.0)],
        [(6, "notice"), (60, CLEAR), (65, "notice")],
    ),
}


@pytest.mark.parametrize("name", PENDING)
def test_a_crash_between_any_two_samples_leaves_nothing_out(name):
    program, written, expected = PENDING[name]
    engine, decisions = begun(program), []
    for seconds, value in written:
        engine = _crashed(engine, program)
        decisions += feed(engine, [Sample("watch1", "heart_rate", START + seconds * SECOND, value)])
    decisions += tick(_crashed(engine, program), START + 300 * SECOND)
    assert [((each.observed_at - START) // SECOND, each.level) for each in decisions] == expected


def test_a_missing_event_is_missed_after_a_crash_too():
    program = rule(MOMENTS["missing"], moment=True)
    engine = begun(program)
    assert feed(engine, [Event("watch1", "e1", "worn", START, {})]) == []
    again = _crashed(engine, program)
    assert tick(again, START + 5 * SECOND + program.lateness - 1) == []
    [decision] = tick(again, START + 5 * SECOND + program.lateness)
    assert decision.observed_at == START + 5 * SECOND


def test_a_schedule_is_kept_in_the_time_of_the_home_after_a_crash():
    program = rule("{schedule: '0 7 * * *'}", moment=True)
    seven = START + 60 * SECOND + 7 * 3_600 * SECOND
    engine = _crashed(begun(program), program)
    assert tick(engine, seven - 1) == []
    [decision] = tick(engine, seven)
    assert decision.observed_at == seven


def test_what_a_timer_publishes_after_a_crash_is_heard_by_other_rules():
    first = rule(MOMENTS["missing"], moment=True, id_="first", then="then: {event: {type: removed}}")
    second = rule("{event: removed}", moment=True, id_="second")
    engine = Engine([first, second])
    feed(engine, [Event("watch1", "e1", "worn", START, {})])
    kept = snapshot.save(engine)
    again = Engine([first, second])
    assert snapshot.load(again, kept) == set()
    for each in (engine, again):
        assert [decision.rule for decision in tick(each, START + 60 * SECOND)] == ["first", "second"]


@given(streams())
def test_a_snapshot_of_another_version_is_left_out(changes):
    old, new = rule(LASTING["above for"]), rule(LASTING["above hold"])
    before, engine = begun(old), Engine([new])
    feed(before, changes)
    assert snapshot.load(engine, snapshot.save(before)) == {"one"}
    assert feed(engine, changes) == fold(new, changes)


@pytest.mark.parametrize("kept", [b"", b"nonsense", msgspec.msgpack.encode([99, {}]), msgspec.msgpack.encode([1, {}])])
def test_a_snapshot_that_cannot_be_read_is_said_to_be_missing(kept):
    assert snapshot.load(Engine([rule(LASTING["above"])]), kept) == {"one"}


# Late.


@given(programs(lateness=("0s", "2s")), streams(LONG), st.integers(1, 90_000), st.data())
@PLENTY
def test_what_is_older_than_the_clock_is_traced_and_not_acted_on(program, changes, back, data):
    changes = heard = [each for each in changes if isinstance(each, Sample) and each.metric in program.metrics]
    engine, clean = begun(program), begun(program)
    late = 0
    for change in heard:
        assert feed(engine, [change]) == feed(clean, [change])
        clock = engine.states("one")["minji"].clock
        if clock > START and data.draw(st.booleans()):
            late += 1
            assert feed(engine, [msgspec.structs.replace(change, observed_at=clock - back, value=250.0)]) == []
    assert engine.states("one") == clean.states("one")
    buckets = engine.running["one"].cells["minji"].buckets if changes and late else {}
    assert (buckets[Outcome.LATE].times if late else 0) == late


@given(programs(lateness=("7s",)), streams([1, 500, 1_000, 2_000, 31_000], distinct=True), st.data())
@MANY
def test_what_is_shuffled_by_no_more_than_the_lateness_decides_the_same(program, changes, data):
    delays = data.draw(st.lists(st.integers(0, 7_000), min_size=len(changes), max_size=len(changes)))
    arrivals = [
        each for _, each in sorted(zip(delays, changes, strict=True), key=lambda each: each[0] + each[1].observed_at)
    ]
    engine = begun(program)
    decided = feed(engine, arrivals) + finish(engine, program, changes)
    assert told(decided) == told(fold(program, changes, until=end_of(changes)))


# Episodes.


@given(programs(moments=()), streams())
@PLENTY
def test_an_episode_climbs_its_ladder_in_order_is_ended_once_and_rests(program, changes):
    engine, ladder = begun(program), [step.level for step in program.ladder]
    climbed, rests_until = [], 0
    for decision in feed(engine, changes) + finish(engine, program, changes):
        if decision.level == CLEAR:
            climbed, rests_until = [], decision.observed_at + program.cooldown
        else:
            climbed.append(decision.level)
            assert climbed == ladder[: len(climbed)]
            assert decision.observed_at >= rests_until


# Nothing grows.


STREAM = [
    change
    for second in range(4_000)
    for at in [START + second * 7 * SECOND]
    for change in (
        Sample("watch1", "heart_rate", at, float(60 + second * 37 % 160)),
        Sample("watch2", "heart_rate", at + 300, float(60 + second * 11 % 160)),
        Sample("watch1", "steps", at + 500, float(second % 400)),
        Sample("watch1", "sleep_stage", at + 600, ("deep", "light", "rem")[second % 3]),
        Event(
            "watch1", f"e{second}", ("worn", "removed", "workout.ended")[second % 5 % 3], at + 700, {"distance_m": 2.0}
        ),
    )
]
BOUND = 24_000


@pytest.mark.parametrize("name", [*LASTING, *(f"moment {name}" for name in MOMENTS)])
def test_what_is_remembered_of_a_scope_is_bounded(name):
    moment = name.startswith("moment ")
    program = rule(MOMENTS[name[7:]], moment=True) if moment else rule(LASTING[name], cooldown="20s")
    engine = begun(program)
    sizes = []
    for place in range(0, len(STREAM), 4_000):
        feed(engine, STREAM[place : place + 4_000])
        sizes.append(len(snapshot.save(engine)))
    assert max(sizes) < BOUND


def test_a_flood_within_the_lateness_is_bounded_too():
    program = rule(LASTING["above"], lateness="10m")
    engine = begun(program)
    feed(engine, [Sample("watch1", "heart_rate", START + n, 60.0) for n in range(20_000)])
    assert len(engine.states("one")["minji"].waiting) <= 1_000


# Loops.


def _looping(programs_):
    engine, cut = Engine(programs_), []
    engine.on_loop = cut.append
    return engine, cut


WORN = Event("watch1", "e1", "worn", START, {})


def test_a_rule_that_sets_itself_off_is_cut_and_the_engine_goes_on():
    program = rule("{event: worn}", moment=True, then="then: {event: {type: worn}}")
    engine, cut = _looping([program])
    assert len(feed(engine, [WORN])) == DEPTH_LIMIT + 1
    assert [each.rule for each in cut] == ["one"]
    later = msgspec.structs.replace(WORN, id="e2", observed_at=START + SECOND)
    assert len(feed(engine, [later])) == DEPTH_LIMIT + 1
    assert len(cut) == 2
    trace = engine.running["one"].cells["minji"].buckets[Outcome.CUT]
    assert (trace.at, trace.times) == (START + SECOND, 2)


def test_rules_that_set_each_other_off_are_cut():
    one = rule("{event: worn}", moment=True, id_="one", then="then: {event: {type: removed}}")
    two = rule("{event: removed}", moment=True, id_="two", then="then: {event: {type: worn}}")
    engine, cut = _looping([one, two])
    assert [each.rule for each in feed(engine, [WORN])] == ["one", "two"] * ((DEPTH_LIMIT + 1) // 2)
    assert len(cut) == 1


def test_a_loop_over_what_waits_is_cut_too():
    program = rule(
        "{any: [{event: worn}, {event: removed}]}", moment=True, lateness="2s", then="then: {event: {type: worn}}"
    )
    engine, cut = _looping([program])
    decisions = feed(engine, [WORN])
    for second in range(1, 20):
        decisions += tick(engine, START + second * SECOND)
    assert len(decisions) == DEPTH_LIMIT + 1
    assert len(cut) == 1


def test_a_loop_over_traits_is_cut():
    one = rule("{trait: mood, equals: 'on'}", id_="one", then="then: {trait: {name: mood, to: 'off'}}")
    two = rule("{trait: mood, equals: 'off'}", id_="two", then="then: {trait: {name: mood, to: 'on'}}")
    engine, cut = _looping([one, two])
    decided = engine.set_trait("person", PERSON, TraitSet(START, "mood", "on"), now=NOW)
    assert [each.rule for each in decided if each.level != CLEAR] == ["one", "two"] * ((DEPTH_LIMIT + 1) // 2)
    assert len(cut) == 1


def test_rules_that_multiply_are_cut():
    six = "then: [" + ", ".join(["{event: {type: worn}}"] * 6) + "]"
    engine, cut = _looping([rule("{event: worn}", moment=True, id_=f"r{n}", then=six) for n in range(5)])
    assert len(feed(engine, [WORN])) < 10_000
    assert cut


def test_rules_agree_on_what_a_trait_was_set_to_last():
    first = rule("{trait: mood, equals: low}", id_="first", then="then: {trait: {name: mood, to: high}}")
    second = rule("{trait: mood, equals: low}", id_="second")
    engine, _ = _looping([first, second])
    engine.set_trait("person", PERSON, TraitSet(START, "mood", "low"), now=NOW)
    assert {engine.states(each)["minji"].slots[0] for each in ("first", "second")} == {("high", False)}


@given(streams(LONG), st.sampled_from([2, 20, 3_600]), st.lists(st.integers(0, 80), max_size=3))
@PLENTY
def test_a_timer_that_others_start_and_stop_runs_out_at_its_time_crashes_or_not(changes, lasts, crashes):
    starts = rule("{event: worn}", moment=True, id_="starts", then="then: {timer: {rule: lasts, do: start}}")
    stops = rule("{event: removed}", moment=True, id_="stops", then="then: {timer: {rule: lasts, do: stop}}")
    rules = [starts, stops, rule(f"{{timer: {lasts}s}}", moment=True, id_="lasts")]
    told_of = [each for each in changes if isinstance(each, Event) and each.type in ("worn", "removed")]
    expected, began = [], None
    for change in [*told_of, Event("watch1", "end", "removed", end_of(changes) + 3_600 * SECOND, {})]:
        if began is not None and began + lasts * SECOND < change.observed_at:
            expected, began = [*expected, began + lasts * SECOND], None
        began = change.observed_at if change.type == "worn" else None
    engine, decisions, done = Engine(rules), [], 0
    for crash in sorted({min(crash, len(told_of)) for crash in crashes}):
        decisions += feed(engine, told_of[done:crash])
        kept, done, engine = snapshot.save(engine), crash, Engine(rules)
        assert snapshot.load(engine, kept) == set()
    decisions += feed(engine, told_of[done:]) + tick(engine, end_of(changes) + 3_600 * SECOND)
    assert [each.observed_at for each in decisions if each.rule == "lasts"] == expected


def test_what_rules_publish_by_the_clock_is_heard_in_order_of_time():
    absent = "then: {event: {type: removed}}"
    first = rule(LASTING["absent"], id_="first", then=absent)
    second = rule("{any: [{event: removed}, {schedule: '0,1 0 * * *'}]}", moment=True, lateness="0s", id_="second")
    told_by = []
    for ticks in ([200], range(1, 201)):
        engine = Engine([first, second])
        engine.begin("person", PERSON, at=START)
        decisions = feed(engine, [Sample("watch1", "heart_rate", START + 90 * SECOND, 60.0)])
        for seconds in ticks:
            decisions += tick(engine, START + seconds * SECOND)
        told_by.append(sorted(told(decisions)))
    assert told_by[0] == told_by[1]
    assert len(told_by[0]) == 4


def test_what_another_watch_says_is_not_taken_for_what_was_asked_for():
    program = rule("{metric: heart_rate, of: watch1, above: 150, for: 20s, on_gap: {longer_than: 5s, then: reset}}")
    changes = [Sample("watch1", "heart_rate", START, 190.0)]
    changes += [Sample("watch2", "heart_rate", START + n * SECOND, 200.0) for n in range(1, 19)]
    changes += [Sample("watch1", "heart_rate", START + 19 * SECOND, 190.0)]
    changes += [Sample("watch1", "heart_rate", START + 21 * SECOND, 190.0)]
    engine = begun(program)
    assert feed(engine, changes) == fold(program, changes) == []
    assert replayed(program, changes, until=None) == []
    assert engine.states("one")["minji"].slots[0][0].value == 190.0


PUBLISHING = [
    rule(LASTING[name], id_="first", then="then: {event: {type: removed}}") for name in ("above for", "absent", "any")
]
HEARING = [
    rule("{event: removed}", moment=True, id_="second"),
    rule("{sequence: [{event: removed}, {event: removed}], within: 1h}", moment=True, id_="second"),
]


@given(programs(), st.sampled_from(PUBLISHING), st.sampled_from(HEARING), streams(LATE), st.data())
@PLENTY
def test_a_crash_after_a_snapshot_that_was_taken_bit_by_bit_changes_nothing(one, first, second, changes, data):
    engine, done = begun(one, first, second), data.draw(st.integers(0, len(changes)))
    feed(engine, changes[:done])
    began, taking, kept, ticks, lived = done, snapshot.Taking(engine), None, [], []
    while kept is None:
        piece = data.draw(st.integers(0, 3))
        lived += feed(engine, changes[done : done + piece])
        done = min(done + piece, len(changes))
        if data.draw(st.booleans()):
            ticks.append((done, max((each.observed_at for each in changes[:done]), default=START)))
            lived += tick(engine, ticks[-1][1])
        if taking.torn:
            lived, began, taking, ticks = [], done, snapshot.Taking(engine), []
        kept = taking.advance(done, 1)
    lived += feed(engine, changes[done:])

    again, anew = Engine([one, first, second]), []
    assert snapshot.load(again, kept) == set()
    for place in range(began, len(changes) + 1):
        if place > began:
            with again.again(place):
                anew += feed(again, [changes[place - 1]])
        for _, until in (each for each in ticks if each[0] == place):
            with again.again(place):
                anew += tick(again, until)
    again.begin("person", PERSON, at=NOW)
    assert set(told(anew)) <= set(told(lived))
    for key in engine.running:
        assert again.states(key) == engine.states(key)
    until = end_of(changes) + 20 * SECOND
    assert told(tick(again, until)) == told(tick(engine, until))


# Many rules that listen to the same.


def _alone(id_, program, changes, ticks):
    engine, decisions = begun(program), []
    for change in changes:
        decisions += feed(engine, [change])
        if change in ticks:
            decisions += tick(engine, change.observed_at)
    return decisions + finish(engine, program, changes), engine.states(id_)


@given(
    st.lists(st.tuples(st.sampled_from(sorted(LASTING)), st.sampled_from(LADDERS)), min_size=2, max_size=5),
    streams(LATE),
    st.data(),
)
@PLENTY
def test_rules_that_listen_to_the_same_decide_as_each_would_alone(chosen, changes, data):
    made = {f"r{n}": rule(LASTING[name], ladder=ladder, id_=f"r{n}") for n, (name, ladder) in enumerate(chosen)}
    ticks = [change for change in changes if data.draw(st.integers(0, 3)) == 0]
    engine, decisions, place = begun(*made.values()), [], 0
    while place < len(changes):
        piece = data.draw(st.integers(1, 6))
        for change in changes[place : place + piece]:
            if change in ticks:
                decisions += feed(engine, [change]) + tick(engine, change.observed_at)
            else:
                decisions += feed(engine, [change])
        place += piece
        looked_at = data.draw(st.sampled_from(sorted(made)))
        assert engine.states(looked_at).keys() <= {"minji"}
    decisions += tick(engine, end_of(changes) + max(program.lateness for program in made.values()))
    for id_, program in made.items():
        expected, states = _alone(id_, program, changes, ticks)
        assert told([each for each in decisions if each.rule == id_]) == told(expected)
        assert engine.states(id_) == states


# Devices that cannot be reached.


def _offline(seconds, source="watch1"):
    return Event(source, f"gone-{seconds}", OFFLINE, START + seconds * SECOND, {})


def _beats(begin, end, rate, source="watch1"):
    return [Sample(source, "heart_rate", START + n * SECOND, rate) for n in range(begin, end)]


def test_a_device_that_cannot_be_reached_is_unknown_and_starts_no_timer_over():
    program = rule("{metric: heart_rate, above: 150, for: 10s}")
    changes = [*_beats(0, 5, 180.0), _offline(5), *_beats(20, 40, 180.0)]
    engine = begun(program)
    assert feed(engine, changes[:6]) + tick(engine, START + 19 * SECOND) == []
    decisions = feed(engine, changes[6:])
    assert [(each.observed_at - START) // SECOND for each in decisions] == [
        25
    ]  # five seconds before it went, five after
    assert told(decisions) == told(replayed(program, changes, until=end_of(changes)))
    negated = begun(rule("{not: {metric: heart_rate, above: 150}, for: 10s}"))
    assert feed(negated, [*_beats(0, 3, 180.0), _offline(3)]) + tick(negated, START + HOUR_MS) == []


def test_that_another_device_is_gone_changes_nothing():
    program = rule("{metric: heart_rate, above: 150, for: 10s}")
    plain = fold(program, _beats(0, 20, 180.0))
    engine = begun(program)
    decisions = feed(engine, [*_beats(0, 5, 180.0), _offline(5, "watch2"), *_beats(5, 20, 180.0)])
    assert told(decisions) == told(plain)
    assert len(plain) == 1


# What traces tell.


@given(st.lists(st.sampled_from(RATES), min_size=2, max_size=20), st.sampled_from(["0s", "2s"]))
@PLENTY
def test_an_outcome_is_told_with_what_led_to_it(values, lateness):
    """Where changes wait for others, it is the one that was met, not the one that came last."""
    program = rule("{metric: heart_rate, above: 150}", scope="home", lateness=lateness)
    engine = Engine([program])
    feed(engine, [Sample("watch1", "heart_rate", START + place * SECOND, value) for place, value in enumerate(values)])
    tick(engine, START + HOUR_MS)
    cell = engine.running["one"].cells["home"]
    standing = {Outcome.FIRED: True, Outcome.FIRING: True, Outcome.CLEARED: False, Outcome.FALSE: False}
    for outcome, bucket in cell.looked(program, cell.current(program)).items():
        clauses = explain(Situation(program, HOME, bucket.at), bucket.state, bucket.heard, bucket.at)
        assert [clause.truth for clause in clauses] == [standing[outcome]], outcome
