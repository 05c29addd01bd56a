"""Devices for tests: a real MQTT client, and nothing that tidies up after it."""

from __future__ import annotations

import json
import queue
import threading
from typing import Any

import httpx
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from devices import topics
from devices.topics import Channel

ANSWER_S = 10.0


class TestDevice:
    """A device's connection, as plain as paho makes it."""

    __test__ = False

    def __init__(self, registered: dict[str, Any], *, client_id: str | None = None, clean: bool = True) -> None:
        self.home, self.id = registered["home"], registered["id"]
        access = registered["mqtt"]
        self.refusal: str | None = None
        self.commands: queue.Queue[dict[str, Any]] = queue.Queue()
        self.gone = threading.Event()
        self._connected, self._granted = threading.Event(), queue.Queue[list[int]]()
        name = self.id if client_id is None else client_id
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean)
        self.client.username_pw_set(access["username"], access["password"])
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda _c, _u, _m, reasons, _p: self._granted.put([r.value for r in reasons])
        self.client.on_message = lambda _c, _u, message: self.commands.put(json.loads(message.payload))
        self.client.on_disconnect = lambda *_: self.gone.set()
        self.client.reconnect_delay_set(1, 1)
        self._address = (access["host"], access["port"])

    def connect(self) -> TestDevice:
        """Connect, and wait for the broker's verdict; see `refusal`."""
        self.client.connect(*self._address)
        self.client.loop_start()
        assert self._connected.wait(ANSWER_S), "the broker did not answer"
        return self

    def __enter__(self) -> TestDevice:
        self.connect()
        assert self.refusal is None, self.refusal
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def topic(self, channel: Channel) -> str:
        return topics.of(self.home, self.id, channel)

    def say(
        self, payload: Any, channel: Channel = Channel.TELEMETRY, *, qos: int = 1, topic: str | None = None
    ) -> None:
        """Publish, and wait until the broker has it."""
        body = payload if isinstance(payload, (bytes, str)) else json.dumps(payload)
        retain = channel is Channel.STATUS
        self.client.publish(topic or self.topic(channel), body, qos=qos, retain=retain).wait_for_publish(ANSWER_S)

    def subscribe(self, topic: str | None = None) -> int:
        """Subscribe (to its own commands, if nothing is said); what the broker granted, 128 for a refusal."""
        self.client.subscribe(topic or self.topic(Channel.COMMAND), qos=1)
        return self._granted.get(timeout=ANSWER_S)[0]

    def command(self, within: float = ANSWER_S) -> dict[str, Any]:
        """The next command."""
        return self.commands.get(timeout=within)

    def answer(self, command: dict[str, Any], status: str, **more: Any) -> None:
        self.say({"id": command["id"], "status": status, **more}, Channel.RESULT)

    def _on_connect(self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.refusal = str(reason) if reason.is_failure else None
        self._connected.set()


def series(api: httpx.Client, device: str, metric: str, **query: Any) -> list[tuple[str, Any]]:
    """All points of a device's series, page by page."""
    points: list[tuple[str, Any]] = []
    cursor = None
    while True:
        asked = {"limit": 10_000, **query} | ({"cursor": cursor} if cursor else {})
        answer = api.get(f"/v1/devices/{device}/telemetry/{metric}", params=asked)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        points += [(item["at"], item["value"]) for item in body["items"]]
        cursor = body["next"]
        if cursor is None:
            return points
