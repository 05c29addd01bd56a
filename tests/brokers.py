"""Brokers of one's own, for the hub to use instead of its embedded one."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub.broker import BRIDGE_USER, EmbeddedBroker
from tests.harness import eventually, free_port


@dataclass
class OwnBroker:
    """A running broker, and what anybody may sign in with."""

    port: int
    username: str = ""
    password: str = ""

    @property
    def url(self) -> str:
        login = f"{self.username}:{self.password}@" if self.username else ""
        return f"mqtt://{login}127.0.0.1:{self.port}"

    def access(self, home: str, device: str) -> dict[str, object]:
        """What a test device needs to know."""
        login = {"username": self.username or "anybody", "password": self.password or "anything"}
        return {"home": home, "id": device, "mqtt": {"host": "127.0.0.1", "port": self.port, **login}}


@dataclass
class Mosquitto:
    """Mosquitto, with its sessions on disk, so that it can be stopped and started again."""

    program: str
    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        store = self.directory / "mosquitto"
        store.mkdir(exist_ok=True)
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "persistence true"]
        lines += [f"persistence_location {store}/", "autosave_interval 1", "max_inflight_messages 4096"]
        lines += ["max_queued_messages 100000", "user root"]
        (self.directory / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        command = [self.program, "-c", str(self.directory / "mosquitto.conf")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self._answers, what="Mosquitto's start")

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(10)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


@contextlib.contextmanager
def mosquitto(program: str, directory: Path) -> Iterator[OwnBroker]:
    """Mosquitto, open to anybody on this machine."""
    broker = Mosquitto(program, directory, free_port())
    broker.start()
    try:
        yield OwnBroker(broker.port)
    finally:
        broker.stop()


@contextlib.contextmanager
def nats(directory: Path) -> Iterator[OwnBroker]:
    """A nats-server that lives and dies by itself; everybody signs in as the bridge, since nobody keeps its gate."""
    broker = EmbeddedBroker(directory / "nats", host="127.0.0.1", port=0, control_port=0)
    broker.start()
    try:
        yield OwnBroker(broker.port, BRIDGE_USER, broker.keys.bridge)
    finally:
        broker.stop()
