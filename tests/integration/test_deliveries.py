"""Calls of services: each by itself, tried again, and none that keeps the others from being called."""

from __future__ import annotations

import http.server
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub import deliveries
from hub.deliveries import Deliveries
from hub.effects import Delivery
from hub.store.deliveries import DeliveryStore
from hub.store.engine import open_engine
from hub.store.ledger import Ledger, Turn


class World:
    """A store, a service that takes whatever comes, and calls that wait for it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "hub.sqlite"
        engine = open_engine(f"sqlite:///{self.path}")
        self.store, self._ledger = DeliveryStore(engine), Ledger(engine)
        self.taken: list[str] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.store.put_service("good", f"http://127.0.0.1:{self._server.server_port}/", now=_now())
        self.sending = Deliveries(self.store, jitter=lambda: 0.0)

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        taken = self.taken

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                taken.append(self.headers["Idempotency-Key"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    def call(self, id_: str, service: str) -> None:
        self._ledger.commit(Turn(deliveries=[Delivery(id_, "decision", "service", service, {})]), now=_now())

    def attempts(self, id_: str) -> int:
        rows = self.store.deliveries(status=None, kind=None, target=None, limit=10)
        return next(row.attempts for row in rows if row.id == id_)

    def end(self) -> None:
        self.sending.stop()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.end()


def _now() -> int:
    return time.time_ns() // 1_000_000


def _wait(until: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:notaport/x", "http://[/x", "http://hooks..example/", "http://" + "a" * 70 + ".example/"]
)
def test_an_address_that_is_none_keeps_nobody_else_from_being_called(world: World, url: str) -> None:
    world.store.put_service("bad", url, now=_now())
    world.call("first", "bad")
    world.call("second", "good")
    world.sending.start()
    _wait(lambda: world.taken == ["second"] and world.attempts("first") >= 1)


def test_a_service_that_is_slow_to_answer_keeps_nobody_else_waiting(world: World, monkeypatch) -> None:
    monkeypatch.setattr(deliveries, "TIMEOUT_S", 2.0)
    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_drip, args=(listening,), daemon=True).start()
    world.store.put_service("slow", f"http://127.0.0.1:{listening.getsockname()[1]}/", now=_now())
    world.call("first", "slow")
    world.call("second", "good")
    world.sending.start()
    _wait(lambda: world.taken == ["second"])
    assert world.attempts("first") == 0
    _wait(lambda: world.attempts("first") >= 1)
    listening.close()


def _drip(listening: socket.socket) -> None:
    """Answer a byte at a time, and never come to an end."""
    held = []
    try:
        while True:
            connection, _ = listening.accept()
            held.append(connection)
            threading.Thread(target=_say_slowly, args=(connection,), daemon=True).start()
    except OSError:
        for connection in held:
            connection.close()


def _say_slowly(connection: socket.socket) -> None:
    try:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            connection.sendall(b"x")
            time.sleep(0.1)
    except OSError:
        connection.close()


def test_an_answer_that_never_ends_is_an_answer(world: World) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listening.accept()
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx")
        connection.recv(1)
        connection.close()

    threading.Thread(target=answer, daemon=True).start()
    world.store.put_service("chatty", f"http://127.0.0.1:{listening.getsockname()[1]}/", now=_now())
    world.call("first", "chatty")
    world.sending.start()
    _wait(
        lambda: (
            [row.status for row in world.store.deliveries(status=None, kind=None, target=None, limit=1)]
            == ["delivered"]
        )
    )
    listening.close()


def test_a_store_that_is_locked_is_waited_for(world: World, monkeypatch) -> None:
    world.call("first", "good")
    monkeypatch.setattr("hub.store.engine._connect_args", lambda _: {"timeout": 0.2})
    engine = open_engine(f"sqlite:///{world.path}")
    other = Deliveries(DeliveryStore(engine), jitter=lambda: 0.0)
    lock = sqlite3.connect(world.path, isolation_level=None)
    lock.execute("begin immediate")
    other.start()
    _wait(lambda: world.taken != [])
    time.sleep(1)
    lock.execute("rollback")
    lock.close()
    _wait(lambda: world.attempts("first") >= 1)
    world.call("second", "good")
    _wait(lambda: "second" in world.taken)
    other.stop()
