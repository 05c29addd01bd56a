"""Data on the way: lost and sent again, twice, out of order, late, damaged. What arrives whole is stored once, as if nothing had been."""

from __future__ import annotations

import json
import time

import pytest

from devices.topics import Channel
from simulators.faults import Faults, Message, disturb
from tests.devices import TestDevice, series
from tests.harness import HubProcess, add_device, add_home, eventually

COUNT = 600


@pytest.mark.parametrize("fault", ["drop", "duplicate", "reorder", "delay", "corrupt", "all"])
def test_a_disturbed_stream_stores_what_the_clean_one_does(hub: HubProcess, fault: str) -> None:
    kinds = ["drop", "duplicate", "reorder", "delay", "corrupt"] if fault == "all" else [fault]
    name = f"disturbed-{fault}"
    with hub.api() as api:
        if api.get("/v1/homes").json()["items"] == []:
            add_home(api)
        with TestDevice(add_device(api, name)) as device:
            start = int(time.time() * 1000) - COUNT * 1000
            clean = [
                Message(
                    device.topic(Channel.TELEMETRY),
                    json.dumps({"ts": start + n * 1000, "values": {"steps": n}}).encode(),
                )
                for n in range(COUNT)
            ]
            disturbed = disturb(clean, Faults(**dict.fromkeys(kinds, 0.2)), seed=11)
            for message in disturbed.messages:
                device.client.publish(message.topic, message.payload, qos=1)
            kept = {json.loads(m.payload)["values"]["steps"] for m in clean if m not in disturbed.corrupted}
            before = len(disturbed.messages)
            eventually(lambda: {value for _, value in series(api, name, "steps")} >= kept, within=30)
            values = [value for _, value in series(api, name, "steps")]
            assert before >= len(kept)
            assert values == sorted(kept)
            quarantined = api.get("/v1/quarantine", params={"device": name, "limit": 1000}).json()["items"]
            assert bool(quarantined) is ("corrupt" in kinds)
            day = api.get(f"/v1/devices/{name}/telemetry/steps", params={"every": "P2D", "agg": "last"}).json()["items"]
            assert day[-1]["value"] == max(kept)
