"""What a rule decides, and why: every condition as it stood, and the reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from devices.sample import Event, Instant, Sample
from rules.decision import Decision
from rules.language import CLEAR, Action
from rules.logic import Held
from rules.program import Program
from rules.state import Situation, State
from rules.terms import Term
from rules.view import Change, Clause, View
from rules.words import Text, duration, fill, filled


def decide(
    situation: Situation, state: State, view: View, *, level: str, actions: Sequence[Action], rung: int
) -> Decision:
    program, subject, now = situation
    key = f"{program.id}|{program.version}|{subject.id}|{state.fired_at}|{level}|{rung}"
    if program.moment:
        key += f"|{_name(view.change)}"
    if state.again:
        key += f"|{state.again}"
    clauses = clauses_of(program, view)
    lasted = view.at - state.fired_at + state.fired_held if level == CLEAR else None
    known = _known(situation, view, clauses, lasted=lasted)
    return Decision(
        id=sha256(key.encode()).hexdigest()[:32],
        rule=program.id,
        version=program.version,
        kind=program.rule.scope.each,
        scope=subject.id,
        source=view.origin.source if view.origin else "",
        level=level,
        observed_at=view.at,
        decided_at=now,
        because=_said(program.rule.because, known),
        clauses=tuple(clauses),
        actions=[_action(action, known) for action in actions],
        depth=view.depth,
    )


def _name(change: Change | None) -> str:
    """What tells a change from others of the same instant."""
    match change:
        case Event():
            return f"{change.source}/{change.id}"
        case Sample():
            return f"{change.source}/{change.metric}"
        case _:
            return ""


def _action(action: Action, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    asked = action.asked
    assert asked is not None
    written: dict[str, Any] = {"kind": action.kind} | asked.model_dump(mode="json", exclude_none=True)
    if (spoken := action.notify or action.award) is not None:
        return written | {"text": _said(spoken.text, known)}
    return written | {key: filled(written[key], known["en"]) for key in ("data", "body", "args") if key in written}


def clauses_of(program: Program, view: View) -> list[Clause]:
    """How every condition stood, each with for how long it had been so where that is asked for."""
    clauses: dict[int, Clause] = {}
    for signal in program.signals:
        if isinstance(signal, Held):
            inside = clauses.get(signal.inside[0].slot)
            if inside is not None and inside.held is None:
                clauses[signal.inside[0].slot] = msgspec.structs.replace(inside, held=signal.held(view.slots, view.at))
        elif (clause := signal.clause(view, view.truths.get(signal.slot))) is not None:
            of = getattr(signal, "of", None)
            clauses[signal.slot] = clause if of is None else msgspec.structs.replace(clause, of=of)
    return list(clauses.values())


def _known(
    situation: Situation, view: View, clauses: list[Clause], *, lasted: Instant | None
) -> dict[str, dict[str, Any]]:
    """What words can be filled with, by language; `lasted` is how long an episode that is over went on."""
    program, subject = situation.program, situation.subject
    main = next((clause for clause in clauses if clause.value is not None), clauses[0] if clauses else None)
    values: dict[str, Any] = {clause.name: clause.value for clause in clauses}
    for name in program.rule.inputs:
        values[name] = program.number(Term(name, 0.0), subject, view.at)
    if isinstance(view.change, Event):
        values |= view.change.data
    if main is not None:
        values |= {"value": main.value, "limit": main.limit}
    if lasted is not None:
        held: Instant | None = lasted
    elif isinstance(program.root, Held):
        held = program.root.held(view.slots, view.at)
    else:
        held = main.held if main else None
    return {
        language: values | {"held": None if held is None else duration(held, language)}
        for language in program.rule.because.model_dump()
    }


def _said(text: Text, known: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Words, filled."""
    return {language: fill(words, known[language]) for language, words in text.model_dump().items()}
