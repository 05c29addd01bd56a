"""The rulebook: rules are saved, put on and off, and run in the shadow of one another; the past is asked what they would have done.

What is saved has been read, held against the device models, and has passed its own tests. Versions never change; rolling back
is putting an old one on. What the pipeline must know reaches it as a wish, in turn with what devices say.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from devices.errors import Conflict, HubError, Invalid, NotFound
from devices.model import Model
from devices.sample import Instant
from hub.catalogue import Shipped, load_catalogues, read_rule, read_rules, read_untested
from hub.history import Histories
from hub.pipeline import GRACE, Pipeline
from hub.registry import Registry
from hub.store.rules import SHIPPED, NewVersion, RuleStore
from hub.store.tables import RuleRow, RuleVersionRow, TuningRow
from hub.workers import Found, replay_all
from rules import language, vocabulary
from rules.cell import Bucket, Running
from rules.engine import Engine
from rules.language import Rule, Written
from rules.made import NOTHING, Made
from rules.program import Program, compile_rule
from rules.replay import REMEMBERED, replay
from rules.state import Outcome, Situation, beginning
from rules.step import explain
from rules.subject import Subject
from rules.view import Clause

log = structlog.get_logger()

RULES_LIMIT = 2_000
PROGRAMS_KEPT = 5_000
HUB = "hub"
"""Who switches off what cannot be run."""
OWN = "own"
"""The pack of rules that people of the place wrote."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The last time that looking at a rule came to an outcome, with every condition as it stood, and how many times it did."""

    outcome: Outcome
    at: Instant
    times: int
    clauses: list[Clause]
    quiet_until: Instant = 0
    """Until when the cooldown lasted that it met."""


class Rulebook:
    """Used by the API's threads; the engine is the pipeline's and only touched there."""

    def __init__(
        self, store: RuleStore, engine: Engine, pipeline: Pipeline, registry: Registry, histories: Histories
    ) -> None:
        self._store, self._engine, self._pipeline = store, engine, pipeline
        self._registry, self._histories = registry, histories
        self._programs: dict[str, Program] = {}
        engine.on_break = self.let_go

    @property
    def store(self) -> RuleStore:
        """The rules on record."""
        return self._store

    def open(self, shipped: Sequence[Shipped]) -> None:
        """Before the pipeline starts: put on record what ships, and on what is on."""
        versions = []
        for pack, written in shipped:
            program = self._programs[written.text] = compile_rule(written.rule, self._models)
            versions.append(NewVersion(program.id, program.version, written.text, pack, SHIPPED))
        self._store.ship(versions, now=_now())
        self._registry.tune(self._store.tunings())
        for row in self._store.rules():
            for version, shadow in ((row.active, False), (row.shadow, True)):
                if version is not None:
                    self._take_up(row.id, version, shadow=shadow)

    def begin(self, *, at: Instant) -> None:
        """Let rules that go by the clock begin for everybody that is known."""
        for kind, known in (("person", self._registry.subjects), ("home", self._registry.homes)):
            for subject in list(known.values()):
                self._engine.begin(kind, subject, at=at)

    def rebuild(self, without: Iterable[Running]) -> None:
        """Before the pipeline starts: put rules on again without a state that can be read, knowing what history tells."""
        for running in without:
            log.info("rule_rebuilt", rule=running.program.id, version=running.program.version)
            try:
                self._put(running.program, shadow=running.shadow, owed=True)
            except HubError:
                raise
            except Exception as error:  # noqa: BLE001  (the hub starts without it)
                self.let_go(running, error)

    def let_go(self, running: Running, error: Exception) -> None:
        """A rule cannot be run: it is off, on record and in the log, and the others go on. In the pipeline's thread."""
        program, what = running.program, "unshadowed" if running.shadow else "switched_off"
        log.error("rule_broken", rule=program.id, version=program.version, exc_info=error)
        with contextlib.suppress(HubError):
            self._store.switch(program.id, what=what, version=None, by=HUB, now=_now())

    def check(self, text: str, *, file: str = "rule.yaml") -> Written:
        """Read a rule and run its tests. Raises `ModelInvalid` with everything wrong in it."""
        return read_rule(text, self._models, file=file, made=self._made())

    def check_all(self, texts: Sequence[tuple[str, str]]) -> list[Written]:
        """The same for rules, each with a file name, that may listen to one another."""
        return read_rules(texts, self._models, made=self._made())

    def _made(self) -> Made:
        """What rules which are on make for others."""
        return NOTHING.and_by(each.program.rule for each in list(self._engine.running.values()))

    def save(self, rule_id: str, text: str, *, by: str) -> RuleVersionRow:
        """Put a version on record, without putting it on. Raises `ModelInvalid`, `Invalid` or `Conflict`."""
        written = self.check(text)
        if written.rule.id != rule_id:
            raise Invalid(f"the rule in the text is {written.rule.id}, not {rule_id}")
        return self._save([written], pack=OWN, by=by)[0]

    def save_pack(self, texts: Sequence[tuple[str, str]], *, pack: str = OWN, by: str) -> list[RuleVersionRow]:
        """Put versions of several rules on record, each a file name and a text, all or none; new rules go into a pack.

        Raises what `save` raises.
        """
        read = self.check_all(texts)
        ids = [each.rule.id for each in read]
        if twice := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
            raise Invalid(f"said twice: {', '.join(twice)}")
        return self._save(read, pack=pack, by=by)

    def _save(self, read: Sequence[Written], *, pack: str, by: str) -> list[RuleVersionRow]:
        known = {row.id: row.pack for row in self._store.rules()}
        if len(known.keys() | {each.rule.id for each in read}) > max(RULES_LIMIT, len(known)):
            raise Conflict(f"there may be {RULES_LIMIT} rules; switch some off and leave them out")
        new = [_version(each, known.get(each.rule.id, pack), by, self._models) for each in read]
        self._store.save_all(new, now=_now())
        return [self._store.version(each.rule, each.version) for each in new]

    def activate(self, rule_id: str, version: str, *, by: str) -> RuleRow:
        """Put a version on, an old one too. Raises `NotFound` or `ModelInvalid`."""
        program = self.program(rule_id, version)
        row = self._store.switch(rule_id, what="activated", version=version, by=by, now=_now())
        if not self._pipeline.ask(lambda: self._renew(program)):
            self._put(program, shadow=False)
        return row

    def activate_all(self, versions: Sequence[RuleVersionRow], *, by: str) -> None:
        """Put several versions on; all are compiled before any is. Raises what `activate` raises."""
        for row in versions:
            self.program(row.rule_id, row.version)
        for row in versions:
            self.activate(row.rule_id, row.version, by=by)

    def switch_off(self, rule_id: str, *, by: str) -> RuleRow:
        """Put a rule off. Raises `NotFound`."""
        self._store.rule(rule_id)
        row = self._store.switch(rule_id, what="switched_off", version=None, by=by, now=_now())
        self._pipeline.ask(lambda: self._drop(rule_id))
        return row

    def shadow(self, rule_id: str, version: str | None, *, by: str) -> RuleRow:
        """Run a version in the shadow of the one that is on, or none any more. Raises `NotFound` or `ModelInvalid`."""
        row = self._store.rule(rule_id)
        before = row.shadow
        if version is not None and version == row.active:
            raise Conflict(f"{version} is the version that is on; it would only do the same again")
        program = self.program(rule_id, version) if version is not None else None
        what = "shadowed" if program is not None else "unshadowed"
        row = self._store.switch(rule_id, what=what, version=version, by=by, now=_now())
        if before is not None and before != version:
            self._pipeline.ask(lambda: self._drop(f"{rule_id}/{before}"))
        if program is not None:
            self._put(program, shadow=True)
        return row

    def tune(self, rule_id: str, scope: str, name: str, value: float, *, by: str) -> None:
        """Set an input of a rule for a person or home. Raises `NotFound` or `Invalid`."""
        program = self.compile(self.newest(rule_id).text)
        given = program.rule.inputs.get(name)
        if given is None:
            raise NotFound(f"{rule_id} has no input {name}; it has {', '.join(program.rule.inputs) or 'none'}")
        if not math.isfinite(value):
            raise Invalid(f"{name} is a number")
        if given.range is not None and not given.range[0] <= value <= given.range[1]:
            raise Invalid(f"{name} is {given.range[0]:g} to {given.range[1]:g}")
        if (wrong := self._senseless(program.rule, scope, name, value)) is not None:
            raise Invalid(f"{name} cannot be {value:g} here: {wrong}")
        tuning = TuningRow(scope=scope, rule_id=rule_id, input=name, value=value, set_at=_now(), set_by=by)
        self._store.tune(tuning)
        self._pipeline.ask(lambda: self._registry.tune([tuning]))

    def _senseless(self, rule: Rule, scope: str, name: str, value: float) -> str | None:
        """What would be wrong with a rule whose inputs are what a household has set and this is what they set now."""
        tuned = {row.input: row.value for row in self._store.tunings() if (row.scope, row.rule_id) == (scope, rule.id)}
        tuned[name] = value
        inputs = {
            each: given.model_copy(update={"default": tuned[each]}) if each in tuned else given
            for each, given in rule.inputs.items()
        }
        made = self._made()
        before = vocabulary.contradictions(rule, self._models, made, load_catalogues())
        after = vocabulary.contradictions(
            rule.model_copy(update={"inputs": inputs}), self._models, made, load_catalogues()
        )
        return next((reason for path, reason in after if (path, reason) not in before), None)

    def newest(self, rule_id: str) -> RuleVersionRow:
        """The version that is on; while none is, the newest. Raises `NotFound`."""
        row = self._store.rule(rule_id)
        return self._store.version(rule_id, row.active) if row.active else self._store.versions(rule_id)[0]

    def program(self, rule_id: str, version: str) -> Program:
        """A version, compiled. Raises `NotFound` or `ModelInvalid`."""
        return self.compile(self._store.version(rule_id, version).text)

    def attempt(self, text: str) -> Program:
        """A rule that is not saved, compiled without running its tests. Raises `ModelInvalid`."""
        return self._compiled(read_untested(text, self._models, file="rule.yaml", made=self._made()).rule)

    def _compiled(self, rule: Rule) -> Program:
        try:
            return compile_rule(rule, self._models)
        except StopIteration as error:
            raise Invalid(f"{rule.id} speaks of a metric that no device model has any more") from error

    def compile(self, text: str) -> Program:
        """A rule on record, compiled. Raises `Invalid` if a device model it spoke of has gone."""
        program = self._programs.get(text)
        if program is None:
            program = self._compiled(language.read(text, file="rule.yaml").rule)
            if len(self._programs) < PROGRAMS_KEPT:
                self._programs[text] = program
        return program

    def traces(self, rule_id: str, scope: str) -> list[Trace]:
        """Of a rule that is on, the last evaluation of every outcome in a scope, newest first. Raises `NotFound`."""
        found = self._pipeline.ask(lambda: self._buckets(rule_id, scope))
        if found is None:
            raise NotFound(f"{rule_id} is not on")
        program, subject, buckets = found
        traces = [_trace(program, subject, outcome, bucket) for outcome, bucket in buckets.items()]
        return sorted(traces, key=lambda trace: trace.at, reverse=True)

    def replayed(
        self,
        program: Program,
        *,
        since: Instant,
        until: Instant,
        scopes: Sequence[str] | None = None,
        going_on: Callable[[int, int], bool] = lambda _done, _all: True,
    ) -> Iterator[Found]:
        """What a rule would have decided, scope by scope, on all cores; `going_on(done, all)` is asked after each."""
        subjects = [each for each in self._histories.scopes(program) if scopes is None or each.id in scopes]
        found = replay_all(
            program.rule,
            subjects,
            lambda subject, known: self._histories.of(program, subject, since=known, until=until),
            since=since,
            until=min(until, _now()),
        )
        with contextlib.closing(found):
            if not going_on(0, len(subjects)):
                return
            for done, each in enumerate(found, start=1):
                yield each
                if not going_on(done, len(subjects)):
                    return

    def _put(self, program: Program, *, shadow: bool, owed: bool = False) -> None:
        """Put a program on, knowing what it would know had it been on; what it would have decided by now is over, unless it
        was on, and may still owe it."""
        fresh = Engine(grants=dict(self._engine.grants))
        fresh.on_break = self._engine.on_break
        running = fresh.put(program, shadow=shadow)
        seq, until = self._pipeline.place(), _now()
        for subject in self._histories.touched(program, since=until - REMEMBERED, until=until):
            past = self._histories.of(program, subject, since=until - REMEMBERED, until=until)
            if len(past):
                state = replay(program, subject, past, since=until - REMEMBERED).state
                running.resume(subject, state)
                fresh.resume(running, running.cells[subject.id])
        if not owed:
            fresh.tick(until - GRACE, surroundings=self._registry, now=until)
        self._pipeline.ask(lambda: self._adopt(fresh, running, seq))

    def _renew(self, program: Program) -> bool:
        renewed = self._engine.renew(program)
        if renewed:
            self._pipeline.save_last_snapshot()
        return renewed

    def _adopt(self, fresh: Engine, running: Running, seq: int) -> None:
        for scope in list(running.cells):
            decision = (scope, running.purpose)
            if fresh.grants.get(decision) != self._engine.grants.get(decision):
                del running.cells[scope]  # they have decided otherwise since history was read
        fresh.grants = self._engine.grants
        self._pipeline.bring_up(fresh, seq)
        if running.key in fresh.running:
            self._engine.adopt(running)
        self.begin(at=_now())
        self._pipeline.save_last_snapshot()

    def _drop(self, key: str) -> None:
        self._engine.drop(key)
        self._pipeline.save_last_snapshot()

    def _take_up(self, rule_id: str, version: str, *, shadow: bool) -> None:
        try:
            self._engine.put(self.program(rule_id, version), shadow=shadow)
        except HubError as error:
            log.error("rule_left_out", rule=rule_id, version=version, reason=str(error).splitlines()[0])

    def _buckets(self, rule_id: str, scope: str) -> tuple[Program, Subject, dict[Outcome, Bucket]] | None:
        running = self._engine.running.get(rule_id)
        if running is None:
            return None
        cell = running.cells.get(scope)
        subject = self._registry.subject(running.kind, scope) or Subject(scope)
        if not self._engine.allows(running, scope):
            return running.program, subject, {Outcome.NOT_ALLOWED: _unseen(running.program)}
        if cell is None:
            return running.program, subject, {}
        return running.program, subject, dict(cell.looked(running.program, cell.current(running.program)))

    @property
    def _models(self) -> dict[str, Model]:
        return self._registry.models


def _unseen(program: Program) -> Bucket:
    """How a rule that may not look at somebody stands to them, now."""
    return Bucket(_now(), 1, beginning(program), None)


def _trace(program: Program, subject: Subject, outcome: Outcome, bucket: Bucket) -> Trace:
    clauses = explain(Situation(program, subject, bucket.at), bucket.state, bucket.heard, bucket.at)
    if outcome is Outcome.NOT_ALLOWED:
        clauses = [Clause(clause.name, None) for clause in clauses]
    return Trace(outcome, bucket.at, bucket.times, clauses, bucket.state.quiet_until)


def _version(written: Written, pack: str, by: str, models: dict[str, Model]) -> NewVersion:
    program = compile_rule(written.rule, models)
    return NewVersion(written.rule.id, program.version, written.text, pack, by)


def _now() -> Instant:
    return time.time_ns() // 1_000_000
