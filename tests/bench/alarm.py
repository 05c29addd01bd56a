"""From a heart that races to the command on the wrist: the time between publishing the sample and getting the command."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from devices import topics
from devices.topics import Channel
from simulators.credentials import Broker, Credential
from simulators.load import Load, Pace
from tests.bench.fleet import Fleet

EPISODE_MS = 200_000
"""Event time between two episodes: longer than the rule's cooldown."""
PAUSE_S = 0.02


def latencies(fleet: Fleet, *, rate: float, episodes: int) -> list[float]:
    """Seconds for each of `episodes` alarms, in order, with all but one of the fleet publishing `rate` messages a second."""
    wearer, others = fleet.credentials[0], fleet.credentials[1:]
    seconds = episodes * (2 * PAUSE_S + 0.02) + 4
    pace = Pace(seconds=seconds, rate=rate)
    beside = multiprocessing.get_context("spawn").Process(target=_publish, args=(fleet.broker, others, pace))
    beside.start()
    try:
        time.sleep(2)
        return sorted(_Wrist(fleet.broker, wearer).race(episodes))
    finally:
        beside.join()


def _publish(broker: Broker, credentials: list[Credential], pace: Pace) -> None:
    """In a process of its own, so that the wrist's clock does not wait for the load's thread."""
    Load(broker, credentials, pace=pace).run()


class _Wrist:
    """A watch whose wearer's heart races again and again."""

    def __init__(self, broker: Broker, credential: Credential) -> None:
        self._topic = topics.of(credential.home, credential.device, Channel.TELEMETRY)
        self._vibrated = threading.Event()
        self._vibrated_at = 0.0
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=credential.device)
        self._client.username_pw_set(credential.username, credential.password)
        self._client.on_socket_open = lambda _c, _u, sock: sock.setsockopt(6, 1, 1)
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._on_command
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        time.sleep(0.5)
        self._client.subscribe(topics.of(credential.home, credential.device, Channel.COMMAND), 1)
        assert subscribed.wait(10)

    def race(self, episodes: int) -> list[float]:
        """One latency an episode: the second sample above the limit, 10 s of event time after the first, fires the rule."""
        start = time.time_ns() // 1_000_000 - (episodes + 1) * EPISODE_MS
        taken = []
        for number in range(episodes):
            ts = start + number * EPISODE_MS
            self._say(ts, 200)
            time.sleep(PAUSE_S)
            self._vibrated.clear()
            published = time.perf_counter()
            self._say(ts + 10_000, 200)
            assert self._vibrated.wait(5), f"no command in episode {number}"
            taken.append(self._vibrated_at - published)
            self._say(ts + 20_000, 70)
            time.sleep(PAUSE_S)
        self._client.disconnect()
        self._client.loop_stop()
        return taken

    def _say(self, ts: int, heart_rate: int) -> None:
        self._client.publish(self._topic, json.dumps({"ts": ts, "values": {"heart_rate": heart_rate}}), qos=1)

    def _on_command(self, _client: Any, _userdata: Any, message: Any) -> None:
        at = time.perf_counter()
        if json.loads(message.payload)["type"] == "vibrate":
            self._vibrated_at = at
            self._vibrated.set()
