"""What goes wrong between a device and the hub, done on purpose to a sequence of messages. Pure and seeded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple


class Message(NamedTuple):
    """A publish: where, and what."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Faults:
    """How likely each fault is for a message, 0 to 1; `farthest` is over how many messages one may be late.

    drop: lost, and sent again later. duplicate: arrives twice in a row. delay: arrives later, once. reorder: changes
    places with the next. corrupt: arrives with its payload damaged, and not again.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    corrupt: float = 0.0
    farthest: int = 20


@dataclass(frozen=True, slots=True)
class Disturbed:
    """What arrives, in that order, and the originals of what arrives damaged."""

    messages: tuple[Message, ...]
    corrupted: tuple[Message, ...]


def disturb(messages: Iterable[Message], faults: Faults, *, seed: int) -> Disturbed:
    """Let faults happen. Every message arrives at least once, except that the corrupted arrive damaged."""
    chance = Random(seed)
    corrupted: list[Message] = []
    arriving: list[tuple[float, Message]] = []
    for place, message in enumerate(messages):
        sent = message
        if chance.random() < faults.corrupt:
            corrupted.append(message)
            sent = Message(message.topic, damage(message.payload, chance))
        arriving += [(at, sent) for at in _arrivals(place, faults, chance)]
    arriving.sort(key=lambda arrival: arrival[0])
    return Disturbed(tuple(_swapped([message for _, message in arriving], faults, chance)), tuple(corrupted))


def damage(payload: bytes, chance: Random) -> bytes:
    """The payload cut short, or with bytes that are not UTF-8 in it: never readable as JSON."""
    if len(payload) < 2 or chance.random() < 0.5:
        return payload[: chance.randrange(max(1, len(payload)))] if len(payload) > 1 else b"\xff"
    place = chance.randrange(len(payload))
    return payload[:place] + b"\xff\xfe" + payload[place + 1 :]


def _arrivals(place: int, faults: Faults, chance: Random) -> Sequence[float]:
    """Where a message arrives among the others. A dropped one takes another way to the same end as a delayed one."""
    later = place + 0.5 + chance.randint(1, max(1, faults.farthest))
    dropped, delayed, doubled = (chance.random() < rate for rate in (faults.drop, faults.delay, faults.duplicate))
    if dropped or delayed:
        return (later,)
    if doubled:
        return (place, place + 0.25)
    return (place,)


def _swapped(messages: list[Message], faults: Faults, chance: Random) -> list[Message]:
    index = 0
    while index + 1 < len(messages):
        if chance.random() < faults.reorder:
            messages[index], messages[index + 1] = messages[index + 1], messages[index]
            index += 1
        index += 1
    return messages
