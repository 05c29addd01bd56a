"""A rule, compiled: everything that can be decided before the first sample is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from devices.model import Metric, Model
from devices.sample import Instant
from rules import conditions as c
from rules.bounds import Test, compile_bounds
from rules.chain import Link
from rules.days import Days
from rules.language import Action, Rule
from rules.logic import Held, Joined, Total
from rules.moments import Change, Countdown, Crossing, Happening, Omission, Succession, Timetable
from rules.signal import Signal
from rules.signals import Absence, Clockwork, Level, Trait, Whereabouts
from rules.subject import Subject, fact
from rules.terms import Term
from rules.view import OFFLINE, TraitSet, View, at_least, every, negation, some, timer_of
from rules.where import Where
from rules.windows import Amount

LATENESS: Instant = 2_000
"""How long a rule about a home or place, which many devices tell of, waits for what is on its way, unless it says otherwise."""
ZONE_EVENTS = frozenset({"zone.entered", "zone.left", "tapped"})
_BOTH: frozenset[bool] = frozenset({True, False})
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Step(NamedTuple):
    """A rung of the ladder, compiled."""

    after: Instant
    level: str
    actions: tuple[Action, ...]


class Calm(NamedTuple):
    """Values of a metric that change nothing, both ends included, as long as no pause between samples is over `gap`."""

    low: float
    high: float
    gap: Instant


NEVER: Instant = 1 << 62
RESTLESS = Calm(math.inf, -math.inf, NEVER)
"""No value changes nothing."""


@dataclass(frozen=True, slots=True)
class Program:
    """What `engine.step` runs. `version` is derived from all that the rule says, so the same rule is the same version; `does`
    from all but its title and tests."""

    rule: Rule
    version: str
    does: str
    root: Signal
    signals: tuple[Signal, ...]
    moment: bool
    metrics: frozenset[str]
    events: frozenset[str]
    traits: frozenset[str]
    lateness: Instant
    cooldown: Instant
    ladder: tuple[Step, ...]
    when_clear: tuple[Action, ...] | None
    dated: bool
    """Whether limits may change with the day, because they depend on somebody's age."""
    timed: bool
    """Whether a clock alone can make it fire."""
    clocks: tuple[Signal, ...] = ()
    """The conditions that may change by themselves."""
    takers: tuple[Signal, ...] = ()
    """The conditions that take in what happens before any is asked."""
    held: tuple[Held, ...] = ()
    quick: Mapping[str, tuple[Signal, ...]] = field(default_factory=dict)
    """By metric, the conditions that can say which values change nothing; a metric that others look at too is not here,
    nor is any where what comes late is waited for: it may come before what would have passed."""
    timing: Mapping[str, tuple[Held, ...]] = field(default_factory=dict)
    """By metric, what times how long a condition about it has held, by its samples alone."""

    @property
    def id(self) -> str:
        """Which rule."""
        return self.rule.id

    def number(self, term: Term, subject: Subject, at: Instant) -> float | None:
        """A limit for a scope at a time; `None` if a fact it depends on is not known."""
        if term.input is None:
            return term.offset
        tuned = subject.tuned.get(f"{self.rule.id}.{term.input}")
        default = self.rule.inputs[term.input].default
        value = tuned if tuned is not None else fact(default, subject, at) if isinstance(default, str) else default
        return None if value is None else value + term.offset

    def due(self, slots: Sequence[Any], after: Instant, zone: str) -> Instant | None:
        """When, later than `after`, a condition may change by itself."""
        times = [at for signal in self.clocks if (at := signal.due(slots, after, zone)) is not None]
        return min(times, default=None)

    def ripe(self, slots: Sequence[Any], after: Instant) -> Instant | None:
        """From when a sample would find a condition to have held long enough that none has by `after`; this may be over, where
        only samples count."""
        times = [signal.ripe(slots, after) for signal in self.held]
        return min((at for at in times if at is not None), default=None)

    def calm(self, view: View) -> dict[str, Calm]:
        """By metric, the values that would change nothing."""
        found = {}
        for metric, signals in self.quick.items():
            bands = [signal.band(view) for signal in signals]
            if None not in bands:
                low = max(band[0] for band in bands if band)
                high = min(band[1] for band in bands if band)
                if low <= high:
                    found[metric] = Calm(low, high, self._gap(metric, view))
        return found

    def teller(self, metric: str, slots: Sequence[Any]) -> str | None:
        """The device whose values alone may pass, where only values that rise may."""
        tellers = (signal.teller(slots) for signal in self.quick[metric] if signal.rising)
        return next(tellers, None)

    def hears(self, link: Link) -> bool:
        """Whether it listens to what another rule has done."""
        return link.name in self.traits if isinstance(link, TraitSet) else link.type in self.events

    def _gap(self, metric: str, view: View) -> Instant:
        """The pause between samples that would make a difference: none, while nothing is being timed."""
        gaps = [
            signal.gap
            for signal in self.timing.get(metric, ())
            if signal.gap is not None and view.slots[signal.slot].since is not None
        ]
        return min(gaps, default=NEVER)


def _digest(said: str) -> str:
    return sha256(said.encode()).hexdigest()[:12]


def compile_rule(rule: Rule, models: Mapping[str, Model]) -> Program:
    """Compile a rule that has been found free of contradictions (`vocabulary.contradictions`)."""
    compiler = _Compiler(rule, models)
    root, lateness = compiler.compile(rule.when, wrapped=False), _lateness(rule)
    moment = c.is_moment(rule.when)
    if not moment and not isinstance(root, Held):
        root = compiler.hold(root, 0, None)
    return Program(
        rule=rule,
        version=_digest(rule.model_dump_json()),
        does=_digest(rule.model_dump_json(exclude={"tests", "title"})),
        root=root,
        signals=tuple(sorted(root.walk(), key=lambda signal: signal.slot)),
        moment=moment,
        metrics=frozenset(compiler.metrics),
        events=frozenset(compiler.events),
        traits=frozenset(compiler.traits),
        lateness=lateness,
        cooldown=rule.limits.cooldown,
        ladder=tuple(Step(rung.after, rung.level, tuple(rung.then)) for rung in rule.ladder),
        when_clear=tuple(rule.clear.then) if rule.clear else None,
        dated=any(isinstance(each.default, str) for each in rule.inputs.values()),
        timed=any(isinstance(signal, (Timetable, Clockwork)) for signal in root.walk()),
        clocks=tuple(signal for signal in root.walk() if type(signal).due is not Signal.due),
        takers=tuple(signal for signal in root.walk() if type(signal).take is not Signal.take),
        held=tuple(signal for signal in root.walk() if isinstance(signal, Held)),
        quick={} if lateness else _quick(root, compiler.metrics),
        timing=_timing(root),
    )


def _lateness(rule: Rule) -> Instant:
    if rule.limits.lateness is not None:
        return rule.limits.lateness
    return 0 if rule.scope.each in ("person", "device") else LATENESS


def _quick(root: Signal, metrics: set[str]) -> dict[str, tuple[Signal, ...]]:
    """The metrics that only conditions with a band listen to, whichever device they come from."""
    listening: dict[str, list[Signal]] = {metric: [] for metric in metrics}
    for signal in root.walk():
        for name in ("metric", "name"):
            if (metric := getattr(signal, name, None)) in listening and not isinstance(signal, Trait):
                listening[metric].append(signal)
    return {metric: tuple(signals) for metric, signals in listening.items() if all(signal.banded for signal in signals)}


def _timing(root: Signal) -> dict[str, tuple[Held, ...]]:
    """By metric, what is timed by its samples."""
    timing: dict[str, tuple[Held, ...]] = {}
    for signal in root.walk():
        if isinstance(signal, Held) and signal.gap is not None and isinstance(signal.inside[0], Level):
            metric = signal.inside[0].metric
            timing[metric] = (*timing.get(metric, ()), signal)
    return timing


class _Compiler:
    """Gives every condition its slot, and notes what is listened to."""

    def __init__(self, rule: Rule, models: Mapping[str, Model]) -> None:
        self._models = models
        self._strikes = c.is_moment(rule.when)
        self._apart = rule.scope.each in ("home", "place")
        self._timer = timer_of(rule.id)
        self._slots = 0
        self._timing = 0
        """In how many conditions that count time."""
        self.metrics: set[str] = set()
        self.events: set[str] = set()
        self.traits: set[str] = set()

    def compile(self, written: Any, *, wrapped: bool, wakes: frozenset[bool] = _BOTH) -> Signal:
        """A condition, held for as long as it says; `wakes` are the truths whose going stale must be noticed at once."""
        gap = getattr(written, "on_gap", None)
        holds_for = getattr(written, "for_", None) if not isinstance(written, c.Absent) else None
        confirmed = gap is not None and (holds_for is not None or not wrapped)
        timed = holds_for is not None or isinstance(written, c.Total)
        self._timing += timed
        wakes = wakes if not self._strikes or self._timing else frozenset()
        signal = self._signal(written, stale_after=gap.longer_than if gap and not confirmed else None, wakes=wakes)
        self._timing -= timed
        if holds_for is None and not confirmed:
            return signal
        return self.hold(signal, holds_for or 0, gap)

    def hold(self, inside: Signal, longer_than: Instant, gap: c.Gap | None) -> Held:
        """A condition that must have held for a while."""
        limit = gap.longer_than if gap else None
        return Held(self._slot(), inside, longer_than=longer_than, gap=limit, resets=bool(gap and gap.then == "reset"))

    def _signal(self, written: Any, *, stale_after: Instant | None, wakes: frozenset[bool]) -> Signal:
        match written:
            case c.Threshold():
                return self._threshold(written, stale_after, wakes)
            case c.Counted():
                return self._counted(written)
            case c.Daily():
                return self._daily(written)
            case c.Absent():
                return self._absent(written)
            case c.During():
                return self._during(written.during)
            case c.Present():
                self.events |= ZONE_EVENTS
                return Whereabouts(self._slot(), who=written.present, zone=written.in_)
            case c.TraitIs():
                self.traits.add(written.trait)
                return Trait(self._slot(), name=written.trait, test=compile_bounds(written))
            case c.Segment():
                self.traits.add(written.segment)
                return Trait(self._slot(), name=written.segment, test=Test(texts=frozenset({"true"})))
            case c.Total():
                inside = self.compile(written.total, wrapped=True, wakes=frozenset({True}))
                return Total(self._slot(), inside, weekly=written.per == "week", longer_than=written.above)
            case c.AllOf() | c.AnyOf() | c.Not() | c.Count():
                return self._joined(written)
            case _:
                return self._moment(written)

    def _joined(self, written: Any) -> Signal:
        inside = [self.compile(each, wrapped=True) for _, each in c.parts(written)]
        match written:
            case c.AllOf():
                return Joined(self._slot(), inside, every)
            case c.AnyOf():
                return Joined(self._slot(), inside, some)
            case c.Not():
                return Joined(self._slot(), inside, lambda truths: negation(truths[0]))
            case _:
                wanted = written.at_least
                return Joined(self._slot(), inside, lambda truths: at_least(wanted, truths))

    def _moment(self, written: Any) -> Signal:
        match written:
            case c.Edge():
                self.metrics.add(written.metric)
                clear = written.rearm_below or written.rearm_above
                test = Test(above=written.rises_above, below=written.falls_below, clear=clear)
                return Crossing(self._slot(), metric=written.metric, of=written.of, apart=self._apart, test=test)
            case c.Changed():
                self.metrics.add(written.changed)
                begin, end = _texts(written.from_), _texts(written.to)
                slot, apart = self._slot(), self._apart
                return Change(slot, metric=written.changed, of=written.of, apart=apart, begin=begin, end=end)
            case c.Happened():
                self.events.add(written.event)
                return Happening(self._slot(), event=written.event, of=written.of, where=_where(written.where))
            case c.Timer():
                self.traits.add(self._timer)
                return Countdown(self._slot(), name=self._timer, lasts=written.timer)
            case c.Schedule():
                return Timetable(self._slot(), schedule=written.schedule)
            case c.Sequence():
                steps = [self.compile(each, wrapped=True) for each in written.sequence]
                without = self.compile(written.without, wrapped=True) if written.without is not None else None
                return Succession(self._slot(), steps=steps, within=written.within, without=without)
            case c.Missing():
                missing, after = (self.compile(each, wrapped=True) for each in (written.missing, written.after))
                return Omission(self._slot(), missing=missing, after=after, within=written.within)
            case _:
                raise TypeError(f"{type(written).__name__} is no condition")

    def _threshold(self, written: c.Threshold, stale_after: Instant | None, wakes: frozenset[bool]) -> Signal:
        self.metrics.add(written.metric)
        if written.window is not None and written.agg is not None:
            metric = self._metric(written.metric)
            return Amount(
                self._slot(),
                name=written.metric,
                of=written.of,
                agg=written.agg,
                window=written.window,
                test=compile_bounds(written),
                counter=metric.spec.kind == "counter",
                percentile=written.percentile,
                range_=(metric.low, metric.high),
            )
        self.events.add(OFFLINE)
        return Level(
            self._slot(),
            metric=written.metric,
            of=written.of,
            apart=self._apart,
            across_all=written.across == "all",
            test=compile_bounds(written) if written.where is None else None,
            where=_where(written.where),
            stale_after=stale_after,
            wakes=frozenset(wakes),
        )

    def _counted(self, written: c.Counted) -> Signal:
        self.events.add(written.count_of)
        return Amount(
            self._slot(),
            name=written.count_of,
            of=written.of,
            agg="count",
            window=written.window,
            test=compile_bounds(written),
            event=True,
            where=_where(written.where),
        )

    def _daily(self, written: c.Daily) -> Signal:
        self.metrics.add(written.daily)
        metric = self._metric(written.daily)
        limited = written.above is not None or written.below is not None
        return Days(
            self._slot(),
            metric=written.daily,
            agg=written.agg,
            equals=_texts(written.equals) or frozenset(),
            rises=written.rises,
            falls=written.falls,
            drifts_by=written.drifts_by,
            test=Test(above=written.above, below=written.below) if limited else None,
            range_=(metric.low, metric.high) if metric.numeric else (0.0, 1.0),
            counter=metric.spec.kind == "counter",
            begins=written.from_,
        )

    def _absent(self, written: c.Absent) -> Signal:
        known = any(written.absent in model.metrics for model in self._models.values())
        (self.metrics if known else self.events).add(written.absent)
        return Absence(self._slot(), name=written.absent, of=written.of, longer_than=written.for_)

    def _during(self, span: c.Span) -> Signal:
        weekdays = frozenset(_WEEKDAYS.index(day) for day in span.days) if span.days else None
        return Clockwork(self._slot(), begin=span.from_, end=span.to, weekdays=weekdays)

    def _metric(self, name: str) -> Metric:
        return next(model.metrics[name] for model in self._models.values() if name in model.metrics)

    def _slot(self) -> int:
        self._slots += 1
        return self._slots - 1


def _where(source: str | None) -> Where | None:
    return Where(source) if source is not None else None


def _texts(written: str | list[str] | None) -> frozenset[str] | None:
    return None if written is None else frozenset([written] if isinstance(written, str) else written)
