"""The engine: one pure function `step`, and `Engine`, which folds it over what arrives.

    inactive ──above──▶ pending ──for──▶ firing ──below──▶ inactive
                           └────below────▶ inactive

Time is the samples' own. A sample that is not newer than the last of its scope is late: stored, not acted on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from hashlib import sha256

import msgspec

from devices.sample import DAY, Instant, Sample
from rules.decision import Clause, Decision
from rules.language import CLEAR, Action
from rules.program import Limits, Program
from rules.subject import Subject


class Phase(StrEnum):
    """Where a rule stands in a scope."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


class State(msgspec.Struct, frozen=True, gc=False):
    """What one rule remembers of one scope.

    `held` counts how long the condition has been true, in ms of event time, pauses left out; `fired_held` is what it was
    when the rule fired, `fired_at` when that was, `rung` how many steps of the ladder are done.
    """

    last_at: Instant = 0
    phase: Phase = Phase.INACTIVE
    held: Instant = 0
    fired_at: Instant = 0
    fired_held: Instant = 0
    rung: int = 0
    quiet_until: Instant = 0


def step(
    program: Program, state: State, sample: Sample, *, subject: Subject, now: Instant
) -> tuple[State, list[Decision]]:
    """Take one sample of the rule's metric: the state after it, and what is decided. Pure.

    `now` only stamps the decisions. What is unknown (a text, a limit without the fact it depends on) decides nothing and
    resets nothing.
    """
    if sample.observed_at <= state.last_at:
        return state, []
    limits = program.limits(subject, sample.observed_at)
    value = sample.value
    if limits is None or isinstance(value, str):
        return state, []
    counted = _count(program, state, sample.observed_at)
    above = value > limits.above or (counted.phase is not Phase.INACTIVE and value >= limits.clear_below)
    if not above:
        return _settle(program, counted, sample, limits, subject=subject, now=now)
    risen = counted if counted.phase is not Phase.INACTIVE else _replace(counted, phase=Phase.PENDING, held=0)
    return _climb(program, risen, sample, limits, subject=subject, now=now)


def _count(program: Program, state: State, at: Instant) -> State:
    """Let the time since the last sample pass."""
    elapsed = at - state.last_at if state.last_at else 0
    if program.gap_limit is not None and elapsed > program.gap_limit:
        if program.gap_resets and state.phase is not Phase.FIRING:
            return _replace(state, last_at=at, phase=Phase.INACTIVE, held=0)
        elapsed = 0
    return _replace(state, last_at=at, held=state.held + elapsed if state.phase is not Phase.INACTIVE else 0)


def _settle(
    program: Program, state: State, sample: Sample, limits: Limits, *, subject: Subject, now: Instant
) -> tuple[State, list[Decision]]:
    """The condition is false: an episode is over."""
    rest = _replace(state, phase=Phase.INACTIVE, held=0, rung=0)
    if state.phase is not Phase.FIRING:
        return rest, []
    over = _replace(rest, quiet_until=sample.observed_at + program.cooldown)
    actions = () if program.when_clear is None else (program.when_clear,)
    decided = _decide(program, state, sample, limits, level=CLEAR, actions=actions, subject=subject, now=now)
    return over, [decided]


def _climb(
    program: Program, state: State, sample: Sample, limits: Limits, *, subject: Subject, now: Instant
) -> tuple[State, list[Decision]]:
    """The condition is true: fire once it has held long enough, then climb the ladder."""
    if state.phase is Phase.PENDING:
        if state.held < program.hold_for or sample.observed_at < state.quiet_until:
            return state, []
        state = _replace(state, phase=Phase.FIRING, fired_at=sample.observed_at, fired_held=state.held, rung=0)
    decisions = []
    while state.rung < len(program.ladder) and state.held - state.fired_held >= program.ladder[state.rung].after:
        rung = program.ladder[state.rung]
        state = _replace(state, rung=state.rung + 1)
        decisions.append(
            _decide(program, state, sample, limits, level=rung.level, actions=(rung.then,), subject=subject, now=now)
        )
    return state, decisions


def _decide(  # noqa: PLR0913  (a decision explains itself, so it wants everything)
    program: Program,
    state: State,
    sample: Sample,
    limits: Limits,
    *,
    level: str,
    actions: tuple[Action, ...],
    subject: Subject,
    now: Instant,
) -> Decision:
    key = f"{program.rule.id}|{program.version}|{subject.id}|{state.fired_at}|{level}|{state.rung}"
    because = {
        language: words.format(limit=limits.above, value=sample.value, held=_spoken(state.held, language))
        for language, words in program.rule.because.model_dump().items()
    }
    return Decision(
        id=sha256(key.encode()).hexdigest()[:32],
        rule=program.rule.id,
        version=program.version,
        scope=subject.id,
        source=sample.source,
        level=level,
        observed_at=sample.observed_at,
        decided_at=now,
        because=because,
        clause=Clause(program.metric, float(sample.value), limits.above, limits.clear_below, state.held),
        actions=[action.command.model_dump() for action in actions],
    )


_MINUTES_SECONDS = {"en": ("{} min", "{} s"), "ko": ("{}분", "{}초")}


def _spoken(held: Instant, language: str) -> str:
    """A duration in words, like `27 s` or `3 min 5 s`."""
    minutes, seconds = divmod(held // 1000, 60)
    in_minutes, in_seconds = _MINUTES_SECONDS[language]
    parts = [in_minutes.format(minutes)] * bool(minutes) + [in_seconds.format(seconds)] * bool(seconds or not minutes)
    return " ".join(parts)


def _replace(state: State, **changes: object) -> State:
    return msgspec.structs.replace(state, **changes)


class _Cell:
    """The state of one rule in one scope, with the limit below which a resting rule has nothing to do."""

    __slots__ = ("calm_below", "calm_until", "state", "touched_at")

    def __init__(self, state: State) -> None:
        self.state = state
        self.touched_at = state.last_at
        self.calm_below = float("-inf")
        self.calm_until = 0

    def current(self) -> State:
        """The state, with the samples that passed by it while it rested."""
        return self.state if self.touched_at <= self.state.last_at else _replace(self.state, last_at=self.touched_at)


class Engine:
    """Folds `step` over what arrives, for all rules and scopes; owned by one thread.

    A rule at rest, and a value under its limit: that is nearly every sample, and it changes nothing but the time of the
    last one. `feed` keeps that time beside the state and leaves `step` to the rest; the outcome is the same.
    """

    def __init__(self, programs: Iterable[Program]) -> None:
        self.programs = {program.rule.id: program for program in programs}
        self._listening: dict[str, list[tuple[Program, dict[str, _Cell]]]] = {}
        for program in self.programs.values():
            self._listening.setdefault(program.metric, []).append((program, {}))

    def feed(
        self, samples: Iterable[Sample], *, subject_of: Callable[[str], Subject | None], now: Instant
    ) -> list[Decision]:
        """Take what is new, in the order of arrival; what is decided, in order."""
        decisions: list[Decision] = []
        source = metric = None
        subject: Subject | None = None
        watching: list[tuple[Program, _Cell]] = []
        for sample in samples:
            if sample.metric not in self._listening:
                continue
            if sample.source is not source or sample.metric is not metric:
                source, metric = sample.source, sample.metric
                subject = subject_of(source)
                watching = self._watching(metric, subject.id) if subject is not None else []
            at, value = sample.observed_at, sample.value
            for program, cell in watching:
                if cell.touched_at < at < cell.calm_until and not isinstance(value, str) and value <= cell.calm_below:
                    cell.touched_at = at
                elif subject is not None:
                    decisions += _step_cell(program, cell, sample, subject=subject, now=now)
        return decisions

    def _watching(self, metric: str, scope: str) -> list[tuple[Program, _Cell]]:
        """The rules that listen to a metric, each with its cell of a scope."""
        return [(program, cells.setdefault(scope, _Cell(State()))) for program, cells in self._listening[metric]]

    def snapshot(self) -> bytes:
        """Everything remembered, to be kept with the place in the store up to which it was fed."""
        states = {
            program.rule.id: (program.version, {scope: cell.current() for scope, cell in cells.items()})
            for listening in self._listening.values()
            for program, cells in listening
        }
        return msgspec.msgpack.encode(states)

    def restore(self, snapshot: bytes) -> None:
        """Take over a snapshot; what belongs to another version of a rule is left out."""
        states = msgspec.msgpack.decode(snapshot, type=dict[str, tuple[str, dict[str, State]]])
        for listening in self._listening.values():
            for program, cells in listening:
                version, scopes = states.get(program.rule.id, ("", {}))
                if version == program.version:
                    cells.update((scope, _Cell(state)) for scope, state in scopes.items())

    def states(self, rule: str) -> Mapping[str, State]:
        """Where a rule stands, by scope."""
        program = self.programs[rule]
        cells = next(cells for known, cells in self._listening[program.metric] if known is program)
        return {scope: cell.current() for scope, cell in cells.items()}


def _step_cell(program: Program, cell: _Cell, sample: Sample, *, subject: Subject, now: Instant) -> list[Decision]:
    cell.state, decisions = step(program, cell.current(), sample, subject=subject, now=now)
    cell.touched_at = cell.state.last_at
    limits = program.limits(subject, sample.observed_at)
    resting = cell.state.phase is Phase.INACTIVE and limits is not None and not isinstance(sample.value, str)
    cell.calm_below = limits.above if resting and limits is not None else float("-inf")
    cell.calm_until = _end_of_day(sample.observed_at) if resting else 0
    return decisions


def _end_of_day(at: Instant) -> Instant:
    """Facts such as an age may change with the day, so limits are looked at again then."""
    return (at // DAY + 1) * DAY
