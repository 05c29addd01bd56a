"""The bridge at a real broker: what it reads, what others have it say, and when it holds back."""

from __future__ import annotations

import os
import threading
import time

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from hub import bridge as bridge_module
from hub import inbox as inbox_module
from hub.bridge import Bridge, BrokerAddress
from hub.inbox import Inbox
from tests.brokers import nats
from tests.harness import eventually

TOPIC = "hub/v1/home1/watch1/telemetry"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with nats(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def asleep(monkeypatch):
    """The bridge looks for nothing by itself: it goes on when it is woken."""
    monkeypatch.setattr(bridge_module, "LOOK_EVERY", 60.0)


@pytest.fixture
def connect(broker):
    opened = []

    def open_bridge(client_id):
        inbox = Inbox()
        bridge = Bridge(BrokerAddress.parse(broker.url), client_id=client_id, inbox=inbox)
        bridge.start()
        opened.append(bridge)
        return bridge, inbox

    yield open_bridge
    for bridge in opened:
        bridge.stop()


@pytest.fixture
def device(broker):
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="watch1")
    client.username_pw_set(broker.username, broker.password)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def take(inbox, bridge, count):
    """Take so many messages and acknowledge them; their payloads."""
    payloads, until = [], time.monotonic() + 30
    while len(payloads) < count and time.monotonic() < until:
        messages = inbox.take(timeout=0.2).messages
        payloads += [message.payload for message in messages]
        bridge.ack(messages)
    return payloads


@pytest.mark.usefixtures("asleep")
def test_a_bridge_that_holds_back_goes_on_when_there_is_room(connect, device, monkeypatch):
    monkeypatch.setattr(inbox_module, "BYTES_LIMIT", 4_096)
    monkeypatch.setattr(inbox_module, "BATCH_MESSAGES", 1)
    bridge, inbox = connect("holding")
    sent = [f"{number:01000}".encode() for number in range(300)]
    for payload in sent:
        device.publish(TOPIC, payload, qos=1)
    assert sorted(take(inbox, bridge, len(sent))) == sent


@pytest.mark.usefixtures("asleep")
def test_many_threads_may_speak_at_once(connect, device):
    """Acknowledgements from one, commands from others: each arrives whole, and the broker knows of all."""
    bridge, inbox = connect("speaking")
    heard, told, subscribed = [], [], threading.Event()
    device.on_message = lambda _client, _userdata, message: heard.append(message.payload)
    device.on_subscribe = lambda *_: subscribed.set()
    device.subscribe("hub/v1/home1/watch1/command", 1)
    assert subscribed.wait(10)

    def command(speaker):
        for number in range(100):
            payload = f"{speaker} {number}".encode()
            bridge.publish("hub/v1/home1/watch1/command", payload, lambda: told.append(1))

    speakers = [threading.Thread(target=command, args=(speaker,)) for speaker in range(3)]
    for speaker in speakers:
        speaker.start()
    sent = [b"%d" % number for number in range(500)]
    for payload in sent:
        device.publish(TOPIC, payload, qos=1)
    assert sorted(take(inbox, bridge, len(sent))) == sorted(sent)
    for speaker in speakers:
        speaker.join()
    eventually(lambda: len(heard) == len(told) == 300, what="the commands and the word of their delivery")
    assert sorted(heard) == sorted(f"{speaker} {number}".encode() for speaker in range(3) for number in range(100))


@pytest.mark.usefixtures("asleep")
def test_a_bridge_is_stopped_once_however_often_it_is_asked(connect):
    """What it was woken by may be another's by then."""
    bridge, _ = connect("stopping")
    bridge.stop()
    other, _ = connect("other")
    bridge.stop()
    os.fstat(other._wake_read)
    os.fstat(other._wake_write)
    other.stop()
    assert not other._thread.is_alive()
