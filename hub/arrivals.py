"""Arrivals: the times given to messages that carry none.

A message without a time is stamped when it arrives. Were it stamped anew when the broker sends it again, its samples would
be stored twice; so the stamp is put on record before anything is stored, and given again to the same message. Two messages
of one device never get the same stamp, so that neither hides the other.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from devices.sample import Instant
from hub.wire import Inbound

KEPT = 20_000
"""More than the broker has in flight, so more than it can send again."""


class Arrival(NamedTuple):
    """A stamp on record: what it was given to, by content, and the packet id it came under."""

    digest: str
    mid: int
    stamp: Instant


class Arrivals:
    """Owned by the pipeline's thread."""

    def __init__(self, recorded: Iterable[Arrival] = ()) -> None:
        self._last: dict[str, Instant] = {}
        self._stamps: OrderedDict[str, list[tuple[int, int, Instant]]] = OrderedDict()
        self._fresh: list[Arrival] = []
        for arrival in recorded:
            self._keep(arrival, session=0)

    def stamp(self, message: Inbound) -> Instant:
        """When a message arrived, should it carry no time of its own."""
        if message.again and (known := self._known(message)) is not None:
            return known
        return max(message.received_at, self._last.get(message.topic, 0) + 1)

    def note(self, message: Inbound, stamp: Instant) -> None:
        """The message did carry no time, and has this stamp now."""
        if message.again and self._known(message) == stamp:
            self._claim(message, stamp)
            return
        self._last[message.topic] = stamp
        arrival = Arrival(_digest(message), message.mid, stamp)
        self._keep(arrival, session=message.session)
        self._fresh.append(arrival)

    def take_fresh(self) -> list[Arrival]:
        """What has to be put on record before its samples are stored."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def _known(self, message: Inbound) -> Instant | None:
        """The stamp given before: to the same packet id, or, where the broker numbered anew, to the first not met since."""
        entries = self._stamps.get(_digest(message), [])
        same = (stamp for session, mid, stamp in entries if mid == message.mid)
        unclaimed = (stamp for session, _, stamp in entries if session != message.session)
        return next(same, next(unclaimed, None))

    def _claim(self, message: Inbound, stamp: Instant) -> None:
        entries = self._stamps[_digest(message)]
        place = next(i for i, entry in enumerate(entries) if entry[2] == stamp)
        entries[place] = (message.session, message.mid, stamp)

    def _keep(self, arrival: Arrival, *, session: int) -> None:
        self._stamps.setdefault(arrival.digest, []).append((session, arrival.mid, arrival.stamp))
        self._stamps.move_to_end(arrival.digest)
        del self._stamps[arrival.digest][:-KEPT]
        while len(self._stamps) > KEPT:
            self._stamps.popitem(last=False)


def _digest(message: Inbound) -> str:
    return blake2b(message.topic.encode() + b"\0" + message.payload, digest_size=16).hexdigest()
