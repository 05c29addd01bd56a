"""What a load consists of: telemetry packets, made as cheaply as Python can."""

from __future__ import annotations

import time

from devices import topics
from devices.sample import SECOND, Instant
from devices.topics import Channel
from simulators.credentials import Credential
from simulators.packets import QOS1, publish, remaining_length
from simulators.sessions import Compose

SINGLE_VALUES = 3
STEPS_LIMIT = 200_000
CLIMB_PER_S = 7.5


def composer(home: str, device: str, *, start: Instant, batch: int) -> Compose:
    """Packets of one device. All have one length, numbers being padded, so that a packet is a single formatting."""
    single = b'{"ts":%d,"values":{"heart_rate":%3d,"steps":%6d,"speed":%d.%d}}'
    part = b'{"ts":%d,"values":{"heart_rate":%3d}}'
    if batch == 1:
        template = _template(home, device, single, len(single % (start, 60, 0, 0, 0)))

        def compose(mid: int, number: int) -> bytes:
            beat, steps = 60 + number % 60, number % STEPS_LIMIT
            return template % (mid >> 8, mid & 255, start + number, beat, steps, number % 4, number % 10)

        return compose
    body = b"[" + b",".join([part] * batch) + b"]"
    template = _template(home, device, body, 1 + batch * (len(part % (start, 60)) + 1))

    def compose_batch(mid: int, number: int) -> bytes:
        first = number * batch
        fields = [mid >> 8, mid & 255]
        for index in range(first, first + batch):
            fields += (start + index, 60 + index % 60)
        return template % tuple(fields)

    return compose_batch


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
