"""The socket under paho: what the broker sends again is taken once, for as long as the first is not acknowledged."""

from __future__ import annotations

import socket
import threading

import pytest

from hub.wire import BufferedSocket


@pytest.fixture
def ends():
    near, far = socket.socketpair()
    near.setblocking(False)
    wire = BufferedSocket(near)
    yield wire, far
    wire.close()
    far.close()


def _publish(mid, payload, *, dup=False):
    body = b"\x00\x01t" + mid.to_bytes(2, "big") + payload
    return bytes([0x32 | dup << 3, len(body)]) + body


def _read(wire):
    with pytest.raises(BlockingIOError):
        wire.recv(1)
    return [(message.mid, message.payload) for message in wire.take()]


def test_a_message_sent_again_before_it_was_acknowledged_is_taken_once(ends):
    wire, far = ends
    far.send(_publish(1, b"a") + _publish(2, b"b") + _publish(1, b"a", dup=True))
    assert _read(wire) == [(1, b"a"), (2, b"b")]
    far.send(_publish(2, b"b", dup=True) + _publish(3, b"c", dup=True))
    assert _read(wire) == [(3, b"c")]


def test_once_acknowledged_its_number_is_free_again(ends):
    wire, far = ends
    far.send(_publish(1, b"a"))
    with pytest.raises(BlockingIOError):
        wire.recv(1)
    wire.acknowledge(wire.take())
    wire.flush()
    assert far.recv(16) == b"\x40\x02\x00\x01"
    far.send(_publish(1, b"new", dup=True))
    assert _read(wire) == [(1, b"new")]


def test_many_may_write_while_one_closes():
    """Each packet goes out whole, or not at all; nobody is told that something is wrong but by the system."""
    for _ in range(50):
        near, far = socket.socketpair()
        near.setblocking(False)
        wire, failures = BufferedSocket(near), []

        def write(wire=wire, failures=failures):
            try:
                for _ in range(200):
                    wire.send(b"0123456789")
                    wire.flush()
            except OSError:
                return
            except BaseException as error:  # noqa: BLE001  (what it was is what is asked)
                failures.append(error)

        writers = [threading.Thread(target=write) for _ in range(3)]
        for writer in writers:
            writer.start()
        received = far.recv(1_000)
        wire.close()
        for writer in writers:
            writer.join()
        while piece := far.recv(65_536):
            received += piece
        far.close()
        assert not failures
        assert received == b"0123456789" * (len(received) // 10)
