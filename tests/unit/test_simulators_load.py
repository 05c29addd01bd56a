"""The load generator: packets, acknowledgements, what is sent again; against a small sink on this machine."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import codecs
from simulators import models, packets
from simulators.credentials import Broker, Credential
from simulators.errors import SignInRefused, SimulatorError, Unreachable
from simulators.load import Load, Pace
from simulators.payloads import Climb, composer
from simulators.sessions import Session

WATCH = models.load("health-watch")
NOW = 1_795_332_700_000


def _taken_apart(packet: bytes) -> tuple[int, str, int, bytes]:
    ((first, body),), rest = packets.split(packet)
    assert rest == b""
    length = int.from_bytes(body[:2], "big")
    return (
        first,
        body[2 : 2 + length].decode(),
        int.from_bytes(body[2 + length : 4 + length], "big"),
        body[4 + length :],
    )


@given(st.integers(0, 268_435_455))
def test_lengths_are_written_seven_bits_a_byte(length):
    encoded = packets.remaining_length(length)
    assert sum((digit & 0x7F) << 7 * place for place, digit in enumerate(encoded)) == length
    assert [digit >> 7 for digit in encoded] == [1] * (len(encoded) - 1) + [0]


def test_connect_keeps_its_session_and_names_the_device():
    packet = packets.connect("w1", username="w1", password="secret", keepalive_s=60)
    assert packet == b"\x10\x1a\x00\x04MQTT\x04\xc0\x00\x3c\x00\x02w1\x00\x02w1\x00\x06secret"


@given(mid=st.integers(1, 65_535), number=st.integers(0, 10**7), batch=st.integers(1, 60), width=st.integers(1, 60))
def test_composed_packets_are_publishes_of_good_telemetry(mid, number, batch, width):
    device = "w" * width
    packet = composer("load-home", device, start=NOW, batch=batch)(mid, number)
    first, topic, found, payload = _taken_apart(packet)
    assert (first, topic, found) == (packets.QOS1, f"hub/v1/load-home/{device}/telemetry", mid)
    assert packet == packets.publish(topic, mid, payload)
    decoded = codecs.telemetry(payload, source=device, model=WATCH, received_at=NOW + 10**10)
    assert decoded.rejects == []
    assert len(decoded.samples) == 3 * batch
    assert all(60 <= sample.value <= 119 for sample in decoded.samples if sample.metric == "heart_rate")
    stamps = {sample.observed_at for sample in decoded.samples}
    assert stamps == {NOW + number * batch + index for index in range(batch)}


def test_the_one_who_climbs_passes_200(monkeypatch):
    clock = iter(NOW * 1_000_000 + second * 10**9 for second in range(30))
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    climb = Climb(Credential("h", "w", "w", ""))
    beats = [int(climb.compose(1, number).rsplit(b":", 1)[1].rstrip(b"}")) for number in range(30)]
    assert beats[0] == 60
    assert beats == sorted(beats)
    assert next(second for second, beat in enumerate(beats) if beat > 200) <= 20


def test_a_buffer_of_pubacks_is_read_at_once_and_anything_else_is_not():
    acks = packets.puback(1) + packets.puback(65_535)
    assert packets.only_pubacks(acks) == (1, 65_535)
    assert packets.only_pubacks(acks[:-1]) is None
    assert packets.only_pubacks(b"\xd0\x00" + acks + b"\xd0\x00") is None


@given(st.integers(0, 30))
def test_packets_are_split_wherever_the_bytes_break(cut):
    stream = packets.puback(7) + b"\xd0\x00" + packets.publish("t", 3, b"x" * 200) + packets.puback(9)
    first, rest = packets.split(stream[:cut])
    second, left = packets.split(rest + stream[cut:])
    assert [kind >> 4 for kind, _ in first + second] == [4, 13, 3, 4]
    assert left == b""


def test_a_length_without_end_is_malformed():
    with pytest.raises(packets.Malformed):
        packets.split(b"\x40\xff\xff\xff\xff\xff\x01")


def _session(window: int) -> Session:
    return Session(lambda mid, number: packets.publish("t", mid, b"%d" % number), window=window)


def test_each_message_is_acknowledged_once_however_often_the_broker_says_so():
    session = _session(10)
    session.publish(4)
    assert session.room() == 6
    assert session.settle([2, 2, 77, 1]) == [1, 0]
    assert (session.published, session.acknowledged, session.room()) == (4, 2, 8)


def test_what_is_not_acknowledged_is_sent_again_in_order_and_flagged():
    session = _session(10)
    session.publish(4)
    session.settle([2])
    again, rest = packets.split(session.unsettled())
    assert rest == b""
    assert [(first, body[-1:]) for first, body in again] == [(0x3A, b"0"), (0x3A, b"2"), (0x3A, b"3")]


def test_packet_ids_go_round_past_one_that_is_still_held():
    session = _session(65_534)
    session.publish(1)
    mid = 2
    while mid <= 65_535:
        count = min(1_000, 65_536 - mid)
        session.publish(count)
        session.settle(range(mid, mid + count))
        mid += count
    assert session.publish(5) == b""
    session.settle([1])
    assert len(packets.split(session.publish(5))[0]) == 5
    assert sorted(session.pending) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("wrong", [{}, {"messages": 1, "seconds": 1}, {"messages": 1, "batch": 0}])
def test_a_pace_that_says_too_little_or_too_much_is_refused(wrong):
    with pytest.raises(ValueError, match=r"either|at least"):
        Pace(**wrong)


@given(messages=st.integers(1, 10**6), devices=st.integers(1, 500), batch=st.integers(1, 200))
def test_paced_by_number_no_stamp_lies_in_the_future(messages, devices, batch):
    most = messages // devices + 1
    assert Pace(messages=messages, batch=batch).first_stamp(NOW, devices) + most * batch - 1 <= NOW


class Sink:
    """A broker that acknowledges; it may hang up after so many messages of a connection, once, or refuse."""

    def __init__(self, *, hang_up_after: int | None = None, code: int = 0) -> None:
        self.received: list[tuple[int, str, bytes]] = []
        self._hang_up_after, self._code = hang_up_after, code
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.broker = Broker("127.0.0.1", self._listener.getsockname()[1])
        self._threads: list[threading.Thread] = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        unread, count = b"", 0
        with connection, suppress(OSError):
            while received := connection.recv(65_536):
                found, unread = packets.split(unread + received)
                for first, body in found:
                    if first == 0x10:
                        connection.sendall(b"\x20\x02\x00" + bytes([self._code]))
                    if first >> 4 != packets.PUBLISH:
                        continue
                    length = struct.unpack(">H", body[:2])[0]
                    self.received.append((first, body[2 : 2 + length].decode(), body[4 + length :]))
                    count += 1
                    if self._hang_up_after is not None and count >= self._hang_up_after:
                        self._hang_up_after = None
                        return
                    connection.sendall(packets.puback(struct.unpack(">H", body[2 + length : 4 + length])[0]))


def _credentials(count: int) -> list[Credential]:
    return [
        Credential("load-home", f"load-{number:05}", f"load-{number:05}", "secret") for number in range(1, count + 1)
    ]


def test_a_load_is_published_acknowledged_and_on_record(tmp_path):
    ledger = tmp_path / "ledger"
    with Sink() as sink:
        outcome = Load(sink.broker, _credentials(3), pace=Pace(messages=1_000, window=50), ledger=ledger).run()
    assert (outcome.published, outcome.acknowledged, outcome.samples, outcome.reconnects) == (1_000, 1_000, 3_000, 0)
    assert outcome.messages_per_second > 0
    lines = ledger.read_text().splitlines()
    assert len(set(lines)) == 1_000
    assert {line.split()[2] for line in lines} == {"3"}
    shares = Counter(line.split()[0] for line in lines)
    assert sorted(shares.values()) == [333, 333, 334]
    sent = [codecs.telemetry(payload, source="w", model=WATCH, received_at=NOW * 2) for _, _, payload in sink.received]
    devices = [topic.split("/")[3] for _, topic, _ in sink.received]
    stamped = {f"{device} {each.samples[0].observed_at} 3" for device, each in zip(devices, sent, strict=True)}
    assert stamped == set(lines)
    assert max(int(line.split()[1]) for line in lines) <= time.time() * 1000


def test_after_a_hang_up_everything_unacknowledged_comes_again_and_nothing_is_lost(tmp_path):
    ledger = tmp_path / "ledger"
    with Sink(hang_up_after=137) as sink:
        outcome = Load(sink.broker, _credentials(2), pace=Pace(messages=2_000, window=40), ledger=ledger).run()
    assert (outcome.acknowledged, outcome.reconnects) == (2_000, 1)
    assert len(set(ledger.read_text().splitlines())) == 2_000
    payloads = [(topic, payload) for _, topic, payload in sink.received]
    assert len(set(payloads)) == 2_000
    flagged = [first for first, _, _ in sink.received if first & 0x08]
    assert 1 <= len(flagged) <= 40


def test_a_batch_counts_three_values_a_reading():
    with Sink() as sink:
        outcome = Load(sink.broker, _credentials(2), pace=Pace(messages=20, batch=25)).run()
    assert (outcome.acknowledged, outcome.samples) == (20, 1_500)


def test_a_rate_is_kept():
    with Sink() as sink:
        outcome = Load(sink.broker, _credentials(2), pace=Pace(seconds=0.5, rate=400)).run()
    assert 150 <= outcome.acknowledged <= 201
    assert outcome.published == outcome.acknowledged


def test_a_refused_sign_in_and_a_silent_port_end_with_a_reason():
    with Sink(code=5) as sink, pytest.raises(SignInRefused, match="not authorized"):
        Load(sink.broker, _credentials(1), pace=Pace(messages=1), patience_s=0.3).run()
    with pytest.raises(Unreachable):
        Load(sink.broker, _credentials(1), pace=Pace(messages=1), patience_s=0.3).run()


def test_a_ledger_that_cannot_be_written_is_said_so(tmp_path):
    load = Load(Broker("127.0.0.1", 1), _credentials(1), pace=Pace(messages=1), ledger=tmp_path / "none" / "ledger")
    with pytest.raises(SimulatorError, match="cannot be written"):
        load.run()


def test_a_credential_does_not_print_its_password():
    assert "secret" not in repr(_credentials(1))
