"""The engine's one pure function, `step`, and `pass_time`, which is `step` when nothing happens but the clock.

    inactive ──true──▶ pending ──for──▶ firing ──false──▶ inactive
                          └───false───▶ inactive          unknown changes nothing

Time is the samples' own. What is due before a change is decided before it, at the very time it was due, so it makes no
difference when anybody looked at the clock. A change older than what has been decided, or older
than the newest by more than the rule's lateness, is late: stored, not acted on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from devices.sample import DAY, Event, Instant, Sample
from rules.conditions import Term
from rules.decision import Decision
from rules.language import CLEAR, Action
from rules.logic import Held
from rules.program import Program
from rules.subject import Origin, Subject
from rules.view import Change, Clause, View
from rules.words import Text, duration, fill, filled

STEPS_LIMIT = 10_000
"""How many times the clock alone may move one scope on between two changes; what is older is left out."""
WAITING_LIMIT = 1_000
"""How many changes may wait for others that come before them; beyond that the oldest are taken without waiting longer."""


UNTOLD: Instant = -1


class Phase(StrEnum):
    """Where a rule stands in a scope."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


class Outcome(StrEnum):
    """What came of looking at a rule once."""

    FIRED = "fired"
    CLEARED = "cleared"
    FIRING = "firing"
    PENDING = "pending"
    COOLING = "cooling"
    FALSE = "false"
    UNKNOWN = "unknown"
    LATE = "late"
    NOT_ALLOWED = "not_allowed"
    CUT = "cut"
    """It fired, and what would have come of that in other rules was cut: they set each other off for ever."""


class Heard(NamedTuple):
    """A change and where it came from; `depth` is how many rules set each other off before it."""

    change: Change
    origin: Origin
    depth: int = 0

    @property
    def at(self) -> Instant:
        """When it was observed."""
        return self.change.observed_at


class State(msgspec.Struct, frozen=True, gc=False, eq=False):
    """What one rule remembers of one scope.

    `clock` is the time up to which everything is decided. `fired_held` is for how long the condition had been true when the
    rule fired, `rung` how many steps of the ladder are done. `waiting` are changes that others may still come before.
    """

    slots: tuple[Any, ...]
    clock: Instant = 0
    newest: Instant = 0
    phase: Phase = Phase.INACTIVE
    fired_at: Instant = 0
    fired_held: Instant = 0
    rung: int = 0
    quiet_until: Instant = 0
    again: int = 0
    """How many episodes began at the very instant at which this one did, before it."""
    depth: int = 0
    """How many rules had set each other off when it met the last change: what comes of it later follows from that too."""
    waiting: tuple[Heard, ...] = ()
    due: Instant | None = UNTOLD
    """When something is due, worked out once and kept; nothing that `step` depends on, and no part of what is remembered."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and all(
            getattr(self, name) == getattr(other, name) for name in self.__struct_fields__ if name != "due"
        )

    __hash__ = None  # type: ignore[assignment]


class Looked(NamedTuple):
    """What came of one evaluation: of the state before it and the change it met, or none but the clock."""

    at: Instant
    outcome: Outcome
    state: State
    heard: Heard | None


class Stepped(NamedTuple):
    """What a step comes to; every evaluation of it, oldest first."""

    state: State
    decisions: list[Decision]
    looked: list[Looked]


class _Met(NamedTuple):
    """What one evaluation comes to."""

    state: State
    decisions: list[Decision]
    outcome: Outcome


class Situation(NamedTuple):
    """What does not change during a step: the program, whom it is about, and the hub's time, which only stamps decisions."""

    program: Program
    subject: Subject
    now: Instant


def beginning(program: Program, at: Instant = 0) -> State:
    """What a rule remembers of a scope it has not met."""
    return State(tuple(signal.start for signal in program.signals), clock=at)


def step(situation: Situation, state: State, heard: Heard) -> Stepped:
    """Take one change: the state after it, and what is decided. Pure."""
    lateness = situation.program.lateness
    if heard.at < max(state.clock, state.newest - lateness):
        return Stepped(state, [], [Looked(heard.at, Outcome.LATE, state, heard)])
    if not lateness:
        return _take(situation, state, heard)
    newest = max(state.newest, heard.at)
    place = bisect_right(state.waiting, heard.at, key=_observed_at)
    waiting = (*state.waiting[:place], heard, *state.waiting[place:])
    ripe = waiting[-WAITING_LIMIT - 1].at if len(waiting) > WAITING_LIMIT else newest - lateness
    return _release(situation, _replace(state, newest=newest, waiting=waiting), max(ripe, newest - lateness))


def pass_time(situation: Situation, state: State, until: Instant) -> Stepped:
    """Let time pass up to `until`, less the rule's lateness: what is due by then is decided, what waits is taken. Pure."""
    horizon = until - situation.program.lateness
    released = _release(situation, state, horizon)
    waited = _wait(situation, released.state, horizon, including=True)
    return Stepped(waited.state, released.decisions + waited.decisions, released.looked + waited.looked)


def explain(situation: Situation, state: State, heard: Heard | None, at: Instant) -> list[Clause]:
    """How every condition stood when `state` met a change, for those who ask why."""
    view = _view(situation, state, at, heard)
    situation.program.root.truth(view)
    return _clauses(situation.program, view)


class Horizon(NamedTuple):
    """`due`: up to when time must have passed for something to be decided though nothing happens. `calm_until`: before when,
    while samples keep coming and no condition changes, nothing is decided. `None` is never."""

    due: Instant | None
    calm_until: Instant | None


def horizon(situation: Situation, state: State) -> Horizon:
    """What lies ahead of a state."""
    program, lateness = situation.program, situation.program.lateness
    due_at = _due(situation, state)
    known = [each for each in (due_at, state.waiting[0].at if state.waiting else None) if each is not None]
    passes = min(known) + lateness if known else None
    if not program.quick:
        return Horizon(passes, state.clock)
    unfound = [program.ripe(state.slots, state.clock), _next_rung(program, state, ripe=True)]
    times = [at for at in unfound if at is not None]
    ahead = [due_at, state.quiet_until if state.phase is Phase.PENDING else None]
    times += [at for at in ahead if at is not None and at > state.clock]
    if program.dated:
        times.append((state.clock // DAY + 1) * DAY)
    return Horizon(passes, min(times, default=None))


def _release(situation: Situation, state: State, until: Instant) -> Stepped:
    """Take the changes that nothing can come before any more."""
    decisions: list[Decision] = []
    looked: list[Looked] = []
    while state.waiting and state.waiting[0].at <= until:
        first, rest = state.waiting[0], state.waiting[1:]
        taken = _take(situation, _replace(state, waiting=rest), first)
        state = taken.state
        decisions += taken.decisions
        looked += taken.looked
    return Stepped(state, decisions, looked)


def _take(situation: Situation, state: State, heard: Heard) -> Stepped:
    if not state.clock:
        state = _replace(state, clock=heard.at - 1)  # nothing was due before a rule met its scope
    waited = _wait(situation, state, heard.at, including=False)
    also_due = _due(situation, waited.state) == heard.at
    met = _evaluate(situation, waited.state, heard.at, heard)
    decisions, looked = waited.decisions + met.decisions, waited.looked + met.looked
    if also_due:
        again = _evaluate(situation, met.state, heard.at, None)
        return Stepped(again.state, decisions + again.decisions, looked + again.looked)
    return Stepped(met.state, decisions, looked)


def _wait(situation: Situation, state: State, until: Instant, *, including: bool) -> Stepped:
    """Decide what is due before `until`, each at its own time."""
    decisions: list[Decision] = []
    looked: list[Looked] = []
    for _ in range(STEPS_LIMIT):
        at = _due(situation, state)
        if at is None or at > until or (at == until and not including):
            break
        met = _evaluate(situation, state, at, None)
        state = met.state
        decisions += met.decisions
        looked += met.looked
    return Stepped(state, decisions, looked)


def _due(situation: Situation, state: State) -> Instant | None:
    """When a condition may change by itself, a cooldown ends, or the next step of the ladder comes."""
    if state.due != UNTOLD:
        return state.due
    found = _find_due(situation, state)
    msgspec.structs.force_setattr(state, "due", found)
    return found


def _find_due(situation: Situation, state: State) -> Instant | None:
    program = situation.program
    times = [program.due(state.slots, state.clock, situation.subject.zone), _next_rung(program, state)]
    if state.phase is Phase.PENDING and not _confirmed(program):
        times.append(state.quiet_until)
    return min((at for at in times if at is not None and at > state.clock), default=None)


def _confirmed(program: Program) -> bool:
    """Whether only samples move the rule on, and not the clock."""
    return isinstance(program.root, Held) and program.root.gap is not None


def _next_rung(program: Program, state: State, *, ripe: bool = False) -> Instant | None:
    """When the next step of the ladder comes by itself; or, `ripe`, from when on a sample would bring it."""
    if state.phase is not Phase.FIRING or state.rung >= len(program.ladder):
        return None
    root = program.root
    assert isinstance(root, Held)
    running = state.slots[root.slot]
    if running.since is None or (root.gap is not None and not ripe):
        return None
    return int(running.since + state.fired_held + program.ladder[state.rung].after - running.held)


def _evaluate(situation: Situation, state: State, at: Instant, heard: Heard | None) -> Stepped:
    """Look at the rule at one instant."""
    view = _view(situation, state, at, heard)
    truth = situation.program.root.truth(view)
    after = _replace(state, clock=at, slots=tuple(view.slots), depth=view.depth)
    meet = _strike if situation.program.moment else _move
    met = meet(situation, after, view, truth=truth)
    return Stepped(met.state, met.decisions, [Looked(at, met.outcome, state, heard)])


def _view(situation: Situation, state: State, at: Instant, heard: Heard | None) -> View:
    program, subject = situation.program, situation.subject
    view = View(list(state.slots), at, subject=subject, resolve=program.number)
    view.depth = state.depth
    if heard is not None:
        view.change, view.origin, view.depth = heard
    for signal in program.takers:
        signal.take(view)
    return view


def _strike(situation: Situation, state: State, view: View, *, truth: bool | None) -> _Met:
    """A rule about a moment: it is answered at once, unless it was answered a short while ago."""
    at, program = view.at, situation.program
    if truth is not True:
        return _Met(state, [], Outcome.UNKNOWN if truth is None else Outcome.FALSE)
    if at < state.quiet_until:
        return _Met(state, [], Outcome.COOLING)
    after = _replace(state, fired_at=at, quiet_until=at + program.cooldown)
    decisions = [
        _decide(situation, after, view, level=rung.level, actions=rung.actions, rung=place)
        for place, rung in enumerate(program.ladder, start=1)
    ]
    return _Met(after, decisions, Outcome.FIRED)


def _move(situation: Situation, state: State, view: View, *, truth: bool | None) -> _Met:
    """A rule about something that lasts: an episode begins, climbs its ladder, and ends."""
    if truth is True:
        return _climb(situation, state, view)
    if truth is None:
        return _Met(state, [], Outcome.UNKNOWN)
    pending = view.slots[situation.program.root.slot].since is not None
    rest = _replace(state, phase=Phase.PENDING if pending else Phase.INACTIVE)
    if state.phase is Phase.FIRING:
        return _settle(situation, rest, view)
    return _Met(rest, [], Outcome.PENDING if pending else Outcome.FALSE)


def _settle(situation: Situation, state: State, view: View) -> _Met:
    """The condition is false: an episode is over."""
    program, at = situation.program, view.at
    over = _replace(state, rung=0, quiet_until=at + program.cooldown)
    decided = _decide(situation, state, view, level=CLEAR, actions=program.when_clear or (), rung=state.rung)
    return _Met(over, [decided], Outcome.CLEARED)


def _climb(situation: Situation, state: State, view: View) -> _Met:
    """The condition is true and has held long enough: fire, and climb the ladder."""
    program, at = situation.program, view.at
    root = program.root
    assert isinstance(root, Held)
    held = root.held(view.slots, at)
    if state.phase is not Phase.FIRING:
        if at < state.quiet_until:
            return _Met(_replace(state, phase=Phase.PENDING), [], Outcome.COOLING)
        again = state.again + 1 if state.fired_at == at else 0
        state = _replace(state, phase=Phase.FIRING, fired_at=at, fired_held=held, rung=0, again=again)
    decisions = []
    while state.rung < len(program.ladder) and held - state.fired_held >= program.ladder[state.rung].after:
        rung = program.ladder[state.rung]
        state = _replace(state, rung=state.rung + 1)
        decisions.append(_decide(situation, state, view, level=rung.level, actions=rung.actions, rung=state.rung))
    return _Met(state, decisions, Outcome.FIRED if decisions else Outcome.FIRING)


def _decide(
    situation: Situation, state: State, view: View, *, level: str, actions: Sequence[Action], rung: int
) -> Decision:
    program, subject, now = situation
    key = f"{program.id}|{program.version}|{subject.id}|{state.fired_at}|{level}|{rung}"
    if program.moment:
        key += f"|{_name(view.change)}"
    if state.again:
        key += f"|{state.again}"
    clauses = _clauses(program, view)
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


def _clauses(program: Program, view: View) -> list[Clause]:
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


def _observed_at(heard: Heard) -> Instant:
    return heard.at


def _replace(state: State, **changed: Any) -> State:
    return msgspec.structs.replace(state, due=UNTOLD, **changed)
