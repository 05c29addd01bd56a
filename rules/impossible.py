"""What of a rule can never be true, never happen, or never be over: a limit nobody reaches, a field no event has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

from devices.located import Path
from devices.model import EventSpec, Metric
from devices.sample import DAY, HOUR, Instant
from rules import conditions as c
from rules.language import Rule
from rules.terms import Term
from rules.where import DAYS_AHEAD, Where, compared, fields_of

_LONGEST: dict[str, Instant] = {"day": 25 * HOUR, "week": 7 * DAY + HOUR}
"""Where the clocks are put back."""
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_PLAUSIBLE: dict[str, Any] = {"text": "text", "number": 1.0, "boolean": True}


class Impossible:
    """Looks at the conditions of one rule; `events` are those that devices publish and no rule does."""

    def __init__(self, rule: Rule, events: Mapping[str, EventSpec]) -> None:
        self._rule, self._events = rule, events

    def of(self, path: Path, condition: Any) -> Iterator[tuple[Path, str]]:
        """What of a condition can never be, by what it says itself."""
        yield from self._expression(path, condition)
        if isinstance(condition, c.Bounds):
            yield from self._ordered(path, condition)
        match condition:
            case c.Counted() | c.Threshold(agg="count"):
                yield from self._countable(path, condition)
            case c.Sequence() | c.Missing() if condition.within == 0:
                yield (*path, "within"), "never happens: nothing comes within no time"
            case c.Changed(from_=str(), to=str()) if condition.from_ == condition.to:
                yield (*path, "to"), "never happens: what changes is not what it was"
            case c.During() if condition.during.from_ == condition.during.to:
                yield (*path, "during", "to"), "never: it ends when it begins"
            case c.During() if condition.during.days == []:
                yield (*path, "during", "days"), "never: on no day"
            case c.Total() if condition.above >= _LONGEST[condition.per]:
                yield (*path, "above"), f"never true: a {condition.per} is not that long"
            case c.AllOf():
                yield from self._together(path, condition)
            case c.Sequence() if condition.without is not None and condition.without == condition.sequence[-1]:
                yield (*path, "without"), "never happens: it is without what it ends with"

    def _expression(self, path: Path, condition: Any) -> Iterator[tuple[Path, str]]:
        """Fields that an event has not; and what does not answer with true or false, made of something that could be told."""
        where = getattr(condition, "where", None)
        if where is None:
            return
        name = str(getattr(condition, "event", None) or getattr(condition, "count_of", ""))
        fields = self._events[name].fields if name in self._events else None
        if fields is not None:
            for field in sorted(fields_of(where) - fields.keys()):
                known = ", ".join(sorted(fields)) or "none"
                yield (*path, "where"), f"{name} has no field {field!r}; there are {known}"
            for field, literal in compared(where):
                if (kind := fields.get(field)) is not None and kind != literal:
                    yield (*path, "where"), f"{field} of {name} is a {kind}, never a {literal}"
        if not Where(where).names:
            yield (*path, "where"), "always the same: it asks nothing of what happened"
        data = {field: _PLAUSIBLE[kind] for field, kind in (fields or {}).items()}
        days = [f"2026-01-{day:02}" for day in range(1, DAYS_AHEAD + 2)]
        answer = Where(where).answer({"data": data, "type": name, "mine": True, "value": 1.0, "days": days})
        if answer is not None and not isinstance(answer, bool):
            yield (*path, "where"), "an expression answers with true or false"

    def _countable(self, path: Path, condition: c.Counted | c.Threshold) -> Iterator[tuple[Path, str]]:
        """Of what is counted there are none or more, and all of it whole."""
        below = self.constant(condition.below)
        if below is not None and below <= 0:
            yield (*path, "below"), "never true: there are none or more"
        equals = self.constant(condition.equals) if isinstance(condition.equals, Term) else None
        if equals is not None and (equals < 0 or equals != int(equals)):
            yield (*path, "equals"), f"never true: there are never {equals:g}"

    def summed(self, path: Path, condition: c.Threshold, metric: Metric) -> Iterator[tuple[Path, str]]:
        """What a window adds up to, beyond what it can: counters only grow, and nothing moves further than its range is wide."""
        low = 0.0 if metric.spec.kind == "counter" or metric.low >= 0 else -math.inf
        high = math.inf
        if condition.agg == "delta" and metric.spec.kind != "counter":
            low, high = metric.low - metric.high, metric.high - metric.low
        above, below = self.constant(condition.above), self.constant(condition.below)
        if condition.agg == "rate" and metric.spec.kind != "counter":
            return
        if below is not None and below <= low:
            yield (*path, "below"), f"never true: its {condition.agg} is never under {low:g}"
        if above is not None and above >= high:
            yield (*path, "above"), f"never true: its {condition.agg} is never over {high:g}"

    def _together(self, path: Path, condition: c.AllOf) -> Iterator[tuple[Path, str]]:
        """Parts of which never all hold at once."""
        for place, part in enumerate(condition.all):
            if isinstance(part, c.Not) and part.not_ in condition.all:
                yield (*path, "all", place), "never true: it is here and not here"
        yield from self._apart(path, condition)
        spans = [(place, each) for place, each in enumerate(condition.all) if isinstance(each, c.During)]
        for (_, first), (place, second) in combinations(spans, 2):
            if not _meet(first.during, second.during):
                yield (*path, "all", place), "never true: it is never in both of these parts of the day"

    def _apart(self, path: Path, condition: c.AllOf) -> Iterator[tuple[Path, str]]:
        """Values and states that are wanted of the same thing at once and that it never has."""
        ranges: dict[_About, list[_Range]] = {}
        states: dict[_About, set[str]] = {}
        one = self._rule.scope.each in ("person", "device")  # of several devices, one may be above and another below
        for place, part in enumerate(condition.all):
            about = _about(part)
            if about is None or not (one or about.trait):
                continue
            if (texts := _states(part)) is not None:
                states[about] = states.get(about, texts) & texts
                if not states[about]:
                    yield (*path, "all", place), f"never true: {about.name} is to be something else too"
            for found in self._ranges(part):
                for other in ranges.setdefault(about, []):
                    if found.misses(other):
                        yield (*path, "all", place, *found.path), f"never true: {about.name} is to be {other} too"
                ranges[about].append(found)

    def _ranges(self, part: Any) -> Iterator[_Range]:
        """The values that a condition holds for, as far as they can be told beforehand."""
        if isinstance(part, c.Not):
            for each in self._ranges(part.not_):
                if math.isinf(each.high):
                    yield _Range(("not", *each.path), -math.inf, each.low, closed=not each.closed)
                elif math.isinf(each.low):
                    yield _Range(("not", *each.path), each.high, math.inf, closed=not each.closed)
            return
        above, below = self.constant(part.above), self.constant(part.below)
        equals = self.constant(part.equals) if isinstance(part.equals, Term) else None
        if above is not None and part.clear_below is None:
            yield _Range(("above",), above, math.inf)
        if below is not None and part.clear_above is None:
            yield _Range(("below",), -math.inf, below)
        low, high = (self.constant(term) for term in part.between or (None, None))
        if low is not None and high is not None:
            yield _Range(("between",), low, high, closed=True)
        if equals is not None:
            yield _Range(("equals",), equals, equals, closed=True)

    def within(self, path: Path, condition: c.Threshold, metric: Metric) -> Iterator[tuple[Path, str]]:
        """Limits that no value, or every value, is beyond."""
        if not metric.numeric:
            return
        for name, term in condition.terms():
            value = self.constant(term)
            if value is None:
                continue
            if (name == "above" and value >= metric.high) or (name == "below" and value <= metric.low):
                yield (*path, name), f"never true: {condition.metric} is {metric.low:g} to {metric.high:g}"
            elif (name == "above" and value < metric.low) or (name == "below" and value > metric.high):
                yield (*path, name), f"always true: {condition.metric} is {metric.low:g} to {metric.high:g}"
            elif (name == "clear_below" and value <= metric.low) or (name == "clear_above" and value >= metric.high):
                yield (*path, name), f"never over: {condition.metric} is {metric.low:g} to {metric.high:g}"
            elif name in ("equals", "between") and not metric.low <= value <= metric.high:
                yield (*path, name), f"never true: {condition.metric} is {metric.low:g} to {metric.high:g}"

    def _ordered(self, path: Path, condition: c.Bounds) -> Iterator[tuple[Path, str]]:
        """Limits that are the wrong way round."""
        for name, clear, wrong in (("above", "clear_below", 1), ("below", "clear_above", -1)):
            difference = self.difference(getattr(condition, clear), getattr(condition, name))
            if difference is not None and difference * wrong > 0:
                yield (*path, clear), f"{clear} must not be {'over' if wrong > 0 else 'under'} {name}"
        if condition.between is not None:
            difference = self.difference(*condition.between)
            if difference is not None and difference > 0:
                yield (*path, "between"), "between goes from the lower to the higher"

    def beyond(self, path: Path, metric: Metric, condition: c.Daily) -> Iterator[tuple[Path, str]]:
        """Limits that no day is beyond."""
        above, below = self.constant(condition.above), self.constant(condition.below)
        if above is not None and above >= metric.high:
            yield (*path, "above"), f"never true: {metric.name} is {metric.low:g} to {metric.high:g}"
        if below is not None and below <= metric.low:
            yield (*path, "below"), f"never true: {metric.name} is {metric.low:g} to {metric.high:g}"

    def constant(self, term: Term | None) -> float | None:
        """What a limit is, as far as that can be told beforehand."""
        if term is None:
            return None
        if term.input is None:
            return term.offset
        given = self._rule.inputs.get(term.input)
        return None if given is None or isinstance(given.default, str) else given.default + term.offset

    def difference(self, one: Term | None, other: Term | None) -> float | None:
        """How far one limit is over another, as far as that can be told beforehand."""
        if one is None or other is None:
            return None
        if one.input == other.input:
            return one.offset - other.offset
        first, second = self.constant(one), self.constant(other)
        return None if first is None or second is None else first - second


class _About(NamedTuple):
    """The newest value of a metric, or a trait."""

    name: str
    of: str | None = None
    trait: bool = False


class _Range(NamedTuple):
    """Values, with their ends if `closed`, and the path to what asks for them."""

    path: tuple[str, ...]
    low: float
    high: float
    closed: bool = False

    def misses(self, other: _Range) -> bool:
        """Whether no value is in both."""
        ends = self.closed and other.closed
        first, last = max(self.low, other.low), min(self.high, other.high)
        return first > last or (first == last and not ends)

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"{'at least' if self.closed else 'above'} {self.low:g}"
        if math.isinf(self.low):
            return f"{'at most' if self.closed else 'below'} {self.high:g}"
        return f"{self.low:g}" if self.low == self.high else f"between {self.low:g} and {self.high:g}"


def _about(part: Any) -> _About | None:
    """What a condition is about, if it is about one value now."""
    match part:
        case c.Not():
            return _about(part.not_)
        case c.Threshold(agg=None, where=None):
            return _About(part.metric, part.of)
        case c.TraitIs():
            return _About(part.trait, trait=True)
        case _:
            return None


def _states(part: Any) -> set[str] | None:
    """The states that a condition holds for."""
    if isinstance(part, c.Not) or not isinstance(part.equals, (str, list)):
        return None
    return {part.equals} if isinstance(part.equals, str) else set(part.equals)


def _meet(one: c.Span, other: c.Span) -> bool:
    """Whether there is a minute of the week in both."""
    return bool(_minutes(one) & _minutes(other))


def _minutes(span: c.Span) -> set[int]:
    """The minutes of the week that are in it."""
    begin, end = (each.hour * 60 + each.minute for each in (span.from_, span.to))
    lasts = (end - begin) % _DAY
    days = [_WEEK.index(day) for day in (_WEEK if span.days is None else span.days)]
    return {(day * _DAY + begin + minute) % (7 * _DAY) for day in days for minute in range(lasts)}
