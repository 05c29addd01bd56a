"""The outbox: commands on their way to devices.

A command is published as soon as its device is there, and again when the device comes back without having answered. What is
not delivered in time expires. Everything is on record first, so a crash loses nothing and sends nothing that was not decided.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

import structlog

from devices import topics
from devices.command import Command, Status, encode
from devices.errors import StoreUnavailable
from devices.sample import Instant
from devices.topics import Channel
from hub.store.ledger import Ledger
from hub.store.tables import CommandRow

log = structlog.get_logger()

PAUSE = 0.05
TICK = 1.0
"""Seconds between two looks at what was sent and what has expired: each holds the ledger for some milliseconds."""
SETTLING = 0.3
"""Seconds between a device's sign-in and its first command: it must have subscribed by then."""


class Publisher(Protocol):
    """What the outbox sends with."""

    def publish(self, topic: str, payload: bytes, on_delivered: Callable[[], None]) -> None: ...


class _Return(NamedTuple):
    due: float
    device: str
    since: Instant


class Outbox:
    """Sends commands and follows them until they are sent or expired; what devices answer, the pipeline takes in.

    `home_of(device)` is `None` for a device that is not registered; `is_here(device)` says whether sending now makes sense;
    `on_moved(row)` hears of every command that moved.
    """

    def __init__(
        self,
        ledger: Ledger,
        publisher: Publisher,
        *,
        home_of: Callable[[str], str | None],
        is_here: Callable[[str], bool],
        on_moved: Callable[[CommandRow], None],
    ) -> None:
        self._ledger, self._publisher = ledger, publisher
        self._home_of, self._is_here, self._on_moved = home_of, is_here, on_moved
        self._sent: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._returns: queue.SimpleQueue[_Return] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin; what was queued before the hub started goes out to devices that are here."""
        self._thread.start()

    def stop(self) -> None:
        """Note what was sent, then end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def offer(self, commands: Iterable[Command]) -> None:
        """Send what is on record now to devices that are here; the rest waits."""
        now = time.time_ns() // 1_000_000
        for command in commands:
            home = self._home_of(command.device)
            if home is not None and command.expires_at > now and self._is_here(command.device):
                topic = topics.of(home, command.device, Channel.COMMAND)
                self._publisher.publish(topic, encode(command), lambda id_=command.id: self._sent.put(id_))  # type: ignore[misc]

    def device_returned(self, device: str, since: Instant, settle: bool) -> None:
        """A device is there since an instant: send what waits, and again what it never answered; `settle` if it just came."""
        self._returns.put(_Return(time.monotonic() + (SETTLING if settle else 0), device, since))

    def _run(self) -> None:
        waiting: list[_Return] = []
        next_tick = 0.0
        while not self._stopping.wait(PAUSE):
            try:
                waiting = self._serve_returns(waiting)
                if time.monotonic() >= next_tick:
                    next_tick = time.monotonic() + TICK
                    self._note_sent()
                    self._expire()
            except StoreUnavailable as error:
                log.warning("outbox_waits", reason=str(error))
                self._stopping.wait(1)
        self._note_sent()

    def _note_sent(self) -> None:
        """Note every command that the broker has taken since the last time."""
        sent = []
        while not self._sent.empty():
            sent.append(self._sent.get())
        if sent:
            for row in self._ledger.advance(sent, Status.SENT, now=time.time_ns() // 1_000_000):
                self._on_moved(row)

    def _serve_returns(self, waiting: list[_Return]) -> list[_Return]:
        while not self._returns.empty():
            waiting.append(self._returns.get())
        due = [each for each in waiting if each.due <= time.monotonic()]
        for each in due:
            self.offer(self._ledger.undelivered(each.device, sent_before=each.since))
        return [each for each in waiting if each not in due]

    def _expire(self) -> None:
        for row in self._ledger.expire(now=time.time_ns() // 1_000_000):
            self._on_moved(row)
