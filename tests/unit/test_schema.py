"""The published JSON Schema: what ships is valid in it, and what editors should underline is not."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from rules import catalogue, language

ROOT = Path(__file__).parents[2]
PACKS = sorted((ROOT / "rules" / "packs").rglob("*.yaml"))
CATALOGUES = sorted((ROOT / "rules" / "catalogues").rglob("*.yaml"))
SHOWN = re.findall(r"```yaml\n(id: .*?)```", (ROOT / "docs" / "rules.md").read_text(), re.S)
GUARD = yaml.safe_load((ROOT / "rules" / "packs" / "heart" / "ease-off.yaml").read_text())


@pytest.fixture(scope="module")
def rules():
    Draft202012Validator.check_schema(language.schema())
    return Draft202012Validator(language.schema())


def faults(validator, written):
    return [f"{list(error.absolute_path)}: {error.message[:200]}" for error in validator.iter_errors(written)]


@pytest.mark.parametrize("file", PACKS, ids=lambda file: file.stem)
def test_every_rule_that_ships_is_valid(rules, file):
    assert faults(rules, yaml.safe_load(file.read_text())) == []


@pytest.mark.parametrize("shown", SHOWN)
def test_what_the_documentation_shows_is_valid(rules, shown):
    assert faults(rules, yaml.safe_load(shown)) == []


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.stem)
def test_every_catalogue_that_ships_is_valid(file):
    assert faults(Draft202012Validator(catalogue.schema()), yaml.safe_load(file.read_text())) == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (["when", "for"], 10),
        (["when", "for"], "10 seconds"),
        (["when", "above"], "limit"),
        (["when", "abvoe"], 120),
        (["when"], {"metrik": "heart_rate", "above": 100}),
        (["when"], {"schedule": 8}),
        (["scope"], {"each": "planet"}),
        (["purpose"], "marketing"),
        (["because"], 7),
        (["title"], {"en": "Only one language"}),
        (["escalate", 0, "then"], {"comand": {}}),
        (["escalate", 0, "after"], 15),
        (["tests", 0, "expect"], [{"level": "notice"}]),
        (["inputs", "limit", "range"], [90]),
        (["limits", "mode"], "double"),
        (["colour"], "red"),
    ],
    ids=str,
)
def test_what_is_malformed_is_refused(rules, path, wrong):
    written = copy.deepcopy(GUARD)
    place = written
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = wrong
    assert faults(rules, written)


@pytest.mark.parametrize("gone", ["id", "title", "scope", "purpose", "when", "because"])
def test_what_every_rule_has_cannot_be_left_out(rules, gone):
    assert faults(rules, {name: part for name, part in GUARD.items() if name != gone})
