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
        self._returning: dict[str, _Return] = {}
        self._offered: dict[str, Instant] = {}
        """When each command went out that is not yet noted as sent."""
        self._taken: queue.SimpleQueue[str] = queue.SimpleQueue()
        """What the broker has taken."""
        self._unnoted: list[str] = []
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
        """Send what is on record now to devices that are here; the rest waits, and what is for who is just returning."""
        for command in commands:
            if command.device not in self._returning and command.id not in self._offered:
                self._send(command)

    def device_returned(self, device: str, since: Instant, settle: bool) -> None:
        """A device is there since an instant: send what waits, and again what it never answered; `settle` if it just came."""
        due = time.monotonic() + (SETTLING if settle else 0)
        before = self._returning.get(device)
        self._returning[device] = _Return(max(due, before.due) if before else due, since)

    def _send(self, command: Command) -> None:
        now = _now()
        home = self._home_of(command.device)
        if home is not None and command.expires_at > now and self._is_here(command.device):
            self._offered[command.id] = now
            topic = topics.of(home, command.device, Channel.COMMAND)
            self._publisher.publish(topic, encode(command), lambda: self._taken.put(command.id))

    def _run(self) -> None:
        next_tick = 0.0
        while not self._stopping.wait(PAUSE):
            try:
                self._serve_returns()
                if time.monotonic() >= next_tick:
                    next_tick = time.monotonic() + TICK
                    self._note_sent()
                    self._expire()
            except StoreUnavailable as error:
                log.warning("outbox_waits", reason=str(error))
                self._stopping.wait(1)
        self._note_sent()

    def _serve_returns(self) -> None:
        """Send what waits for those who have settled; what went out since they are there is not sent again."""
        now = time.monotonic()
        due = [device for device, each in list(self._returning.items()) if each.due <= now]
        if due:
            self._note_sent()
        for device in due:
            returned = self._returning.pop(device)  # from here on, what is decided is offered at once
            try:
                waiting = self._ledger.undelivered(device, sent_before=returned.since)
            except StoreUnavailable:
                self._returning.setdefault(device, returned)
                raise
            for command in waiting:
                if self._offered.get(command.id, 0) < returned.since:
                    self._send(command)

    def _note_sent(self) -> None:
        """Note every command that the broker has taken since the last time, as sent when the first of them went out."""
        while not self._taken.empty():
            self._unnoted.append(self._taken.get())
        if not self._unnoted:
            return
        first = min(self._offered.get(each, _now()) for each in self._unnoted)
        moved = self._ledger.advance(self._unnoted, Status.SENT, now=first)
        for each in self._unnoted:
            self._offered.pop(each, None)
        self._unnoted.clear()
        for row in moved:
            self._on_moved(row)

    def _expire(self) -> None:
        for row in self._ledger.expire(now=_now()):
            self._on_moved(row)


def _now() -> Instant:
    return time.time_ns() // 1_000_000
