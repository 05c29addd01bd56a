"""The bridge: the hub's own session at the MQTT broker. The only file of the hub that knows paho.

One thread reads what arrives and hands it on in bursts; nothing is acknowledged until the pipeline says that it is kept.
Until then the broker keeps it, and sends no more than its window allows: that is the flow control. Whoever has something to
say writes it, in their own thread: to wake another for it takes longer.
"""

from __future__ import annotations

import contextlib
import os
import select
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from paho.mqtt.enums import CallbackAPIVersion

from devices import topics
from devices.errors import HubError
from devices.topics import INBOUND
from hub.inbox import Inbox
from hub.wire import BufferedClient, BufferedSocket, Inbound

log = structlog.get_logger()

KEEPALIVE_S = 60
LOOK_EVERY = 0.5
"""Seconds after which the bridge looks whether the connection is alive, should nobody wake it."""
BACKOFF_FIRST, BACKOFF_LIMIT = 0.05, 5.0
CONNECT_TIMEOUT = 10.0
_REFUSED = 0x80


class BridgeFailed(HubError):
    """The broker cannot be reached, or does not let the hub in."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and how the hub signs in."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> BrokerAddress:
        """From `mqtt://user:password@host:1883` or `mqtts://…`."""
        parts = urlsplit(url)
        tls = parts.scheme == "mqtts"
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname or "", parts.port or (8883 if tls else 1883), user, password, tls)


class Bridge:
    """Connected until stopped; connects again by itself."""

    def __init__(self, address: BrokerAddress, *, client_id: str, inbox: Inbox) -> None:
        self._address, self._inbox = address, inbox
        self._client = self._make_client(client_id)
        self._session = 0
        self._acks: deque[list[Inbound]] = deque()
        self._outgoing: deque[tuple[str, bytes, Callable[[], None]]] = deque()
        self._delivered: dict[int, Callable[[], None]] = {}
        self._writing = threading.Lock()
        self._holding = False
        self._wake_read, self._wake_write = os.pipe()
        self._woken = False
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._subscribed = threading.Event()
        self._paused = threading.Event()
        self._stopping = threading.Event()
        self._refusal: str | None = None
        self._thread = threading.Thread(target=self._run, name="bridge", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the hub is subscribed at the broker just now."""
        return self._subscribed.is_set()

    @property
    def session(self) -> int:
        """How many connections there were."""
        return self._session

    def start(self) -> None:
        """Connect and subscribe. Raises `BridgeFailed` if that cannot be done now."""
        self._thread.start()
        if not self._subscribed.wait(CONNECT_TIMEOUT) or self._refusal:
            self.stop()
            where = f"{self._address.host}:{self._address.port}"
            raise BridgeFailed(f"the broker at {where} cannot be used: {self._refusal or 'no answer'}")

    def pause(self) -> None:
        """Read no more; what was read can still be acknowledged."""
        self._paused.set()
        self._wake()

    def stop(self) -> None:
        """Send what is to be acknowledged, then leave; the broker keeps what arrives from now on."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(5)
        for end in (self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(end)

    def ack(self, messages: list[Inbound]) -> None:
        """These are kept: the broker may forget them."""
        self._acks.append(messages)
        self._write_now()

    def publish(self, topic: str, payload: bytes, on_delivered: Callable[[], None]) -> None:
        """Publish at QoS 1; `on_delivered` is called from the bridge's thread once the broker has it."""
        self._outgoing.append((topic, payload, on_delivered))
        self._write_now()

    def _make_client(self, client_id: str) -> BufferedClient:
        client = BufferedClient(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, manual_ack=True)
        if self._address.username is not None:
            client.username_pw_set(self._address.username, self._address.password)
        if self._address.tls:
            client.tls_set_context(ssl.create_default_context())
        client.max_inflight_messages_set(0)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_socket_register_write = lambda *_: None
        return client

    def _run(self) -> None:
        backoff = BACKOFF_FIRST
        while not self._stopping.is_set():
            try:
                self._client.connect(self._address.host, self._address.port, keepalive=KEEPALIVE_S)
                backoff = self._serve() or backoff
            except (OSError, ValueError) as error:
                if self._refusal != str(error):
                    log.warning("bridge_disconnected", reason=str(error))
                self._refusal = str(error)
            except Exception:  # whatever it was, the hub must hear again
                log.exception("bridge_failed")
            self._subscribed.clear()
            self._stopping.wait(backoff)
            backoff = min(backoff * 2, BACKOFF_LIMIT)

    def _serve(self) -> float | None:
        """Read and write until the connection ends; the back-off to begin with if it was a good one."""
        client, good = self._client, None
        self._write()  # the library has only put down what it says first
        while (wire := client.wire) is not None and client.socket() is not None:
            if self._stopping.is_set():
                self._say_goodbye()
                return None
            self._holding = True  # before looking: whoever makes room after that wakes this thread
            self._holding = not (reading := not (self._inbox.full or self._paused.is_set()))
            readable: list[Any] = [self._wake_read, wire] if reading else [self._wake_read]
            ready, _, _ = select.select(readable, [wire] if wire.unsent else [], [], LOOK_EVERY)
            if wire in ready:
                self._read_burst(wire)
            if self._wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 65_536)
                self._woken = False  # before what it was woken for is looked at: nothing that comes after goes unseen
            self._write()
            client.loop_misc()
            good = BACKOFF_FIRST if self._subscribed.is_set() else good
        return good

    def _read_burst(self, wire: BufferedSocket) -> None:
        """Read all there is and hand it on as one."""
        client = self._client
        client.loop_read()
        while client.socket() is not None and wire.pending():
            client.loop_read()
        if messages := wire.take():
            self._inbox.put_messages(messages, sum([len(message.payload) for message in messages]))

    def _write_now(self) -> None:
        """Send from the caller's thread; what does not go out, the bridge's own will send, or find out why it cannot.

        The bridge's own sends all while it connects, and over TLS: OpenSSL does not let one thread write while another reads.
        """
        sent = False
        if self._subscribed.is_set() and not self._address.tls:
            with contextlib.suppress(OSError, AssertionError):  # paho asserts that it is connected: it may be no longer
                sent = self._write()
        if not sent or self._holding:
            self._wake()

    def _write(self) -> bool:
        """Send acknowledgements and commands; whether all of it went out."""
        client = self._client
        with self._writing:
            while self._acks and client.wire is not None:
                client.wire.acknowledge(self._acks.popleft())
            while self._outgoing and self._subscribed.is_set():
                topic, payload, on_delivered = self._outgoing.popleft()
                self._delivered[client.publish(topic, payload, qos=1).mid] = on_delivered
            if client.want_write():
                client.loop_write()
            if client.socket() is None or client.wire is None:
                return False
            client.wire.flush()
            return not (client.wire.unsent or self._outgoing)

    def _say_goodbye(self) -> None:
        self._write()
        self._client.disconnect()
        self._client.loop_write()

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            with contextlib.suppress(OSError):
                os.write(self._wake_write, b"w")

    def _on_connect(self, client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
            log.warning("bridge_refused", reason=str(reason))
            return
        self._session += 1
        client.wire.session = self._session
        client.subscribe([(topics.subscription(channel), 1) for channel in INBOUND])

    def _on_subscribe(self, _client: Any, _userdata: Any, _mid: int, reasons: Iterable[Any], _properties: Any) -> None:
        """Every subscription must be granted: a refused one would be silence for ever."""
        if any(reason.value >= _REFUSED for reason in reasons):
            self._refusal = "it refuses the hub's subscriptions"
            log.error("bridge_subscription_refused")
            return
        self._refusal = None
        self._subscribed.set()
        log.info("bridge_connected", session=self._session)

    def _on_disconnect(self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._subscribed.clear()
        if not self._stopping.is_set():
            log.warning("bridge_disconnected", reason=str(reason))

    def _on_publish(self, _client: Any, _userdata: Any, mid: int, _reason: Any, _properties: Any) -> None:
        on_delivered = self._delivered.pop(mid, None)
        if on_delivered is not None:
            on_delivered()
