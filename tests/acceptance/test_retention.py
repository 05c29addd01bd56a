"""What a device model says need not be kept for ever is let go, and what its days came to stays."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from devices.sample import DAY
from tests.devices import TestDevice, series
from tests.harness import add_device, add_home, add_person, eventually, ok, running

KEPT_DAYS = {"heart_rate": 400, "speed": 400, "battery": 90}
"""As in the model of the health watch; everything else is kept."""


def test_old_samples_are_let_go_when_the_hub_starts_and_their_days_stay(tmp_path: Path) -> None:
    now = time.time_ns() // 1_000_000
    said = [reading(now - (days + 1) * DAY, metric, 41) for metric, days in KEPT_DAYS.items()]
    said += [reading(now - (days - 1) * DAY, metric, 42) for metric, days in KEPT_DAYS.items()]
    said += [reading(now - days * DAY, "weight", value) for days, value in ((800, 41), (2, 42))]
    with running(tmp_path) as hub:
        with hub.api() as api:
            add_home(api)
            add_person(api, "ann")
            with TestDevice(add_device(api, "watch", owner="ann")) as device:
                device.say(said)
            days = {metric: [41, 42] for metric in (*KEPT_DAYS, "weight")}
            eventually(lambda: progress(api) == days)
        hub.stop()
        hub.start()
        with hub.api() as api:
            eventually(lambda: [values(api, metric) for metric in KEPT_DAYS] == [[42], [42], [42]])
            assert values(api, "weight") == [41, 42]
            assert progress(api) == days


def reading(at: int, metric: str, value: float) -> dict[str, object]:
    return {"ts": at, "values": {metric: value}}


def values(api, metric: str) -> list[float]:
    """All samples of a metric."""
    return [value for _, value in series(api, "watch", metric)]


def progress(api) -> dict[str, list[float]]:
    """What every metric came to, by day."""
    return {metric: [item["value"] for item in days_of(api, metric)] for metric in (*KEPT_DAYS, "weight")}


def days_of(api, metric: str) -> list[dict[str, Any]]:
    query = {"metric": metric, "from": "2020-01-01T00:00:00Z"}
    return ok(api.get("/v1/people/ann/progress", params=query))["items"]
