"""Deliveries: calls of services, on record first, then sent, again and again with longer pauses, until they are taken or dead.

Every call carries the same `Idempotency-Key` however often it is sent, and `Hub-Signature: t=<s>,v1=<hex>`: HMAC-SHA256 over
`<t>.<body>` with the service's secret, so that who receives it can tell it from anybody else's.
"""

from __future__ import annotations

import asyncio
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
"""For a whole call: whoever has not answered by then has not taken it."""
BATCH = 20
ATTEMPTS = 12
FIRST_PAUSE: Instant = SECOND
LONGEST_PAUSE: Instant = HOUR
_NOT_NOW = frozenset({408, 425, 429})


class Deliveries:
    """Sends what is due, to every service by itself, so that none waits for another; `jitter` is between 0 and 1."""

    def __init__(self, store: DeliveryStore, *, jitter: Callable[[], float] = random.random) -> None:
        self._store, self._jitter = store, jitter
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="deliveries", daemon=True)

    def start(self) -> None:
        """Begin; what was left over from before goes first."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the calls that are being made, then end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_S + 1)

    async def _run(self) -> None:
        import httpx

        async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client:
            while not self._stopping.is_set():
                try:
                    self._look(client)
                except StoreUnavailable as error:
                    log.warning("deliveries_wait", reason=str(error))
                except Exception:  # whatever is wrong with one, the others must go out
                    log.exception("deliveries_failed")
                await asyncio.sleep(PAUSE)
            await asyncio.gather(*self._sending.values(), return_exceptions=True)

    def _look(self, client: httpx.AsyncClient) -> None:
        """Begin to send to the services to which anything is due."""
        self._sending = {target: task for target, task in self._sending.items() if not task.done()}
        for target in self._store.due_targets(now=_now()):
            if target not in self._sending:
                self._sending[target] = asyncio.create_task(self._send_all(target, client))

    async def _send_all(self, target: str, client: httpx.AsyncClient) -> None:
        """Send a service what is due, one after the other."""
        try:
            for row in self._store.due(target, now=_now(), limit=BATCH):
                if not self._stopping.is_set():
                    await self._attempt(row, client)
        except StoreUnavailable as error:
            log.warning("deliveries_wait", service=target, reason=str(error))

    async def _attempt(self, row: DeliveryRow, client: httpx.AsyncClient) -> None:
        import httpx

        service = self._store.service(row.target)
        if service is None:
            self._fail(row, f"there is no service {row.target}", final=False)
            return
        body = msgspec.json.encode(row.body)
        headers = {"Content-Type": "application/json", "Idempotency-Key": row.id}
        headers["Hub-Signature"] = sign(body, service.secret, at=_now() // SECOND)
        try:
            status = await asyncio.wait_for(_post(client, service.url, body, headers), TIMEOUT_S)
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            self._fail(row, type(error).__name__, final=False)
            return
        except Exception as error:  # whatever keeps one from being sent, it counts as tried
            log.exception("delivery_failed", delivery=row.id)
            self._fail(row, type(error).__name__, final=False)
            return
        if 200 <= status < 300:
            self._store.moved(row.id, status=DELIVERED, now=_now())
        else:
            self._fail(row, f"answered {status}", final=400 <= status < 500 and status not in _NOT_NOW)

    def _fail(self, row: DeliveryRow, error: str, *, final: bool) -> None:
        if final or row.attempts + 1 >= ATTEMPTS:
            log.warning("delivery_dead", delivery=row.id, service=row.target, reason=error)
            self._store.moved(row.id, status=DEAD, error=error, now=_now())
            return
        wait = pause(row.attempts, self._jitter())
        self._store.moved(row.id, status=QUEUED, error=error, next_at=_now() + wait, now=_now())


async def _post(client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> int:
    """What it answers; what it says beside that is not waited for."""
    async with client.stream("POST", url, content=body, headers=headers) as answer:
        return answer.status_code


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
