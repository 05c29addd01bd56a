"""Values held against limits, with hysteresis."""

from __future__ import annotations

import math
from typing import NamedTuple

from devices.sample import Value
from rules import conditions
from rules.terms import Term
from rules.view import Truth, View

Band = tuple[float, float]
"""Values between which nothing changes, both included."""


class Test(NamedTuple):
    """Bounds, compiled. Exactly one of `above`, `below`, `between`, `numbers`, `texts` is there."""

    above: Term | None = None
    below: Term | None = None
    clear: Term | None = None
    between: tuple[Term, Term] | None = None
    number: Term | None = None
    texts: frozenset[str] | None = None

    def judge(self, value: Value | None, before: Truth, view: View) -> Truth:
        """Whether a value is within bounds, given whether the one before it was."""
        if value is None:
            return None
        if self.texts is not None:
            return value in self.texts
        if isinstance(value, str):
            return None
        return self._judge_number(value, before, view)

    def _judge_number(self, value: float, before: Truth, view: View) -> Truth:
        if self.between is not None:
            low, high = (view.number(term) for term in self.between)
            return None if low is None or high is None else low <= value <= high
        limit = view.number(self._limit)
        clear = limit if self.clear is None else view.number(self.clear)
        if limit is None or clear is None:
            return None
        lingers = before is True and self.clear is not None
        if self.above is not None:
            return value > limit or (lingers and value >= clear)
        if self.below is not None:
            return value < limit or (lingers and value <= clear)
        return value == limit

    def band(self, truth: Truth, value: Value, view: View) -> Band | None:
        """Around a value judged `truth`: the values that would be judged the same now; `None` if that cannot be told."""
        if truth is None or isinstance(value, str) or self.texts is not None:
            return None
        if self.between is not None:
            low, high = (view.number(term) for term in self.between)
            if low is None or high is None:
                return None
            if truth:
                return low, high
            return (
                (-math.inf, math.nextafter(low, -math.inf))
                if value < low
                else (math.nextafter(high, math.inf), math.inf)
            )
        limit = view.number(self._limit)
        clear = limit if self.clear is None else view.number(self.clear)
        if limit is None or clear is None:
            return None
        return self._one_sided(truth, limit, clear)

    def _one_sided(self, truth: bool, limit: float, clear: float) -> Band | None:
        if self.above is not None:
            begin = min(limit if self.clear is None else clear, limit)
            if self.clear is None:
                begin = math.nextafter(limit, math.inf)
            return (begin, math.inf) if truth else (-math.inf, limit)
        if self.below is not None:
            end = math.nextafter(limit, -math.inf) if self.clear is None else max(clear, limit)
            return (-math.inf, end) if truth else (limit, math.inf)
        return (limit, limit) if truth else None

    @property
    def _limit(self) -> Term:
        term = self.above or self.below or self.number
        assert term is not None
        return term

    def terms(self) -> list[Term]:
        """Every limit."""
        return [each for each in (self.above, self.below, self.clear, *(self.between or ()), self.number) if each]

    def shown(self, view: View) -> float | str | None:
        """The limit as a trace shows it."""
        if self.texts is not None:
            return ", ".join(sorted(self.texts))
        if self.between is not None:
            return " – ".join(f"{view.number(term):g}" for term in self.between if view.number(term) is not None)
        return view.number(self._limit)


def compile_bounds(written: conditions.Bounds) -> Test:
    """Compile bounds."""
    equals = written.equals
    texts = None
    if isinstance(equals, (str, list)):
        texts = frozenset([equals] if isinstance(equals, str) else equals)
    return Test(
        above=written.above,
        below=written.below,
        clear=written.clear_below or written.clear_above,
        between=written.between,
        number=equals if isinstance(equals, Term) else None,
        texts=texts,
    )
