"""What rules make for one another: events that they publish, traits that they set, timers that others start and stop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rules import conditions as c
from rules.language import Rule, ScopeKind


class Of(NamedTuple):
    """Something by name, of every person, home, device or place."""

    each: ScopeKind
    name: str


class Setting(NamedTuple):
    """A trait and what a rule sets it to, as conditions see it: `text` is `None` for a number."""

    of: Of
    text: str | None


class Made(NamedTuple):
    """Events are for whoever listens; traits and timers are known only to rules with the same kind of scope."""

    events: frozenset[str] = frozenset()
    traits: frozenset[Setting] = frozenset()
    timers: frozenset[Of] = frozenset()

    def and_by(self, rules: Iterable[Rule]) -> Made:
        """This, and what some more rules make."""
        told = list(rules)
        settings = {
            Setting(Of(rule.scope.each, action.trait.name), text_of(action.trait.to))
            for rule in told
            for _, action in rule.actions()
            if action.trait is not None
        }
        timed = {Of(rule.scope.each, rule.id) for rule in told if _is_timed(rule)}
        published = {action.event.type for rule in told for _, action in rule.actions() if action.event is not None}
        return Made(self.events | published, self.traits | settings, self.timers | timed)

    def texts(self, trait: Of) -> set[str | None]:
        """What rules set a trait to, `None` for numbers; nothing, if none sets it."""
        return {known.text for known in self.traits if known.of == trait}

    def names(self, each: ScopeKind) -> list[str]:
        """The traits of every person, home, device or place."""
        return sorted({known.of.name for known in self.traits if known.of.each == each})


NOTHING = Made()
"""What is made where there are no other rules."""


def text_of(value: str | float | bool) -> str | None:
    """What a trait is set to, as conditions see it; `None` for a number."""
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else None


def _is_timed(rule: Rule) -> bool:
    return any(isinstance(condition, c.Timer) for _, condition in c.walk(rule.when))
