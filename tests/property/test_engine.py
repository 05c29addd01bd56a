"""The rules engine: the quick path, batches and crashes change nothing, and no episode goes wrong."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.sample import DAY, SECOND, Sample
from rules import language
from rules.engine import CLEAR, Engine, State, step
from rules.program import compile_rule
from rules.subject import Subject

START = 1_767_225_600_000 - 90 * SECOND
"""A minute and a half before a new year, when everybody's limit moves."""
NOW = START + DAY
PEOPLE = {"watch1": Subject("minji", 1980), "watch2": Subject("minji", 1980), "watch3": Subject("joon", 1956)}
PEOPLE["watch4"] = Subject("ageless")

RULE = """\
id: {id}
title: Ease off
scope: {{each: person}}
purpose: service
inputs: {{limit: {{default: {limit}}}}}
when: {{metric: heart_rate, above: $limit, clear_below: $limit - 5, for: {hold}, on_gap: {gap}}}
escalate:
  - {{after: {first}, level: notice, then: {{command: {{to: watch, type: vibrate, args: {{strength: 1}}}}}}}}
  - {{after: 4s, level: warning, then: {{command: {{to: watch, type: vibrate, args: {{strength: 3}}}}}}}}
  - {{after: 9s, level: critical, then: {{command: {{to: watch, type: alarm, args: {{volume: 4}}}}}}}}
clear: {{then: {{command: {{to: watch, type: stop_alarm}}}}}}
limits: {{cooldown: {cooldown}}}
because: "Above {{limit:.0f}} for {{held}}."
"""


def _program(
    id_="one", *, limit="person.heart_rate.recommended_max", hold="3s", gap="hold", first="0s", cooldown="20s"
):
    on_gap = f"{{longer_than: 5s, then: {gap}}}" if gap else "null"
    text = RULE.format(id=id_, limit=limit, hold=hold, gap=on_gap, first=first, cooldown=cooldown)
    return compile_rule(language.read(text, file="rule.yaml"))


programs = st.builds(
    _program,
    limit=st.sampled_from(["person.heart_rate.recommended_max", "150"]),
    hold=st.sampled_from(["0s", "3s", "10s"]),
    gap=st.sampled_from(["hold", "reset", None]),
    first=st.sampled_from(["0s", "2s"]),
    cooldown=st.sampled_from(["0s", "20s"]),
)
rates = st.sampled_from([60, 144.9, 145, 150, 150.1, 154, 159, 170, 170.8, 175.8, 176, 190, 220])
values = rates | st.just("unwell")
steps_ms = st.sampled_from([0, 1, 500, 1_000, 1_000, 1_000, 2_000, 5_000, 5_001, 31_000, -1_000, -7_000])


@st.composite
def streams(draw, *, sources=tuple(PEOPLE), heard=values):
    """Samples as they come: mostly a second apart, some twice, late, after a gap, or of something else."""
    at, samples = START, []
    runs = draw(st.lists(st.tuples(heard, st.integers(1, 12), steps_ms, st.sampled_from(sources)), max_size=12))
    for value, length, pause, source in runs:
        at += pause
        for _ in range(length):
            samples.append(Sample(source, "heart_rate", at, value))
            at += SECOND
    extra = st.sampled_from([Sample("watch1", "steps", START, 5), Sample("watch1", "sleep_stage", START, "deep")])
    for place, odd in draw(st.lists(st.tuples(st.integers(0, 40), extra), max_size=3)):
        samples.insert(place, odd)
    for place, back in draw(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 30)), max_size=4)):
        if place < len(samples):
            samples.insert(place + back, samples[place])
    return samples


numbers = streams(heard=rates)


def _fold(program, samples):
    """What `step` alone decides: the plain truth."""
    states, decisions = defaultdict(State), []
    for sample in samples:
        if isinstance(sample, Sample) and sample.metric == program.metric and sample.source in PEOPLE:
            subject = PEOPLE[sample.source]
            states[subject.id], decided = step(program, states[subject.id], sample, subject=subject, now=NOW)
            decisions += decided
    return dict(states), decisions


def _feed(engine, samples):
    return engine.feed(samples, subject_of=PEOPLE.get, now=NOW)


def _episodes(decisions):
    by_scope = defaultdict(list)
    for decision in decisions:
        by_scope[decision.scope].append(decision)
    return by_scope


@given(programs, numbers)
@settings(max_examples=300)
def test_feeding_is_folding_step(program, samples):
    engine = Engine([program])
    states, decisions = _fold(program, samples)
    assert _feed(engine, samples) == decisions
    assert engine.states("one") == states


@given(programs, streams())
@settings(max_examples=120)
def test_feeding_texts_among_the_numbers_is_folding_step_too(program, samples):
    engine = Engine([program])
    states, decisions = _fold(program, samples)
    assert _feed(engine, samples) == decisions
    assert engine.states("one") == states


@given(numbers)
def test_rules_do_not_disturb_each_other(samples):
    one, two = _program("one"), _program("two", limit="150", hold="0s")
    together = _feed(Engine([one, two]), samples)
    for program in (one, two):
        assert [each for each in together if each.rule == program.rule.id] == _fold(program, samples)[1]


@given(programs, numbers, st.lists(st.integers(0, 200), max_size=8))
@settings(max_examples=120)
def test_the_boundaries_of_batches_change_nothing(program, samples, cuts):
    engine, decisions = Engine([program]), []
    edges = [0, *sorted(min(cut, len(samples)) for cut in cuts), len(samples)]
    for begin, end in pairwise(edges):
        decisions += _feed(engine, samples[begin:end])
    assert decisions == _fold(program, samples)[1]


@given(programs, numbers, st.lists(st.integers(0, 200), max_size=8))
@settings(max_examples=120)
def test_a_restart_at_any_point_changes_no_decision(program, samples, crashes):
    engine, decisions, done = Engine([program]), [], 0
    for crash in sorted({min(crash, len(samples)) for crash in crashes}):
        decisions += _feed(engine, samples[done:crash])
        snapshot, done, engine = engine.snapshot(), crash, Engine([program])
        engine.restore(snapshot)
        assert engine.states("one") == _fold(program, samples[:crash])[0]
    decisions += _feed(engine, samples[done:])
    assert decisions == _fold(program, samples)[1]


@given(programs, numbers, st.integers(0, 200), st.integers(0, 200))
@settings(max_examples=120)
def test_replaying_from_an_older_snapshot_decides_the_same_ids_again(program, samples, saved, crashed):
    saved, crashed = sorted((min(saved, len(samples)), min(crashed, len(samples))))
    engine = Engine([program])
    before = _feed(engine, samples[:saved])
    snapshot = engine.snapshot()
    lost = _feed(engine, samples[saved:crashed])
    again = Engine([program])
    again.restore(snapshot)
    replayed = _feed(again, samples[saved:])
    assert replayed[: len(lost)] == lost
    assert before + replayed == _fold(program, samples)[1]


@given(programs, numbers)
def test_deciding_again_gives_the_same_decisions(program, samples):
    assert _feed(Engine([program]), samples) == _feed(Engine([program]), samples)


@given(programs, numbers)
@settings(max_examples=120)
def test_decision_ids_are_unique(program, samples):
    ids = [decision.id for decision in _feed(Engine([program]), samples)]
    assert len(set(ids)) == len(ids)


@given(programs, numbers)
def test_the_time_of_deciding_is_not_part_of_the_id(program, samples):
    now, later = Engine([program]), Engine([program])
    ids = [each.id for each in now.feed(samples, subject_of=PEOPLE.get, now=1)]
    assert [each.id for each in later.feed(samples, subject_of=PEOPLE.get, now=2)] == ids


@given(streams(sources=("watch4",), heard=rates))
def test_without_a_birth_year_nothing_is_decided(samples):
    assert _feed(Engine([_program(hold="0s")]), samples) == []


@given(streams(sources=("watch9",), heard=rates))
def test_nothing_is_decided_about_nobody(samples):
    assert _feed(Engine([_program(limit="150", hold="0s")]), samples) == []


@given(programs, numbers, st.lists(st.integers(0, 200), max_size=20))
@settings(max_examples=120)
def test_duplicates_and_late_samples_decide_nothing(program, samples, places):
    samples = [each for each in samples if isinstance(each, Sample) and each.metric == "heart_rate"]
    engine, clean = Engine([program]), Engine([program])
    for place, sample in enumerate(samples):
        assert _feed(engine, [sample]) == _feed(clean, [sample])
        known = {scope: state.last_at for scope, state in engine.states("one").items()}
        late = [msgspec.structs.replace(samples[back], value=250) for back in places if back <= place]
        late = [each for each in late if each.observed_at <= known[PEOPLE[each.source].id]]
        assert _feed(engine, late) == []
    assert engine.states("one") == clean.states("one")


@given(programs, numbers)
@settings(max_examples=120)
def test_an_episode_climbs_the_ladder_in_order_and_is_ended_once(program, samples):
    ladder = [rung.level for rung in program.ladder]
    engine = Engine([program])
    for scope, decisions in _episodes(_feed(engine, samples)).items():
        climbed: list[str] = []
        for decision in decisions:
            if decision.level == CLEAR:
                climbed = []
            else:
                climbed.append(decision.level)
                assert climbed == ladder[: len(climbed)]
        firing = engine.states("one")[scope].phase == "firing"
        assert firing or not climbed


@given(programs, numbers)
@settings(max_examples=120)
def test_one_episode_has_one_clear_before_the_next_begins(program, samples):
    for decisions in _episodes(_feed(Engine([program]), samples)).values():
        begins = 0
        for decision in decisions:
            if decision.level == CLEAR:
                begins = 0
            elif decision.level == program.ladder[0].level:
                begins += 1
            assert begins <= 1


@given(programs, numbers)
@settings(max_examples=120)
def test_the_cooldown_is_respected(program, samples):
    for decisions in _episodes(_feed(Engine([program]), samples)).values():
        cleared_at = None
        for decision in decisions:
            if cleared_at is not None:
                assert decision.observed_at >= cleared_at + program.cooldown
            if decision.level == CLEAR:
                cleared_at = decision.observed_at


@given(programs, numbers)
@settings(max_examples=120)
def test_nothing_is_decided_below_the_limit_or_too_soon(program, samples):
    for decision in _feed(Engine([program]), samples):
        if decision.level == CLEAR:
            assert decision.clause.value < decision.clause.clear_below
        else:
            assert decision.clause.value >= decision.clause.clear_below
            assert decision.clause.held >= program.hold_for


@given(numbers, st.integers(0, 100))
def test_a_snapshot_of_another_version_of_the_rule_is_left_out(samples, place):
    old, new = Engine([_program(hold="3s")]), Engine([_program(hold="10s")])
    _feed(old, samples[:place])
    new.restore(old.snapshot())
    assert _feed(new, samples[place:]) == _fold(_program(hold="10s"), samples[place:])[1]
