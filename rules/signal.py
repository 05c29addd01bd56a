"""A compiled condition: what it remembers, when it is true, and when that may change by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from devices.sample import Instant
from rules.bounds import Band
from rules.view import Clause, Truth, View


class Signal:
    """Immutable; what it remembers of a scope is the value in its slot, immutable too.

    In every evaluation `take` is called first, for all, then `truth`, once for each: a condition may move on with it.
    """

    start: Any = None
    """What it remembers at first."""
    banded = False
    """Whether it has a band at all, for whatever device a value comes from."""
    counts = False
    """Whether every sample counts, those in its band too."""
    rising = False
    """Whether its band is for values that only rise."""
    remembers: Any = type(None)
    """The type of what it remembers, for reading it back."""

    def __init__(self, slot: int, inside: Sequence[Signal] = ()) -> None:
        self.slot, self.inside = slot, tuple(inside)

    def take(self, view: View) -> None:
        """Take in what happened."""

    def truth(self, view: View) -> Truth:
        """Whether it is true now; noted in the view."""
        truth = view.truths[self.slot] = self.stands(view)
        return truth

    def stands(self, view: View) -> Truth:
        """Whether it is true now, for those who write conditions."""
        raise NotImplementedError

    def due(self, slots: Sequence[Any], after: Instant, zone: str) -> Instant | None:
        """When, later than `after`, its truth may change without anything happening; `None` if it cannot."""
        return None

    def confirmed(self, slots: Sequence[Any]) -> Instant | None:
        """The time of the newest sample that says how it stands; `None` where no samples say so."""
        return None

    def teller(self, slots: Sequence[Any]) -> str | None:
        """The device whose values alone its band is for, where its band is for values that only rise."""
        return None

    def absorb(self, memory: Any, at: Sequence[Instant], values: Sequence[float], zone: str) -> Any:
        """What it remembers after samples that its band let pass, of a metric of which every one counts."""
        return memory

    def clause(self, view: View, truth: Truth) -> Clause | None:
        """How it stands, for those who ask why."""
        return None

    def band(self, view: View) -> Band | None:
        """Values of its metric that would change nothing; `None` if every sample must be looked at."""
        return None

    def walk(self) -> Iterator[Signal]:
        """Itself and everything inside."""
        yield self
        for each in self.inside:
            yield from each.walk()
