"""`kill -9` of the hub, of the broker, of both, in the middle of a load: what was acknowledged is there, once."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from simulators.credentials import Broker, Credential
from simulators.load import Load, Pace
from tests.harness import HubProcess, add_device, add_home, add_person, eventually

DEVICES, MESSAGES, KILLS, VALUES = 10, 20_000, 5, 3


def fleet(hub: HubProcess) -> list[Credential]:
    with hub.api() as api:
        add_home(api)
        names = [f"watch-{number}" for number in range(DEVICES)]
        owners = [add_person(api, f"wearer-{number}", birth_year=1990) for number in range(DEVICES)]
        accesses = [add_device(api, name, owner=owner)["mqtt"] for name, owner in zip(names, owners, strict=True)]
    return [Credential("home-1", each["username"], each["username"], each["password"]) for each in accesses]


def kill_hub(hub: HubProcess) -> None:
    hub.kill()
    hub.start()


def kill_broker(hub: HubProcess) -> None:
    os.kill(hub.broker_pid, signal.SIGKILL)


def kill_both(hub: HubProcess) -> None:
    broker = hub.broker_pid
    hub.process.kill()  # type: ignore[union-attr]
    os.kill(broker, signal.SIGKILL)
    hub.kill()
    hub.start()


@pytest.mark.parametrize("kill", [kill_hub, kill_broker, kill_both])
def test_what_was_acknowledged_is_stored_exactly_once(kill, tmp_path: Path) -> None:
    chance = random.Random(kill.__name__)
    hub = HubProcess(tmp_path).start()
    try:
        credentials = fleet(hub)
        ledger = tmp_path / "ledger"
        # At this rate the load lasts ten seconds and more, so that every kill falls into it.
        pace = Pace(messages=MESSAGES, rate=2_000, window=256)
        load = Load(Broker("127.0.0.1", hub.mqtt_port), credentials, pace=pace, ledger=ledger, patience_s=120)
        thread = threading.Thread(target=load.run)
        thread.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.3, 1.2))
            kill(hub)
        thread.join(180)
        assert not thread.is_alive()
        outcome = load.outcome()
        assert outcome.acknowledged == MESSAGES
        assert outcome.reconnects >= KILLS
        eventually(lambda: stored_messages(hub) >= MESSAGES, within=60, what="the last redelivery")
    finally:
        hub.stop()
    compare(hub, ledger)


def stored_messages(hub: HubProcess) -> int:
    """Heart rates in the store, over the API: one for each message."""
    with hub.api() as api:
        return sum(
            int(item["value"])
            for number in range(DEVICES)
            for item in api.get(
                f"/v1/devices/watch-{number}/telemetry/heart_rate", params={"every": "P1D", "agg": "count"}
            ).json()["items"]
        )


def compare(hub: HubProcess, ledger: Path) -> None:
    """Every acknowledged reading is there with all its values, and no row twice."""
    acknowledged = Counter(tuple(line.split()[:2]) for line in ledger.read_text().splitlines())
    assert sum(acknowledged.values()) >= MESSAGES
    with duckdb.connect(str(hub.data_dir / "telemetry.duckdb"), read_only=True) as connection:
        rows = connection.execute("""
            select s.name, cast(t.observed_at as varchar), count(*), count(distinct t.metric)
            from samples t join sources s on s.id = t.source group by all
        """).fetchall()
    stored = {(device, at): (count, metrics) for device, at, count, metrics in rows}
    missing = [reading for reading in acknowledged if stored.get(reading, (0, 0))[1] != VALUES]
    twice = [reading for reading, (count, metrics) in stored.items() if count != metrics]
    assert missing == []
    assert twice == []
