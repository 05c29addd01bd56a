"""Drafts: rules of which not all can be read, so that what is wrong in the rest is told with it, all at once.

What cannot be read is replaced, in several ways: a fault is told only if it is there whatever was meant in those places.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias, get_args

from pydantic import ValidationError

from devices import located
from devices.errors import Fault, ModelInvalid
from devices.located import Path, Tree
from rules.language import UNWRITTEN, Rule, ScopeKind, Written

ROUNDS_LIMIT = 6
"""How often mending may bring up something else that cannot be read, before the rest is left."""
MISTAKES_LIMIT = 500
"""What has more wrong with it is not mended."""
_INSIDE, _AMONG = (
    frozenset({"not", "total", "missing", "after", "without"}),
    frozenset({"all", "any", "count", "sequence"}),
)
_NAMES = re.compile(r"[a-z][a-z0-9_.-]*")


class _Blank(NamedTuple):
    """A place that a guess fills."""

    name: str


_GONE = object()
_ACTION: Any = {"notify": {"text": "-"}}
_ANSWERS = ("", "escalate.*.", "clear.")
_RUNG: Any = {"after": "0s", "level": "notice", "then": [_ACTION]}

_INSTEAD: dict[str, Any] = (
    {
        "id": "unread",
        "title": "-",
        "because": "-",
        "scope": _Blank("scope"),
        "purpose": _Blank("purpose"),
        "inputs": _GONE,
        "limits": _GONE,
        "tests": _GONE,
        "tests.*": {"name": "-", "given": [{"at": "0s"}], "expect": []},
        "tests.*.given.*": {"at": "0s"},
        "tests.*.expect.*": {"at": "0s"},
        "escalate": [_RUNG],
        "escalate.*": _RUNG,
        "escalate.*.after": "0s",
        "escalate.*.level": "notice",
        "clear": {"then": [_ACTION]},
    }
    | {place + "then": [_ACTION] for place in _ANSWERS}
    | {place + "then.*": _ACTION for place in _ANSWERS}
)
"""By path, what may stand there instead of anything."""

Guess: TypeAlias = dict[str, Any]


class Draft(NamedTuple):
    """What could be read of a text. With faults, `meant` are rules it may be meant as, which differ in what cannot be read:
    at `unread`, where `words` are said."""

    text: str
    file: str
    lines: located.Lines
    faults: list[Fault]
    meant: list[Rule]
    unread: list[Path]
    words: frozenset[str]

    @property
    def written(self) -> Written:
        """The rule. Raises `ModelInvalid` with what is not of the language."""
        if self.faults:
            raise ModelInvalid(self.faults)
        return Written(self.meant[0], self.text, self.lines, self.file)

    def stands_in(self, path: Path) -> bool:
        """Whether what is at a path was not written there."""
        return _is_in(path, self.unread)


def read(text: str, *, file: str) -> Draft:
    """Read a rule as far as it can be."""
    try:
        tree = located.grow(text, file=file)
    except ModelInvalid as error:
        return Draft(text, file, {}, error.faults, [], [], frozenset())
    mender = _Mender(tree, file)
    meant = mender.mend()
    return Draft(text, file, tree.lines, mender.faults, meant, mender.unread, mender.words)


class _Mender:
    """Replaces what cannot be read until all can be."""

    def __init__(self, tree: Tree, file: str) -> None:
        self._tree, self._file = tree, file
        self._said = _listed(copy.deepcopy(tree.said))
        self.faults = list(tree.faults)
        self.unread: list[Path] = []
        self._emptied: set[Path] = set()
        self.words: frozenset[str] = frozenset()

    def mend(self) -> list[Rule]:
        """The rules that are left, by what is guessed; none, if too little can be read."""
        if len(self._tree.unread) > MISTAKES_LIMIT:
            return []
        for path in self._tree.unread:
            if not self._replace(path):
                self.unread.append(path)
        for _ in range(ROUNDS_LIMIT):
            try:
                return [Rule.model_validate(_filled(self._said, guess)) for guess in self._guesses()]
            except ValidationError as error:
                if not self._heal(error.errors()):
                    return []
        return []

    def _heal(self, mistakes: Sequence[Any]) -> bool:
        """Tell of mistakes, and replace where they are; whether all of that could be."""
        paths = [located.written_path(each, UNWRITTEN) for each in mistakes]
        for path, mistake in zip(paths, mistakes, strict=True):
            self._note(path, mistake)
        if len(mistakes) > MISTAKES_LIMIT:
            return False
        known = len(self.unread)
        for path, mistake in zip(paths, mistakes, strict=True):
            if _is_in(path, self.unread[known:]):
                continue
            if mistake["type"] == "extra_forbidden":
                self._put(path, _GONE)
                self._emptied.add(path[:-1])
            elif not self._replace(path):
                return False
        return True

    def _note(self, path: Path, mistake: Any) -> None:
        """Tell of a mistake, unless it only follows from another."""
        if path not in self._emptied and not _is_in(path, self.unread):
            reason = mistake["msg"].removeprefix("Value error, ")
            self.faults.append(located.fault_at(self._tree.lines, path, file=self._file, reason=reason))

    def _replace(self, path: Path) -> bool:
        """Put something that can be read in the place of the smallest part around a path that can be replaced."""
        if not isinstance(self._said, dict):
            return False
        if not path:
            return self._answer()
        if path == ("escalate",) and self._level_steps():
            return True
        for length in range(len(path), 0, -1):
            part = path[:length]
            if part not in self.unread and (instead := _instead(part)) is not None:
                self._put(part, instead)
                return True
        return False

    def _answer(self) -> bool:
        """A rule that answers in no way, or in two."""
        self._put(("escalate",), _GONE)
        self._put(("then",), [_ACTION])
        return True

    def _level_steps(self) -> bool:
        """Have all steps of a ladder come at once, where their order makes no sense; whether there are any."""
        rungs = self._said.get("escalate")
        steps = [("escalate", place, "after") for place, _ in enumerate(rungs)] if isinstance(rungs, list) else []
        if not steps or not all(isinstance(rung, dict) for rung in rungs) or _is_in(steps[0], self.unread):
            return False
        for step in steps:
            self._put(step, _INSTEAD["escalate.*.after"])
        return True

    def _put(self, path: Path, instead: Any) -> None:
        before: Any = self._said
        for step in path[:-1]:
            before = before.setdefault(step, {}) if isinstance(before, dict) else before[step]
        last: Any = path[-1]
        there = last in before if isinstance(before, dict) else True
        self.words |= frozenset(_NAMES.findall(json.dumps([last, before[last]]))) if there else frozenset()
        self.unread.append(path)
        if instead is not _GONE:
            before[last] = copy.deepcopy(instead)
        elif there:
            del before[last]

    def _guesses(self) -> Iterator[Guess]:
        """What may have been meant: what it is about, what for, whether it lasts and where its limits are."""
        if not self.unread:
            yield {}
            return
        kinds = get_args(ScopeKind) if ("scope",) in self.unread else (None,)
        purposes = ("service", "recommend") if ("purpose",) in self.unread else (None,)
        lasts = {"during": {"from": "00:00", "to": "12:00"}}, {"schedule": "0 8 * * *"}
        for kind, purpose, (condition, limit) in itertools.product(
            kinds, purposes, zip(lasts, (1e9, -1e9), strict=True)
        ):
            yield {"scope": {"each": kind}, "purpose": purpose, "condition": condition, "input": {"default": limit}}


def _is_in(path: Path, parts: Iterable[Path]) -> bool:
    """Whether a path leads to one of these parts, or into it."""
    return any(path[: len(part)] == part for part in parts)


def _instead(path: Path) -> Any:
    """What may stand at a path instead of anything; `None` where nothing may."""
    if path[0] == "when":
        return _Blank("condition") if _is_condition(path[1:]) else None
    if path[0] == "inputs" and len(path) > 1:
        return _Blank("input") if len(path) == len(("inputs", "name")) else None
    return _INSTEAD.get(".".join("*" if isinstance(step, int) else step for step in path))


def _is_condition(path: Path) -> bool:
    """Whether a path below `when` leads to a condition."""
    steps = iter(path)
    return all(step in _INSIDE or (step in _AMONG and isinstance(next(steps, None), int)) for step in steps)


def _filled(said: Any, guess: Guess) -> Any:
    """A tree with its blanks filled."""
    match said:
        case _Blank():
            return guess[said.name]
        case dict():
            return {name: _filled(each, guess) for name, each in said.items()}
        case list():
            return [_filled(each, guess) for each in said]
        case _:
            return said


def _listed(said: Any) -> Any:
    """Single actions as lists of one, as mistakes in them are named."""
    if not isinstance(said, dict):
        return said
    rungs = said.get("escalate")
    for part in (said, said.get("clear"), *(rungs if isinstance(rungs, list) else ())):
        if isinstance(part, dict) and isinstance(part.get("then"), dict):
            part["then"] = [part["then"]]
    return said
