"""Effects: what decisions lead to, worked out before any of it happens. Shadow decisions lead to nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec

from devices.command import Command
from devices.sample import MINUTE, Event, Instant
from hub.registry import Entry, Registry
from rules.chain import published
from rules.decision import Decision

COMMAND_LIFE: Instant = MINUTE
"""How long a command that a rule decided may take to arrive before it is no use any more."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A call of a service, or words or points to a person."""

    id: str
    decision: str
    kind: str
    target: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TraitChange:
    """A trait that a scope has now."""

    kind: str
    scope: str
    name: str
    value: str | float | bool
    at: Instant
    decision: str


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that some decisions lead to. The `decisions` are those, with what reaches nobody noted in them."""

    decisions: list[Decision] = field(default_factory=list)
    commands: list[tuple[Command, str]] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    traits: list[TraitChange] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def effects_of(decisions: Sequence[Decision], registry: Registry) -> Effects:
    """What decisions lead to, in order. The same decision leads to the same ids."""
    effects = Effects()
    for decision in decisions:
        actions = [] if decision.shadow else list(enumerate(decision.actions))
        missed = {number for number, action in actions if not _take(effects, decision, number, action, registry)}
        effects.decisions.append(_noted(decision, missed) if missed else decision)
    return effects


def _take(effects: Effects, decision: Decision, number: int, action: dict[str, Any], registry: Registry) -> bool:
    """Add what one action leads to; whether it reaches anything."""
    match action["kind"]:
        case "command":
            commands = list(_command(decision, number, action, registry))
            effects.commands.extend(commands)
            return bool(commands)
        case "trait":
            effects.traits.append(_trait(decision, action))
        case "timer" | "recommend":
            pass  # the engine has told the rule; the recommender chooses
        case "event":
            effects.events.append(_event(decision, number, registry))
        case _:
            deliveries = list(_deliveries(decision, number, action, registry))
            effects.deliveries.extend(deliveries)
            return bool(deliveries)
    return True


def _noted(decision: Decision, missed: set[int]) -> Decision:
    """A decision of which some actions reach nobody."""
    actions = [
        action | {"reached": False} if number in missed else action for number, action in enumerate(decision.actions)
    ]
    return msgspec.structs.replace(decision, actions=actions)


def _command(
    decision: Decision, number: int, action: dict[str, Any], registry: Registry
) -> Iterator[tuple[Command, str]]:
    """A command to the device that gave rise to the decision if it will do, else to the first of the scope that does."""
    device = _recipient(decision, action, registry)
    if device is not None:
        expires_at = decision.decided_at + COMMAND_LIFE
        yield Command(f"{decision.id}-{number}", device.id, action["type"], action["args"], expires_at), decision.id


def _recipient(decision: Decision, action: dict[str, Any], registry: Registry) -> Entry | None:
    source = registry.entries.get(decision.source)
    if source is not None and _will_do(source, action):
        return source
    return next((entry for entry in _within(decision, registry) if _will_do(entry, action)), None)


def _will_do(entry: Entry, action: dict[str, Any]) -> bool:
    asked = (action.get("to"), action.get("model"), action.get("device"))
    if action.get("capability") is not None:
        return action["capability"] in entry.model.commands
    return asked in ((entry.model.role, None, None), (None, entry.model.id, None), (None, None, entry.id))


def _within(decision: Decision, registry: Registry) -> list[Entry]:
    match decision.kind:
        case "person":
            return registry.owned_by(decision.scope)
        case "home":
            return registry.standing_in(decision.scope)
        case "device":
            entry = registry.entries.get(decision.scope)
            return [entry] if entry is not None else []
        case _:
            return registry.standing_in(decision.scope.split("/", 1)[0])


def _trait(decision: Decision, action: dict[str, Any]) -> TraitChange:
    name, value = action["name"], action["to"]
    return TraitChange(decision.kind, decision.scope, name, value, decision.observed_at, decision.id)


def _event(decision: Decision, number: int, registry: Registry) -> Event:
    """An event needs a device it comes from; what a timer decided comes from the first of its scope."""
    event = published(decision, number)
    if event.source:
        return event
    within = _within(decision, registry)
    return Event(within[0].id if within else "hub", event.id, event.type, event.observed_at, event.data)


def _deliveries(decision: Decision, number: int, action: dict[str, Any], registry: Registry) -> Iterator[Delivery]:
    id_ = f"{decision.id}-{number}"
    if action["kind"] == "service":
        told: dict[str, Any] = {
            "decision": decision.id,
            "rule": decision.rule,
            "version": decision.version,
            "level": decision.level,
        }
        told |= {
            "scope": {decision.kind: decision.scope},
            "observed_at": decision.observed_at,
            "because": decision.because,
        }
        yield Delivery(id_, decision.id, "service", action["name"], told | {"body": action.get("body", {})})
        return
    told = {key: action[key] for key in ("text", "points") if key in action} | {"level": decision.level}
    for person in _audience(decision, registry):
        whom = sha256(person.encode()).hexdigest()[:16]
        yield Delivery(f"{id_}-{whom}", decision.id, action["kind"], person, told)


def _audience(decision: Decision, registry: Registry) -> tuple[str, ...]:
    """Who is told: the person, everybody of the home, or whoever owns the device."""
    match decision.kind:
        case "person":
            return (decision.scope,)
        case "home":
            home = registry.homes.get(decision.scope)
            return home.members if home is not None else ()
        case "device":
            entry = registry.entries.get(decision.scope)
            if entry is None:
                return ()
            home = registry.homes.get(entry.home)
            return (entry.owner,) if entry.owner else home.members if home is not None else ()
        case _:
            return ()
