"""A hub as a user runs it: a process of its own, spoken to over HTTP and MQTT only."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
READY = re.compile(r"ready: pages and API (?P<api>\S+)\s+MQTT (?P<host>\S+):(?P<port>\d+)")
START_S, STOP_S = 30.0, 20.0
PASSWORD = "a long enough password"


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def eventually(condition: Callable[[], Any], *, within: float = 20.0, what: str = "it") -> Any:
    """Wait until a condition holds, and give back what it gave; fail after a generous time."""
    deadline = time.monotonic() + within
    while True:
        outcome = condition()
        if outcome:
            return outcome
        assert time.monotonic() < deadline, f"{what} did not happen within {within:.0f} s"
        time.sleep(0.02)


@dataclass
class HubProcess:
    """`python -m hub serve` in a directory. Ports stay the same across restarts, as in an installation."""

    directory: Path
    demo: bool = False
    crowd: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    preexec: Callable[[], None] | None = None
    api_port: int = field(default_factory=free_port)
    mqtt_port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None
    ready_after: float = 0.0

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def broker_pid(self) -> int:
        """The embedded broker: the hub's child of that name."""
        children = Path(f"/proc/{self.pid}/task").glob("*/children")
        pids = [int(pid) for each in children for pid in each.read_text().split()]
        return next(pid for pid in pids if "nats-server" in Path(f"/proc/{pid}/cmdline").read_text())

    def environment(self) -> dict[str, str]:
        named = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        ports = {"HUB_API_PORT": str(self.api_port), "HUB_MQTT_PORT": str(self.mqtt_port)}
        return named | {"HUB_DATA_DIR": str(self.data_dir), "PYTHONPATH": str(ROOT)} | ports | self.settings

    def start(self, *, within: float = START_S) -> HubProcess:
        """Start, and wait for the line that says it is ready."""
        began = time.monotonic()
        log = (self.directory / "hub.log").open("a")
        command = [sys.executable, "-m", "hub", "serve", *["--demo", "--crowd", str(self.crowd)] * self.demo]
        self.process = subprocess.Popen(
            command,
            cwd=self.directory,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=self.preexec,  # noqa: PLW1509  (one system call)
        )
        log.close()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.ready_after = time.monotonic() - began
        assert READY.match(line), f"not ready: {line!r}\n{self.log()[-3000:]}"
        assert self.ready_after < within
        return self

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_S)
        self._close()
        return code

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_S)
        self._close()

    def log(self) -> str:
        return (self.directory / "hub.log").read_text()

    def api(self, username: str = "operator", password: str | None = None) -> httpx.Client:
        """A client that is signed in."""
        password = password or (self.data_dir / "operator-password").read_text()
        form = {"username": username, "password": password}
        token = ok(httpx.post(self.url + "/v1/auth/token", data=form))["access_token"]
        return httpx.Client(base_url=self.url, timeout=30, headers={"Authorization": f"Bearer {token}"})

    def metric(self, name: str, **labels: str) -> float:
        """A figure from /metrics; all labels summed up where none are given."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        total = 0.0
        for line in httpx.get(self.url + "/metrics").text.splitlines():
            head, _, value = line.rpartition(" ")
            if head.split("{")[0] == name and all(each in head for each in wanted):
                total += float(value)
        return total

    def memory(self, what: str = "VmRSS", pid: int | None = None) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{pid or self.pid}/status").read_text()
        match = re.search(rf"{what}:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) / 1024

    def _close(self) -> None:
        assert self.process is not None
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextlib.contextmanager
def running(directory: Path, **options: Any) -> Iterator[HubProcess]:
    """A hub that runs until the block ends."""
    hub = HubProcess(directory, **options).start()
    try:
        yield hub
    finally:
        if hub.process is not None and hub.process.poll() is None:
            hub.stop()


def ok(answer: httpx.Response) -> Any:
    """The body of an answer that must be a success."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def add_home(api: httpx.Client, home: str = "home-1", **more: Any) -> str:
    """A home; its id."""
    return str(ok(api.post("/v1/homes", json={"id": home, **more}))["id"])


def add_person(api: httpx.Client, person: str, home: str = "home-1", **more: Any) -> str:
    """A person who signs in with `PASSWORD`; their id."""
    body = {"id": person, "username": person, "password": PASSWORD, "home": home, **more}
    return str(ok(api.post("/v1/people", json=body))["id"])


def add_device(api: httpx.Client, device: str, home: str = "home-1", model: str = "health-watch", **more: Any) -> Any:
    """A registered device, as the API answered."""
    return ok(api.post("/v1/devices", json={"id": device, "home": home, "model": model, **more}))
