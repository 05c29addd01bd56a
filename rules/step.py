"""The engine's one pure function, `step`, and `pass_time`, which is `step` when nothing happens but the clock.

    inactive ──true──▶ pending ──for──▶ firing ──false──▶ inactive
                          └───false───▶ inactive          unknown changes nothing

Time is the samples' own. What is due before a change is decided before it, at the very time it was due, so it makes no
difference when anybody looked at the clock. A change older than what has been decided, or older
than the newest by more than the rule's lateness, is late: stored, not acted on.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, NamedTuple

import msgspec

from devices.sample import DAY, Instant
from rules.decision import Decision
from rules.language import CLEAR
from rules.logic import Held
from rules.program import Program
from rules.state import UNTOLD, Heard, Looked, Outcome, Phase, Situation, State, Stepped
from rules.verdict import clauses_of, decide
from rules.view import Clause, View

STEPS_LIMIT = 10_000
"""How many times the clock alone may move one scope on between two changes; what is older is left out."""
WAITING_LIMIT = 1_000
"""How many changes may wait for others that come before them; beyond that the oldest are taken without waiting longer."""


class _Met(NamedTuple):
    """What one evaluation comes to."""

    state: State
    decisions: list[Decision]
    outcome: Outcome


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
    return clauses_of(situation.program, view)


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
        decide(situation, after, view, level=rung.level, actions=rung.actions, rung=place)
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
    decided = decide(situation, state, view, level=CLEAR, actions=program.when_clear or (), rung=state.rung)
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
        decisions.append(decide(situation, state, view, level=rung.level, actions=rung.actions, rung=state.rung))
    return _Met(state, decisions, Outcome.FIRED if decisions else Outcome.FIRING)


def _observed_at(heard: Heard) -> Instant:
    return heard.at


def _replace(state: State, **changed: Any) -> State:
    return msgspec.structs.replace(state, due=UNTOLD, **changed)
