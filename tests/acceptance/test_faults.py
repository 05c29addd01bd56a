"""What can go wrong outside the hub: hostile payloads, clocks, brokers that go away, a full disk."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from devices.topics import Channel
from simulators.credentials import Broker, Credential
from simulators.load import Load, Pace
from tests import brokers
from tests.brokers import Mosquitto, OwnBroker
from tests.devices import TestDevice, series
from tests.harness import HubProcess, add_device, add_home, add_person, eventually, free_port, running

HOSTILE = [
    b"",
    b"\x00",
    b"\xff\xfe\xfd",
    b"null",
    b"[]",
    b'"heart_rate"',
    b'{"heart_rate": NaN}',
    b'{"heart_rate": Infinity}',
    b'{"heart_rate": 1e400}',
    b'{"heart_rate": 1' + b"0" * 400 + b"}",
    b'{"heart_rate": 1' + b"0" * 5_000 + b"}",
    b'{"heart_rate": "72"}',
    b'{"heart_rate": true}',
    b'{"heart_rate": 72, "heart_rate": 199}',
    b'{"heart_rate": -1}',
    b'{"colour": 1}',
    b'{"ts": 1, "values": {"heart_rate": 72}}',
    b'{"ts": "now", "values": {"heart_rate": 72}}',
    b'{"ts": 99999999999999, "values": {"heart_rate": 72}}',
    b'{"ts": 1795332706496, "values": []}',
    b'[{"n": "heart_rate", "v": {}}]',
    b'[{"bn": 5, "bt": "x", "n": "heart_rate", "v": 72}]',
    b"[" * 100_000,
    b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    b'{"heart_rate": ' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"sleep_stage": "' + b"\xed\xa0\x80" + b'"}',
    b'{"sleep_stage": "\\ud800"}',
    b'{"x": "' + b"x" * 1_048_576 + b'"}',
]


@pytest.fixture
def api(hub: HubProcess):
    with hub.api() as client:
        if client.get("/v1/homes").json()["items"] == []:
            add_home(client)
        yield client


def test_ten_thousand_hostile_payloads_leave_the_good_stored_and_the_bad_in_quarantine(hub: HubProcess, api) -> None:
    chance = random.Random(7)
    good = list(range(500))
    start = int(time.time() * 1000) - 1_000_000
    payloads: list[tuple[Channel, bytes]] = [
        (Channel.TELEMETRY, b'{"ts":%d,"values":{"heart_rate":72,"steps":%d}}' % (start + number, number))
        for number in good
    ]
    small = [payload for payload in HOSTILE if len(payload) < 10_000]
    payloads += [
        (chance.choice([Channel.TELEMETRY, Channel.EVENT, Channel.RESULT, Channel.STATUS]), mangled(chance, small))
        for _ in range(9_950)
    ]
    chance.shuffle(payloads)
    with TestDevice(add_device(api, "hostile")) as device:
        before = hub.metric("hub_messages_total")
        for payload in HOSTILE:
            device.say(payload)
        for channel, payload in payloads:
            device.client.publish(device.topic(channel), payload, qos=1)
        expected = before + len(HOSTILE) + len(payloads)
        eventually(lambda: hub.metric("hub_messages_total") >= expected, within=120)
        assert httpx.get(hub.url + "/health").status_code == 200
        stored = {value for _, value in series(api, "hostile", "steps")}
        assert set(good) <= stored
        codes: set[str] = set()
        cursor = None
        while True:
            page = api.get(
                "/v1/quarantine", params={"device": "hostile", "limit": 1000} | ({"cursor": cursor} if cursor else {})
            ).json()
            codes |= {item["code"] for item in page["items"]}
            assert all(item["reason"] and len(item["excerpt"]) <= 200 for item in page["items"])
            cursor = page["next"]
            if cursor is None:
                break
        assert {"json", "value", "time", "shape", "size", "repeated_key", "unknown_metric"} <= codes
        device.say({"heart_rate": 73})
        eventually(lambda: series(api, "hostile", "heart_rate")[-1][1] == 73)


def mangled(chance: random.Random, seeds: list[bytes]) -> bytes:
    """A hostile payload with a few bytes changed, so that no two are alike."""
    payload = bytearray(chance.choice(seeds))
    for _ in range(chance.randrange(4)):
        payload.insert(chance.randrange(len(payload) + 1), chance.randrange(256))
    return bytes(payload)


def test_topics_that_are_nobodys_harm_nobody(api, tmp_path: Path) -> None:
    with (
        brokers.nats(tmp_path) as broker,
        running(tmp_path, settings={"HUB_BROKER_URL": broker.url}) as hub,
        hub.api() as own,
    ):
        add_home(own)
        add_device(own, "watch")
        with TestDevice(broker.access("home-1", "watch")) as device:
            for topic in (
                "hub/v1/home-1/stranger/telemetry",
                "hub/v1/home-2/watch/telemetry",
                "hub/v1/HOME/watch/telemetry",
            ):
                device.say({"heart_rate": 72}, topic=topic)
            device.say({"heart_rate": 74})
            eventually(lambda: [value for _, value in series(own, "watch", "heart_rate")] == [74])
        codes = {item["code"] for item in own.get("/v1/quarantine").json()["items"]}
        assert codes == {"unknown_device", "wrong_home", "topic"}


@pytest.mark.parametrize(("years", "kept"), [(-20, True), (-1, True), (-30, False), (1, False), (60, False)])
def test_a_clock_that_is_off_by_years(api, years: int, kept: bool) -> None:
    name = f"clock-{years}".replace("-", "m")
    now = datetime.now(UTC)
    at = int(now.replace(year=now.year + years, day=1).timestamp() * 1000)
    with TestDevice(add_device(api, name)) as device:
        device.say({"ts": at, "values": {"heart_rate": 72}})
        device.say({"heart_rate": 80})
        eventually(lambda: 80 in [value for _, value in series(api, name, "heart_rate")])
    assert (72 in [value for _, value in series(api, name, "heart_rate")]) is kept
    refused = api.get("/v1/quarantine", params={"device": name}).json()["items"]
    assert [item["code"] for item in refused] == ([] if kept else ["time"])


def test_a_broker_that_is_gone_for_a_minute(tmp_path: Path, mosquitto: str) -> None:
    broker = Mosquitto(mosquitto, tmp_path, free_port())
    broker.start()
    own = OwnBroker(broker.port)
    try:
        with running(tmp_path, settings={"HUB_BROKER_URL": own.url}) as hub, hub.api() as api:
            add_home(api)
            add_device(api, "watch")
            with TestDevice(own.access("home-1", "watch")) as device:
                device.say({"heart_rate": 60})
                eventually(lambda: len(series(api, "watch", "heart_rate")) == 1)
                broker.stop()
                gone = time.monotonic()
                eventually(lambda: httpx.get(hub.url + "/ready").status_code == 503)
                assert "broker" in httpx.get(hub.url + "/ready").json()["detail"]
                device.client.publish(device.topic(Channel.TELEMETRY), b'{"heart_rate": 61}', qos=1)
                assert httpx.get(hub.url + "/health").status_code == 200
                time.sleep(max(0.0, 60 - (time.monotonic() - gone)))
                broker.start()
                eventually(lambda: httpx.get(hub.url + "/ready").status_code == 200, within=30)
                eventually(lambda: [v for _, v in series(api, "watch", "heart_rate")] == [60, 61], within=30)
    finally:
        broker.stop()


def test_mosquitto_serves_as_the_broker(tmp_path: Path, mosquitto: str) -> None:
    with (
        brokers.mosquitto(mosquitto, tmp_path) as own,
        running(tmp_path, settings={"HUB_BROKER_URL": own.url}) as hub,
        hub.api() as api,
    ):
        add_home(api)
        owner = add_person(api, "ann", birth_year=1960)
        add_device(api, "watch", owner=owner)
        now = int(time.time() * 1000)
        with TestDevice(own.access("home-1", "watch")) as device:
            device.subscribe()
            device.say(b"online", Channel.STATUS)
            device.say([{"ts": now - 15_000 + step * 1_000, "values": {"heart_rate": 190}} for step in range(12)])
            command = device.command()
            assert (command["type"], command["args"]) == ("vibrate", {"strength": 1})
            device.answer(command, "done")
            eventually(lambda: api.get(f"/v1/devices/watch/commands/{command['id']}").json()["status"] == "done")
            assert len(series(api, "watch", "heart_rate")) == 12
            eventually(lambda: api.get("/v1/devices/watch").json()["online"] is True)


def test_a_broker_that_is_killed_is_started_again_and_devices_come_back(hub: HubProcess, api) -> None:
    with TestDevice(add_device(api, "survivor"), clean=False) as device:
        device.say({"heart_rate": 60})
        eventually(lambda: len(series(api, "survivor", "heart_rate")) == 1)
        os.kill(hub.broker_pid, signal.SIGKILL)
        eventually(lambda: hub.metric("hub_broker_restarts") >= 1)
        device.client.publish(device.topic(Channel.TELEMETRY), b'{"heart_rate": 61}', qos=1)
        eventually(lambda: [value for _, value in series(api, "survivor", "heart_rate")] == [60, 61], within=30)


def test_a_hub_that_reads_nothing_for_a_while_is_not_cut_off(tmp_path: Path) -> None:
    """The broker has more for it than fits on the way, and waits longer than its own patience would be."""
    messages, readings = 2_000, 250
    with running(tmp_path) as hub:
        with hub.api() as api:
            add_home(api)
            watch = add_device(api, "watch")
        with TestDevice(watch) as device:
            os.kill(hub.pid, signal.SIGSTOP)
            try:
                stopped, at = time.monotonic(), int(time.time() * 1000) - messages * readings
                for number in range(messages):
                    first = at + number * readings
                    said = [{"ts": first + n, "values": {"heart_rate": 60 + n % 9}} for n in range(readings)]
                    sent = device.client.publish(device.topic(Channel.TELEMETRY), json.dumps(said).encode(), qos=1)
                sent.wait_for_publish(30)
                time.sleep(max(0.0, 13 - (time.monotonic() - stopped)))
            finally:
                os.kill(hub.pid, signal.SIGCONT)
            eventually(lambda: hub.metric("hub_samples_stored_total") == messages * readings, within=60)
        assert "bridge_disconnected" not in hub.log()


def test_a_full_disk_loses_nothing_and_memory_stays_bounded(tmp_path: Path) -> None:
    """The store's files may not grow past a limit, as on a full disk; then there is room again."""

    def before() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    hub = HubProcess(tmp_path, preexec=before).start()
    try:
        with hub.api() as api:
            add_home(api)
            access = add_device(api, "watch")["mqtt"]
        _, hard = resource.prlimit(hub.pid, resource.RLIMIT_FSIZE)
        largest = max(path.stat().st_size for path in hub.data_dir.glob("*"))
        resource.prlimit(hub.pid, resource.RLIMIT_FSIZE, (largest + 64 * 1024, hard))
        credential = Credential("home-1", "watch", access["username"], access["password"])
        messages = 12_000
        pace = Pace(messages=messages, batch=20, window=512)
        outcome = Load(Broker("127.0.0.1", hub.mqtt_port), [credential], pace=pace, patience_s=60).run()
        assert outcome.acknowledged == messages
        eventually(lambda: httpx.get(hub.url + "/ready").status_code == 503, within=30)
        assert httpx.get(hub.url + "/health").status_code == 200
        assert hub.metric("hub_store_retries_total") > 0
        time.sleep(4)
        assert hub.memory() < 700
        resource.prlimit(hub.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
        eventually(lambda: httpx.get(hub.url + "/ready").status_code == 200, within=30)
        eventually(lambda: hub.metric("hub_samples_stored_total") >= outcome.samples, within=90)
        with hub.api() as api:
            assert len(series(api, "watch", "heart_rate")) == messages * 20
            assert httpx.get(hub.url + "/ready").status_code == 200
    finally:
        hub.stop()
