"""What a metric came to over a while that slides along, or how often an event happened."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import msgspec

from devices.sample import MINUTE, Instant
from rules.bounds import Band, Test
from rules.signal import Signal
from rules.tally import Lasts, binned, increases, quantile, with_last
from rules.view import Clause, Truth, View
from rules.where import Where

PANES = 60
"""A window slides in this many steps, so that what it remembers is bounded, however many samples there are."""
ROUNDING = 1e-9
"""More than adding up may be off by: what comes so near a limit is looked at."""


class Pane(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What came in during one step of a window. `grown` is what a counter grew by; `bins` counts by value, for percentiles."""

    start: Instant
    count: int
    total: float
    low: float
    high: float
    first_at: Instant
    first: float
    last_at: Instant
    last: float
    grown: float
    bins: tuple[tuple[int, int], ...] = ()
    led: float = 0.0
    """What it grew by up to its first value, since the one before."""


class Window(NamedTuple):
    """What an amount remembers: its panes, how it stood, when it may change by itself, and the last values of counters."""

    panes: tuple[Pane, ...] = ()
    truth: Truth = None
    due: Instant | None = None
    lasts: Lasts = ()


class Amount(Signal):
    """What a metric came to over a window, or how many times an event happened, held against a limit."""

    start = Window()
    remembers = Window

    def __init__(  # noqa: PLR0913  (each is one word of the language)
        self,
        slot: int,
        *,
        name: str,
        of: str | None,
        agg: str,
        window: Instant,
        test: Test,
        counter: bool = False,
        event: bool = False,
        where: Where | None = None,
        percentile: float | None = None,
        range_: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        super().__init__(slot)
        self.name, self.of, self.agg, self.window, self.test = name, of, agg, window, test
        self.counter, self.event, self.where = counter, event, where
        self.percentile, self.range = percentile, range_
        self.step = max(1, -(-window // PANES))
        self.adds_up = agg == "count" or (counter and agg == "sum")
        self.counts = self.rising = counter and not event and agg in ("sum", "delta")
        self.banded = self.rising and of is None

    def take(self, view: View) -> None:
        known: Window = view.slots[self.slot]
        panes = tuple(pane for pane in known.panes if pane.start + self.step + self.window > view.at)
        known = known._replace(panes=panes)
        value = self._value(view)
        if value is not None:
            assert view.change is not None
            known = self._extended(known, getattr(view.change, "source", ""), (view.at,), (value,))
        view.slots[self.slot] = known

    def stands(self, view: View) -> Truth:
        known: Window = view.slots[self.slot]
        truth = self.test.judge(self.amount(known.panes), known.truth, view)
        view.slots[self.slot] = known._replace(truth=truth, due=self._next_change(known.panes, truth, view))
        return truth

    def due(self, slots: Sequence[Any], after: Instant, zone: str) -> Instant | None:
        known: Window = slots[self.slot]
        return known.due

    def band(self, view: View) -> Band | None:
        """Of a counter's growth: values that only rise, not so far that the sum would be judged differently."""
        known: Window = view.slots[self.slot]
        amount = self.amount(known.panes)
        if known.truth is None or amount is None or not known.panes:
            return None
        found = self.test.band(known.truth, amount, view)
        if found is None:
            return None
        last = known.panes[-1].last
        high = last + (found[1] - amount)
        slack = ROUNDING * max(abs(last), abs(amount), abs(found[1])) if math.isfinite(high) else 0.0
        return last, high - slack

    def absorb(self, memory: Any, at: Sequence[Instant], values: Sequence[float], zone: str) -> Any:
        known: Window = memory
        begin = 0
        while begin < len(at):
            end = bisect_left(at, self._start(at[begin]) + self.step, begin)
            known = self._extended(known, self.teller_of(known) or "", at[begin:end], values[begin:end])
            begin = end
        return known

    def teller(self, slots: Sequence[Any]) -> str | None:
        return self.teller_of(slots[self.slot])

    @staticmethod
    def teller_of(known: Window) -> str | None:
        """The device of the newest value of a counter."""
        return known.lasts[-1][0] if known.lasts else None

    def clause(self, view: View, truth: Truth) -> Clause | None:
        return Clause(self.name, truth, self.amount(view.slots[self.slot].panes), self.test.shown(view))

    def amount(self, panes: tuple[Pane, ...]) -> float | None:
        """What the window comes to; `None` where nothing came in, except that nothing is 0 times."""
        count = sum(pane.count for pane in panes)
        match self.agg:
            case "count":
                return float(count)
            case _ if not count:
                return None
            case "sum" if not self.counter:
                return math.fsum(pane.total for pane in panes)
            case "mean":
                return math.fsum(pane.total for pane in panes) / count
            case "min":
                return min(pane.low for pane in panes)
            case "max":
                return max(pane.high for pane in panes)
            case "percentile":
                return self._percentile(panes, count)
            case _:
                return self._growth(panes)

    def _next_change(self, panes: tuple[Pane, ...], truth: Truth, view: View) -> Instant | None:
        """When, with nothing coming in, so much has slid out of the window that it may be judged differently."""
        rest = panes
        while rest:
            gone, rest = rest[0], rest[1:]
            if not self.adds_up or self.test.judge(self.amount(rest), truth, view) is not truth:
                return gone.start + self.step + self.window
        return None

    def _growth(self, panes: tuple[Pane, ...]) -> float | None:
        """`sum` of a counter, `delta`, or `rate` in a minute."""
        grown = math.fsum(pane.grown for pane in panes) if self.counter else panes[-1].last - panes[0].first
        if self.agg != "rate":
            return grown
        grown -= panes[0].led
        elapsed = panes[-1].last_at - panes[0].first_at
        return grown / elapsed * MINUTE if elapsed > 0 else None

    def _percentile(self, panes: tuple[Pane, ...], count: int) -> float:
        """To within a 128th of the metric's range."""
        counts: dict[int, int] = {}
        for pane in panes:
            for place, times in pane.bins:
                counts[place] = counts.get(place, 0) + times
        return quantile(counts, count, (self.percentile or 0) / 100, self.range)

    def _value(self, view: View) -> float | None:
        if self.event:
            event = view.event_of(self.name, self.of)
            return 1.0 if event is not None and view.told(event, self.where) is True else None
        sample = view.sample_of(self.name, self.of)
        return sample.value if sample is not None and not isinstance(sample.value, str) else None

    def _start(self, at: Instant) -> Instant:
        return at // self.step * self.step

    def _extended(self, known: Window, device: str, at: Sequence[Instant], values: Sequence[float]) -> Window:
        """With some values of a device more, all of one step: to the last digit what one after the other would come to."""
        panes, start = known.panes, self._start(at[0])
        grown = increases(dict(known.lasts).get(device), values) if self.counter else ()
        lasts = with_last(known.lasts, device, values[-1]) if self.counter else ()
        last = panes[-1] if panes and panes[-1].start == start else None
        bins = binned(last.bins if last else (), values, self.range) if self.percentile is not None else ()
        low, high = min(values), max(values)
        if last is None:
            led = grown[0] if grown else 0.0
            total, grew = reduce(add, values), reduce(add, grown or (0.0,))
            pane = Pane(start, len(at), total, low, high, at[0], values[0], at[-1], values[-1], grew, bins, led)
            return known._replace(panes=(*panes, pane), lasts=lasts)
        pane = msgspec.structs.replace(
            last,
            count=last.count + len(at),
            total=reduce(add, values, last.total),
            low=min(last.low, low),
            high=max(last.high, high),
            last_at=at[-1],
            last=values[-1],
            grown=reduce(add, grown, last.grown),
            bins=bins,
        )
        return known._replace(panes=(*panes[:-1], pane), lasts=lasts)
