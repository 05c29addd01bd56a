"""What the engine remembers, as bytes, and back.

A snapshot is taken at a place in the order of arrival; from there on the stored changes are fed again. A rule whose state
cannot be read (another version of it, or of this program) is named, so that it can be built again from history.
"""

from __future__ import annotations

from typing import Any

import msgspec

from devices.sample import Event, Sample
from rules.engine import Bucket, Cell, Engine, Running, Surroundings
from rules.program import Program
from rules.step import Heard, Outcome, State
from rules.subject import Origin, Subject
from rules.view import TraitSet

FORMAT = 1
"""Rises when states of before can no longer be read."""

_KINDS: dict[str, type[Sample | Event | TraitSet]] = {"sample": Sample, "event": Event, "trait": TraitSet}


class _Kept(msgspec.Struct, array_like=True):
    """One cell."""

    scope: str
    state: dict[str, Any]
    buckets: list[tuple[str, int, int, dict[str, Any], Any]]


class _Rule(msgspec.Struct, array_like=True):
    version: str
    shadow: bool
    cells: list[_Kept]


class _Snapshot(msgspec.Struct, array_like=True):
    format: int
    rules: dict[str, msgspec.Raw]


def save(engine: Engine) -> bytes:
    """Everything that every rule remembers."""
    rules = {key: msgspec.Raw(msgspec.msgpack.encode(_rule(running))) for key, running in engine.running.items()}
    return msgspec.msgpack.encode(_Snapshot(FORMAT, rules))


def load(engine: Engine, snapshot: bytes, surroundings: Surroundings) -> set[str]:
    """Give rules that are on back what they remember; those that cannot have it, by key.

    What is due next depends on the clock of the scope, so it must be known by now.
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
        if running is not None and _load_rule(engine, running, raw, surroundings):
            missing.discard(key)
    return missing


def _rule(running: Running) -> _Rule:
    cells = [_kept(scope, cell, running.program) for scope, cell in running.cells.items()]
    return _Rule(running.program.version, running.shadow, cells)


def _kept(scope: str, cell: Cell, program: Program) -> _Kept:
    buckets = [
        (outcome.value, bucket.at, bucket.times, _plain(bucket.state), _heard(bucket.heard))
        for outcome, bucket in cell.buckets.items()
    ]
    return _Kept(scope, _plain(cell.current(program)), buckets)


def _plain(state: State) -> dict[str, Any]:
    body = {name: getattr(state, name) for name in State.__struct_fields__}
    body["waiting"] = [_heard(heard) for heard in state.waiting]
    return body


def _heard(heard: Heard | None) -> Any:
    if heard is None:
        return None
    kind = next(name for name, type_ in _KINDS.items() if type(heard.change) is type_)
    return kind, heard.change, heard.origin


def _load_rule(engine: Engine, running: Running, raw: msgspec.Raw, surroundings: Surroundings) -> bool:
    try:
        rule = msgspec.msgpack.decode(raw, type=_Rule)
        if rule.version != running.program.version:
            return False
        for kept in rule.cells:
            subject = surroundings.subject(running.kind, kept.scope) or Subject(kept.scope)
            cell = Cell(running.program, _state(running.program, kept.state), subject)
            for outcome, at, times, state, heard in kept.buckets:
                known = _hear(heard) if heard is not None else None
                cell.buckets[Outcome(outcome)] = Bucket(at, times, _state(running.program, state), known)
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
    kind, change, origin = written
    return Heard(msgspec.convert(change, type=_KINDS[kind]), msgspec.convert(origin, type=Origin))
