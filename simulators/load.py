"""A load of telemetry: many devices, as fast as acknowledged or at a rate, what is acknowledged on record."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from devices.sample import Instant
from simulators.credentials import Broker, Credential
from simulators.errors import SimulatorError, Unreachable
from simulators.payloads import VALUES, Climb, composer
from simulators.sessions import Session
from simulators.wire import Link, Wire

FASTEST = 1_000_000
"""Messages a second that no run reaches: how far back unpaced runs start, so that no stamp lies in the future."""
CLIMB_EVERY_S = 0.25
PROGRESS_EVERY_S = 0.25
LONGEST_WAIT_S = 0.02

Progress = Callable[[int], None]
"""Told now and then how many messages have been acknowledged."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much, how fast. Exactly one of `messages` (all devices together) and `seconds` is set.

    `rate` is messages a second, 0 for as fast as acknowledged; `batch` readings a message; `window` unacknowledged
    messages a device; `start` the stamp of each device's first reading, by default far enough back.
    """

    messages: int | None = None
    seconds: float | None = None
    rate: float = 0.0
    batch: int = 1
    window: int = 512
    start: Instant | None = None

    def __post_init__(self) -> None:
        if (self.messages is None) == (self.seconds is None):
            raise ValueError("either messages or seconds")
        if self.batch < 1 or self.window < 1 or self.rate < 0:
            raise ValueError("batch and window are at least 1, rate at least 0")

    @property
    def values(self) -> int:
        """Values in a message: three in each reading."""
        return VALUES * self.batch

    def first_stamp(self, now: Instant, devices: int) -> Instant:
        """The first reading's stamp: one ms per reading of a device, and none past `now` when it is sent."""
        if self.start is not None:
            return self.start
        messages = self.messages or (self.seconds or 0) * (self.rate or FASTEST)
        return now - (int(messages / max(devices, 1)) + 2) * self.batch


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a load; `start` is the stamp of each device's first reading."""

    published: int
    acknowledged: int
    samples: int
    seconds: float
    reconnects: int
    start: Instant

    @property
    def messages_per_second(self) -> float:
        return self.acknowledged / self.seconds if self.seconds else 0.0

    @property
    def samples_per_second(self) -> float:
        return self.samples / self.seconds if self.seconds else 0.0


class Load:
    """Publishes as its credentials' devices; see `Pace` for how much and how fast.

    `ledger` gets a line "device ts n_values" for each acknowledged message, `ts` being that of its first reading.
    """

    def __init__(  # noqa: PLR0913 - the parts of a run, all named
        self,
        broker: Broker,
        credentials: Sequence[Credential],
        *,
        pace: Pace,
        ledger: Path | None = None,
        climber: Credential | None = None,
        patience_s: float = 60.0,
        progress: Progress | None = None,
    ) -> None:
        self._pace = pace
        self._credentials = credentials
        self._ledger_file = ledger
        self._ledger: TextIO | None = None
        self._climber = climber
        self._patience_s = patience_s
        self._progress = progress
        self._wire = Wire(broker, patience_s=patience_s, acknowledged=self._record)
        self._links: list[Link] = []
        self._start: Instant = 0
        self._began = self._settled_at = self._told_at = 0.0
        self._published = self._settled = 0
        self._turn = 0

    def run(self) -> Outcome:
        """Publish, and wait until all of it is acknowledged. Raises `Unreachable` when patience runs out."""
        self._start = self._pace.first_stamp(time.time_ns() // 1_000_000, len(self._credentials))
        self._links = [self._wire.add(credential, self._session(credential)) for credential in self._credentials]
        with ExitStack() as stack:
            stack.callback(self._wire.close)
            if self._ledger_file is not None:
                self._ledger = stack.enter_context(_append_to(self._ledger_file))
            climbing = self._add_climber()
            self._connect()
            while not self._finished():
                sent = self._send_due()
                if climbing is not None:
                    self._climb(climbing)
                self._wire.turn(0 if sent else LONGEST_WAIT_S if self._ended() else self._until_due())
                self._watch()
        return self.outcome()

    def outcome(self) -> Outcome:
        """How far it has come."""
        seconds = max(self._settled_at - self._began, 0.0)
        samples = self._settled * self._pace.values
        return Outcome(self._published, self._settled, samples, seconds, self._wire.reconnects, self._start)

    def _session(self, credential: Credential) -> Session:
        compose = composer(credential.home, credential.device, start=self._start, batch=self._pace.batch)
        return Session(compose, window=self._pace.window)

    def _connect(self) -> None:
        while not all(link.online for link in self._wire.links):
            self._wire.turn(LONGEST_WAIT_S)
        self._began = self._settled_at = time.monotonic()

    def _add_climber(self) -> Link | None:
        if self._climber is None:
            return None
        self._climb_state = Climb(self._climber)
        return self._wire.add(self._climber, Session(self._climb_state.compose, window=256))

    def _climb(self, link: Link) -> None:
        if time.monotonic() - self._began >= link.session.published * CLIMB_EVERY_S and not self._ended():
            self._wire.send(link, 1)

    def _send_due(self) -> int:
        """Publish what the pace allows by now, the devices taking turns; how many messages."""
        if self._ended():
            return 0
        allowed = self._allowed()
        count, total = len(self._links), 0
        share = max(1, allowed // count)
        now = time.time_ns() // 1_000_000
        for _ in range(count):
            if total >= allowed:
                break
            index = self._turn = (self._turn + 1) % count
            link = self._links[index]
            limit = self._limit(index, now) - link.session.published
            total += self._wire.send(link, min(share, allowed - total, limit))
        self._published += total
        return total

    def _allowed(self) -> int:
        room = 1 << 30 if self._pace.messages is None else self._pace.messages - self._published
        if self._pace.rate:
            due = int((time.monotonic() - self._began) * self._pace.rate) + 1
            return max(0, min(room, due - self._published))
        return room

    def _limit(self, index: int, now: Instant) -> int:
        """How many messages a device may have published by `now`: its share, and no stamp in the future."""
        if self._pace.messages is None:
            return (now - self._start) // self._pace.batch
        share, rest = divmod(self._pace.messages, len(self._links))
        return share + (index < rest)

    def _ended(self) -> bool:
        if self._pace.seconds is not None:
            return time.monotonic() - self._began >= self._pace.seconds
        return self._published >= (self._pace.messages or 0)

    def _finished(self) -> bool:
        return self._settled == self._published and self._ended()

    def _until_due(self) -> float:
        return min(LONGEST_WAIT_S, 1 / self._pace.rate) if self._pace.rate else LONGEST_WAIT_S

    def _watch(self) -> None:
        """Tell of progress, and give up when there is none."""
        now = time.monotonic()
        waited = now - max(self._settled_at, self._began)
        if self._published > self._settled and waited > 2 * self._patience_s:
            raise Unreachable(f"the broker has acknowledged nothing for {waited:.0f} s")
        if self._progress is not None and now - self._told_at >= PROGRESS_EVERY_S:
            self._told_at = now
            self._progress(self._settled)

    def _record(self, device: str, numbers: list[int]) -> None:
        if self._climber is not None and device == self._climber.device:
            lines = [f"{device} {self._climb_state.stamps[number]} 1\n" for number in numbers]
        else:
            self._settled += len(numbers)
            self._settled_at = time.monotonic()
            lines = self._lines(device, numbers) if self._ledger is not None else []
        if self._ledger is not None:
            self._ledger.writelines(lines)

    def _lines(self, device: str, numbers: list[int]) -> list[str]:
        start, batch, values = self._start, self._pace.batch, self._pace.values
        return [f"{device} {start + number * batch} {values}\n" for number in numbers]


def _append_to(file: Path) -> TextIO:
    try:
        return file.open("a", encoding="ascii")
    except OSError as error:
        raise SimulatorError(f"{file} cannot be written: {error.strerror}") from error
