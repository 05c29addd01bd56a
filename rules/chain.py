"""Chains: what other rules hear of a decision, and so may be set off by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from devices.sample import Event
from rules.decision import Decision
from rules.language import Rule
from rules.view import TraitSet, timer_of

MADE_BY_RULE = "rule:"
"""What the ids of events begin with that rules published: they follow from others, so a replay makes them itself."""
DEPTH_LIMIT = 5
"""How many rules may set each other off, one after the other, by one change; then the loop is cut."""
FOLLOW_LIMIT = 200
"""How many decisions that set others off may follow from one change; then the rest is cut."""
_HEARD = frozenset({"trait", "timer", "event"})

Link: TypeAlias = TraitSet | Event


def is_heard(decision: Decision) -> bool:
    """Whether other rules hear anything of a decision."""
    return any(action["kind"] in _HEARD for action in decision.actions)


def tells(rule: Rule) -> frozenset[str]:
    """The names of what other rules may hear of a rule: events, traits, timers."""
    told = set[str]()
    for _, action in rule.actions():
        if action.event is not None:
            told.add(action.event.type)
        elif action.trait is not None:
            told.add(action.trait.name)
        elif action.timer is not None:
            told.add(timer_of(action.timer.rule))
    return frozenset(told)


def links(decision: Decision) -> Iterator[Link]:
    """What they hear of it, in order: traits that are set, timers started and stopped, events published."""
    for number, action in enumerate(decision.actions):
        match action["kind"]:
            case "trait":
                yield TraitSet(decision.observed_at, action["name"], action["to"])
            case "timer":
                yield TraitSet(decision.observed_at, timer_of(action["rule"]), action["do"])
            case "event":
                yield published(decision, number)


def published(decision: Decision, number: int) -> Event:
    """The event that an action of a decision publishes."""
    action = decision.actions[number]
    id_ = f"{MADE_BY_RULE}{decision.id}-{number}"
    return Event(decision.source, id_, action["type"], decision.observed_at, dict(action["data"]))
