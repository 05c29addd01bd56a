"""A disk that is really full, for the stores and the broker alike: nothing acknowledged is lost, and all goes on once there is room."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.devices import TestDevice, series
from tests.harness import HubProcess, add_device, add_home, eventually


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MiB, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("SKIPPED LOUDLY: this user may not mount a disk of its own to fill")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65_536))
        except OSError:
            return filler


def troubles(hub: HubProcess) -> str:
    answer = httpx.get(hub.url + "/ready")
    return "" if answer.is_success else answer.text


@pytest.mark.parametrize("idle", [True, False], ids=["filled while idle", "filled while devices speak"])
def test_the_hub_goes_on_once_there_is_room(small_disk: Path, idle: bool) -> None:
    hub = HubProcess(small_disk).start()
    try:
        with hub.api() as api:
            add_home(api)
            registered = add_device(api, "watch")
            said: list[int] = []
            with TestDevice(registered, clean=False) as device:

                def say() -> None:
                    ts = 1_790_000_000_000 + len(said) * 1_000
                    body = json.dumps({"ts": ts, "values": {"heart_rate": 60 + len(said) % 90}})
                    said.append(ts)
                    device.client.publish(device.topic("telemetry"), body, qos=1)

                for _ in range(200):
                    say()
                eventually(lambda: len(series(api, "watch", "heart_rate")) == 200)
                filler = fill(small_disk)
                for _ in range(1 if idle else 200):
                    say()
                eventually(lambda: troubles(hub))
                filler.unlink()
                eventually(lambda: troubles(hub) == "", within=60)
                for _ in range(100):
                    say()
                eventually(lambda: len(series(api, "watch", "heart_rate")) == len(said), within=60)
                days = api.get("/v1/devices/watch/telemetry/heart_rate", params={"every": "P1D", "agg": "count"})
                assert sum(day["value"] for day in days.json()["items"]) == len(said)
    finally:
        hub.stop()
