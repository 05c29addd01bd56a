"""What a load consists of: telemetry packets, made as cheaply as Python can."""

from __future__ import annotations

import time

from devices import topics
from devices.sample import SECOND, Instant
from devices.topics import Channel
from simulators.credentials import Credential
from simulators.packets import QOS1, publish, remaining_length
from simulators.sessions import Compose

VALUES = 3
"""Values in a reading: heart rate, steps, speed."""
STEPS_LIMIT = 200_000
CLIMB_PER_S = 7.5


def composer(home: str, device: str, *, start: Instant, batch: int) -> Compose:
    """Packets of one device. All have one length, numbers being padded, so that a packet is a single formatting."""
    reading = b'{"ts":%d,"values":{"heart_rate":%3d,"steps":%6d,"speed":%d.%d}}'
    length = len(reading % (start, 60, 0, 0, 0))
    if batch == 1:
        single = _template(home, device, reading, length)

        def compose(mid: int, number: int) -> bytes:
            return single % (mid >> 8, mid & 255, *_fields(start, number))

        return compose
    several = _template(home, device, b"[" + b",".join([reading] * batch) + b"]", 1 + batch * (length + 1))

    def compose_batch(mid: int, number: int) -> bytes:
        fields = [mid >> 8, mid & 255]
        for index in range(number * batch, (number + 1) * batch):
            fields += _fields(start, index)
        return several % tuple(fields)

    return compose_batch


def _fields(start: Instant, index: int) -> tuple[int, int, int, int, int]:
    return start + index, 60 + index % 60, index % STEPS_LIMIT, index % 4, index % 10


def _template(home: str, device: str, body: bytes, body_length: int) -> bytes:
    topic = topics.of(home, device, Channel.TELEMETRY).encode()
    head = bytes([QOS1]) + remaining_length(2 + len(topic) + 2 + body_length) + len(topic).to_bytes(2, "big") + topic
    return head.replace(b"%", b"%%") + b"%c%c" + body


class Climb:
    """One wearer among the load, in real time: their heart rate climbs from 60 past 200 within 20 seconds."""

    def __init__(self, credential: Credential) -> None:
        self.stamps: list[Instant] = []
        self._topic = topics.of(credential.home, credential.device, Channel.TELEMETRY)

    def compose(self, mid: int, _number: int) -> bytes:
        now = time.time_ns() // 1_000_000
        self.stamps.append(now)
        beat = min(60 + (now - self.stamps[0]) / SECOND * CLIMB_PER_S, 210.0)
        return publish(self._topic, mid, b'{"ts":%d,"values":{"heart_rate":%d}}' % (now, beat))
