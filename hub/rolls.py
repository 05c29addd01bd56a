"""When rollups are brought up: each time costs some 30 ms whatever there is, and a third of a microsecond for each sample."""

from __future__ import annotations

import time

from hub.telemetry import TelemetryStore

ENOUGH = 1_000_000
"""Changes that are worth it."""
LONGEST = 20.0
"""Seconds that fewer wait. Whoever asks for days has them brought up at once."""
SLIM_EVERY = 20.0
"""Seconds between two times that memory is given back."""


class Rolls:
    """Once enough waits, or it has waited long."""

    def __init__(self, telemetry: TelemetryStore) -> None:
        self._telemetry = telemetry
        self._upto, self._at = telemetry.last_seq(), time.monotonic()
        self._slimmed_at = self._at

    def keep_up(self) -> None:
        """Bring up what the rollups are made from, and them too if it is time to."""
        self._telemetry.tidy()
        newest, now = self._telemetry.last_seq(), time.monotonic()
        if newest - self._upto >= ENOUGH or now - self._at >= LONGEST:
            self._telemetry.roll()
            self._slim(now)
            self._upto, self._at = newest, now

    def _slim(self, now: float) -> None:
        """Not after each of those that follow close upon each other: they would have to fetch everything again."""
        if now - self._slimmed_at >= SLIM_EVERY:
            self._telemetry.slim()
            self._slimmed_at = now
