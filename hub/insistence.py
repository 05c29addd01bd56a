"""Insistence: what has to be written is written, if not now then later; until it is, everything behind it waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog

from devices.errors import StoreUnavailable
from hub.metrics import Metrics

log = structlog.get_logger()
Outcome = TypeVar("Outcome")

RETRY_FIRST, RETRY_LIMIT = 0.05, 2.0


class Stopped(Exception):
    """The hub stops while a store cannot be written; what was not kept is not acknowledged."""


class Insistence:
    """Used by one thread at a time. `trouble` says why it is kept waiting."""

    def __init__(self, metrics: Metrics, stopping: threading.Event) -> None:
        self._metrics, self._stopping = metrics, stopping
        self.trouble: str | None = None

    def __call__(self, write: Callable[[], Outcome]) -> Outcome:
        """Write, and if the store cannot be written, try again until it can. Raises `Stopped`."""
        wait = RETRY_FIRST
        while True:
            try:
                outcome = write()
            except StoreUnavailable as error:
                if self.trouble is None:
                    log.error("store_unavailable", reason=str(error))
                self.trouble = str(error)
                self._metrics.retries.inc()
                if self._stopping.wait(wait):
                    raise Stopped from error
                wait = min(wait * 2, RETRY_LIMIT)
            else:
                if self.trouble is not None:
                    log.info("store_available_again")
                    self.trouble = None
                return outcome
