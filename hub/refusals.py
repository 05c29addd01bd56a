"""Refusals at the gate: sign-ins denied and topics forbidden, gathered for the record.

Whoever tries the same thing over and over gets one line, not thousands.
"""

from __future__ import annotations

import threading
import time

from devices.sample import Instant
from hub.broker import Violation
from hub.store.fleet import Fleet
from hub.store.tables import QuarantineRow

KEPT = 1_000
QUIET_FOR = 10.0


class Refusals:
    """Any thread adds, the upkeep takes."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._lock = threading.Lock()
        self._waiting: list[QuarantineRow] = []
        self._noted: dict[tuple[str, ...], float] = {}

    def denied(self, user: str, client_id: str, reason: str) -> None:
        """A sign-in was refused."""
        if self._is_news(user, client_id, reason):
            excerpt = f"user {user[:64]!r}, client id {client_id[:64]!r}"
            self._add("sign_in", reason, device=user, excerpt=excerpt)

    def violated(self, violation: Violation) -> None:
        """A device tried to publish or subscribe what it may not."""
        if self._is_news(violation.client_id, violation.action, violation.subject):
            holder = self._fleet.holders(violation.client_id).get(violation.client_id, violation.client_id)
            topic = violation.subject.replace(".", "/")
            self._add(violation.action, "not a topic of this device", device=holder, topic=topic)

    def take(self) -> list[QuarantineRow]:
        """What has gathered."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        return waiting

    def _is_news(self, *what: str) -> bool:
        now = time.monotonic()
        with self._lock:
            if now - self._noted.get(what, -QUIET_FOR) < QUIET_FOR:
                return False
            if len(self._noted) >= KEPT:
                self._noted.clear()
            self._noted[what] = now
            return True

    def _add(self, code: str, reason: str, *, device: str, topic: str = "", excerpt: str = "") -> None:
        at: Instant = time.time_ns() // 1_000_000
        row = QuarantineRow(
            at=at, kind="access", topic=topic[:256], device_id=device[:64], code=code, reason=reason, excerpt=excerpt
        )
        with self._lock:
            if len(self._waiting) < KEPT:
                self._waiting.append(row)
