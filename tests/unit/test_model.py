"""Device models: every shipped one is valid, and everything wrong in a file is named with its place."""

from __future__ import annotations

import math

import pytest

from devices import located, model
from devices.errors import ModelInvalid
from hub import catalogue

MODELS = sorted(catalogue.MODELS.glob("*.yaml"))

GOOD = """\
id: lamp
title: {en: Lamp, ko: 램프}
role: lamp
belongs_to: home
metrics:
  light: {title: {en: Light, ko: 빛}, unit: lx, kind: gauge, range: [0, 1000], category: home}
events:
  switched: {title: {en: Switched, ko: 켜짐}, category: home, fields: {on: boolean}}
commands:
  dim: {title: {en: Dim, ko: 어둡게}, args: {level: {type: integer, range: [0, 10]}}}
"""


def _faults(text):
    with pytest.raises(ModelInvalid) as raised:
        model.parse(text, file="lamp.yaml")
    return raised.value.faults


def _broken(old, new):
    assert GOOD.count(old) >= 1
    return GOOD.replace(old, new, 1)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_shipped_model_is_valid_and_named_like_its_file(path):
    read = model.parse(path.read_text(encoding="utf-8"), file=path.name)
    assert read.id == path.stem
    assert read.metrics


def test_there_are_shipped_models_and_they_agree_with_each_other():
    assert set(catalogue.load_models()) == {path.stem for path in MODELS}
    assert "health-watch" in catalogue.load_models()


def test_a_good_model_is_read():
    lamp = model.parse(GOOD, file="lamp.yaml")
    assert (lamp.id, lamp.role, lamp.belongs_to) == ("lamp", "lamp", "home")
    assert (lamp.metrics["light"].low, lamp.metrics["light"].high) == (0, 1000)


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "reason"),
    [
        ("id: lamp", "id: Lamp", 1, "id", "a model id matches"),
        ("id: lamp", "id: 7", 1, "id", "string"),
        ("id: lamp\n", "", 1, "id", "required"),
        (", ko: 램프}", "}", 2, "title.ko", "required"),
        ("en: Lamp,", "en: '',", 2, "title.en", "at least 1"),
        ("role: lamp", "role: 9", 3, "role", "string"),
        ("role: lamp", "role: Lamp", 3, "role", "pattern"),
        ("role: lamp", "role: the lamp!", 3, "role", "pattern"),
        ("belongs_to: home", "belongs_to: street", 4, "belongs_to", "'person' or 'home'"),
        ("belongs_to: home", "belongs_to: home\ncolour: red", 5, "colour", "not permitted"),
        ("unit: lx", "unit: lumen", 6, "metrics.light.unit", "not a known UCUM code"),
        ("kind: gauge", "kind: gage", 6, "metrics.light.kind", "'gauge'"),
        ("category: home}\nevents", "category: house}\nevents", 6, "metrics.light.category", "'heart'"),
        (" range: [0, 1000],", "", 6, "metrics.light", "a gauge needs a range"),
        ("range: [0, 1000]", "range: [5, 5]", 6, "metrics.light", "low < high"),
        ("range: [0, 1000]", "range: [9, 5]", 6, "metrics.light", "low < high"),
        ("range: [0, 1000]", "range: [0, .inf]", 6, "metrics.light", "cannot be read"),
        ("range: [0, 1000]", "range: [.nan, 5]", 6, "metrics.light", "cannot be read"),
        ("range: [0, 1000]", "range: [low, 5]", 6, "metrics.light.range.0", "number"),
        ("range: [0, 1000]", "range: [0]", 6, "metrics.light.range.1", "required"),
        ("kind: gauge", "kind: state", 6, "metrics.light", "not a range"),
        ("kind: gauge", "kind: gauge, values: [a]", 6, "metrics.light", "only a state"),
        ("kind: gauge", "kind: gauge, keep_days: 0", 6, "metrics.light.keep_days", "greater than or equal"),
        ("kind: gauge", "kind: gauge, loinc: 1-1", 6, "metrics.light.loinc", "not a known code"),
        ("kind: gauge", "kind: gauge, loinc: 8867-4", 6, "metrics.light", "a number in /min"),
        ("kind: gauge", "kind: gauge, resets: weekly", 6, "metrics.light.resets", "'daily'"),
        ("  light:", "  Light:", 6, "metrics.Light", "pattern"),
        ("  switched:", "  Switched!:", 8, "events.Switched!", "pattern"),
        ("on: boolean", "on: bool", 8, "events.switched.fields.on", "'text'"),
        ("type: integer", "type: int", 10, "commands.dim.args.level.type", "'integer'"),
        ("range: [0, 10]", "range: [10, 0]", 10, "commands.dim.args.level", "low"),
        ("range: [0, 10]", "rang: [0, 10]", 10, "commands.dim.args.level.rang", "not permitted"),
    ],
)
def test_a_fault_is_named_with_file_line_path_and_reason(old, new, line, path, reason):
    [fault] = _faults(_broken(old, new))
    assert (fault.file, fault.line) == ("lamp.yaml", line)
    assert fault.path.startswith(path)
    assert reason in fault.reason
    assert str(fault) == f"lamp.yaml:{line}: {fault.path}: {fault.reason}"


def test_everything_wrong_is_named_at_once():
    text = _broken("id: lamp", "id: Lamp").replace("unit: lx", "unit: lumen").replace("type: integer", "type: int")
    assert [fault.line for fault in _faults(text)] == [1, 6, 10]


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "just words"])
def test_a_file_that_holds_no_model_is_one_fault(text):
    [fault] = _faults(text)
    assert fault.line == 1
    assert str(fault).startswith("lamp.yaml:1: (file): ")


def test_aliases_are_refused_on_their_line():
    [fault] = _faults(_broken("role: lamp", "role: &r lamp\nagain: *r"))
    assert (fault.line, fault.reason) == (4, "aliases are not allowed")


def test_a_bomb_of_aliases_is_refused_before_it_is_unfolded():
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    [fault] = _faults(bomb)
    assert fault.reason == "aliases are not allowed"


def test_every_repeated_key_is_named_where_it_is_repeated():
    text = GOOD + "id: lamp\n" + "role: lamp\n"
    assert [(fault.line, fault.path, fault.reason) for fault in _faults(text)] == [
        (11, "id", "said twice"),
        (12, "role", "said twice"),
    ]


def test_deep_nesting_is_refused():
    text = "\n".join(" " * depth + "a:" for depth in range(40))
    [fault] = _faults(text)
    assert "nested deeper than 32" in fault.reason


def test_nesting_deeper_than_python_can_follow_is_refused():
    [fault] = _faults("a: " + "[" * 2_000 + "]" * 2_000)
    assert "nested" in fault.reason


def test_an_oversized_file_is_refused_unread():
    [fault] = _faults("# " + "x" * located.SIZE_LIMIT)
    assert fault.reason == "larger than 256 KiB"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("id: lamp\nmetrics:\n\tlight: 1\n", 3),
        ("id: lamp\nmetrics: {a: [1, 2}\n", 2),
        ("id: lamp\ntitle: 'never ended\n", 3),
        ("id: lamp\n---\nid: lamp\n", 2),
        ("id: !!python/object/apply:os.system [true]\n", 1),
    ],
)
def test_what_is_not_plain_yaml_is_one_fault_on_its_line(text, line):
    faults = _faults(text)
    assert faults[0].line == line


def test_a_control_character_is_a_fault():
    [fault] = _faults("id: \x01\n")
    assert "control characters" in fault.reason or "special characters" in fault.reason


@pytest.mark.parametrize(
    "scalar", ["2026-13-45", "!!int x", "!!float x", "!!bool x", "!!timestamp x", "9" * 5_000], ids=lambda s: s[:14]
)
def test_a_scalar_that_cannot_be_built_is_a_fault_on_its_line(scalar):
    faults = _faults(_broken("role: lamp", f"role: {scalar}"))
    assert [fault.line for fault in faults] == [3]


def test_one_more_file_is_one_more_model(tmp_path):
    (tmp_path / "lamp.yaml").write_text(GOOD)
    assert set(catalogue.load_models(tmp_path)) == {"lamp"}
    (tmp_path / "torch.yaml").write_text(GOOD.replace("id: lamp", "id: torch"))
    assert set(catalogue.load_models(tmp_path)) == {"lamp", "torch"}


def test_faults_of_all_files_come_together(tmp_path):
    (tmp_path / "a.yaml").write_text(_broken("id: lamp", "id: A"))
    (tmp_path / "b.yaml").write_text(_broken("unit: lx", "unit: lumen"))
    with pytest.raises(ModelInvalid) as raised:
        catalogue.load_models(tmp_path)
    assert [(fault.file, fault.line) for fault in raised.value.faults] == [("a.yaml", 1), ("b.yaml", 6)]


def test_two_models_of_one_id_clash(tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD)
    with pytest.raises(ModelInvalid, match=r"b\.yaml:1: id: there is another model lamp"):
        catalogue.load_models(tmp_path)


@pytest.mark.parametrize("change", ["kind: counter", "kind: counter, resets: daily"])
def test_a_metric_means_the_same_in_every_model(tmp_path, change):
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(_broken("id: lamp", "id: torch").replace("kind: gauge", change))
    with pytest.raises(ModelInvalid, match=r"b\.yaml:1: metrics\.light: lamp has it as another kind of metric"):
        catalogue.load_models(tmp_path)


def test_a_file_that_is_not_utf_8_is_a_fault(tmp_path):
    (tmp_path / "lamp.yaml").write_bytes(GOOD.encode("cp949"))
    with pytest.raises(ModelInvalid, match="UTF-8"):
        catalogue.load_models(tmp_path)


@pytest.mark.parametrize(
    ("type_", "args", "refusal"),
    [
        ("vibrate", {"strength": 3}, None),
        ("stop_alarm", {}, None),
        ("alarm", {"volume": 4}, None),
        ("explode", {}, "has no command 'explode'"),
        ("vibrate", {}, "needs the argument 'strength'"),
        ("vibrate", {"strength": 3, "colour": "red"}, "has no argument 'colour'"),
        ("vibrate", {"strength": 0}, "outside 1 to 5"),
        ("vibrate", {"strength": 2.5}, "not of type integer"),
        ("vibrate", {"strength": True}, "not of type integer"),
        ("vibrate", {"strength": "3"}, "not of type integer"),
        ("alarm", {"volume": 4, "sound": 1}, "not of type boolean"),
        ("show", {"text": "x" * 257}, "too long"),
        ("show", {"text": None}, "not of type text"),
    ],
)
def test_a_command_is_refused_with_the_reason(type_, args, refusal):
    said = catalogue.load_models()["health-watch"].command_refusal(type_, args)
    assert said is None if refusal is None else refusal in said


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 19.9, 260.1, 10**400, True, "72", None, [72]])
def test_a_gauge_takes_no_value_outside_its_range_or_kind(value):
    assert catalogue.load_models()["health-watch"].metrics["heart_rate"].refusal(value)


@pytest.mark.parametrize("value", [20, 260, 72.5])
def test_a_gauge_takes_what_is_in_its_range_ends_included(value):
    assert catalogue.load_models()["health-watch"].metrics["heart_rate"].refusal(value) is None


def test_permitted_metrics_are_those_of_the_categories():
    watch = catalogue.load_models()["health-watch"]
    assert watch.permitted(frozenset({"heart"})) == {"heart_rate", "spo2"}
    assert watch.permitted(frozenset()) == frozenset()
