"""The rule language: what may be written, what is said about what may not, and what a rule then does."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from devices.errors import ModelInvalid
from devices.sample import Sample
from hub import catalogue
from rules import consent, durations, language, progress
from rules.engine import State, step
from rules.language import Term
from rules.program import Limits, compile_rule, contradictions
from rules.rehearsal import rehearse
from rules.subject import Subject, age, recommended_max_heart_rate

MODELS = catalogue.load_models()
NEW_YEAR_2026 = 1_767_225_600_000

DESIGN = """\
id: ease-off                       # immutable id; every saved change is a new version
title: Ease off when your heart works too hard
scope: {each: person}              # state is kept per person (or home, device)
purpose: service                   # what the person must have allowed; the engine sees nothing else
inputs:
  limit: {default: person.heart_rate.recommended_max, unit: "/min"}
when:
  metric: heart_rate
  above: $limit
  clear_below: $limit - 5          # hysteresis
  for: 10s                         # event time; survives restarts
  on_gap: {longer_than: 30s, then: hold}
escalate:
  - {after: 0s,  level: notice,   then: {command: {to: watch, type: vibrate, args: {strength: 1}}}}
  - {after: 15s, level: warning,  then: {command: {to: watch, type: vibrate, args: {strength: 3}}}}
  - {after: 40s, level: critical, then: {command: {to: watch, type: alarm,   args: {sound: true, volume: 10}}}}
clear:
  then: {command: {to: watch, type: stop_alarm}}
limits: {cooldown: 2m, mode: single}
because: "Your heart has been above {limit:.0f} beats a minute for {held}."
tests:
  - name: a climb fires, a blip does not
    given: [{at: 0s, heart_rate: 120}, {at: 5s, heart_rate: 190, until: 8s}, {at: 60s, heart_rate: 185, until: 120s}]
    expect: [{at: 70s, level: notice}, {at: 85s, level: warning}, {at: 110s, level: critical}]
"""


def _read(text=DESIGN):
    return language.read(text, file="rule.yaml")


def _changed(old, new):
    assert old in DESIGN
    return DESIGN.replace(old, new, 1)


def _faults(text):
    with pytest.raises(ModelInvalid) as raised:
        _read(text)
    return raised.value.faults


# Reading.


def test_the_example_of_the_design_is_read_and_contradicts_no_model():
    assert contradictions(_read(), MODELS) == []


def test_the_example_of_the_design_passes_its_own_test():
    assert rehearse(_read()) == []


def test_words_in_one_language_stand_for_both():
    rule = _read()
    assert rule.title.en == rule.title.ko == "Ease off when your heart works too hard"


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "reason"),
    [
        ("id: ease-off ", "id: Ease_Off ", 1, "id", "pattern"),
        ("scope: {each: person}", "scope: {each: planet}", 3, "scope.each", "'person'"),
        ("purpose: service", "purpose: profit", 4, "purpose", "'service'"),
        ("person.heart_rate.recommended_max", "person.shoe_size", 6, "inputs.limit.default", ""),
        ("  metric: heart_rate\n", "", 8, "when.metric", "required"),
        ("above: $limit\n", "above: limit\n", 9, "when.above", "a limit is a number"),
        ("above: $limit\n", "above: $limit * 2\n", 9, "when.above", "a limit is a number"),
        ("above: $limit\n", "above: true\n", 9, "when.above", "a limit is a number"),
        ("above: $limit\n", "above: .nan\n", 9, "when.above", "finite"),
        ("above: $limit\n", "above: .inf\n", 9, "when.above", "finite"),
        ("for: 10s ", "for: 10 ", 11, "when.for", "a duration is a number with"),
        ("for: 10s ", "for: 401d ", 11, "when.for", "400 days at most"),
        ("then: hold", "then: wait", 12, "when.on_gap.then", "'hold' or 'reset'"),
        ("level: notice,   then:", "than:", 14, "escalate.0.level", "required"),
        ("mode: single", "mode: many", 19, "limits.mode", "'single'"),
        ("limits:", "limit:", 19, "limit", "not permitted"),
        ("because:", "why:", 20, "because", "required"),
        ("expect: [{at: 70s", "expect: [{at: soon", 24, "tests.0.expect.0.at", "a duration is a number with"),
    ],
)
def test_a_fault_is_named_with_its_line_and_path(old, new, line, path, reason):
    faults = _faults(_changed(old, new))
    found = [fault for fault in faults if fault.path.startswith(path) and reason in fault.reason]
    assert found, faults
    assert found[0].file == "rule.yaml"
    assert found[0].line == line or "required" in reason


def test_everything_wrong_in_a_rule_is_named_at_once():
    text = _changed("id: ease-off ", "id: EASE ").replace("for: 10s", "for: ten").replace("mode: single", "mode: many")
    assert [fault.line for fault in _faults(text)] == [1, 11, 19]


@pytest.mark.parametrize("limit", ["above: $ceiling\n", "above: $ceiling - 5\n"])
def test_an_input_that_is_not_there_is_a_fault(limit):
    [fault] = _faults(_changed("above: $limit\n", limit))
    assert "$ceiling is not among the inputs" in fault.reason


def test_the_steps_of_a_ladder_come_in_order():
    [fault] = _faults(_changed("after: 40s", "after: 14s"))
    assert "in order of time" in fault.reason


def test_a_ladder_has_a_step_at_least():
    start, end = DESIGN.index("escalate:"), DESIGN.index("clear:\n")
    [fault] = _faults(DESIGN[:start] + "escalate: []\n" + DESIGN[end:])
    assert fault.path == "escalate"


def test_a_step_may_not_be_called_clear():
    """The end of an episode is decided at level `clear`; a step of that name would have the same decision id."""
    assert _faults(_changed("level: critical", "level: clear"))


@pytest.mark.parametrize("because", ["Above {speed}.", "Above {limit", "For {held:.0f}.", "{limit.__class__}", "{0}"])
def test_a_because_that_cannot_be_said_is_a_fault(because):
    text = _changed("Your heart has been above {limit:.0f} beats a minute for {held}.", because)
    assert [fault.path.split(".")[0] for fault in _faults(text)] == ["because"]


# Durations and terms.


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0s", 0),
        ("250ms", 250),
        ("10s", 10_000),
        ("1.5s", 1_500),
        ("2m", 120_000),
        ("1h", 3_600_000),
        ("7d", 604_800_000),
        ("400d", 34_560_000_000),
    ],
)
def test_a_duration_is_read(text, milliseconds):
    assert durations.parse(text) == milliseconds


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "10 s", "1m30s", "1w", "10S", "1e3s", ".5s", "10s\n", 10, None])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="a duration is a number with"):
        durations.parse(text)


@pytest.mark.parametrize("text", ["401d", "34560000001ms", "9" * 400 + "s"])
def test_a_duration_has_an_end(text):
    with pytest.raises(ValueError, match="400 days at most"):
        durations.parse(text)


@pytest.mark.parametrize(
    ("written", "term"),
    [
        ("$limit", Term("limit", 0)),
        ("$limit - 5", Term("limit", -5)),
        ("$limit-5", Term("limit", -5)),
        ("$limit + 2.5", Term("limit", 2.5)),
        ("150", Term(None, 150)),
        ("-3.5", Term(None, -3.5)),
    ],
)
def test_a_term_is_a_number_or_an_input_with_a_number_added(written, term):
    assert _read(_changed("clear_below: $limit - 5", f"clear_below: {written}")).when.clear_below == term


@pytest.mark.parametrize(
    "written", ["$limit - $limit", "5 - $limit", "$Limit", "$", "$limit -", "$limit - -5", "'5'", "null x"]
)
def test_what_is_no_term_is_a_fault(written):
    assert [fault.path for fault in _faults(_changed("above: $limit\n", f"above: {written}\n"))] == ["when.above"]


def test_limits_of_a_person_are_the_fact_with_the_number_added():
    limits = compile_rule(_read()).limits(Subject("minji", 1980), NEW_YEAR_2026)
    assert limits == Limits(pytest.approx(175.8), pytest.approx(170.8))


def test_without_the_fact_there_are_no_limits():
    assert compile_rule(_read()).limits(Subject("minji"), NEW_YEAR_2026) is None


def test_an_input_may_be_a_plain_number():
    rule = _read(_changed("person.heart_rate.recommended_max", "150"))
    assert compile_rule(rule).limits(Subject("minji"), NEW_YEAR_2026) == Limits(150, 145)


def test_without_a_second_limit_the_first_is_both():
    rule = _read(_changed("  clear_below: $limit - 5          # hysteresis\n", ""))
    above, clear_below = compile_rule(rule).limits(Subject("minji", 1980), NEW_YEAR_2026)
    assert above == clear_below


def test_the_same_text_is_the_same_version_and_another_is_another():
    assert compile_rule(_read()).version == compile_rule(_read()).version
    assert compile_rule(_read()).version != compile_rule(_read(_changed("for: 10s ", "for: 11s "))).version


# Against the models.


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("metric: heart_rate", "metric: heart_rat", "no device model has 'heart_rat'"),
        ("to: watch, type: stop_alarm", "to: wach, type: stop_alarm", "no device model has the role 'wach'"),
        ("type: stop_alarm", "type: stop_alert", "has no command 'stop_alert'"),
        ("strength: 3", "strength: 9", "outside 1 to 5"),
        ("args: {strength: 3}", "args: {force: 3}", "has no argument 'force'"),
        ("metric: heart_rate", "metric: sleep_stage", "sleep_stage"),
    ],
)
def test_what_no_model_has_is_a_contradiction(old, new, said):
    without_tests = _changed(old, new).split("tests:")[0]
    [contradiction] = contradictions(_read(without_tests), MODELS)
    assert said in contradiction


# Tests that travel.


def test_the_shipped_rules_pass_their_own_tests():
    programs = catalogue.load_rules(MODELS)
    assert {program.rule.id for program in programs} >= {"ease-off"}
    assert all(program.rule.tests for program in programs)
    assert [rehearse(program.rule) for program in programs] == [[]] * len(programs)


def test_a_wrong_expectation_is_reported_with_what_was_decided():
    [failure] = rehearse(_read(_changed("{at: 70s, level: notice}", "{at: 71s, level: notice}")))
    assert failure.case == "a climb fires, a blip does not"
    assert failure.expected[0] == (71_000, "notice")
    assert failure.decided == [(70_000, "notice"), (85_000, "warning"), (110_000, "critical")]


@pytest.mark.parametrize("expect", ["[]", "[{at: 70s, level: notice}]", "[{at: 70s, level: clear}]"])
def test_an_incomplete_expectation_is_reported(expect):
    start = DESIGN.index("    expect:")
    assert len(rehearse(_read(DESIGN[:start] + f"    expect: {expect}\n"))) == 1


def test_a_rule_whose_tests_fail_is_not_loaded(tmp_path):
    (tmp_path / "rule.yaml").write_text(_changed("at: 70s", "at: 71s"))
    with pytest.raises(ModelInvalid, match=r"rule\.yaml.*a climb fires, a blip does not"):
        catalogue.load_rules(MODELS, tmp_path)


@pytest.mark.parametrize("given", ["[]", "[{at: 0s}]", "[{at: 0s, heartrate: 5}]", "[{at: 0s, heart_rate: fast}]"])
def test_a_test_that_gives_no_values_is_a_fault_and_no_crash(tmp_path, given):
    start, end = DESIGN.index("    given:"), DESIGN.index("    expect:")
    (tmp_path / "rule.yaml").write_text(DESIGN[:start] + f"    given: {given}\n" + DESIGN[end:])
    with pytest.raises(ModelInvalid):
        catalogue.load_rules(MODELS, tmp_path)


def test_a_stretch_with_an_end_gives_way_to_what_was_before():
    text = DESIGN[: DESIGN.index("tests:")] + (
        "tests:\n"
        "  - name: back to calm\n"
        "    given: [{at: 0s, heart_rate: 100}, {at: 10s, heart_rate: 190, until: 25s}, {at: 39s, heart_rate: 100}]\n"
        "    expect: [{at: 20s, level: notice}, {at: 25s, level: clear}]\n"
    )
    assert rehearse(_read(text)) == []


# What a decision says.


def _decisions():
    program, state, decisions = compile_rule(_read()), State(), []
    for second in range(130):
        sample = Sample("watch1", "heart_rate", NEW_YEAR_2026 + second * 1_000, 190 if second < 125 else 100)
        state, decided = step(program, state, sample, subject=Subject("minji", 1980), now=7)
        decisions += decided
    return decisions


def test_a_decision_says_why_in_both_languages():
    notice, *_, clear = _decisions()
    assert notice.because["en"] == "Your heart has been above 176 beats a minute for 10 s."
    assert notice.because["ko"] == "Your heart has been above 176 beats a minute for 10초."
    assert clear.because["en"].endswith("for 2 min 5 s.")
    assert clear.because["ko"].endswith("for 2분 5초.")


def test_a_decision_holds_what_it_was_based_on():
    first = _decisions()[0]
    assert (first.rule, first.scope, first.source, first.level) == ("ease-off", "minji", "watch1", "notice")
    assert (first.observed_at, first.decided_at) == (NEW_YEAR_2026 + 10_000, 7)
    assert (first.clause.value, first.clause.above, first.clause.held) == (190, pytest.approx(175.8), 10_000)
    assert first.actions == [{"to": "watch", "type": "vibrate", "args": {"strength": 1}}]


def test_an_episode_takes_every_step_once_and_ends():
    assert [decision.level for decision in _decisions()] == ["notice", "warning", "critical", "clear"]
    json.dumps([decision.because for decision in _decisions()])


# Facts about a person.


@pytest.mark.parametrize(("born", "limit"), [(2026, 208.0), (2006, 194.0), (1980, 175.8), (1968, 167.4), (1946, 152.0)])
def test_the_recommended_limit_is_tanakas(born, limit):
    assert recommended_max_heart_rate(Subject("p", born), NEW_YEAR_2026) == pytest.approx(limit)


def test_age_changes_with_the_calendar_year():
    assert age(Subject("p", 1980), NEW_YEAR_2026 - 1) == 45
    assert age(Subject("p", 1980), NEW_YEAR_2026) == 46


def test_without_a_birth_year_nothing_is_recommended():
    assert recommended_max_heart_rate(Subject("p"), NEW_YEAR_2026) is None


# Consent.


def test_service_is_permitted_for_what_is_registered():
    assert consent.permit("service", registered=True) == consent.CATEGORIES
    assert "heart" in consent.CATEGORIES


@pytest.mark.parametrize("purpose", ["recommend", "peers", "community", "research", "", "SERVICE", "service "])
def test_nothing_else_is_permitted(purpose):
    assert consent.permit(purpose, registered=True) == frozenset()


def test_nothing_is_permitted_of_what_is_not_registered():
    assert consent.permit("service", registered=False) == frozenset()


# Progress.


def _days(month, values):
    first = date.fromisoformat(f"{month}-01")
    return [progress.DayValue(first + timedelta(days=n), value) for n, value in enumerate(values)]


def test_months_are_means_of_their_days():
    months = progress.progress(_days("2026-01", [1, 2, 3]) + _days("2026-02", [10])).months
    assert months == [progress.Month("2026-01", 2, 3), progress.Month("2026-02", 10, 1)]


def test_the_order_of_days_means_nothing():
    days = _days("2025-12", [4] * 5) + _days("2026-01", [5] * 6)
    assert progress.progress(days[::-1]) == progress.progress(days)


def test_gaps_are_no_zeros_and_thin_months_are_not_compared():
    days = _days("2026-01", [9] * 4) + _days("2026-02", [10] * 5) + _days("2026-05", [20] * 5) + _days("2026-06", [1])
    change = progress.progress(days).change
    assert (change.first.month, change.last.month) == ("2026-02", "2026-05")
    assert (change.difference, change.percent) == (10, 100)


@pytest.mark.parametrize(
    "days", [[], _days("2026-01", [1] * 31), _days("2026-01", [1] * 5) + _days("2026-02", [1] * 4)]
)
def test_without_two_full_months_it_says_what_is_missing(days):
    progressed = progress.progress(days)
    assert progressed.change is None
    assert "two months with at least 5 days" in progressed.insufficient


def test_from_zero_there_is_no_percentage():
    assert progress.progress(_days("2026-01", [0] * 5) + _days("2026-02", [5] * 5)).change.percent is None


TITLES = {"en": "Steps", "ko": "걸음"}


def _change(first, last):
    return progress.progress(_days("2026-01", [first] * 5) + _days("2026-02", [last] * 5))


@pytest.mark.parametrize(
    ("metric", "first", "last", "better"),
    [
        ("steps", 5, 6, True),
        ("steps", 6, 5, False),
        ("resting_heart_rate", 60, 55, True),
        ("resting_heart_rate", 55, 60, False),
        ("weight", 60, 55, None),
    ],
)
def test_better_is_up_or_down_or_neither(metric, first, last, better):
    assert progress.is_better(metric, _change(first, last).change) is better


@pytest.mark.parametrize(
    ("first", "last", "en", "ko"),
    [
        (8_000, 10_000, "went up by 25 % since January 2026 (8,000 → 10,000 steps)", "2026년 1월보다 25 % 늘었어요"),
        (10_000, 8_000, "went down by 20 % since January", "2026년 1월보다 20 % 줄었어요"),
        (10_000, 10_050, "stayed about the same since January 2026: 10,050 steps", "비슷하게"),
    ],
)
def test_progress_is_said_in_both_languages(first, last, en, ko):
    said = progress.sentence(_change(first, last), titles=TITLES, unit="steps")
    assert said["en"].startswith("Steps ")
    assert en in said["en"]
    assert ko in said["ko"]


def test_a_rise_from_zero_is_not_called_about_the_same():
    said = progress.sentence(_change(0, 9_000), titles=TITLES, unit="steps")
    assert "about the same" not in said["en"]


def test_too_little_data_is_said():
    said = progress.sentence(progress.progress([]), titles=TITLES, unit="steps")
    assert "not enough data" in said["en"]
