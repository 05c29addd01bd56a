"""What rules remember, in a form that can no longer be read: it is built again from history, and nothing fires twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from rules import snapshot
from tests.acceptance.rulework import fired
from tests.devices import TestDevice
from tests.harness import HubProcess, add_device, add_home, add_person, eventually

SECOND = 1_000
MEMORY = "rules.snapshot"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    started = HubProcess(tmp_path).start()
    yield started
    started.stop()


def of_another_program(hub: HubProcess) -> None:
    """Leave the snapshot as another version of the program might have."""
    kept = (hub.data_dir / MEMORY).read_bytes()
    (hub.data_dir / MEMORY).write_bytes(kept[:8] + msgspec.msgpack.encode([snapshot.FORMAT + 1, {}]))


def unreadable(hub: HubProcess) -> None:
    kept = (hub.data_dir / MEMORY).read_bytes()
    (hub.data_dir / MEMORY).write_bytes(kept[:8] + b"\xc1 no snapshot")


def cut_short(hub: HubProcess) -> None:
    (hub.data_dir / MEMORY).write_bytes(b"")


@pytest.mark.parametrize("spoil", [of_another_program, unreadable, cut_short])
def test_a_ladder_goes_on_from_where_history_says_it_was(hub: HubProcess, spoil) -> None:
    with hub.api() as api:
        add_home(api)
        add_person(api, "ann", birth_year=1980)
        watch = add_device(api, "watch", owner="ann")
    start = int(time.time() * 1000) - 120 * SECOND

    def beat(begin: int, end: int, rate: int) -> None:
        with TestDevice(watch | {"mqtt": watch["mqtt"] | {"port": hub.mqtt_port}}) as device:
            for second in range(begin, end):
                device.say({"ts": start + second * SECOND, "values": {"heart_rate": rate}})

    def levels() -> list[tuple[float, str]]:
        with hub.api() as api:
            return [((at - start) / SECOND, level) for at, level in fired(api, "ease-off", "ann")]

    beat(0, 15, 190)
    eventually(lambda: levels() == [(10, "notice")])
    hub.stop()
    spoil(hub)
    hub.start()
    beat(15, 30, 190)
    beat(30, 31, 100)
    eventually(lambda: len(levels()) == 3)
    assert levels() == [(10, "notice"), (25, "warning"), (30, "clear")]
    assert "rule_rebuilt" in hub.log()


def test_what_was_decided_since_a_snapshot_that_cannot_be_read_is_not_decided_again(hub: HubProcess) -> None:
    with hub.api() as api:
        add_home(api)
        add_person(api, "ann", birth_year=1980)
        watch = add_device(api, "watch", owner="ann")
    start = int(time.time() * 1000) - 120 * SECOND

    def beat(begin: int, end: int) -> None:
        before = hub.metric("hub_samples_stored_total")
        with TestDevice(watch | {"mqtt": watch["mqtt"] | {"port": hub.mqtt_port}}) as device:
            for second in range(begin, end):
                device.say({"ts": start + second * SECOND, "values": {"heart_rate": 190}})
        eventually(lambda: hub.metric("hub_samples_stored_total") >= before + end - begin)

    def levels() -> list[tuple[float, str]]:
        with hub.api() as api:
            return [((at - start) / SECOND, level) for at, level in fired(api, "ease-off", "ann")]

    beat(0, 15)
    eventually(lambda: levels() == [(10, "notice")])
    hub.stop()
    hub.start()
    beat(15, 40)
    eventually(lambda: levels() == [(10, "notice"), (25, "warning")])
    hub.kill()
    of_another_program(hub)
    hub.start()
    beat(40, 51)
    eventually(lambda: len(levels()) > 2)
    assert levels() == [(10, "notice"), (25, "warning"), (50, "critical")]
