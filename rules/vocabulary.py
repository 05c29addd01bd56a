"""What a rule may speak of: held against the device models, and against itself. Everything wrong is found at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from devices import units
from devices.errors import Fault
from devices.located import Path, fault_at
from devices.model import Metric, Model
from rules import conditions as c
from rules.catalogue import Catalogue
from rules.consent import SERVICE
from rules.draft import Draft
from rules.impossible import Impossible
from rules.language import FACTS, OTHERS, Action, Input, Rule
from rules.made import NOTHING, Made
from rules.program import ZONE_EVENTS
from rules.terms import Term
from rules.unheard import Unheard
from rules.view import OFFLINE
from rules.words import blanks, texts

_FACT_UNITS = {name: "a" if name == "person.age" else "/min" for name in FACTS}
_COUNTED = dict.fromkeys(("{step}", "{item}", "{level}"), "1")
"""So many of something is a number."""
_OFFERING = ("recommend", "notify")
"""What rules for other purposes than service may do: nothing that lasts, and nothing that other rules hear of."""
_AGGS_OF_COUNTERS = frozenset({"sum", "rate", "delta", "count", "max", "min"})


def faults(
    draft: Draft,
    models: Mapping[str, Model],
    made: Made = NOTHING,
    catalogues: Mapping[str, Catalogue] = MappingProxyType({}),
) -> list[Fault]:
    """What of a rule is not of the language, and what contradicts the models, the catalogues, or itself, each with its path and
    line; `made` is what other rules make for it."""
    found = [contradictions(rule, models, made, catalogues, draft.words) for rule in draft.meant]
    told = [each for each in found[0] if all(each in others for others in found)] if found else []
    return draft.faults + [
        fault_at(draft.lines, path, file=draft.file, reason=reason)
        for path, reason in told
        if not draft.stands_in(path)
    ]


def contradictions(
    rule: Rule,
    models: Mapping[str, Model],
    made: Made = NOTHING,
    catalogues: Mapping[str, Catalogue] = MappingProxyType({}),
    words: frozenset[str] = frozenset(),
) -> list[tuple[Path, str]]:
    """The same for a rule without its lines; `words` may be the names of anything, where not all of it could be read."""
    checker = _Checker(rule, models, made, catalogues, words)
    return list(dict.fromkeys(checker.all()))


class _Checker:
    def __init__(
        self,
        rule: Rule,
        models: Mapping[str, Model],
        made: Made,
        catalogues: Mapping[str, Catalogue],
        words: frozenset[str],
    ) -> None:
        self._rule, self._models, self._catalogues, self._words = rule, models, catalogues, words
        self._events = {name: spec for model in models.values() for name, spec in model.events.items()}
        known = made.and_by([rule])
        self._made = known.events | words
        theirs = {name: spec for name, spec in self._events.items() if name not in self._made}
        self._never, self._unheard = Impossible(rule, theirs), Unheard(rule, known, words)

    def all(self) -> Iterator[tuple[Path, str]]:
        """Everything."""
        for path, condition in c.walk(self._rule.when, ("when",)):
            yield from self._source(path, getattr(condition, "of", None))
            yield from self._never.of(path, condition)
            yield from self._unheard.of(path, condition)
            yield from self._condition(path, condition)
            if getattr(condition, "says", None) is not None and condition.where is None:
                yield (*path, "says"), "says what where asks for; there is no where"
            if c.is_moment(condition) and getattr(condition, "for_", None) is not None:
                yield (*path, "for"), "a moment does not last; for is not for moments"
        yield from self._shape()
        yield from self._inputs()
        for path, action in self._rule.actions():
            yield from self._action(path, action)
            yield from self._unheard.by(path, action)
            yield from self._purpose(path, action)
        yield from self._blanks(("because",), self._rule.because.model_dump())
        yield from self._tests()

    def _source(self, path: Path, of: str | None) -> Iterator[tuple[Path, str]]:
        """A role or model misspelt; a device of the home may be called anything else."""
        names = sorted({name for model in self._models.values() for name in (model.role, model.id)})
        if of is not None and of.isalpha() and of not in names and (meant := get_close_matches(of, names, 1, 0.75)):
            yield (*path, "of"), f"no device model is or plays {of!r}; do you mean {meant[0]!r}?"

    def _condition(self, path: Path, condition: Any) -> Iterator[tuple[Path, str]]:
        match condition:
            case c.Threshold():
                return self._threshold(path, condition)
            case c.Edge():
                return self._edge(path, condition)
            case c.Changed():
                return self._changed(path, condition)
            case c.Daily():
                return self._daily(path, condition)
            case c.Happened():
                return self._event((*path, "event"), condition.event, condition.of)
            case c.Counted():
                return self._event((*path, "count_of"), condition.count_of, condition.of)
            case c.Absent():
                return self._absent(path, condition)
            case c.AnyOf() | c.Not() | c.Count() | c.Total() | c.Sequence() | c.Missing():
                return self._joined(path, condition)
            case c.Present() if self._rule.scope.each not in ("home", "person"):
                return iter(
                    [((*path, "present"), "who is where is about people: scope: {each: home} or {each: person}")]
                )
            case c.Present(present="apart") if self._rule.scope.each != "home":
                return iter([((*path, "present"), "nobody is apart from themselves: scope: {each: home}")])
            case _:
                return iter([])

    def _joined(self, path: Path, condition: Any) -> Iterator[tuple[Path, str]]:
        """Moments and what lasts, each where it can be."""
        inside = c.parts(condition)
        if isinstance(condition, c.AnyOf):
            if len({c.is_moment(each) for _, each in inside}) > 1:
                yield (*path, "any"), "moments and what lasts cannot be mixed in any"
            return
        moments = isinstance(condition, (c.Sequence, c.Missing))
        for further, each in inside:
            if moments and not c.is_moment(each):
                yield (*path, *further), "only moments can follow each other: an event, an edge, a change, a schedule"
            elif not moments and c.is_moment(each):
                yield (*path, *further), "a moment cannot be here; it wants something that lasts"

    def _changed(self, path: Path, condition: c.Changed) -> Iterator[tuple[Path, str]]:
        metric = self._metric(condition.changed, condition.of)
        if metric is None:
            yield (*path, "changed"), self._unknown(condition.changed, condition.of)
        else:
            yield from _values(path, metric, {"from": condition.from_, "to": condition.to})

    def _absent(self, path: Path, condition: c.Absent) -> Iterator[tuple[Path, str]]:
        if (
            self._metric(condition.absent, condition.of) is None
            and condition.absent not in self._events.keys() | self._made
        ):
            yield (*path, "absent"), f"no device model has the metric or event {condition.absent!r}"

    def _shape(self) -> Iterator[tuple[Path, str]]:
        if self._rule.purpose != SERVICE and self._rule.scope.each != "person":
            yield ("scope", "each"), f"only people themselves allow {self._rule.purpose}: scope: {{each: person}}"
        if not c.is_moment(self._rule.when):
            return
        for place, rung in enumerate(self._rule.escalate):
            if rung.after:
                yield ("escalate", place, "after"), "a moment does not last; there is nothing to escalate"
        if self._rule.clear is not None:
            yield ("clear",), "a moment does not last; it is never over"

    def _threshold(self, path: Path, condition: c.Threshold) -> Iterator[tuple[Path, str]]:
        metric = self._metric(condition.metric, condition.of)
        if metric is None:
            yield (*path, "metric"), self._unknown(condition.metric, condition.of)
            return
        if isinstance(condition.equals, (str, list)):
            yield from _values(path, metric, {"equals": condition.equals})
        elif condition.where is None and condition.agg != "count":
            yield from self._numeric((*path, "metric"), condition.metric, metric)
        counter = metric.spec.kind == "counter"
        if counter and condition.agg is not None and condition.agg not in _AGGS_OF_COUNTERS:
            yield (
                (*path, "agg"),
                f"{condition.metric} is a counter; its {condition.agg} says nothing, its sum or rate does",
            )
        if condition.agg is None or condition.agg in ("mean", "min", "max", "percentile"):
            yield from self._never.within(path, condition, metric)
        elif condition.agg != "count":
            yield from self._never.summed(path, condition, metric)

    def _edge(self, path: Path, condition: c.Edge) -> Iterator[tuple[Path, str]]:
        metric = self._metric(condition.metric, condition.of)
        yield from self._numeric((*path, "metric"), condition.metric, metric)
        for name, clear, wrong in (("rises_above", "rearm_below", 1), ("falls_below", "rearm_above", -1)):
            term = getattr(condition, name)
            difference = self._never.difference(getattr(condition, clear), term)
            if difference is not None and difference * wrong > 0:
                yield (*path, clear), f"{clear} must not be {'over' if wrong > 0 else 'under'} {name}"
            value = self._never.constant(term) if term is not None else None
            if value is None or metric is None or not metric.numeric:
                continue
            if not metric.low <= value <= metric.high or value == (metric.high if wrong > 0 else metric.low):
                yield (*path, name), f"never happens: {condition.metric} is {metric.low:g} to {metric.high:g}"

    def _daily(self, path: Path, condition: c.Daily) -> Iterator[tuple[Path, str]]:
        metric = self._metric(condition.daily, None)
        if metric is None:
            yield (*path, "daily"), self._unknown(condition.daily, None)
        elif condition.equals is not None:
            yield from _values(path, metric, {"equals": condition.equals})
        else:
            yield from self._numeric((*path, "daily"), condition.daily, metric)
            if metric.spec.kind == "counter" and condition.agg in ("mean", "low"):
                yield (*path, "agg"), f"{condition.daily} is a counter; its {condition.agg} says nothing, its sum does"
            if condition.agg in ("mean", "min", "max", "last", "low") and metric.spec.kind == "gauge":
                yield from self._never.beyond(path, metric, condition)

    def _inputs(self) -> Iterator[tuple[Path, str]]:
        used = self._said() | self._words
        measured: dict[str, str] = {}
        for path, condition in c.walk(self._rule.when, ("when",)):
            for name, term in _terms(condition):
                if term.input is None:
                    continue
                if term.input not in self._rule.inputs:
                    if term.input in self._words:
                        continue
                    yield (*path, name), f"${term.input} is not among the inputs"
                    continue
                used.add(term.input)
                if (unit := self._unit_of(condition)) is None:
                    continue
                own = measured.setdefault(term.input, _unit_said(self._rule.inputs[term.input]) or unit)
                if _COUNTED.get(own, own) != _COUNTED.get(unit, unit):
                    yield (*path, name), f"${term.input} is in {own}, {_held(condition)} in {unit}"
        for name, given in self._rule.inputs.items():
            yield from self._input(("inputs", name), given)
            if name not in used:
                yield ("inputs", name), "is not used"

    def _input(self, path: Path, given: Input) -> Iterator[tuple[Path, str]]:
        if given.unit not in units.UCUM | {"a"}:
            yield (*path, "unit"), f"unit {given.unit!r} is not a known UCUM code"
        if isinstance(given.default, str):
            unit = _FACT_UNITS[given.default]
            if "unit" in given.model_fields_set and given.unit != unit:
                yield (*path, "unit"), f"{given.default} is in {unit}, not in {given.unit}"
            if self._rule.scope.each != "person":
                yield (*path, "default"), "facts about a person are for rules with scope: {each: person}"

    def _said(self) -> set[str]:
        """The names that the reason fills in."""
        with contextlib.suppress(ValueError):
            return {name for said in self._rule.because.model_dump().values() for name, _ in blanks(said)}
        return set()

    def _unit_of(self, condition: Any) -> str | None:
        """The unit that a limit of a condition is in; `None` where there is no word for it."""
        agg = getattr(condition, "agg", None)
        if isinstance(condition, c.Counted) or agg == "count":
            return "1"
        if agg == "first_at":
            return "min"
        metric = self._metric(_held(condition), getattr(condition, "of", None))
        if metric is None or agg == "rate":
            return None
        return metric.spec.unit

    def _action(self, path: Path, action: Action) -> Iterator[tuple[Path, str]]:
        if action.command is not None:
            asked = action.command
            wanted = (asked.to, asked.model, asked.capability)
            able = [
                model
                for model in self._models.values()
                if asked.device is not None
                or asked.to == model.role
                or asked.model == model.id
                or (asked.capability in model.commands)
            ]
            refusals = [model.command_refusal(asked.type, asked.args) for model in able]
            if not refusals:
                yield (*path, "command"), f"no device model is or can {next(each for each in wanted if each)!r}"
            elif None not in refusals:
                yield (*path, "command"), str(refusals[0])
        elif (spoken := action.notify or action.award) is not None:
            yield from self._blanks((*path, action.kind, "text"), spoken.text.model_dump())
            if action.notify is not None and self._rule.scope.each == "place":
                yield (*path, "notify"), "nobody is told about a place; say so to a person, a home or a device's owner"
            if action.award is not None and self._rule.scope.each not in ("person", "home"):
                yield (*path, "award"), "points are for rules with scope: {each: person} or {each: home}"
        elif action.event is not None and action.event.type == OFFLINE:
            yield (*path, "event", "type"), f"only the hub says {action.event.type}: it is so, or not"
        for part, key in ((action.command, "args"), (action.service, "body"), (action.event, "data")):
            if part is not None:
                said = texts(getattr(part, key))
                yield from self._blanks((*path, action.kind, key), dict(enumerate(said)))

    def _purpose(self, path: Path, action: Action) -> Iterator[tuple[Path, str]]:
        """Recommending is for rules that may; and what they do must not outlast what somebody takes back."""
        if self._rule.purpose == SERVICE and action.recommend is not None:
            yield (*path, "recommend"), "only rules with purpose: recommend may recommend"
        elif self._rule.purpose != SERVICE and action.kind not in _OFFERING:
            yield (*path, action.kind), f"a rule with purpose: {self._rule.purpose} may only {' and '.join(_OFFERING)}"
        if (asked := action.recommend) is None:
            return
        catalogue = self._catalogues.get(asked.catalogue)
        if catalogue is None:
            known = ", ".join(sorted(self._catalogues)) or "none"
            yield (*path, "recommend", "catalogue"), f"there is no catalogue {asked.catalogue!r}; there are {known}"
            return
        for place, tag in enumerate(asked.tags):
            if tag not in catalogue.tags:
                known = ", ".join(sorted(catalogue.tags))
                yield (*path, "recommend", "tags", place), f"{catalogue.id} has nothing with {tag!r}; it has {known}"
        if asked.tags and not catalogue.tagged(asked.tags) and catalogue.tags.issuperset(asked.tags):
            yield (*path, "recommend", "tags"), f"nothing in {catalogue.id} has all of these"

    def _blanks(self, path: Path, words: Mapping[Any, str]) -> Iterator[tuple[Path, str]]:
        known = {"value", "limit", "held"} | set(self._rule.inputs)
        for _, condition in c.walk(self._rule.when):
            known |= {
                name
                for name in (getattr(condition, key, None) for key in ("metric", "daily", "changed", "trait"))
                if name
            }
            for key in ("event", "count_of"):
                if (spec := self._events.get(getattr(condition, key, None) or "")) is not None:
                    known |= set(spec.fields)
        perhaps = self._words.union(*(self._events[event].fields for event in self._words & self._events.keys()))
        for said in words.values():
            try:
                found = list(blanks(said))
                strange = {name for name, _ in found} - known - perhaps
                if any(name == "held" and form for name, form in found):
                    yield path, "held is in words already: {held}"
            except ValueError as error:
                yield path, str(error)
                continue
            for name in sorted(strange):
                yield path, f"cannot fill in {{{name}}}; known are {', '.join(sorted(known))}"

    def _tests(self) -> Iterator[tuple[Path, str]]:
        for place, case in enumerate(self._rule.tests):
            yield from self._unheard.given(("tests", place), case)
            for number, given in enumerate(case.given):
                path: Path = ("tests", place, "given", number)
                yield from self._source(path, given.of.removeprefix(OTHERS))
                for name, value in given.values.items():
                    metric = self._metric(name, given.of)
                    if metric is None:
                        yield (*path, name), f"no device model has the metric {name!r}"
                    elif (refusal := metric.prepare(value)[1]) is not None:
                        yield (*path, name), f"{value!r} is {refusal}"
                if given.event is not None and given.event not in self._events.keys() | self._made:
                    yield (*path, "event"), f"no device model has the event {given.event!r}"

    def _event(self, path: Path, name: str, of: str | None) -> Iterator[tuple[Path, str]]:
        if name in ZONE_EVENTS or name in self._made:
            return
        if not any(name in model.events for model in self._of(of)):
            yield path, f"no device model{f' {of!r}' if of else ''} has the event {name!r}"

    def _numeric(self, path: Path, name: str, metric: Metric | None) -> Iterator[tuple[Path, str]]:
        if metric is None:
            yield path, self._unknown(name, None)
        elif not metric.numeric:
            yield path, f"{name!r} is a state, not a number; hold it against equals"

    def _metric(self, name: str, of: str | None) -> Metric | None:
        return next((model.metrics[name] for model in self._of(of) if name in model.metrics), None)

    def _of(self, of: str | None) -> list[Model]:
        """The models that are meant; a device's id may be any of them."""
        meant = [model for model in self._models.values() if of in (model.role, model.id)]
        return meant or list(self._models.values())

    def _unknown(self, name: str, of: str | None) -> str:
        close = sorted({metric for model in self._of(of) for metric in model.metrics})
        return f"no device model{f' {of!r}' if of else ''} has the metric {name!r}; there are {', '.join(close)}"


def _terms(condition: Any) -> Iterator[tuple[str, Term]]:
    if isinstance(condition, c.Bounds):
        yield from condition.terms()
        return
    for name in ("rises_above", "falls_below", "rearm_below", "rearm_above", "drifts_by", "above", "below"):
        if isinstance(term := getattr(condition, name, None), Term):
            yield name, term


def _held(condition: Any) -> str:
    """What a condition holds against limits."""
    return next((str(said) for name in ("metric", "daily", "count_of") if (said := getattr(condition, name, None))), "")


def _unit_said(given: Input) -> str | None:
    """The unit that an input says it is in, or its fact is; without, it is in that of whatever it is held against."""
    if "unit" in given.model_fields_set:
        return given.unit
    return _FACT_UNITS[given.default] if isinstance(given.default, str) else None


def _values(path: Path, metric: Metric, wanted: Mapping[str, str | list[str] | None]) -> Iterator[tuple[Path, str]]:
    """States that a metric never has."""
    for name, states in wanted.items():
        for text in [states] if isinstance(states, str) else states or []:
            if metric.numeric:
                yield (*path, name), f"{metric.name!r} is a number; hold it against above, below or between"
            elif metric.spec.values is not None and text not in metric.spec.values:
                yield (*path, name), f"{metric.name} is one of {', '.join(metric.spec.values)}, never {text!r}"
