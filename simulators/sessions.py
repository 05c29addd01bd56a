"""One device's side of QoS 1, without I/O: packet ids, what is not acknowledged yet, what to send again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from simulators import packets

Compose = Callable[[int, int], bytes]
"""The packet for a packet id and the number of a message, from 0."""


class Pending(NamedTuple):
    """A message sent and not acknowledged."""

    packet: bytes
    number: int


class Session:
    """One device's side of QoS 1: numbers messages, and accounts for acknowledgements. No I/O."""

    def __init__(self, compose: Compose, *, window: int) -> None:
        self._compose = compose
        self._window = min(window, packets.LARGEST_MID - 1)
        self._mid = 0
        self.pending: dict[int, Pending] = {}
        self.published = 0
        self.acknowledged = 0

    def room(self) -> int:
        """How many more messages may be under way."""
        return self._window - len(self.pending)

    def publish(self, count: int) -> bytes:
        """The bytes of the next `count` messages; fewer if an old one still holds a packet id."""
        compose, pending, first, mid = self._compose, self.pending, self.published, self._mid
        sent: list[bytes] = []
        for number in range(first, first + count):
            mid = mid + 1 if mid < packets.LARGEST_MID else 1
            if mid in pending:
                mid = mid - 1 if mid > 1 else packets.LARGEST_MID
                break
            packet = compose(mid, number)
            pending[mid] = Pending(packet, number)
            sent.append(packet)
        self._mid = mid
        self.published += len(sent)
        return b"".join(sent)

    def settle(self, mids: Iterable[int]) -> list[int]:
        """Take in acknowledgements; the numbers of the messages, each only once however often it is acknowledged."""
        pop = self.pending.pop
        settled = [done.number for mid in mids if (done := pop(mid, None)) is not None]
        self.acknowledged += len(settled)
        return settled

    def unsettled(self) -> bytes:
        """What to send on a new connection: everything not acknowledged, in its order, flagged as sent again."""
        return b"".join(packets.again(pending.packet) for pending in self.pending.values())
