"""What of a rule nobody ever hears: a trait that no rule sets, or never to that, and a timer that no rule has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from devices.located import Path
from rules import conditions as c
from rules.language import Action, Case, Rule
from rules.made import Made, Of, text_of

_YES, _NO = "true", "false"


class Unheard:
    """Looks at one rule; `made` is what all rules make for one another, this one among them. Of `words` it may be that what
    could not be read makes or hears them."""

    def __init__(self, rule: Rule, made: Made, words: frozenset[str]) -> None:
        self._rule, self._made, self._words, self._each = rule, made, words, rule.scope.each

    def of(self, path: Path, condition: Any) -> Iterator[tuple[Path, str]]:
        """What a condition listens for and nobody says."""
        match condition:
            case c.TraitIs() | c.Segment() if _name(condition) in self._words:
                return
            case c.TraitIs():
                yield from self._trait(path, condition)
            case c.Segment():
                texts = self._made.texts(Of(self._each, condition.segment))
                if not texts:
                    yield (*path, "segment"), self._unset(condition.segment)
                elif not texts & {_YES, _NO}:
                    yield (*path, "segment"), f"nobody is in it: rules set {condition.segment!r} to {_told(texts)}"

    def by(self, path: Path, action: Action) -> Iterator[tuple[Path, str]]:
        """A timer that an action starts or stops, and no rule has."""
        if action.timer is None:
            return
        wanted = action.timer.rule
        if wanted == self._rule.id:
            yield (*path, "timer", "rule"), "a rule's own timer is started and stopped by other rules"
        elif Of(self._each, wanted) not in self._made.timers:
            elsewhere = sorted({each for each, name in self._made.timers if name == wanted})
            known = ", ".join(sorted(name for each, name in self._made.timers if each == self._each)) or "none"
            among = f"it is one of every {' and '.join(elsewhere)}" if elsewhere else f"there are {known}"
            yield (
                (*path, "timer", "rule"),
                f"no rule of every {self._each} has a timer and is called {wanted!r}; {among}",
            )

    def given(self, path: Path, case: Case) -> Iterator[tuple[Path, str]]:
        """Traits and timers that a test gives and the rule does not listen for."""
        inside = [condition for _, condition in c.walk(self._rule.when)]
        listens = {_name(each) for each in inside if isinstance(each, (c.TraitIs, c.Segment))} | self._words
        timed = any(isinstance(each, c.Timer) for each in inside) or "timer" in self._words
        for number, given in enumerate(case.given):
            for name, value in given.trait.items():
                texts = self._made.texts(Of(self._each, name))
                if name not in listens:
                    yield (*path, "given", number, "trait", name), f"this rule does not listen to the trait {name!r}"
                elif texts and text_of(value) not in texts:
                    yield (*path, "given", number, "trait", name), f"rules set {name!r} to {_told(texts)}"
            if given.timer is not None and not timed:
                yield (*path, "given", number, "timer"), "this rule has no timer"

    def _trait(self, path: Path, condition: c.TraitIs) -> Iterator[tuple[Path, str]]:
        texts = self._made.texts(Of(self._each, condition.trait))
        if not texts:
            yield (*path, "trait"), self._unset(condition.trait)
        elif not isinstance(condition.equals, (str, list)):
            if None not in texts:
                yield (*path, "trait"), f"{condition.trait!r} is no number: rules set it to {_told(texts)}"
        else:
            wanted = {condition.equals} if isinstance(condition.equals, str) else set(condition.equals)
            for text in sorted(wanted - self._sayable(texts)):
                yield (*path, "equals"), f"never {text!r}: rules set {condition.trait!r} to {_told(texts)}"

    @staticmethod
    def _sayable(texts: set[str | None]) -> set[str | None]:
        """What a trait may be held against: what is yes may one day be no."""
        return texts | {_YES, _NO} if texts & {_YES, _NO} else texts

    def _unset(self, trait: str) -> str:
        elsewhere = sorted({known.of.each for known in self._made.traits if known.of.name == trait})
        if elsewhere:
            return f"{trait!r} is a trait of every {' and '.join(elsewhere)}, and this rule is about every {self._each}"
        known = ", ".join(self._made.names(self._each)) or "none"
        return f"no rule sets the trait {trait!r} of a {self._each}; there are {known}"


def _name(condition: c.TraitIs | c.Segment) -> str:
    return condition.trait if isinstance(condition, c.TraitIs) else condition.segment


def _told(texts: set[str | None]) -> str:
    return ", ".join(sorted("a number" if text is None else repr(text) for text in texts))
