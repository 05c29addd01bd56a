"""What a condition sees when it is evaluated: the instant, the change, whom it is about, and what it remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from devices.sample import Event, Instant, Sample
from rules import calendar
from rules.subject import Origin, Subject
from rules.terms import Term
from rules.where import DAYS_AHEAD, Where

Truth: TypeAlias = bool | None
"""True, false, or unknown. Unknown never fires, and not unknown is unknown."""


OFFLINE = "device.offline"
"""The event that a device cannot be reached any more: what it said last is unknown until it says something again."""
START, STOP = "start", "stop"


def timer_of(rule: str) -> str:
    """The trait that a rule's timer is: by a name that no rule can give to a trait of its own."""
    return f"timer of {rule}"


class TraitSet(msgspec.Struct, frozen=True):
    """A trait of a scope was set."""

    observed_at: Instant
    name: str
    value: str | float | bool


Change: TypeAlias = Sample | Event | TraitSet


class Clause(msgspec.Struct, frozen=True):
    """One condition as it stood: what it looked at, what that was, what it was held against, for how long it has been so, and of
    which device it was asked."""

    name: str
    truth: Truth
    value: float | str | None = None
    limit: float | str | None = None
    held: Instant | None = None
    of: str | None = None


class View:
    """Made for one evaluation at one instant; conditions write what they are to remember into `slots`."""

    __slots__ = ("at", "change", "depth", "origin", "pauses", "resolve", "slots", "subject", "truths")

    def __init__(
        self,
        slots: list[Any],
        at: Instant,
        *,
        subject: Subject,
        resolve: Callable[[Term, Subject, Instant], float | None],
    ) -> None:
        self.slots, self.at, self.subject, self.resolve = slots, at, subject, resolve
        self.change: Change | None = None
        self.origin: Origin | None = None
        self.depth = 0
        self.pauses: dict[int, Instant] = {}
        self.truths: dict[int, Truth] = {}

    def number(self, term: Term) -> float | None:
        """A limit, `None` if a fact it depends on is not known."""
        return self.resolve(term, self.subject, self.at)

    def sample_of(self, metric: str, of: str | None) -> Sample | None:
        """The change, if it is a sample of this metric from what was asked for."""
        change = self.change
        if type(change) is Sample and change.metric == metric and (of is None or self._comes_from(of)):
            return change
        return None

    def event_of(self, type_: str, of: str | None) -> Event | None:
        """The change, if it is such an event from what was asked for."""
        change = self.change
        if type(change) is Event and change.type == type_ and (of is None or self._comes_from(of)):
            return change
        return None

    def told(self, event: Event, where: Where | None) -> Truth:
        """What an expression says of an event; without one, any will do."""
        if where is None:
            return True
        mine = self.origin is not None and self.origin.mine
        days = self.days() if "days" in where.names else []
        return where({"data": event.data, "type": event.type, "mine": mine, "days": days})

    def days(self) -> list[str]:
        """Today and the days ahead, as expressions see them."""
        return calendar.dates_ahead(self.at, self.subject.zone, DAYS_AHEAD)

    def _comes_from(self, of: str) -> bool:
        return self.origin is not None and self.origin.is_(of)


def every(truths: list[Truth]) -> Truth:
    """Kleene's and."""
    if False in truths:
        return False
    return None if None in truths else True


def some(truths: list[Truth]) -> Truth:
    """Kleene's or."""
    if True in truths:
        return True
    return None if None in truths else False


def at_least(count: int, truths: list[Truth]) -> Truth:
    """Whether so many are true: unknown while the unknown ones could decide it."""
    true = sum(truth is True for truth in truths)
    if true >= count:
        return True
    return None if true + sum(truth is None for truth in truths) >= count else False


def negation(truth: Truth) -> Truth:
    """Kleene's not."""
    return None if truth is None else not truth
