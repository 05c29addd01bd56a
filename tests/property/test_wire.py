"""The stream under paho: wherever it is cut into pieces, the same messages and the same packets come out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.wire import Inbound, split

SESSION, AT = 7, 1_795_332_706_496


def _length(size):
    """The variable length of MQTT 3.1.1, section 2.2.3."""
    encoded = bytearray()
    while True:
        size, low = divmod(size, 128)
        encoded.append(low | (128 if size else 0))
        if not size:
            return bytes(encoded)


def _publish(topic, payload, *, qos=0, mid=1, dup=False, retain=False):
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + (mid.to_bytes(2, "big") if qos else b"") + payload
    return bytes([0x30 | dup << 3 | qos << 1 | retain]) + _length(len(body)) + body


def _inbound(topic, payload, *, qos=0, mid=1, dup=False, retain=False):
    return Inbound(topic, payload, qos, mid if qos else 0, SESSION, dup or retain, AT)


@st.composite
def publishes(draw):
    size = draw(st.sampled_from([0, 1, 2, 60, 118, 119, 120, 121, 130, 400, 16_370, 16_384]))
    said = {
        "topic": draw(st.sampled_from(["t", "hub/v1/home1/watch1/telemetry", "집/온도"])),
        "payload": draw(st.binary(max_size=6)) + b"0" * size,
        "qos": draw(st.sampled_from([0, 1])),
        "mid": draw(st.integers(1, 65_535)),
        "dup": draw(st.booleans()),
        "retain": draw(st.booleans()),
    }
    return _publish(**said), _inbound(**said)


others = st.sampled_from(
    [
        b"\x20\x02\x00\x00",
        b"\x40\x02\x00\x01",
        b"\x50\x02\x12\x34",
        b"\x62\x02\x12\x34",
        b"\x70\x02\x30\x30",
        b"\x90\x03\x00\x01\x01",
        b"\x90\x83\x01" + b"\x00\x01" + b"\x01" * 129,
        b"\xb0\x02\x00\x01",
        b"\xd0\x00",
        _publish("exactly/once", b"2", qos=2, mid=9),
    ]
).map(lambda packet: (packet, None))

streams = st.lists(publishes() | others, max_size=12)


def _pieces(stream, cuts):
    """The stream in pieces; messages, packets and the rest of it at the end, as `BufferedSocket` puts them together."""
    messages, packets, rest = [], b"", b""
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for begin, end in pairwise(edges):
        part = split(rest + stream[begin:end], session=SESSION, received_at=AT)
        messages, packets, rest = messages + part.messages, packets + part.packets, part.rest
    return messages, packets, rest


@given(streams, st.lists(st.integers(0, 1 << 20), max_size=30))
@settings(max_examples=200)
def test_any_cut_gives_the_same_messages_and_the_same_packets(parts, cuts):
    stream = b"".join(packet for packet, _ in parts)
    messages, packets, rest = _pieces(stream, cuts)
    assert messages == [message for _, message in parts if message is not None]
    assert packets == b"".join(packet for packet, message in parts if message is None)
    assert rest == b""


@given(st.lists(publishes() | others, max_size=2))
@settings(max_examples=25)
def test_byte_by_byte_is_the_same_too(parts):
    stream = b"".join(packet for packet, _ in parts)[:2_000]
    assert _pieces(stream, range(len(stream))) == _pieces(stream, [])


@given(streams, publishes(), st.integers(1, 400))
def test_the_beginning_of_a_packet_is_kept_until_the_rest_of_it_comes(parts, last, missing):
    stream = b"".join(packet for packet, _ in parts)
    beginning = last[0][: -min(missing, len(last[0]))]
    assert split(stream + beginning, session=SESSION, received_at=AT).rest == beginning


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_no_byte_is_lost_and_nothing_raises(stream, cuts):
    part = split(stream, session=SESSION, received_at=AT)
    assert stream.endswith(part.rest)
    assert len(part.packets) + len(part.rest) <= len(stream)
    if not part.messages:
        assert part.packets + part.rest == stream


@pytest.mark.parametrize(
    "packet", [b"\x30\x00", b"\x30\x01\x00", b"\x32\x00", b"\x30\x02\x00\x05", b"\x32\x04\x00\x02ab"]
)
@pytest.mark.parametrize("behind", [b"", b"\xd0\x00"], ids=["alone", "more behind"])
def test_a_publish_that_is_cut_short_within_is_left_to_paho(packet, behind):
    part = split(packet + behind, session=SESSION, received_at=AT)
    assert (part.messages, part.packets, part.rest) == ([], packet + behind, b"")


def test_a_length_that_never_ends_is_left_to_paho():
    """Four bytes are the most a length may have; paho ends the connection, and nothing must pile up before it does."""
    part = split(b"\x30\xff\xff\xff\xff\xff" + b"x" * 100, session=SESSION, received_at=AT)
    assert part.packets[:1] == b"\x30"


def test_a_topic_that_is_not_utf_8_is_no_topic_of_the_hub_and_no_crash():
    [message] = split(b"\x30\x04\x00\x02\xff\xfe", session=SESSION, received_at=AT).messages
    assert message.topic == "��"
