"""Running the tests that travel with a rule."""

from __future__ import annotations

from typing import NamedTuple

from devices.sample import SECOND, Instant, Sample
from rules.engine import State, step
from rules.language import CLEAR, Case, Given, Rule
from rules.program import compile_rule
from rules.subject import Subject

_START: Instant = 1_767_225_600_000
_WEARER_BORN = 1980
"""The wearer of the tests is 46, so that `person.heart_rate.recommended_max` is 175.8."""


class Failure(NamedTuple):
    """A test that did not come out as expected: (at in ms, level) pairs."""

    case: str
    expected: list[tuple[Instant, str]]
    decided: list[tuple[Instant, str]]


def rehearse(rule: Rule) -> list[Failure]:
    """Run all tests of a rule; those that failed. Answers to the end of an episode count only if a test expects them."""
    return [failure for case in rule.tests if (failure := _run(rule, case))]


def _run(rule: Rule, case: Case) -> Failure | None:
    program, state, decided = compile_rule(rule), State(), []
    subject = Subject("wearer", _WEARER_BORN)
    for at, value in _timeline(case.given, rule.when.metric):
        sample = Sample("watch", rule.when.metric, _START + at, value)
        state, decisions = step(program, state, sample, subject=subject, now=_START + at)
        decided += [(at, decision.level) for decision in decisions]
    expected = [(each.at, each.level) for each in case.expect]
    if not any(level == CLEAR for _, level in expected):
        decided = [each for each in decided if each[1] != CLEAR]
    return None if decided == expected else Failure(case.name, expected, decided)


def _timeline(given: list[Given], metric: str) -> list[tuple[Instant, float]]:
    """A value for every second: a stretch without an end lasts until the next, one with an end gives way to what was before."""
    end = max(stretch.until or stretch.at + SECOND for stretch in given)
    timeline = []
    for at in range(0, end, SECOND):
        covering = [s for s in given if s.at <= at and (s.until is None or at < s.until)]
        if covering:
            timeline.append((at, float((covering[-1].model_extra or {})[metric])))
    return timeline
