"""Running the tests that travel with a rule, on the engine that runs it for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from devices.model import Model
from devices.sample import Event, Instant, Sample
from rules import conditions as c
from rules.conditions import walk
from rules.decision import Decision
from rules.engine import Engine
from rules.language import CLEAR, OTHERS, Case, Given, Rule
from rules.program import Program, compile_rule
from rules.subject import Origin, Subject
from rules.surroundings import Around
from rules.view import TraitSet, timer_of

STEPS_LIMIT = 100_000
"""How many values a test may give: more than any needs, and no more than a moment's work."""
COST_LIMIT = 500_000
"""What the tests of a rule may cost, all together: a few seconds, and many times what any that ships does."""
SCOPE = "scope"


class Failure(NamedTuple):
    """A test that did not come out as expected: (at in ms, level) pairs; or why it could not be run."""

    place: int
    case: str
    expected: list[tuple[Instant, str]]
    decided: list[tuple[Instant, str]]
    reason: str = ""


class Stage:
    """The made-up surroundings of a test: one person in one home, with a device of every role, which is theirs, but for those of
    `OTHERS`."""

    def __init__(self, case: Case) -> None:
        members = tuple(f"person-{number}" for number in range(1, case.members + 1))
        self._subject = Subject(SCOPE, case.birth_year, case.zone, members=members)

    def around(self, role: str, person: str | None) -> Around:
        """What something that a device of a role says is about."""
        subject = self._subject
        mine, role = not role.startswith(OTHERS), role.removeprefix(OTHERS)
        origin = Origin(role, role, role, person or subject.members[0], mine)
        return Around(origin, subject, (subject,), subject, subject)

    def of(self, source: str) -> Around:
        return self.around(source, None)

    def of_event(self, event: Event) -> Around:
        return self.around(event.source, event.data.get("who"))

    def subject(self, kind: str, scope: str) -> Subject:
        return self._subject


class _Budget:
    """How often the conditions of a rule may still be looked at."""

    def __init__(self, rule: Rule) -> None:
        self._left = COST_LIMIT // sum(_cost(condition) for _, condition in walk(rule.when))

    def spend(self) -> None:
        """Raises `ValueError` once it is spent."""
        self._left -= 1
        if self._left < 0:
            raise ValueError("the tests of this rule go on for too long for its conditions; say every: 1m, or less")


def _cost(condition: Any) -> int:
    """Of looking at a condition once: a threshold is 1."""
    if isinstance(condition, c.Schedule):
        return 20
    if getattr(condition, "window", None) is not None:
        return 30 if getattr(condition, "percentile", None) is not None else 4
    return 1


def rehearse(rule: Rule, models: Mapping[str, Model]) -> list[Failure]:
    """Run all tests of a rule; those that failed. Answers to the end of an episode count only if a test expects them."""
    program, budget = compile_rule(rule, models), _Budget(rule)
    failures = (_run(program, place, case, budget) for place, case in enumerate(rule.tests))
    return [failure for failure in failures if failure is not None]


def _run(program: Program, place: int, case: Case, budget: _Budget) -> Failure | None:
    """What went wrong."""
    expected = [(each.at, each.level) for each in case.expect]
    try:
        start = int(datetime.fromisoformat(case.start).timestamp() * 1000)
        decided = _decided(program, case, start, budget)
    except ValueError as error:
        return Failure(place, case.name, expected, [], str(error))
    if not any(level == CLEAR for _, level in expected):
        decided = [each for each in decided if each[1] != CLEAR]
    return None if decided == expected else Failure(place, case.name, expected, decided)


def _decided(program: Program, case: Case, start: Instant, budget: _Budget) -> list[tuple[Instant, str]]:
    engine, stage = Engine([program], grants={(SCOPE, program.rule.purpose): 0}), Stage(case)
    kind = program.rule.scope.each
    subject = stage.subject(kind, SCOPE)
    engine.begin(kind, subject, at=start)
    decisions: list[Decision] = []

    def wait(until: Instant) -> None:
        while (due := engine.next_due()) is not None and due <= until:
            budget.spend()
            decisions.extend(engine.tick(due, surroundings=stage, now=start)[1])

    for change in _timeline(program.id, case, start):
        budget.spend()
        wait(change.observed_at - 1)
        if isinstance(change, TraitSet):
            decisions += engine.set_trait(kind, subject, change, now=change.observed_at)
        else:
            decisions += engine.feed([change], surroundings=stage, now=change.observed_at)
    wait(start + _end(case) + program.lateness)
    return [(each.observed_at - start, each.level) for each in decisions if each.rule == program.id]


def _end(case: Case) -> Instant:
    given = max(stretch.until or stretch.at for stretch in case.given)
    expected = max((each.at for each in case.expect), default=0)
    return case.until if case.until is not None else max(given, expected)


def _timeline(rule_id: str, case: Case, start: Instant) -> list[Sample | Event | TraitSet]:
    """Everything a test gives, in order of time."""
    changes: list[Sample | Event | TraitSet] = []
    for source, metric in dict.fromkeys((each.of, metric) for each in case.given for metric in each.values):
        stretches = [each for each in case.given if each.of == source and metric in each.values]
        changes += [Sample(source, metric, start + at, value) for at, value in _series(stretches, metric, case)]
        if len(changes) > STEPS_LIMIT:
            raise ValueError(f"gives more than {STEPS_LIMIT:,} values; say every: 1m, or a shorter time")
    for number, each in enumerate(case.given):
        if each.event is not None:
            data = dict(each.data) | ({"who": each.who} if each.who else {})
            changes.append(Event(each.of, f"event-{number}", each.event, start + each.at, data))
        changes += [TraitSet(start + each.at, name, value) for name, value in each.trait.items()]
        if each.timer is not None:
            changes.append(TraitSet(start + each.at, timer_of(rule_id), each.timer))
    return sorted(changes, key=lambda change: change.observed_at)


def _series(stretches: list[Given], metric: str, case: Case) -> Iterator[tuple[Instant, float | str]]:
    """A value every so often: a stretch without an end lasts until the next, one with an end gives way to what was before."""
    every = min((each.every for each in stretches if each.every), default=case.every)
    ends = [stretch.until or stretch.at + every for stretch in stretches]
    begin, end = min(stretch.at for stretch in stretches), max(ends)
    if every <= 0 or (end - begin) // every > STEPS_LIMIT:
        raise ValueError(f"gives more than {STEPS_LIMIT:,} values of {metric}; say every: 1m, or a shorter time")
    at = begin
    while at < end:
        covering = [each for each in stretches if each.at <= at and (each.until is None or at < each.until)]
        if covering:
            yield at, _value(covering[-1].values[metric])
        following = min((each.at for each in stretches if at < each.at < at + every), default=at + every)
        at = following


def _value(written: object) -> float | str:
    """A value as devices would send it: lists are stored as JSON text."""
    if isinstance(written, (int, float)) and not isinstance(written, bool):
        return float(written)
    return written if isinstance(written, str) else msgspec.json.encode(written).decode()
