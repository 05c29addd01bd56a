"""The acknowledger: messages whose changes are stored are acknowledged once these are durable.

One sync of the store serves all turns of a few milliseconds, in a thread of its own: the pipeline does not wait for the disk.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import structlog

from hub.insistence import Insistence, Stopped

if TYPE_CHECKING:
    from hub.bridge import Bridge
    from hub.wire import Inbound

log = structlog.get_logger()

LINGER = 0.005
"""Seconds that a message may wait for others to be made durable with it."""
RETRY = 1.0
"""Seconds until what failed unexpectedly is tried again."""


class Acknowledger:
    """`sync` makes durable what was stored before; it is insisted on, and nothing is acknowledged until it is done."""

    def __init__(self, sync: Callable[[], None], insist: Insistence) -> None:
        self._sync, self._insist = sync, insist
        self._owed: deque[list[Inbound]] = deque()
        self._taken: list[list[Inbound]] = []
        """Of these somebody has begun to settle; they stay until they are acknowledged."""
        self._owing, self._stopping = threading.Event(), threading.Event()
        self._settling = threading.Lock()
        self._bridge: Bridge
        self._thread = threading.Thread(target=self._run, name="acknowledger", daemon=True)

    def start(self, bridge: Bridge) -> None:
        """Begin to acknowledge over `bridge`."""
        self._bridge = bridge
        self._thread.start()

    def stop(self) -> None:
        """Acknowledge what is owed, unless the store cannot be written, then end."""
        self._stopping.set()
        self._owing.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def owe(self, messages: Sequence[Inbound]) -> None:
        """The changes of these are stored."""
        self._owed.append([message for message in messages if message.qos])
        self._owing.set()

    def settle(self) -> None:
        """Acknowledge what is owed: what was stored is durable when this returns. Any thread. Raises `Stopped`."""
        with self._settling:
            self._taken += [self._owed.popleft() for _ in range(len(self._owed))]
            if self._taken:
                self._insist(self._sync)
                self._bridge.ack([message for turn in self._taken for message in turn])
                self._taken.clear()

    def _run(self) -> None:
        while self._owed or not self._stopping.is_set():
            self._owing.wait()
            self._owing.clear()
            self._stopping.wait(LINGER)
            try:
                self.settle()
            except Stopped:
                return
            except Exception:  # whatever it was, nobody else would acknowledge these
                log.exception("acknowledging_failed")
                self._owing.set()
                if self._stopping.wait(RETRY):
                    return
