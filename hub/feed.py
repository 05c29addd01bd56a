"""The feed: what just happened, for whoever listens to the live stream.

Happenings carry rising numbers, so that a listener who was away can ask for what came since. Twins are not numbered: only
their newest state matters, and it is told again with the next change.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from devices.sample import Instant

KEPT = 5_000


class Happening(msgspec.Struct, frozen=True):
    """One thing that happened. `device` and `person` say whom it concerns; `id` is 0 where it is not numbered."""

    id: int
    at: Instant
    kind: str
    device: str | None
    person: str | None
    body: dict[str, Any]


Listener: TypeAlias = Callable[[Happening], None]


class Feed:
    """Any thread publishes, any thread listens; listeners are called in the publisher's thread and must be quick."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Happening] = deque(maxlen=KEPT)
        self._listeners: tuple[Listener, ...] = ()
        self._next = time.time_ns() // 1_000
        """Begins with the time, so that numbers of an earlier start of the hub are smaller than all of this one's."""

    @property
    def listened_to(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def publish(
        self, kind: str, body: dict[str, Any], *, device: str | None, person: str | None, numbered: bool = True
    ) -> None:
        """Tell everybody."""
        with self._lock:
            self._next += numbered
            at = time.time_ns() // 1_000_000
            happening = Happening(self._next if numbered else 0, at, kind, device, person, body)
            if numbered:
                self._kept.append(happening)
            listeners = self._listeners
        for listener in listeners:
            listener(happening)

    def listen(self, listener: Listener, *, after: int | None = None) -> tuple[list[Happening], bool]:
        """Begin to listen; what came since number `after`, and whether that is all of it."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
            if after is None:
                return [], True
            missed = [happening for happening in self._kept if happening.id > after]
            oldest = self._kept[0].id if self._kept else self._next + 1
            return missed, after >= oldest - 1 or after == self._next

    def leave(self, listener: Listener) -> None:
        """Listen no more."""
        with self._lock:
            self._listeners = tuple(each for each in self._listeners if each is not listener)

    def newest(self, kind: str, person: str) -> int:
        """The number of the newest happening of a kind that concerns a person; 0 if none is kept."""
        with self._lock:
            return next((each.id for each in reversed(self._kept) if (each.kind, each.person) == (kind, person)), 0)

    def recent(self, count: int) -> list[Happening]:
        """The newest happenings, newest first."""
        with self._lock:
            return list(self._kept)[: -count - 1 : -1]
