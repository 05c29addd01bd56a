"""Rules that set each other off: on and on, by many events at once, at once or after waiting for what may be late."""

from __future__ import annotations

import pytest

from devices.sample import Event
from hub.catalogue import load_models
from rules import language
from rules.engine import DEPTH_LIMIT, FOLLOW_LIMIT, Around, Engine
from rules.program import compile_rule
from rules.subject import Origin, Subject
from rules.view import depth_of

MODELS = load_models()
ANN = Subject("ann")
NOW = 1_790_000_000_000


class Surroundings:
    """One person with a watch."""

    def of(self, source: str) -> Around:
        return Around(Origin("watch"), ANN)

    def of_event(self, event: Event) -> Around:
        return self.of(event.source)

    def subject(self, kind: str, scope: str) -> Subject:
        return ANN


def rule(name: str, *, events: int = 1, lateness: str = "0s"):
    actions = "".join("  - {event: {type: loop.more}}\n" for _ in range(events))
    text = f"""\
id: {name}
title: Loop
scope: {{each: person}}
purpose: service
when: {{any: [{{event: worn}}, {{event: loop.more}}]}}
then:
{actions}limits: {{lateness: {lateness}}}
because: Again.
"""
    return compile_rule(language.read(text, file="rule.yaml").rule, MODELS)


def run(engine: Engine) -> list:
    worn = Event("watch", "worn-1", "worn", NOW, {})
    decisions = engine.feed([worn], surroundings=Surroundings(), now=NOW)
    for hour in range(1, 4):
        decisions += engine.tick(NOW + hour * 3_600_000, surroundings=Surroundings(), now=NOW)[1]
    return decisions


@pytest.mark.parametrize("lateness", ["0s", "5s"])
def test_a_rule_that_sets_itself_off_is_cut(lateness: str) -> None:
    engine, cut = Engine([rule("loop", lateness=lateness)]), []
    engine.on_loop = cut.append
    decisions = run(engine)
    assert [decision.depth for decision in decisions] == list(range(DEPTH_LIMIT + 1))
    assert len({decision.id for decision in decisions}) == len(decisions)
    assert cut == decisions[-1:]


@pytest.mark.parametrize("lateness", ["0s", "5s"])
def test_rules_that_multiply_events_are_cut(lateness: str) -> None:
    engine, cut = Engine([rule(f"loop-{number}", events=6, lateness=lateness) for number in range(4)]), []
    engine.on_loop = cut.append
    decisions = run(engine)
    assert cut
    assert len(decisions) <= 4 + 4 * 4 * FOLLOW_LIMIT


def test_what_devices_say_has_no_depth() -> None:
    assert depth_of(Event("watch", "worn-7", "worn", NOW, {})) == 0
    assert depth_of(None) == 0
