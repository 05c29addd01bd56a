"""The few MQTT 3.1.1 control packets that a publisher of QoS 1 messages needs (OASIS standard, section 3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

CONNACK, PUBLISH, PUBACK, PINGRESP = 2, 3, 4, 13
PINGREQ_BYTES = b"\xc0\x00"
DISCONNECT_BYTES = b"\xe0\x00"
QOS1 = 0x32
DUP_QOS1 = b"\x3a"
"""The first byte of a QoS 1 PUBLISH that is sent again."""
LARGEST_MID = 65_535


class Malformed(Exception):
    """What the broker sends is not MQTT."""


def remaining_length(length: int) -> bytes:
    """A length as MQTT writes it, seven bits a byte (2.2.3)."""
    encoded = bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | 0x80 if length else digit)
        if not length:
            return bytes(encoded)


def connect(client_id: str, *, username: str, password: str, keepalive_s: int) -> bytes:
    """CONNECT for a session that outlives its connection, without a will (3.1)."""
    flags = 0x80 | 0x40
    body = b"\x00\x04MQTT\x04" + bytes([flags]) + struct.pack(">H", keepalive_s)
    body += b"".join(_text(text) for text in (client_id, username, password))
    return b"\x10" + remaining_length(len(body)) + body


def publish(topic: str, mid: int, payload: bytes) -> bytes:
    """PUBLISH with QoS 1 (3.3)."""
    body = _text(topic) + struct.pack(">H", mid) + payload
    return bytes([QOS1]) + remaining_length(len(body)) + body


def puback(mid: int) -> bytes:
    """PUBACK (3.4)."""
    return b"\x40\x02" + struct.pack(">H", mid)


def again(packet: bytes) -> bytes:
    """A QoS 1 PUBLISH as it is sent the second time, with the DUP flag (3.3.1.1)."""
    return DUP_QOS1 + packet[1:]


def only_pubacks(received: bytes) -> tuple[int, ...] | None:
    """The packet ids of a buffer that holds nothing but whole PUBACKs; `None` if it holds anything else."""
    count, rest = divmod(len(received), 4)
    if rest or received[0::4] != b"\x40" * count or received[1::4] != b"\x02" * count:
        return None
    return struct.unpack(f">{2 * count}H", received)[1::2]


def split(received: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Whole packets as (type and flags, body), and the bytes of one that is not complete."""
    found: list[tuple[int, bytes]] = []
    position = 0
    for first, start, end in _frames(received):
        found.append((first, received[start:end]))
        position = end
    return found, received[position:]


def _frames(received: bytes) -> Iterator[tuple[int, int, int]]:
    position = 0
    while position + 2 <= len(received):
        first, length, shift, at = received[position], 0, 0, position + 1
        while at < len(received):
            digit = received[at]
            length |= (digit & 0x7F) << shift
            shift += 7
            at += 1
            if not digit & 0x80:
                break
            if shift > 21:
                raise Malformed("a packet's length has more than four bytes")
        else:
            return
        if at + length > len(received):
            return
        yield first, at, at + length
        position = at + length


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">H", len(encoded)) + encoded
