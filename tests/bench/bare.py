"""What a bare paho subscriber drains from the same broker: the yardstick for what the hub adds."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.synchronize import Event as Signal
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from devices import topics
from devices.topics import Channel
from hub.broker import BRIDGE_USER, EmbeddedBroker
from simulators.credentials import Broker, Credential
from simulators.load import Load, Pace
from tests.bench.alarm import latencies
from tests.bench.fleet import HOME, Fleet
from tests.harness import eventually


def answered(directory: Path, *, devices: int, rate: float, episodes: int) -> list[float]:
    """Seconds from a sample to the answer of a subscriber that does nothing but answer, in order: the floor under an alarm."""
    broker = EmbeddedBroker(directory, host="127.0.0.1", port=0, control_port=0)
    broker.start()
    subscribed = multiprocessing.get_context("spawn").Event()
    arguments = (broker.port, broker.keys.bridge, subscribed)
    subscriber = multiprocessing.get_context("spawn").Process(target=_answer, args=arguments)
    subscriber.start()
    try:
        assert subscribed.wait(20)
        names = [f"watch-{number:04}" for number in range(devices)]
        credentials = [Credential(HOME, name, BRIDGE_USER, broker.keys.bridge) for name in names]
        return latencies(Fleet(Broker("127.0.0.1", broker.port), credentials), rate=rate, episodes=episodes)
    finally:
        subscriber.terminate()
        subscriber.join()
        broker.stop()


def _answer(port: int, password: str, subscribed: Signal) -> None:
    """Answer a racing heart's second sample with a command, at once and without keeping anything."""
    racing = False

    def on_message(client: Any, _userdata: Any, message: Any) -> None:
        nonlocal racing
        if b'"heart_rate": 200' in message.payload:
            if racing:
                address = topics.parse(message.topic)
                assert address is not None
                client.publish(topics.of(address.home, address.device, Channel.COMMAND), b'{"type": "vibrate"}', qos=1)
            racing = not racing

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bare-answerer", clean_session=False)
    client.username_pw_set(BRIDGE_USER, password)
    client.on_message = on_message
    client.on_connect = lambda c, *_: c.subscribe(topics.subscription(Channel.TELEMETRY), 1)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_socket_open = lambda _c, _u, sock: sock.setsockopt(6, 1, 1)
    client.connect("127.0.0.1", port)
    client.loop_forever()


def drained(directory: Path, *, devices: int, messages: int, batch: int) -> float:
    """Messages a second that a subscriber which only counts gets from a broker configured as the hub's, at QoS 1."""
    broker = EmbeddedBroker(directory, host="127.0.0.1", port=0, control_port=0)
    broker.start()
    context = multiprocessing.get_context("spawn")
    subscribed, seconds = context.Event(), context.Value("d", 0.0)
    arguments = (broker.port, broker.keys.bridge, messages, subscribed, seconds)
    subscriber = context.Process(target=_subscribe, args=arguments)
    subscriber.start()
    try:
        assert subscribed.wait(20)
        names = [f"watch-{number:04}" for number in range(devices)]
        credentials = [Credential(HOME, name, BRIDGE_USER, broker.keys.bridge) for name in names]
        Load(Broker("127.0.0.1", broker.port), credentials, pace=Pace(messages=messages, batch=batch)).run()
        eventually(lambda: seconds.value, within=120, what="the subscriber's last message")
    finally:
        subscriber.terminate()
        subscriber.join()
        broker.stop()
    return messages / float(seconds.value)


def _subscribe(port: int, password: str, messages: int, subscribed: Signal, seconds: Any) -> None:
    count, first = 0, 0.0

    def on_message(_client: Any, _userdata: Any, _message: Any) -> None:
        nonlocal count, first
        count += 1
        if count == 1:
            first = time.monotonic()
        elif count == messages:
            seconds.value = time.monotonic() - first

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bare-subscriber", clean_session=False)
    client.username_pw_set(BRIDGE_USER, password)
    client.on_message = on_message
    client.on_connect = lambda c, *_: c.subscribe(topics.subscription(Channel.TELEMETRY), 1)
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_forever()
