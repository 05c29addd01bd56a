"""What rules remember, kept and had back: a clock that goes by a home goes by the same home afterwards."""

from __future__ import annotations

from hub.catalogue import load_models
from rules import language, snapshot
from rules.engine import Engine
from rules.program import compile_rule
from rules.subject import Subject

SEOUL = Subject("home-1", zone="Asia/Seoul")
NOON_UTC = 1_790_078_400_000 - 1_790_078_400_000 % 86_400_000 + 43_200_000
HOUR = 3_600_000
RULE = """\
id: morning
title: Morning
scope: {each: home}
purpose: service
when: {schedule: "0 7 * * *"}
then: {notify: {text: Good morning}}
because: It is seven.
"""


class Surroundings:
    """One home in Seoul."""

    def of(self, source):
        return None

    def of_event(self, event):
        return None

    def subject(self, kind, scope):
        return SEOUL


def engine() -> Engine:
    return Engine([compile_rule(language.read(RULE, file="rule.yaml").rule, load_models())])


def test_a_schedule_comes_at_the_same_time_after_a_restart() -> None:
    first, second = engine(), engine()
    first.begin("home", SEOUL, at=NOON_UTC)
    kept = snapshot.save(first)
    assert snapshot.load(second, kept) == set()
    until = NOON_UTC + 24 * HOUR
    decisions = [each.tick(until, surroundings=Surroundings(), now=until)[1] for each in (first, second)]
    assert [decision.observed_at for decision in decisions[0]] == [NOON_UTC + 10 * HOUR]  # seven in Seoul
    assert [decision.id for decision in decisions[1]] == [decision.id for decision in decisions[0]]


def test_a_clock_that_nobody_has_asked_yet_comes_at_the_same_time_too() -> None:
    first, second = engine(), engine()
    running = first.running["morning"]
    running.cell(SEOUL, NOON_UTC)
    assert snapshot.load(second, snapshot.save(first)) == set()
    decisions = second.tick(NOON_UTC + 24 * HOUR, surroundings=Surroundings(), now=0)[1]
    assert [decision.observed_at for decision in decisions] == [NOON_UTC + 10 * HOUR]
