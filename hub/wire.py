"""Under paho: a socket that reads and writes in large pieces, and takes the publishes out on the way.

paho asks its socket for each packet in three reads (one byte, the length, the rest), makes a message with locks of its own
for it, and writes each acknowledgement by itself. Behind this socket the system is reached once for some thousand messages,
PUBLISH packets go straight into a list, and everything else (connecting, subscribing, pings, the hub's own publishes)
stays paho's. What it gains is measured by `make bench`.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from paho.mqtt.client import Client

from devices.sample import Instant

_CHUNK = 256 * 1024
_PUBLISH, _TYPE = 0x30, 0xF0
_PUBACK = b"\x40\x02"
_LENGTH_BYTES = 4
_AGAIN = 0b1001
"""The flags DUP and RETAIN (section 3.3.1)."""


class Inbound(msgspec.Struct, frozen=True, gc=False):
    """A message as it arrived. `session` counts connections: an acknowledgement is good only on the one it came over.

    `again`: the broker says that it may have been sent before, or that it is one which it keeps for whoever subscribes.
    """

    topic: str
    payload: bytes
    qos: int
    mid: int
    session: int
    again: bool
    received_at: Instant


class Split(NamedTuple):
    """What a piece of the stream holds: messages, packets for paho, and the beginning of a packet not all of which is there."""

    messages: list[Inbound]
    packets: bytes
    rest: bytes


def split(stream: bytes, *, session: int, received_at: Instant) -> Split:
    """Take the PUBLISH packets of QoS 0 and 1 out of a piece of an MQTT 3.1.1 stream (OASIS standard, sections 2.2 and 3.3)."""
    messages: list[Inbound] = []
    packets = bytearray()
    position, size = 0, len(stream)
    while position + 2 <= size:
        first, length, start = stream[position], stream[position + 1], position + 2
        if length & 128:
            found = _long_length(stream, position + 1)
            if found is None and size - position > _LENGTH_BYTES:
                return Split(messages, bytes(packets) + stream[position:], b"")  # not MQTT: paho says so, and closes
            if found is None:
                break
            length, start = found
        end = start + length
        if end > size:
            break
        qos = first >> 1 & 3
        body = start + 2 + (stream[start] << 8 | stream[start + 1]) if length >= 2 else size
        if first & _TYPE == _PUBLISH and qos < 2 and length >= 2 and body + 2 * qos <= end:
            topic = stream[start + 2 : body].decode("utf-8", "replace")
            mid = stream[body] << 8 | stream[body + 1] if qos else 0
            payload = stream[body + 2 * qos : end]
            messages.append(Inbound(topic, payload, qos, mid, session, bool(first & _AGAIN), received_at))
        else:
            packets += stream[position:end]
        position = end
    return Split(messages, bytes(packets), stream[position:])


def _long_length(stream: bytes, position: int) -> tuple[int, int] | None:
    """A remaining length of several bytes, and where the packet goes on; `None` if not all of it is there."""
    length = 0
    for index, byte in enumerate(stream[position : position + _LENGTH_BYTES]):
        length |= (byte & 127) << 7 * index
        if not byte & 128:
            return length, position + index + 1
    return None


class BufferedSocket:
    """Wraps a connected, non-blocking socket. `flush` sends what was written; `take` gives the messages read.

    One thread reads and closes; any may write.

    A broker that gets no acknowledgement for a while sends a message again; while the first one waits to be kept, the second
    says nothing new.
    """

    def __init__(self, inner: Any) -> None:
        self.session = 0
        self._inner = inner
        self._rest = b""
        self._packets = b""
        self._messages: list[Inbound] = []
        self._unacknowledged: set[int] = set()
        self._written = bytearray()
        self._writing = threading.Lock()

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes of packets that are paho's."""
        if not self._packets:
            self._read()
        piece, self._packets = self._packets[:size], self._packets[size:]
        return piece

    def pending(self) -> int:
        """Bytes that were read and not asked for yet."""
        beneath = self._inner.pending() if isinstance(self._inner, ssl.SSLSocket) else 0
        return len(self._packets) + beneath

    def take(self) -> list[Inbound]:
        """The messages read since the last time, without those sent again before the first was acknowledged."""
        messages, self._messages = self._messages, []
        if any(message.again for message in messages):
            messages = [message for message in messages if self._is_new(message)]
        else:
            self._unacknowledged.update([message.mid for message in messages if message.qos])
        return messages

    def _is_new(self, message: Inbound) -> bool:
        repeated = message.again and message.mid in self._unacknowledged
        if message.qos:
            self._unacknowledged.add(message.mid)
        return not repeated

    def acknowledge(self, messages: Iterable[Inbound]) -> None:
        """Write a PUBACK for each message of this session."""
        mids = [message.mid for message in messages if message.session == self.session]
        self._unacknowledged.difference_update(mids)
        self.send(b"".join([_PUBACK + mid.to_bytes(2, "big") for mid in mids]))

    def send(self, packet: bytes) -> int:
        """Take all of `packet`; it goes out with the next `flush`."""
        with self._writing:
            self._written += packet
        return len(packet)

    @property
    def unsent(self) -> int:
        """Bytes that wait for `flush`."""
        return len(self._written)

    def flush(self) -> None:
        """Send as much as the system takes now."""
        with self._writing:
            while self._written:
                try:
                    sent = self._inner.send(self._written)
                except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    return
                del self._written[:sent]

    def fileno(self) -> int:
        return int(self._inner.fileno())

    def close(self) -> None:
        """Send what can be sent, then close."""
        with contextlib.suppress(OSError):
            self.flush()
        with self._writing:
            self._written.clear()
            self._inner.close()

    def _read(self) -> None:
        """Read a piece of the stream. Raises `BlockingIOError` if there is nothing of paho's in it, as an empty socket would."""
        piece = self._inner.recv(_CHUNK)
        if not piece:
            return
        received_at = time.time_ns() // 1_000_000
        messages, self._packets, self._rest = split(self._rest + piece, session=self.session, received_at=received_at)
        self._messages += messages
        if not self._packets:
            raise BlockingIOError

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class BufferedClient(Client):
    """paho's client over a `BufferedSocket`. `wire` is the one in use."""

    wire: BufferedSocket | None = None

    def _create_socket(self) -> Any:
        """paho has no public place for a socket of one's own; this is the one its own proxies and web sockets use."""
        inner = super()._create_socket()
        if isinstance(inner, socket.socket):
            inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wire = BufferedSocket(inner)
        return self.wire
