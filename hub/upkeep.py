"""Upkeep: what is to be done now and then, in a thread of its own."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from devices.errors import StoreUnavailable
from devices.sample import DAY, Instant
from hub.metrics import Metrics
from hub.narrator import Narrator
from hub.registry import Registry
from hub.store.ledger import Ledger
from hub.store.recommendations import RecommendationStore
from hub.telemetry import TelemetryStore

log = structlog.get_logger()

_TICK = 0.05
NICENESS = 10
_SHARE = 10
"""A chore rests ten times as long as it took, so that it never takes more than a tenth of the machine."""


@dataclass(slots=True)
class Chore:
    """Something to be done every so many seconds, for the first time after as many, or `at_once`.

    It `rests` after it took long, unless what it leaves only grows.
    """

    name: str
    every: float
    do: Callable[[], object]
    at_once: bool = False
    rests: bool = True
    due: float = 0.0


class Upkeep:
    """Does chores, one at a time."""

    def __init__(self, chores: list[Chore], metrics: Metrics) -> None:
        self._chores, self._metrics = chores, metrics
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin, and do nothing of it in the caller's thread."""
        for chore in self._chores:
            chore.due = time.monotonic() + (0.0 if chore.at_once else chore.every)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being done, then end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        _give_way()
        while not self._stopping.wait(_TICK):
            for chore in self._chores:
                if chore.due <= time.monotonic() and not self._stopping.is_set():
                    self._do(chore)

    def _do(self, chore: Chore) -> None:
        began, worked = time.monotonic(), time.thread_time()
        try:
            chore.do()
        except StoreUnavailable as error:
            log.warning("chore_failed", chore=chore.name, reason=str(error))
        except Exception:  # the other chores must go on
            log.exception("chore_failed", chore=chore.name)
        ended = time.monotonic()
        self._metrics.chores.labels(chore.name).inc(time.thread_time() - worked)
        chore.due = ended + max(chore.every, _SHARE * (ended - began) if chore.rests else 0.0)


def trim(telemetry: TelemetryStore, ledger: Ledger, registry: Registry) -> None:
    """Let go of what need not be kept any longer."""
    keep = {
        name: metric.spec.keep_days
        for model in registry.models.values()
        for name, metric in model.metrics.items()
        if metric.spec.keep_days is not None
    }
    now = _now()
    for metric, days in keep.items():
        telemetry.prune(metric, now - days * DAY)
    ledger.trim()


def expire(recommendations: RecommendationStore, narrator: Narrator) -> None:
    """Let go of recommendations that nobody answered in time."""
    narrator.recommendations_moved(recommendations.expire(now=_now()))


def _now() -> Instant:
    return time.time_ns() // 1_000_000


def _give_way() -> None:
    """Let this thread run in the time that others leave, on systems where threads have priorities of their own."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
