"""What the hub knows by file: device models and rules."""

from __future__ import annotations

from pathlib import Path

import devices
import rules
from devices import model
from devices.errors import Fault, ModelInvalid
from devices.model import Model
from rules import language
from rules.program import Program, compile_rule, contradictions
from rules.rehearsal import rehearse

MODELS = Path(devices.__file__).parent / "models"
PACKS = Path(rules.__file__).parent / "packs"


def load_models(directory: Path = MODELS) -> dict[str, Model]:
    """Every model in a directory, by id. Raises `ModelInvalid` with everything wrong in all of them."""
    models: dict[str, Model] = {}
    faults: list[Fault] = []
    for path in sorted(directory.glob("*.yaml")):
        try:
            read = model.parse(_text(path), file=path.name)
        except ModelInvalid as error:
            faults += error.faults
            continue
        faults += [Fault(file=path.name, line=1, path=where, reason=why) for where, why in _clashes(read, models)]
        models[read.id] = read
    if faults:
        raise ModelInvalid(faults)
    return models


def load_rules(models: dict[str, Model], directory: Path = PACKS) -> list[Program]:
    """Every rule in a directory, its tests passed. Raises `ModelInvalid` otherwise."""
    programs: list[Program] = []
    faults: list[Fault] = []
    for path in sorted(directory.glob("*.yaml")):
        try:
            rule = language.read(_text(path), file=path.name)
        except ModelInvalid as error:
            faults += error.faults
            continue
        reasons = contradictions(rule, models)
        reasons += [
            f"test {failed.case!r}: expected {failed.expected}, got {failed.decided}" for failed in rehearse(rule)
        ]
        faults += [Fault(file=path.name, line=1, path=rule.id, reason=reason) for reason in reasons]
        programs.append(compile_rule(rule))
    if faults:
        raise ModelInvalid(faults)
    return programs


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ModelInvalid([Fault(file=path.name, line=line, path="", reason="not UTF-8")]) from error


def _clashes(read: Model, models: dict[str, Model]) -> list[tuple[str, str]]:
    """What of a model contradicts those read before: a metric means the same wherever it is measured."""
    clashes = [("id", f"there is another model {read.id}")] if read.id in models else []
    for other in models.values():
        for name in read.metrics.keys() & other.metrics.keys():
            ours, theirs = read.metrics[name].spec, other.metrics[name].spec
            if (ours.kind, ours.resets) != (theirs.kind, theirs.resets):
                clashes.append((f"metrics.{name}", f"{other.id} has it as another kind of metric"))
    return clashes
