"""Deliveries: calls of services, on record first, then sent, again and again with longer pauses, until they are taken or dead.

Every call carries the same `Idempotency-Key` however often it is sent, and `Hub-Signature: t=<s>,v1=<hex>`: HMAC-SHA256 over
`<t>.<body>` with the service's secret, so that who receives it can tell it from anybody else's.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import structlog

from devices.errors import StoreUnavailable
from devices.sample import HOUR, SECOND, Instant
from hub.store.deliveries import DEAD, DELIVERED, QUEUED, DeliveryStore
from hub.store.tables import DeliveryRow

if TYPE_CHECKING:
    import httpx

log = structlog.get_logger()

PAUSE = 0.25
TIMEOUT_S = 10.0
BATCH = 20
ATTEMPTS = 12
FIRST_PAUSE: Instant = SECOND
LONGEST_PAUSE: Instant = HOUR
_NOT_NOW = frozenset({408, 425, 429})


class Deliveries:
    """Sends what is due; `jitter` is between 0 and 1."""

    def __init__(self, store: DeliveryStore, *, jitter: Callable[[], float] = random.random) -> None:
        self._store, self._jitter = store, jitter
        self._client: httpx.Client | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)

    def start(self) -> None:
        """Begin; what was left over from before goes first."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the call that is being made, then end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_S + 1)

    def _run(self) -> None:
        while not self._stopping.wait(PAUSE):
            try:
                for row in self._store.due(now=_now(), limit=BATCH):
                    if not self._stopping.is_set():
                        self._attempt(row)
            except StoreUnavailable as error:
                log.warning("deliveries_wait", reason=str(error))
        if self._client is not None:
            self._client.close()

    def _attempt(self, row: DeliveryRow) -> None:
        service = self._store.service(row.target)
        if service is None:
            self._fail(row, f"there is no service {row.target}", final=False)
            return
        body = msgspec.json.encode(row.body)
        headers = {"Content-Type": "application/json", "Idempotency-Key": row.id}
        headers["Hub-Signature"] = sign(body, service.secret, at=_now() // SECOND)
        error, final = self._send(service.url, body, headers)
        if error is None:
            self._store.moved(row.id, status=DELIVERED, now=_now())
        else:
            self._fail(row, error, final=final)

    def _send(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[str | None, bool]:
        """Why it was not taken, and whether it never will be."""
        import httpx

        if self._client is None:
            self._client = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False)
        try:
            answer = self._client.post(url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return type(error).__name__, False
        if answer.is_success:
            return None, False
        final = 400 <= answer.status_code < 500 and answer.status_code not in _NOT_NOW
        return f"answered {answer.status_code}", final

    def _fail(self, row: DeliveryRow, error: str, *, final: bool) -> None:
        if final or row.attempts + 1 >= ATTEMPTS:
            log.warning("delivery_dead", delivery=row.id, service=row.target, reason=error)
            self._store.moved(row.id, status=DEAD, error=error, now=_now())
            return
        wait = pause(row.attempts, self._jitter())
        self._store.moved(row.id, status=QUEUED, error=error, next_at=_now() + wait, now=_now())


def sign(body: bytes, secret: str, *, at: int) -> str:
    """The signature of a body sent at a time (seconds since 1970)."""
    told = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={told}"


def pause(attempts: int, jitter: float) -> Instant:
    """How long to wait after so many attempts: twice as long each time, and between half and all of it, by chance."""
    longest: Instant = min(FIRST_PAUSE << min(attempts, 30), LONGEST_PAUSE)
    return round(longest * (0.5 + jitter / 2))


def _now() -> Instant:
    return time.time_ns() // 1_000_000
