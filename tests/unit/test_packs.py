"""The rules that ship: each is read, contradicts no device model, and passes the tests that travel with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import devices
import rules
from devices import model
from hub.catalogue import load_catalogues, made_by_packs
from rules import language, vocabulary
from rules.rehearsal import rehearse

PACKS = Path(rules.__file__).parent / "packs"
FILES = sorted(PACKS.rglob("*.yaml"))
MODELS = {
    read.id: read
    for path in sorted((Path(devices.__file__).parent / "models").glob("*.yaml"))
    for read in [model.parse(path.read_text(encoding="utf-8"), file=path.name)]
}
NAMES = {
    "heart/ease-off",
    "heart/irregular-recovery",
    "heart/resting-rate-up",
    "move/after-a-long-run",
    "move/long-sitting",
    "move/run-of-5-km",
    "move/weekly-minutes",
    "sleep/bed-time-drifts",
    "kitchen/dinner-idea",
    "kitchen/door-open",
    "kitchen/food-expires",
    "kitchen/fridge-warm",
    "garment/dryer-done-offer-styler",
    "garment/garment-needs-service",
    "garment/styler-filter-due",
    "garment/washer-done-offer-dryer",
    "garment/wet-laundry",
    "home/nobody-home-dryer-on",
    "park/day-over",
    "park/family-separated",
    "park/gate-entry",
    "park/purchase-made",
    "park/queue-long",
    "park/ride-taken",
    "park/room-opened",
    "park/room-refused",
}
HANGUL = re.compile(r"[가-힣]")
LEAST_TESTS = 3

each_rule = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")


def _read(path):
    return language.read(path.read_text(encoding="utf-8"), file=path.name)


def _words(rule):
    """Everything a rule says to people."""
    yield from (rule.title, rule.because)
    yield from (given.title for given in rule.inputs.values() if given.title is not None)
    yield from (action.notify.text for _, action in rule.actions() if action.notify is not None)


def test_the_packs_hold_these_rules():
    assert {f"{path.parent.name}/{path.stem}" for path in FILES} == NAMES


def test_no_two_rules_have_the_same_id():
    ids = [_read(path).rule.id for path in FILES]
    assert len(set(ids)) == len(ids)


@each_rule
def test_a_rule_is_read_named_like_its_file_and_contradicts_no_model(path):
    written = _read(path)
    assert written.rule.id == path.stem
    assert vocabulary.contradictions(written.rule, MODELS, made_by_packs(), load_catalogues()) == []


@each_rule
def test_a_rule_passes_its_own_tests(path):
    assert rehearse(_read(path).rule, MODELS) == []


@each_rule
def test_a_rule_has_tests_in_which_it_answers_and_tests_in_which_it_does_not(path):
    tests = _read(path).rule.tests
    assert len(tests) >= LEAST_TESTS
    assert len({each.name for each in tests}) == len(tests)
    assert any(each.expect for each in tests)


@each_rule
def test_a_rule_that_never_answers_fails_its_tests(path):
    rule = _read(path).rule
    never = rule.model_copy(update={"when": language.conditions.TraitIs(trait="never", equals="true")})
    assert len(rehearse(never, MODELS)) == sum(bool(each.expect) for each in rule.tests)


@each_rule
def test_a_rule_speaks_english_and_korean(path):
    for said in _words(_read(path).rule):
        assert said.en != said.ko
        assert HANGUL.search(said.ko)
        assert not HANGUL.search(said.en)


@each_rule
def test_inputs_that_a_household_can_tune_have_a_range_and_a_title(path):
    for given in _read(path).rule.inputs.values():
        assert given.range is not None
        assert given.title is not None
