"""A lean MQTT 3.1.1 publisher over many connections, driven by one thread: for load, where paho is too slow.

Moves bytes between sessions and plain non-blocking sockets. Lost connections are made again, and what was not
acknowledged is sent again with the DUP flag.
"""

from __future__ import annotations

import selectors
import socket
import time
from typing import Protocol

from simulators import packets
from simulators.credentials import Broker, Credential
from simulators.errors import SignInRefused, Unreachable
from simulators.sessions import Session

KEEPALIVE_S = 60
READ_BYTES = 256 * 1024
WRITE_LIMIT = 512 * 1024
"""So many unsent bytes of a connection, and its source is not asked for more."""
CHUNK = 512
BACK_OFF_S = (0.1, 2.0)
STALLED_S = 90.0
"""Without any word from the broker for so long, a connection counts as lost."""
FIRST_PATIENCE_S = 5.0
"""How long to try before anybody was let in at all."""
REFUSALS = {1: "protocol version", 2: "client id", 3: "broker unavailable", 4: "name or password", 5: "not authorized"}


class Acknowledged(Protocol):
    """Told which messages of a device, by number, were acknowledged."""

    def __call__(self, device: str, numbers: list[int], /) -> None: ...


class Link:
    """A session's connection, when it has one."""

    __slots__ = (
        "credential",
        "heard_at",
        "online",
        "refusal",
        "retry_at",
        "session",
        "sock",
        "unread",
        "unsent",
        "wait",
    )

    def __init__(self, credential: Credential, session: Session) -> None:
        self.credential = credential
        self.session = session
        self.sock: socket.socket | None = None
        self.online = False
        self.unread = b""
        self.unsent = bytearray()
        self.wait = BACK_OFF_S[0]
        self.retry_at = 0.0
        self.heard_at = 0.0
        self.refusal: int | None = None


class Wire:
    """All connections. `turn` it until done; it never blocks longer than asked. Close it at the end."""

    def __init__(self, broker: Broker, *, patience_s: float = 60.0, acknowledged: Acknowledged | None = None) -> None:
        self._broker = broker
        self._patience_s = patience_s
        self._acknowledged = acknowledged
        self._selector = selectors.DefaultSelector()
        self._pinged_at = time.monotonic()
        self._checked_at = 0.0
        self._well_at = time.monotonic()
        self._met = False
        self.links: list[Link] = []
        self.reconnects = 0

    def add(self, credential: Credential, session: Session) -> Link:
        """Have a device connect, from the next turn on."""
        link = Link(credential, session)
        self.links.append(link)
        return link

    def close(self) -> None:
        """Say goodbye and close every connection."""
        for link in self.links:
            if link.sock is not None:
                if link.online and not link.unsent:
                    self._try_send(link, packets.DISCONNECT_BYTES)
                self._drop(link)
        self._selector.close()

    def send(self, link: Link, count: int) -> int:
        """Publish up to `count` messages on a link, as far as its window has room; how many."""
        if not link.online or len(link.unsent) > WRITE_LIMIT:
            return 0
        session = link.session
        before = session.published
        count = min(count, session.room(), CHUNK)
        if count > 0:
            self._write(link, session.publish(count))
        return session.published - before

    def turn(self, timeout_s: float) -> None:
        """Move what can be moved: waits up to `timeout_s` for the broker.

        Raises `Unreachable` or `SignInRefused` when a link has been without a connection past the patience.
        """
        now = time.monotonic()
        if now - self._checked_at >= 0.05:
            self._checked_at = now
            self._look_after(now)
        for key, events in self._selector.select(timeout_s):
            link: Link = key.data
            if events & selectors.EVENT_WRITE and link.sock is not None:
                self._flush(link)
            if events & selectors.EVENT_READ and link.sock is not None:
                self._read(link)

    def _look_after(self, now: float) -> None:
        """Connect, connect again, give up, keep alive."""
        ping = now - self._pinged_at > KEEPALIVE_S / 2
        for link in self.links:
            if link.sock is None and now >= link.retry_at:
                self._connect(link, now)
            elif link.sock is not None and now - link.heard_at > (STALLED_S if link.online else 10.0):
                self._lose(link)
            elif ping and link.online:
                self._write(link, packets.PINGREQ_BYTES)
        if ping:
            self._pinged_at = now
        away = next((link for link in self.links if not link.online), None)
        if away is None:
            self._well_at = now
        elif now - self._well_at > (self._patience_s if self._met else min(FIRST_PATIENCE_S, self._patience_s)):
            self._give_up(away)

    def _give_up(self, link: Link) -> None:
        at = f"{self._broker.host}:{self._broker.port}"
        if link.refusal:
            reason = REFUSALS.get(link.refusal, str(link.refusal))
            raise SignInRefused(f"the broker at {at} does not let {link.credential.device} in: {reason}")
        raise Unreachable(f"no MQTT broker at {at} lets {link.credential.device} connect")

    def _connect(self, link: Link, now: float) -> None:
        try:
            sock = socket.create_connection(self._broker, timeout=2.0)
        except OSError:
            self._back_off(link)
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        link.sock, link.heard_at, link.unread = sock, now, b""
        link.unsent.clear()
        self._selector.register(sock, selectors.EVENT_READ, link)
        who = link.credential
        hello = packets.connect(who.device, username=who.username, password=who.password, keepalive_s=KEEPALIVE_S)
        self._write(link, hello)

    def _back_off(self, link: Link) -> None:
        link.retry_at = time.monotonic() + link.wait
        link.wait = min(link.wait * 2, BACK_OFF_S[1])

    def _drop(self, link: Link) -> None:
        if link.sock is not None:
            self._selector.unregister(link.sock)
            link.sock.close()
        link.sock, link.online = None, False

    def _lose(self, link: Link) -> None:
        self.reconnects += link.online
        self._drop(link)
        self._back_off(link)

    def _write(self, link: Link, out: bytes) -> None:
        if link.unsent:
            link.unsent += out
            return
        sent = self._try_send(link, out)
        if sent < len(out) and link.sock is not None:
            link.unsent += out[sent:]
            self._selector.modify(link.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, link)

    def _try_send(self, link: Link, out: bytes | bytearray) -> int:
        assert link.sock is not None
        try:
            return link.sock.send(out)
        except BlockingIOError:
            return 0
        except OSError:
            self._lose(link)
            return 0

    def _flush(self, link: Link) -> None:
        sent = self._try_send(link, link.unsent)
        if link.sock is None:
            return
        del link.unsent[:sent]
        if not link.unsent:
            self._selector.modify(link.sock, selectors.EVENT_READ, link)

    def _read(self, link: Link) -> None:
        assert link.sock is not None
        try:
            received = link.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._lose(link)
            return
        link.heard_at = time.monotonic()
        if link.unread:
            received = link.unread + received
        mids = packets.only_pubacks(received)
        if mids is None:
            mids = self._read_slowly(link, received)
        else:
            link.unread = b""
        settled = link.session.settle(mids)
        if self._acknowledged is not None and settled:
            self._acknowledged(link.credential.device, settled)

    def _read_slowly(self, link: Link, received: bytes) -> tuple[int, ...]:
        mids: list[int] = []
        try:
            found, link.unread = packets.split(received)
        except packets.Malformed:
            self._lose(link)
            return ()
        for first, body in found:
            match first >> 4:
                case packets.PUBACK:
                    mids.append(int.from_bytes(body[:2], "big"))
                case packets.CONNACK:
                    self._welcome(link, body[1])
                case packets.PUBLISH if first & 0x06:
                    length = int.from_bytes(body[:2], "big")
                    self._write(link, packets.puback(int.from_bytes(body[2 + length : 4 + length], "big")))
        return tuple(mids)

    def _welcome(self, link: Link, code: int) -> None:
        if code:
            link.refusal = code
            self._lose(link)
            return
        link.online, link.refusal, link.wait = True, None, BACK_OFF_S[0]
        self._met = True
        if waiting := link.session.unsettled():
            self._write(link, waiting)
