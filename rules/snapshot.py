"""What the engine remembers, as bytes, and back.

A snapshot is taken a little at a time while the engine goes on, so every cell in it has a place of its own in the order of
arrival. Stored changes are fed again from the place where taking it began, and a cell lets pass what it knows already. A rule
whose state cannot be read (another version of it, or of this program) is named, so that it can be built again from history.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from devices.sample import Event, Sample
from rules.cell import Bucket, Cell, Running
from rules.engine import Engine
from rules.program import Program
from rules.state import Heard, Outcome, State
from rules.subject import Origin, Subject
from rules.surroundings import Around
from rules.view import TraitSet

FORMAT = 5
"""Rises when states of before can no longer be read."""

_KINDS: dict[str, type[Sample | Event | TraitSet]] = {"sample": Sample, "event": Event, "trait": TraitSet}


class _Kept(msgspec.Struct, array_like=True):
    """One cell."""

    place: int
    scope: str
    state: Any
    buckets: list[tuple[str, int, int, Any, Any]]
    around: Any


class _Rule(msgspec.Struct, array_like=True):
    version: str
    shadow: bool
    cells: list[msgspec.Raw]


class _Snapshot(msgspec.Struct, array_like=True):
    format: int
    rules: dict[str, msgspec.Raw]


class Taking:
    """A snapshot that is being taken.

    It is `torn` once rules have set others off since it began: what one told another would be in the one and not in the
    other. Then another must be begun.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._chained = engine, engine.chained
        self._running = list(engine.running.items())
        self._left = self._cells()
        self._encoded: dict[str, list[msgspec.Raw]] = {key: [] for key, _ in self._running}

    @property
    def torn(self) -> bool:
        """Whether it is of no use any more."""
        return self._engine.chained != self._chained

    def advance(self, place: int, cells: int | None = None) -> bytes | None:
        """Take so many cells more, or all, the engine being at `place`; the whole snapshot, once that is had."""
        taken = 0
        for running, cell in islice(self._left, cells):
            taken += 1
            kept = msgspec.msgpack.encode(_kept(place, cell, running.program))
            self._encoded[running.key].append(msgspec.Raw(kept))
        if taken == cells:
            return None
        rules = {key: _Rule(each.program.version, each.shadow, self._encoded[key]) for key, each in self._running}
        return msgspec.msgpack.encode((FORMAT, rules))  # read as a `_Snapshot`; each rule by itself takes longer

    def _cells(self) -> Iterator[tuple[Running, Cell]]:
        for _, running in self._running:
            for cell in list(running.cells.values()):
                yield running, cell


def save(engine: Engine, place: int = 0) -> bytes:
    """Everything that every rule remembers, at once."""
    taken = Taking(engine).advance(place)
    assert taken is not None
    return taken


def load(engine: Engine, snapshot: bytes) -> set[str]:
    """Give rules that are on back what they remember; those that cannot have it, by key.

    What is fed from here on must be told its place, up to `newest_place`.
    """
    missing = set(engine.running)
    try:
        read = msgspec.msgpack.decode(snapshot, type=_Snapshot)
    except msgspec.MsgspecError:
        return missing
    if read.format != FORMAT:
        return missing
    for key, raw in read.rules.items():
        running = engine.running.get(key)
        if running is not None and _load_rule(engine, running, raw):
            missing.discard(key)
    return missing


def newest_place(engine: Engine) -> int:
    """The newest place that any cell is of."""
    return max((cell.place for running in engine.running.values() for cell in running.cells.values()), default=0)


def _kept(place: int, cell: Cell, program: Program) -> _Kept:
    buckets = [
        (outcome.value, bucket.at, bucket.times, _plain(bucket.state), _heard(bucket.heard))
        for outcome, bucket in cell.buckets.items()
    ]
    return _Kept(place, cell.subject.id, _plain(cell.current(program)), buckets, cell.around)


def _plain(state: State) -> State | dict[str, Any]:
    if not state.waiting:
        return state
    body = {name: getattr(state, name) for name in State.__struct_fields__}
    body["waiting"] = [_heard(heard) for heard in state.waiting]
    return body


def _heard(heard: Heard | None) -> Any:
    if heard is None:
        return None
    kind = next(name for name, type_ in _KINDS.items() if type(heard.change) is type_)
    return kind, heard.change, heard.origin, heard.depth


def _load_rule(engine: Engine, running: Running, raw: msgspec.Raw) -> bool:
    try:
        rule = msgspec.msgpack.decode(raw, type=_Rule)
        if rule.version != running.program.version:
            return False
        for each in rule.cells:
            kept = msgspec.msgpack.decode(each, type=_Kept)
            cell = Cell(running.program, _state(running.program, kept.state), Subject(kept.scope))
            for outcome, at, times, state, heard in kept.buckets:
                known = _hear(heard) if heard is not None else None
                cell.buckets[Outcome(outcome)] = Bucket(at, times, _state(running.program, state), known)
            cell.place = kept.place
            cell.around = msgspec.convert(kept.around, type=Around | None)
            running.cells[kept.scope] = cell
            engine.resume(running, cell)
    except (msgspec.MsgspecError, TypeError, ValueError, KeyError):
        running.cells.clear()
        return False
    return True


def _state(program: Program, body: dict[str, Any]) -> State:
    kept = dict(body)
    kept["slots"] = tuple(
        msgspec.convert(slot, type=signal.remembers, strict=False)
        for signal, slot in zip(program.signals, kept["slots"], strict=True)
    )
    kept["waiting"] = tuple(_hear(heard) for heard in kept["waiting"])
    kept["phase"] = type(State(()).phase)(kept["phase"])
    return State(**kept)


def _hear(written: Any) -> Heard:
    kind, change, origin, depth = written
    return Heard(msgspec.convert(change, type=_KINDS[kind]), msgspec.convert(origin, type=Origin), depth)
