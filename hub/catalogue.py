"""What the hub knows by file: device models, rules, and the catalogues that rules recommend from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import devices
import rules
from devices import model
from devices.errors import Fault, ModelInvalid
from devices.located import fault_at
from devices.model import Model
from devices.sample import SECOND, Instant
from rules import catalogue, draft, language, vocabulary
from rules.catalogue import Catalogue
from rules.draft import Draft
from rules.language import Written
from rules.made import NOTHING, Made
from rules.rehearsal import Failure, rehearse

MODELS = Path(devices.__file__).parent / "models"
PACKS = Path(rules.__file__).parent / "packs"
CATALOGUES = Path(rules.__file__).parent / "catalogues"


_ANSWER = re.compile(r"(because|then|clear|escalate\.\d+\.then)(\.|$)")
"""Where a rule says what comes of its decisions."""


TOLD = 20
"""So many decisions are told of a test that failed."""


class Shipped(NamedTuple):
    """A rule of a pack."""

    pack: str
    written: Written


def load_models(directory: Path = MODELS) -> dict[str, Model]:
    """Every model in a directory, by id. Raises `ModelInvalid` with everything wrong in all of them."""
    models: dict[str, Model] = {}
    faults: list[Fault] = []
    for path in sorted(directory.glob("*.yaml")):
        try:
            read = model.parse(rule_text(path), file=path.name)
        except ModelInvalid as error:
            faults += error.faults
            continue
        faults += [Fault(file=path.name, line=1, path=where, reason=why) for where, why in _clashes(read, models)]
        models[read.id] = read
    if faults:
        raise ModelInvalid(faults)
    return models


@cache
def load_catalogues(directory: Path = CATALOGUES) -> dict[str, Catalogue]:
    """Every catalogue in a directory, by id. Raises `ModelInvalid` with everything wrong in all of them."""
    read: dict[str, Catalogue] = {}
    faults: list[Fault] = []
    for path in sorted(directory.glob("*.yaml")):
        try:
            found = catalogue.parse(rule_text(path), file=path.name)
        except ModelInvalid as error:
            faults += error.faults
            continue
        if found.id != path.stem:
            reason = f"a catalogue is named like its file: {path.stem}"
            faults.append(Fault(file=path.name, line=1, path="id", reason=reason))
        read[found.id] = found
    if faults:
        raise ModelInvalid(faults)
    return read


def load_packs(models: dict[str, Model], directory: Path = PACKS, *, tested: bool = True) -> list[Shipped]:
    """Every rule that ships, its tests passed unless they are left out. Raises `ModelInvalid` with everything wrong in all of them."""
    paths = sorted(directory.rglob("*.yaml"))
    texts = [(str(path.relative_to(directory)), rule_text(path)) for path in paths]
    written = read_rules(texts, models, tested=tested)
    return [Shipped(path.parent.name, each) for path, each in zip(paths, written, strict=True)]


def made_by_packs(directory: Path = PACKS) -> Made:
    """What the rules which ship make for others."""
    return NOTHING.and_by(language.read(rule_text(path), file=path.name).rule for path in directory.rglob("*.yaml"))


def read_rules(
    texts: Sequence[tuple[str, str]],
    models: dict[str, Model],
    *,
    made: Made = NOTHING,
    tested: bool = True,
) -> list[Written]:
    """Read rules, each a file name and a text, that may listen to one another. Raises `ModelInvalid` with
    everything wrong in all of them."""
    drafts = [draft.read(text, file=file) for file, text in texts]
    found = check(drafts, models, made=made, tested=tested)
    if faults := [fault for each in found for fault in each]:
        raise ModelInvalid(faults)
    return [each.written for each in drafts]


def check(
    drafts: Sequence[Draft], models: dict[str, Model], *, made: Made = NOTHING, tested: bool
) -> list[list[Fault]]:
    """What is wrong with each of some rules that may listen to one another, and which of their tests failed."""
    known = made.and_by(rule for each in drafts for rule in each.meant)
    found = [vocabulary.faults(each, models, known, load_catalogues()) for each in drafts]
    if not tested:
        return found
    return [faults + _untrue(each, faults, models) for faults, each in zip(found, drafts, strict=True)]


def read_rule(text: str, models: dict[str, Model], *, file: str, made: Made = NOTHING) -> Written:
    """Read a rule, hold it against the models, and run its tests. Raises `ModelInvalid` with everything wrong in it.

    `made` is what other rules make for it.
    """
    return read_rules([(file, text)], models, made=made)[0]


def read_untested(text: str, models: dict[str, Model], *, file: str, made: Made = NOTHING) -> Written:
    """The same without running its tests, for what was tested before."""
    return read_rules([(file, text)], models, made=made, tested=False)[0]


def _untrue(read: Draft, faults: Sequence[Fault], models: dict[str, Model]) -> list[Fault]:
    """The tests that failed, if what they ask is only how a rule decides, and nothing is wrong with that."""
    if read.unread or not read.meant or not all(_ANSWER.match(fault.path) for fault in faults):
        return []
    written = Written(read.meant[0], read.text, read.lines, read.file)
    return [failed(written, failure) for failure in rehearse(written.rule, models)]


def failed(written: Written, failure: Failure) -> Fault:
    """A failed test as a fault, on its line."""
    reason = failure.reason or f"expected {_told(failure.expected)}, decided {_told(failure.decided)}"
    path = ("tests", failure.place)
    return fault_at(written.lines, path, file=written.file, reason=f"test {failure.case!r}: {reason}")


def _told(decisions: list[tuple[Instant, str]]) -> str:
    first = ", ".join(f"{level} at {at / SECOND:g} s" for at, level in decisions[:TOLD]) or "nothing"
    return f"{first} and {len(decisions) - TOLD} more" if len(decisions) > TOLD else first


def rule_text(path: Path) -> str:
    """What is in a file. Raises `ModelInvalid`."""
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
