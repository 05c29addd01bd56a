"""A device's connection to the broker, as a real device has it.

Client id and user name are the device id, the session outlives the connection, the last will says `offline`. At most
`window` messages are unacknowledged at a time; past that the caller waits. What was not acknowledged when a
connection broke is sent again on the next one.
"""

from __future__ import annotations

import socket
import threading
import time
from queue import SimpleQueue
from types import TracebackType
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from devices import topics
from devices.model import Model
from devices.sample import Instant
from devices.topics import Channel
from simulators import messages
from simulators.commands import Obey, Orders
from simulators.credentials import Broker, Credential
from simulators.errors import SignInRefused, Unreachable
from simulators.messages import Moment, Reading

WINDOW = 64
CONNECT_TIMEOUT_S = 15.0
KEEPALIVE_S = 30
CLOSE_TIMEOUT_S = 5.0


class Publisher:
    """Use as a context manager: connected inside, `offline` said at the end. Its methods may be called by any thread.

    No lock is held around a call to paho: its callbacks run under paho's own locks and take `_flow`.
    """

    def __init__(self, broker: Broker, credential: Credential, *, window: int = WINDOW) -> None:
        self._broker = broker
        self._credential = credential
        self._window = window
        self._flow = threading.Condition()
        self._published = 0
        self._acknowledged = 0
        self._statuses: set[int] = set()
        self._settled = threading.Event()
        self._refusal: str | None = None
        self._orders: Orders | None = None
        self._asked: SimpleQueue[bytes | None] = SimpleQueue()
        self._client = self._make_client()

    def on_command(self, model: Model, obey: Obey) -> None:
        """Have `obey` execute commands, in a thread of the publisher's own. Call before connecting."""
        self._orders = Orders(model, obey)

    @property
    def published(self) -> int:
        """Messages handed over so far, statuses not counted."""
        with self._flow:
            return self._published

    @property
    def acknowledged(self) -> int:
        """Messages of these that the broker has acknowledged."""
        with self._flow:
            return self._acknowledged

    def __enter__(self) -> Publisher:
        try:
            self._client.connect(self._broker.host, self._broker.port, keepalive=KEEPALIVE_S)
        except OSError as error:
            raise Unreachable(f"no MQTT broker at {self._broker.host}:{self._broker.port}: {error}") from error
        self._client.loop_start()
        if not self._settled.wait(CONNECT_TIMEOUT_S) or self._refusal:
            self._client.disconnect()
            self._client.loop_stop()
            raise SignInRefused(f"the broker does not let {self._credential.device} in: {self._refusal or 'no answer'}")
        threading.Thread(target=self._answer_commands, name=f"{self._credential.device}-commands", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._asked.put(None)
        if self._client.is_connected():
            farewell = self._client.publish(self._topic(Channel.STATUS), b"offline", qos=1, retain=True)
            self._statuses.add(farewell.mid)
            farewell.wait_for_publish(CLOSE_TIMEOUT_S)
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, moment: Moment, *, window: int | None = None) -> None:
        """Publish one reading or event; waits while `window` messages (or the publisher's) are unacknowledged."""
        channel = Channel.TELEMETRY if isinstance(moment, Reading) else Channel.EVENT
        self.publish(channel, messages.encode(moment), window=window)

    def say_batch(self, readings: list[Reading], *, window: int | None = None) -> None:
        """Publish readings together."""
        for payload in messages.encode_batch(readings):
            self.publish(Channel.TELEMETRY, payload, window=window)

    def publish(self, channel: Channel, payload: bytes, *, window: int | None = None) -> None:
        """Publish a payload with QoS 1."""
        room = window or self._window
        with self._flow:
            while self._published - self._acknowledged >= room:
                self._flow.wait()
            self._published += 1
        self._client.publish(self._topic(channel), payload, qos=1)

    def drain(self, timeout_s: float | None = None) -> bool:
        """Wait until all that was published is acknowledged; whether it is."""
        with self._flow:
            return self._flow.wait_for(lambda: self._acknowledged >= self._published, timeout_s)

    def _topic(self, channel: Channel) -> str:
        return topics.of(self._credential.home, self._credential.device, channel)

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self._credential.device, clean_session=False, protocol=mqtt.MQTTv311
        )
        client.username_pw_set(self._credential.username, self._credential.password)
        client.will_set(self._topic(Channel.STATUS), b"offline", qos=1, retain=True)
        client.max_inflight_messages_set(self._window + 8)
        client.max_queued_messages_set(0)
        client.reconnect_delay_set(1, 5)
        client.on_socket_open = _without_delay
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
            self._settled.set()
            return
        self._refusal = None
        client.subscribe(self._topic(Channel.COMMAND), qos=1)
        online = client.publish(self._topic(Channel.STATUS), b"online", qos=1, retain=True)
        self._statuses.add(online.mid)

    def _on_subscribe(self, _client: mqtt.Client, _userdata: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refusal = "it may not hear its commands"
        self._settled.set()

    def _on_publish(self, _client: mqtt.Client, _userdata: Any, mid: int, _reason: Any, _properties: Any) -> None:
        if mid in self._statuses:
            self._statuses.discard(mid)
            return
        with self._flow:
            self._acknowledged += 1
            self._flow.notify_all()

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        self._asked.put(bytes(message.payload))

    def _answer_commands(self) -> None:
        while (payload := self._asked.get()) is not None:
            if self._orders is not None:
                for result in self._orders.answers(payload, now_ms()):
                    self.publish(Channel.RESULT, result)


def now_ms() -> Instant:
    """The real time."""
    return time.time_ns() // 1_000_000


def _without_delay(_client: mqtt.Client, _userdata: Any, connection: Any) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
