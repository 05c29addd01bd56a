"""What pages say of rules: every condition and trace of the rules that ship in words, none of it in expressions."""

from __future__ import annotations

import pytest

from api.web.catalogue import load
from api.web.conditions import Spoken
from api.web.things import Things
from api.web.why_not import WhyNot
from devices.sample import DAY
from hub.catalogue import load_models, load_packs
from hub.rulebook import Trace
from rules import language
from rules.program import Program, compile_rule
from rules.state import Outcome
from rules.view import Clause
from tests.rule_texts import NEW_YEAR_2026, about

MODELS = load_models()
PROGRAMS = [compile_rule(each.written.rule, MODELS) for each in load_packs(MODELS, tested=False)]
RAW = ("data.", "&&", "||", "==", "!=", "exists(", "* *", "has(", "None", "{", "[")
SAY = load()


def _spoken(program: Program, language_: str) -> str:
    say = SAY[language_]
    return Spoken(program, Things(MODELS, say), say, subject=None, at=NEW_YEAR_2026).condition(program.rule.when)


def _why(program: Program, language_: str = "en") -> WhyNot:
    say = SAY[language_]
    return WhyNot(program, Things(MODELS, say), say, zone="UTC", now=NEW_YEAR_2026 + DAY)


@pytest.mark.parametrize("language_", ["en", "ko"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.id)
def test_a_rule_that_ships_says_what_it_waits_for_in_words(program: Program, language_: str) -> None:
    said = _spoken(program, language_)
    assert said
    assert not [raw for raw in RAW if raw in said], said


def _rule(when: str) -> Program:
    return compile_rule(language.read(about(f"  {when}"), file="rule.yaml").rule, MODELS)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("{schedule: '0 17 * * *'}", "it is 17:00"),
        ("{schedule: '30 7 * * 1,2'}", "it is 07:30 (Mon, Tue)"),
        ("{schedule: '0 8 1 * *'}", "the clock strikes (0 8 1 * *)"),
        (
            "{metric: heart_rate, above: 170, clear_below: 165, on_gap: {longer_than: 30s}}",
            "heart rate is above 170/min (over again below 165/min; only while it is measured at least every 30 s)",
        ),
        ("{changed: cycle_state, of: dryer, to: idle}", "cycle of the dryer changes to Resting"),
        (
            "{daily: sleep_stage, agg: first_at, equals: [light], from: '18:00', drifts_by: 45}",
            "the hour, from 18:00 on, at which sleep begins is, over three days, more than 45 later than before",
        ),
        (
            "{daily: weight, agg: mean, drifts_by: 1}",
            "the day’s mean weight of the last three days is more than 1 kg",
        ),
    ],
)
def test_conditions_in_words(when: str, said: str) -> None:
    assert said in _spoken(_rule(when), "en")


@pytest.mark.parametrize(
    ("when", "clause", "said"),
    [
        (
            "{metric: heart_rate, above: 176, clear_below: 171}",
            Clause("heart_rate", True, 173.0, 176.0),
            "heart rate was 173/min, not yet far enough from the limit of 176/min",
        ),
        (
            "{metric: heart_rate, above: 176}",
            Clause("heart_rate", False, 173.0, 176.0),
            "heart rate was 173/min, under the limit of 176/min",
        ),
        (
            "{metric: inventory, where: 'value.size() > 1', says: {en: more than one thing, ko: 두 가지 넘게}}",
            Clause("inventory", False, '[{"name":"milk"}]', "value.size() > 1"),
            "what is inside was as it was listed then, not more than one thing",
        ),
        ("{event: cycle.ended, of: washer}", Clause("cycle.ended", False, of="washer"), "“Washing is done”"),
        (
            "{changed: cycle_state, of: dryer}",
            Clause("cycle_state", False, "idle", of="dryer"),
            "cycle of the dryer was Resting",
        ),
    ],
)
def test_clauses_in_words(when: str, clause: Clause, said: str) -> None:
    assert said in _why(_rule(when)).clause(clause)


def test_a_value_that_an_expression_cannot_tell_from_is_not_called_old() -> None:
    program = _rule("{metric: inventory, where: 'value.exists(item, item.expires_on < days[1])'}")
    clause = Clause("inventory", None, '[{"name":"milk"}]', program.rule.when.where)
    said = _why(program).sentence(Trace(Outcome.UNKNOWN, NEW_YEAR_2026, 1, [clause]))
    assert "what is inside as it is does not tell" in said
