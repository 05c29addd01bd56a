"""What of a rule can never be true, never happen, or never be over: a limit nobody reaches, a field no event has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from devices.located import Path
from devices.model import EventSpec, Metric
from devices.sample import DAY, HOUR, Instant
from rules import conditions as c
from rules.language import Rule
from rules.where import DAYS_AHEAD, Where, fields_of

_LONGEST: dict[str, Instant] = {"day": 25 * HOUR, "week": 7 * DAY + HOUR}
"""Where the clocks are put back."""
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
        data = {field: _PLAUSIBLE[kind] for field, kind in (fields or {}).items()}
        days = [f"2026-01-{day:02}" for day in range(1, DAYS_AHEAD + 2)]
        answer = Where(where).answer({"data": data, "type": name, "mine": True, "value": 1.0, "days": days})
        if answer is not None and not isinstance(answer, bool):
            yield (*path, "where"), "an expression answers with true or false"

    def _countable(self, path: Path, condition: c.Counted | c.Threshold) -> Iterator[tuple[Path, str]]:
        """Of what is counted there are none or more."""
        below = self.constant(condition.below)
        if below is not None and below <= 0:
            yield (*path, "below"), "never true: there are none or more"

    def _together(self, path: Path, condition: c.AllOf) -> Iterator[tuple[Path, str]]:
        """Parts of which never all hold at once."""
        for place, part in enumerate(condition.all):
            if isinstance(part, c.Not) and part.not_ in condition.all:
                yield (*path, "all", place), "never true: it is here and not here"
        if self._rule.scope.each not in ("person", "device"):
            return  # of several devices, one may be above and another below
        plain = [(n, each) for n, each in enumerate(condition.all) if isinstance(each, c.Threshold) and _is_plain(each)]
        for place, part in plain:
            ceiling = self.constant(part.below)
            lows = [self.constant(each.above) for _, each in plain if (each.metric, each.of) == (part.metric, part.of)]
            floor = max((low for low in lows if low is not None), default=None)
            if floor is not None and ceiling is not None and ceiling <= floor:
                yield (*path, "all", place, "below"), f"never true: {part.metric} is to be above {floor:g} too"

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

    def constant(self, term: c.Term | None) -> float | None:
        """What a limit is, as far as that can be told beforehand."""
        if term is None:
            return None
        if term.input is None:
            return term.offset
        given = self._rule.inputs.get(term.input)
        return None if given is None or isinstance(given.default, str) else given.default + term.offset

    def difference(self, one: c.Term | None, other: c.Term | None) -> float | None:
        """How far one limit is over another, as far as that can be told beforehand."""
        if one is None or other is None:
            return None
        if one.input == other.input:
            return one.offset - other.offset
        first, second = self.constant(one), self.constant(other)
        return None if first is None or second is None else first - second


def _is_plain(condition: c.Threshold) -> bool:
    """Whether it is about the newest value."""
    return condition.agg is None and condition.where is None
