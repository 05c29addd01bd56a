"""Redelivery changes nothing: neither what is stored nor what is decided, stamped by the device or on arrival."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.topics import Channel
from tests import brokers
from tests.brokers import OwnBroker
from tests.devices import TestDevice, series
from tests.harness import HubProcess, add_device, add_home, add_person, eventually


def test_a_message_that_is_sent_again_adds_nothing(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path).start()
    try:
        with hub.api() as api:
            add_home(api)
            owner = add_person(api, "ann", birth_year=1960)
            registered = add_device(api, "watch", owner=owner)
            now = int(time.time() * 1000)
            message = {"ts": now, "values": {"heart_rate": 72, "steps": 10}}
            event = {"id": "run-1", "ts": now, "type": "workout.started", "data": {"sport": "running"}}
            with TestDevice(registered) as device:
                for _ in range(3):
                    device.say(message)
                    device.say(event, Channel.EVENT)
            eventually(lambda: hub.metric("hub_messages_total") >= 6)
            assert len(series(api, "watch", "heart_rate")) == 1
            assert hub.metric("hub_samples_stored_total") == 2
            assert hub.metric("hub_events_stored_total") == 1
            assert hub.metric("hub_changes_repeated_total") == 6
    finally:
        hub.stop()


def test_a_crash_between_decision_and_command_sends_one_command(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path).start()
    try:
        with hub.api() as api:
            add_home(api)
            registered = add_device(api, "watch", owner=add_person(api, "ann", birth_year=1960))
        now = int(time.time() * 1000)
        climb = [{"ts": now - 12_000 + step * 1_000, "values": {"heart_rate": 190}} for step in range(12)]
        with TestDevice(registered, clean=False) as device:
            device.subscribe()
            device.say(climb)
            first = device.command()
            os.kill(hub.pid, signal.SIGKILL)
            hub.kill()
            hub.start()
            assert device.gone.wait(10)
            device.client.reconnect()
            eventually(device.client.is_connected)
            device.say(climb)
            device.answer(first, "done")
            with hub.api() as api:
                eventually(lambda: api.get(f"/v1/devices/watch/commands/{first['id']}").json()["status"] == "done")
                commands = api.get("/v1/devices/watch/commands").json()["items"]
                decisions = api.get("/v1/people/ann/decisions").json()["items"]
        assert [command["id"] for command in commands] == [first["id"]]
        assert [decision["level"] for decision in decisions] == ["notice"]
        assert commands[0]["decision"] == decisions[0]["id"]
    finally:
        hub.stop()


@pytest.fixture(params=["nats", "mosquitto"])
def own_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OwnBroker]:
    """A broker that outlives the hub, so that it is the broker that sends again and not the device."""
    if request.param == "nats":
        with brokers.nats(tmp_path) as broker:
            yield broker
    else:
        with brokers.mosquitto(request.getfixturevalue("mosquitto"), tmp_path) as broker:
            yield broker


def test_what_is_stamped_on_arrival_is_stored_once_too(own_broker: OwnBroker, tmp_path: Path) -> None:
    hub = HubProcess(tmp_path, settings={"HUB_BROKER_URL": own_broker.url}).start()
    try:
        with hub.api() as api:
            add_home(api)
            add_device(api, "watch")
        count = 3_000
        with TestDevice(own_broker.access("home-1", "watch")) as device:
            for number in range(count):
                device.client.publish(device.topic(Channel.TELEMETRY), b'{"steps":%d}' % number, qos=1)
                if number in (1_000, 2_000, 2_500):
                    hub.kill()
                    hub.start()
            with hub.api() as api:
                points = eventually(lambda: len(found := series(api, "watch", "steps")) >= count and found, within=60)
        values = [value for _, value in points]
        assert sorted(set(values)) == list(range(count))
        assert len(values) == count
    finally:
        hub.stop()


def test_what_the_broker_keeps_for_whoever_subscribes_is_stored_once(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path).start()
    try:
        with hub.api() as api:
            add_home(api)
            registered = add_device(api, "watch", owner=add_person(api, "ann", birth_year=1960))
            with TestDevice(registered) as device:
                topic = device.topic(Channel.TELEMETRY)
                device.client.publish(topic, '{"heart_rate": 88}', qos=1, retain=True).wait_for_publish(10)
            eventually(lambda: len(series(api, "watch", "heart_rate")) == 1)
        for number in range(2):
            hub.stop()
            hub.start()
            with hub.api() as api:
                with TestDevice(registered) as device:
                    device.say({"steps": number})
                eventually(lambda count=number + 1: len(series(api, "watch", "steps")) == count)
                assert len(series(api, "watch", "heart_rate")) == 1
    finally:
        hub.stop()
