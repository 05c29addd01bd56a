"""YAML as rules and device models are read: what JSON can say, each text as it was written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import ModelInvalid
from devices.located import parse

plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("😀한\\\"'{}:"), max_size=12)
trees = st.recursive(plain | texts, lambda each: st.lists(each, max_size=3) | st.dictionaries(texts, each, max_size=3))


@given(st.dictionaries(texts, trees, max_size=4), st.booleans())
def test_json_is_read_as_json(tree, ascii_only):
    assert parse(json.dumps(tree, ensure_ascii=ascii_only), file="rule.json")[0] == tree


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("22:00", "22:00"),
        ("1:30", "1:30"),
        ("on", "on"),
        ("No", "No"),
        ("true", True),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("1e2", 100.0),
        ("'1e2'", "1e2"),
        ("~", None),
    ],
)
def test_what_yaml_once_took_for_something_else_is_the_text_it_is(written, read):
    assert parse(f"a: {written}", file="rule.yaml")[0] == {"a": read}


@pytest.mark.parametrize(
    "written",
    ["!!binary /w==", "!!set {x, y}", "!!omap [x: 1]", "!!python/name:os.system x", "=", ".nan", "-.inf", "1e400"],
)
def test_what_json_could_not_say_is_a_fault(written):
    with pytest.raises(ModelInvalid) as raised:
        parse(f"b: 1\na: {written}", file="rule.yaml")
    assert [(fault.line, fault.path) for fault in raised.value.faults] == [(2, "a")]
