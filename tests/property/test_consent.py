"""Rules that want a consent: between being allowed and being taken back they decide what `step` decides, and else nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.sample import SECOND, Event, Sample
from rules import language, snapshot
from rules.consent import RECOMMEND, SERVICE
from rules.engine import Engine
from rules.program import compile_rule
from rules.replay import history, replay
from rules.state import Heard, Situation, beginning
from rules.step import pass_time, step
from rules.view import TraitSet
from tests.property.stage import (
    AROUND,
    LASTING,
    MODELS,
    MOMENTS,
    NOW,
    PERSON,
    START,
    change_of,
    feed,
    heard_by,
    programs,
    rule,
    tick,
    told,
)

MANY = settings(max_examples=100)
KEY = (PERSON.id, RECOMMEND)


class Said(NamedTuple):
    """That minji allowed it, or took it back; `place` is how many changes had come."""

    place: int
    at: int
    granted: bool


def wanting(program):
    """The same rule, for recommending."""
    asked = program.rule.model_copy(update={"purpose": RECOMMEND})
    return compile_rule(asked, MODELS)


LIVELY = programs(
    lasting=("above", "above for", "above hold", "mean", "count_of", "absent", "total", "not", "all during"),
    moments=("rises", "changed", "event", "sequence", "missing", "schedule"),
    lateness=(None, "2s"),
)
"""Rules that fire easily."""
HAPPENINGS = st.tuples(
    st.sampled_from(["rate", "rate", "rate", "worn", "removed", "sleep"]),
    st.sampled_from([60.0, 148.0, 190.0, 195.0]),
    st.sampled_from([1, 1_000, 1_000, 2_000, 3_000, 31_000]),
)


@st.composite
def stories(draw):
    """What happens, in order of time, and what is said in between, in turns."""
    at, changes = START, []
    for kind, value, pause in draw(st.lists(HAPPENINGS, min_size=4, max_size=30)):
        at += pause
        changes.append(change_of(kind, value, "watch1", at, len(changes)))
    places = sorted(draw(st.lists(st.integers(0, len(changes)), min_size=1, max_size=5)))
    said = []
    for granted, place in zip(_turns(), places, strict=False):
        at = changes[min(place, len(changes) - 1)].observed_at
        said.append(Said(place, at + draw(st.sampled_from([-1, 0, 0, 2_000])), granted))
    return changes, said


def _turns():
    for number in count():
        yield number % 2 == 0


def stand(engine, said):
    if said.granted:
        engine.grants[KEY] = said.at
    else:
        engine.grants.pop(KEY, None)


def heed(engine, said):
    stand(engine, said)
    engine.forget(PERSON.id, RECOMMEND)
    if said.granted:
        engine.begin("person", PERSON, at=said.at)


def plain(program, changes, said, *, until):
    """What `step` alone decides while it is allowed: a new beginning with every grant, which knows nothing of before."""
    situation = Situation(program, PERSON, NOW)
    decisions, state = [], None
    for place in range(len(changes) + 1):
        for each in (each for each in said if each.place == place):
            state = beginning(program, each.at) if each.granted else None
        if place < len(changes) and state is not None and heard_by(program, [changes[place]]):
            stepped = step(situation, state, Heard(changes[place], AROUND.of(changes[place].source).origin))
            state = stepped.state
            decisions += stepped.decisions
    if state is not None:
        decisions += pass_time(situation, state, until + program.lateness).decisions
    return decisions


def lived(engine, program, changes, said, *, begin=0, until=None):
    """The same, by the engine; what was said at a place comes before the change."""
    decisions = []
    for place in range(begin, len(changes) + 1):
        for each in (each for each in said if each.place == place):
            heed(engine, each)
        if place < len(changes):
            with engine.again(place + 1):
                decisions += feed(engine, [changes[place]])
    return decisions + (tick(engine, until + program.lateness) if until is not None else [])


def end_of(changes, said):
    return max([each.observed_at for each in changes] + [each.at for each in said], default=START) + 7_200 * SECOND


@given(LIVELY, stories())
@MANY
def test_what_is_decided_is_what_step_decides_while_it_is_allowed(program, story):
    program, (changes, said) = wanting(program), story
    until = end_of(changes, said)
    decided = lived(Engine([program]), program, changes, said, until=until)
    assert told(decided) == told(plain(program, changes, said, until=until))


@given(LIVELY, stories(), st.data())
@MANY
def test_a_crash_keeps_every_consent_in_its_place(program, story, data):
    """A snapshot, then more, then a crash: what came after the snapshot is met again, consents among it, from what stood then.

    Of the consents of the snapshot's own place some are in it; all are met again. Taking it may last while changes come.
    """
    program, (changes, said) = wanting(program), story
    saved = data.draw(st.integers(0, len(changes)))
    here = [each for each in said if each.place == saved]
    inside = data.draw(st.integers(0, len(here)))
    later = [each for each in said if each.place > saved]
    calm_until = saved if inside < len(here) else min([each.place - 1 for each in later], default=len(changes))
    taken = data.draw(st.integers(saved, max(saved, calm_until)))
    crashed, until = data.draw(st.integers(taken, len(changes))), end_of(changes, said)

    engine = Engine([program])
    before = lived(engine, program, changes[:saved], [each for each in said if each.place < saved])
    for each in here[:inside]:
        heed(engine, each)
    taking = snapshot.Taking(engine)
    lost = lived(engine, program, changes[:taken], [], begin=saved)
    kept = taking.advance(taken)
    assert not taking.torn
    for each in here[inside:]:
        heed(engine, each)
    lost += lived(engine, program, changes[:crashed], [each for each in later if each.place <= crashed], begin=taken)

    again = Engine([program])
    for each in (each for each in said if each.place < saved):
        stand(again, each)
    snapshot.load(again, kept)
    for each in here:
        with again.again(saved):
            heed(again, each)
    anew = lived(again, program, changes, later, begin=saved, until=until)
    assert {*told(before + lost), *told(anew)} == {*told(plain(program, changes, said, until=until))}


@given(LIVELY, stories())
@MANY
def test_the_past_is_looked_at_from_the_grant_on(program, story):
    program, (changes, said) = wanting(program), story
    granted = next((each for each in reversed(said) if each.granted), Said(0, START, True))
    until, rest = end_of(changes, said), changes[granted.place :]
    metrics = ("heart_rate", "spo2", "steps", "sleep_stage")
    past = history(heard_by(program, rest), lambda each: AROUND.of(each.source).origin, metrics=metrics)
    past = replace(past, begins=granted.at)
    found = replay(program, PERSON, past, since=START, until=until).decisions
    assert told(found) == told(plain(program, rest, [granted._replace(place=0)], until=until))


def test_what_another_rule_tells_does_not_reach_somebody_who_took_it_back():
    """A rule for service goes on; what it publishes is not met by one for which the consent is gone, not from old memory either."""
    first = rule(MOMENTS["missing"], moment=True, id_="first", then="then: {event: {type: removed}}")
    second = wanting(rule("{event: removed}", moment=True, id_="second"))
    engine = Engine([first, second])
    heed(engine, Said(0, START - 1, True))
    feed(engine, [Event("watch1", "e1", "worn", START, {})])
    heed(engine, Said(1, START + 1, False))
    kept = snapshot.save(engine)
    again = Engine([first, second])
    assert snapshot.load(again, kept) == set()
    for each in (engine, again):
        assert [decision.rule for decision in tick(each, START + 60 * SECOND)] == ["first"]


def test_a_consent_after_a_snapshot_of_the_same_place_is_not_in_it():
    program = wanting(rule(LASTING["above for"]))
    engine, rates = Engine([program]), [Sample("watch1", "heart_rate", START + at, 190.0) for at in (0, 4_000, 8_000)]
    said = [Said(0, START - 1, True), Said(1, START + 1, False), Said(1, START + 2, True)]
    lived(engine, program, rates[:1], said[:1])
    again = Engine([program], grants={KEY: START - 1})
    snapshot.load(again, snapshot.save(engine, 1))
    for each in said[1:]:
        with again.again(1):
            heed(again, each)
    assert lived(again, program, rates[:2], [], begin=1) == []
    [decision] = lived(again, program, rates, [], begin=2)
    assert decision.observed_at == START + 7_000


def test_a_snapshot_that_is_being_taken_is_torn_by_a_consent():
    program = wanting(rule(LASTING["above"]))
    engine = Engine([program])
    taking = snapshot.Taking(engine)
    heed(engine, Said(0, START, True))
    assert taking.torn


@pytest.mark.parametrize("purpose", [SERVICE, RECOMMEND])
def test_traits_and_clocks_reach_only_those_who_may_be_met(purpose):
    timed = rule("{schedule: '1 0 * * *'}", moment=True, id_="timed")
    told_ = rule("{timer: 4s}", moment=True, id_="told")
    engine = Engine([each if purpose == SERVICE else wanting(each) for each in (timed, told_)])
    assert engine.begin("person", PERSON, at=START) is (purpose == SERVICE)
    engine.set_trait("person", PERSON, TraitSet(START, "timer of told", "start"), now=NOW)
    assert len(tick(engine, START + 120 * SECOND)) == (2 if purpose == SERVICE else 0)


def test_a_rule_without_anybody_who_allows_it_listens_to_nobody():
    """So that samples cost no more than without the rule."""
    program = wanting(rule(LASTING["above"]))
    engine = Engine([program])
    feed(engine, [Sample("watch1", "heart_rate", START + number, 190.0) for number in range(10)])
    assert engine.running["one"].cells == {}
    assert engine._watched["heart_rate", "watch1"].listeners == []


def test_the_version_of_a_rule_from_before_recommending_stays():
    body = language.read(
        "id: a\ntitle: T\nscope: {each: person}\npurpose: service\nwhen: {event: worn}\nthen: {notify: {text: x}}\nbecause: y\n",
        file="a.yaml",
    ).rule.model_dump_json()
    assert '"award":null' in body
    assert "recommend" not in body
