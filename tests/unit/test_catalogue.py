"""Rules read together: one may listen to what another publishes."""

from __future__ import annotations

import pytest

from devices.errors import ModelInvalid
from hub.catalogue import load_models, made_by_packs, read_rule, read_rules
from rules.made import Made

MODELS = load_models()
FIRST = """\
id: first
title: First
scope: {each: home}
purpose: service
when: {event: cycle.ended, of: washer}
then: {event: {type: made.up}}
because: It is done.
"""
SECOND = FIRST.replace("id: first", "id: second").replace("{event: cycle.ended, of: washer}", "{event: made.up}")
SECOND = SECOND.replace("{event: {type: made.up}}", "{notify: {text: Done}}")


def test_an_event_that_nothing_publishes_is_a_fault() -> None:
    with pytest.raises(ModelInvalid, match=r"when\.event: no device model has the event 'made\.up'"):
        read_rule(SECOND, MODELS, file="second.yaml")


def test_a_rule_may_listen_to_what_another_publishes() -> None:
    assert read_rule(SECOND, MODELS, file="second.yaml", made=Made(events=frozenset({"made.up"}))).rule.id == "second"
    read = read_rules([("second.yaml", SECOND), ("first.yaml", FIRST)], MODELS)
    assert [each.rule.id for each in read] == ["second", "first"]


def test_everything_wrong_in_all_of_them_is_named() -> None:
    with pytest.raises(ModelInvalid) as caught:
        read_rules([("first.yaml", "id: 1"), ("second.yaml", SECOND)], MODELS)
    assert {fault.file for fault in caught.value.faults} == {"first.yaml", "second.yaml"}


def test_what_ships_makes_something_for_others() -> None:
    made = made_by_packs()
    assert "drying.offered" in made.events
    assert made.names("person") == ["in_park"]
