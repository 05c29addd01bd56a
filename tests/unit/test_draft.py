"""Everything wrong in a rule is told at once: what cannot be read, what has the wrong shape, and what contradicts the models."""

from __future__ import annotations

import itertools
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import ModelInvalid
from hub.catalogue import load_models, read_rules
from tests.rule_texts import DESIGN, about, changed, faults

UNREADABLE = {
    "a key": ("cooldown: 2m", "coolwarm: 2m"),
    "a key of a condition": ("  above: $limit\n", "  abovve: $limit\n"),
    "a duration": ("for: 10s ", "for: ten "),
    "a duration of a step": ("after: 15s", "after: soon"),
    "a level": ("level: warning", "level: clear"),
    "an order": ("after: 40s", "after: 14s"),
    "an action": ("{vibrate, args: {strength: 1}", "{}"),
    "an action's part": ("to: watch, type: stop_alarm", "type: stop_alarm"),
    "a limit": ("clear_below: $limit - 5", "clear_below: limit - 5"),
    "an input": ("default: person.heart_rate.recommended_max", "default: person.heart_rat"),
    "a scope": ("each: person", "each: persons"),
    "a purpose": ("purpose: service", "purpose: servce"),
    "an id": ("id: ease-off ", "id: Ease "),
    "a title": ("title: Ease off when your heart works too hard", "title: {en: Ease off}"),
    "a reason": ("above {limit:.0f}", "above {limit:d}"),
    "limits": ("mode: single", "mode: many"),
    "a test's time": ("{at: 0s, heart_rate: 120}", "{at: noon, heart_rate: 120}"),
    "a test's name": ("  - name: a climb", "  - nam: a climb"),
    "twice": ("purpose: service ", "title: Two\npurpose: service "),
    "a tag": ("heart_rate: 185", "heart_rate: !!binary x"),
    "a number": ("strength: 1", "strength: !!int x"),
}
CONTRADICTIONS = {
    "a metric": ("metric: heart_rate", "metric: heart_rat"),
    "a command": ("type: stop_alarm", "type: stop_alert"),
    "an argument": ("args: {strength: 3}", "args: {force: 3}"),
    "a unit": ('unit: "/min"', "unit: beats"),
    "a spare input": ("  limit: {", "  spare: {default: 1}\n  limit: {"),
    "a blank": ("for {held}", "for {speed}"),
    "a test's value": ("heart_rate: 190", "heart_rate: 900"),
    "a test's event": ("{at: 5s, heart_rate: 190, until: 8s}", "{at: 5s, event: fainted}"),
}
HIDES = {
    ("a key of a condition", "a metric"),
    ("a duration", "a metric"),
    ("a key of a condition", "a unit"),
    ("a duration", "a unit"),
    ("a limit", "a unit"),
    ("a limit", "a metric"),
    ("an action's part", "a command"),
    ("an input", "a unit"),
    ("a reason", "a blank"),
    ("a test's name", "a test's value"),
    ("a test's name", "a test's event"),
}
"""What contradicts something and stands in a part that cannot be read."""


def _told(text):
    return {(fault.path, fault.reason.split(";")[0]) for fault in faults(text)}


def _applied(*edits):
    text = DESIGN
    for old, new in edits:
        if old not in text:
            return None
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize("name", [name for name in UNREADABLE if UNREADABLE[name][0] in DESIGN])
def test_what_only_follows_from_what_cannot_be_read_is_not_told(name):
    told = _told(changed(*UNREADABLE[name]))
    assert len(told) == {"an input": 2, "a test's name": 2}.get(name, 1), told


@pytest.mark.parametrize(("unread", "wrong"), list(itertools.product(UNREADABLE, CONTRADICTIONS)))
def test_what_is_wrong_elsewhere_is_told_with_it_and_nothing_else(unread, wrong):
    text = _applied(CONTRADICTIONS[wrong], UNREADABLE[unread])
    if text is None:
        return
    one, other = _told(_applied(UNREADABLE[unread]) or text), _told(_applied(CONTRADICTIONS[wrong]))
    assert other
    told = _told(text)
    assert one <= told
    if (unread, wrong) not in HIDES:
        assert other <= told
    assert told <= one | other


@given(st.lists(st.sampled_from([*UNREADABLE.values(), *CONTRADICTIONS.values()]), min_size=1, max_size=8, unique=True))
def test_many_mistakes_at_once_are_each_told_and_none_breaks_the_reader(edits):
    text = DESIGN
    for old, new in edits:
        text = text.replace(old, new, 1)
    told = faults(text)
    assert told or text == DESIGN
    assert len({(fault.path, fault.reason) for fault in told}) == len(told)


@pytest.mark.parametrize(
    ("when", "paths"),
    [
        (
            "{all: [{metric: heart_rat, above: 1}, {happens: often}, {count: [{event: worn}, {event: fainted}], at_least: 3}]}",
            {"when.all.0.metric", "when.all.1", "when.all.2"},
        ),
        (
            "{all: [{metric: heart_rat, above: 1}, {count: [{metric: weight, above: 1}, {metrik: x}], at_least: 3}]}",
            {"when.all.0.metric", "when.all.1.count.1", "when.all.1"},
        ),
        (
            "{any: [{event: worn}, {evnt: worn}, {metric: heart_rat, above: 5}]}",
            {"when.any", "when.any.1", "when.any.2.metric"},
        ),
        ("{any: [{event: worn}, {evnt: worn}]}", {"when.any.1"}),
        ("{sequence: [{event: fainted}, {metric: weight}], within: 1h}", {"when.sequence.0.event", "when.sequence.1"}),
        ("{not: {metric: weight, abov: 5}}", {"when.not.abov"}),
        ("{metric: weight, above: $lmit}", {"when.above"}),
        ("nothing", {"when"}),
    ],
)
def test_conditions_beside_one_that_cannot_be_read_are_looked_at(when, paths):
    assert {fault.path for fault in faults(about(f"  {when}"))} == paths


def test_what_cannot_be_read_where_nothing_belongs_hides_nothing():
    text = changed("purpose: service", "colour: !!int red\npurpose: servce")
    assert [fault.path for fault in faults(text)] == ["colour", "purpose"]


def test_tests_that_fail_are_told_with_what_is_wrong_with_the_answer():
    text = changed("{at: 70s, level: notice}", "{at: 71s, level: notice}")
    edits = (
        ("for {held}", "for {speed}"),
        ("type: stop_alarm", "type: stop_alert"),
        ("because:", "because: X\nbecause:"),
    )
    for old, new in edits:
        text = text.replace(old, new)
    with pytest.raises(ModelInvalid) as raised:
        read_rules([("rule.yaml", text)], load_models())
    assert [fault.path for fault in raised.value.faults] == ["because", "clear.then.0.command", "because", "tests.0"]


def test_several_texts_are_looked_at_together():
    first = about("  event: made.up").replace("title: One", "title: {ko: 하나}")
    second = about("  {metric: heart_rat, above: 5}").replace("id: one", "id: two")
    second = second.replace("then: {notify: {text: hello}}", "then: [{event: {type: made.up}}, {notfy: x}]")
    with pytest.raises(ModelInvalid) as raised:
        read_rules([("first.yaml", first), ("second.yaml", second)], load_models())
    assert {(fault.file, fault.path) for fault in raised.value.faults} == {
        ("first.yaml", "title.en"),
        ("second.yaml", "when.metric"),
        ("second.yaml", "then.1.notfy"),
    }


@pytest.mark.parametrize(
    "text", ["", "[]", "5", "a", "when: {not: 5", "\x00", "then: 5", "escalate: {}", "when: []", "tests: 5"]
)
def test_what_is_hardly_a_rule_at_all_is_refused(text):
    assert faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"k{number}: 1" for number in range(20_000)),
        DESIGN + "\n".join(f"k{number}: !!int x" for number in range(15_000)),
        "when: {all: [" + "{metrik: x}, " * 15_000 + "]}",
    ],
)
def test_thousands_of_mistakes_take_no_more_than_a_moment(text):
    begun = process_time()
    assert faults(text)
    assert process_time() - begun < 5
