"""A rule, compiled: everything that can be decided before the first sample is."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from devices.model import Model
from devices.sample import Instant
from rules.language import Action, Rule, Rung, Term
from rules.subject import Subject, fact


class Limits(NamedTuple):
    """The two limits of a threshold for one person, in the metric's unit."""

    above: float
    clear_below: float


@dataclass(frozen=True, slots=True)
class Program:
    """What `engine.step` runs. `version` is derived from the rule's text, so the same text is the same version."""

    rule: Rule
    version: str
    metric: str
    hold_for: Instant
    gap_limit: Instant | None
    gap_resets: bool
    cooldown: Instant
    ladder: tuple[Rung, ...]
    when_clear: Action | None

    def limits(self, subject: Subject, at: Instant) -> Limits | None:
        """The limits for a person at a time; `None` if a fact they depend on is not known."""
        above = self._number(self.rule.when.above, subject, at)
        if above is None:
            return None
        written = self.rule.when.clear_below
        clear_below = above if written is None else self._number(written, subject, at)
        return None if clear_below is None else Limits(above, clear_below)

    def _number(self, term: Term, subject: Subject, at: Instant) -> float | None:
        if term.input is None:
            return term.offset
        default = self.rule.inputs[term.input].default
        value = fact(default, subject, at) if isinstance(default, str) else default
        return None if value is None else value + term.offset


def compile_rule(rule: Rule) -> Program:
    """Compile a rule."""
    gap = rule.when.on_gap
    return Program(
        rule=rule,
        version=sha256(rule.model_dump_json().encode()).hexdigest()[:12],
        metric=rule.when.metric,
        hold_for=rule.when.for_,
        gap_limit=gap.longer_than if gap else None,
        gap_resets=gap is not None and gap.then == "reset",
        cooldown=rule.limits.cooldown,
        ladder=tuple(rule.escalate),
        when_clear=rule.clear.then if rule.clear else None,
    )


def contradictions(rule: Rule, models: dict[str, Model]) -> list[str]:
    """What a rule asks for that no device model has: an unknown metric, role, command or argument."""
    wrong = []
    metrics = [model.metrics[rule.when.metric] for model in models.values() if rule.when.metric in model.metrics]
    if not metrics:
        wrong.append(f"when.metric: no device model has {rule.when.metric!r}")
    elif not all(metric.numeric for metric in metrics):
        wrong.append(f"when.metric: {rule.when.metric!r} is a state; a threshold wants a number")
    actions = [rung.then for rung in rule.escalate] + ([rule.clear.then] if rule.clear else [])
    for action in actions:
        to, type_, args = action.command.to, action.command.type, action.command.args
        refusals = [model.command_refusal(type_, args) for model in models.values() if model.role == to]
        if not refusals:
            wrong.append(f"command.to: no device model has the role {to!r}")
        elif None not in refusals:
            wrong.append(f"command: {refusals[0]}")
    return wrong
