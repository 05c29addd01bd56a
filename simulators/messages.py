"""What devices say, as values and as MQTT payloads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from devices.sample import Event, Instant, Value

WireValue: TypeAlias = Value | list[dict[str, Any]]
"""As it travels: a state with items is a list of objects."""

BATCH_READINGS = 200
BATCH_BYTES = 200 * 1024


@dataclass(frozen=True, slots=True)
class Reading:
    """Values that a device observed at one instant."""

    ts: Instant
    values: dict[str, WireValue]


Moment: TypeAlias = Reading | Event


def instant(moment: Moment) -> Instant:
    """When it was observed."""
    return moment.ts if isinstance(moment, Reading) else moment.observed_at


def event(device: str, type_: str, ts: Instant, **fields: Any) -> Event:
    """An event whose id follows from its type and time, so that saying it again changes nothing."""
    return Event(device, f"{type_}-{ts}", type_, ts, fields)


def encode(moment: Moment) -> bytes:
    """The payload of one reading or one event."""
    if isinstance(moment, Reading):
        return msgspec.json.encode(moment)
    return msgspec.json.encode(
        {"id": moment.id, "ts": moment.observed_at, "type": moment.type, "data": moment.data},
    )


def encode_batch(readings: list[Reading]) -> list[bytes]:
    """The payloads of a batch: one, or more where one would grow past `BATCH_BYTES`."""
    payload = msgspec.json.encode(readings)
    if len(payload) < BATCH_BYTES or len(readings) == 1:
        return [payload]
    middle = len(readings) // 2
    return encode_batch(readings[:middle]) + encode_batch(readings[middle:])


def batches(moments: Iterable[Moment], size: int = BATCH_READINGS) -> Iterator[list[Reading] | Event]:
    """Readings in lists of at most `size`, and events in their places between them."""
    batch: list[Reading] = []
    for moment in moments:
        if isinstance(moment, Reading):
            batch.append(moment)
            if len(batch) < size:
                continue
        if batch:
            yield batch
            batch = []
        if isinstance(moment, Event):
            yield moment
    if batch:
        yield batch
