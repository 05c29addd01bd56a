"""The embedded broker: nats-server, which speaks MQTT 3.1.1, as a child process.

Started, watched, started again with back-off when it dies, and stopped with the hub. Its files, and the keys made on the
first start, are in the data dir.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import nkeys
import structlog

from devices.errors import HubError
from hub.secret_files import kept, private_directory, write_private

log = structlog.get_logger()

ACCOUNT = "HUB"
BRIDGE_USER, GATEKEEPER_USER, SYSTEM_USER = "hub-bridge", "hub-gatekeeper", "hub-system"
MAX_PAYLOAD = 4 * 1024 * 1024
"""Above the hub's own limit, so that what is too large is quarantined with a reason instead of cutting the device off."""
MAX_IN_FLIGHT = 4096
"""Unacknowledged messages of one subscription: the hub's flow control. All of a session's may not pass 65,535."""
REDELIVER_AFTER = "3s"
WAIT_FOR_READER = "60s"
"""How long what was sent may wait to be read: a hub that has all it can hold stops reading for a while, and is not cut off."""
START_TIMEOUT = 15.0
STOP_TIMEOUT = 5.0
BACKOFF_FIRST, BACKOFF_LIMIT = 0.05, 5.0
STEADY_AFTER = 10.0
MENDED_EVERY = 0.5
ROOM = 4 * 1024 * 1024
"""Bytes that must fit onto the disk again before a broker that could not write is started anew."""

_CANNOT_WRITE = re.compile(
    r"\[\d+\] \S+ \S+ \[ERR\] JetStream (?:stream )?[^\"]*(?:critical write error|failed to store a msg).*: (?P<reason>[^:]+)$"
)
"""From the beginning of the line: further on stands what clients call themselves."""
_VIOLATION = re.compile(r'"(?P<client>.*)" - (?P<kind>Publish|Subscription) Violation - Subject "(?P<subject>[^"]*)"')


class BrokerFailed(HubError):
    """The broker cannot be started or reached."""


@dataclass(frozen=True, slots=True)
class BrokerKeys:
    """What the hub's own connections sign in with, and the seed that signs what devices may do."""

    bridge: str
    gatekeeper: str
    system: str
    issuer_seed: bytes

    @property
    def issuer(self) -> str:
        """The public half of the seed."""
        return str(nkeys.from_seed(self.issuer_seed).public_key.decode())


@dataclass(frozen=True, slots=True)
class Violation:
    """A signed-in device, known here by its client id, tried what it may not; the broker did not let it."""

    client_id: str
    action: str
    subject: str


class EmbeddedBroker:
    """nats-server under the hub's care.

    One thread starts the child, reads its log until it ends, and starts it again: the child is tied to that thread, so
    that it does not outlive a killed hub (where the system can do that).
    """

    def __init__(self, directory: Path, *, host: str, port: int, control_port: int) -> None:
        self.host, self.port = host, port or _free_port(host)
        self.control_port = control_port or _free_port("127.0.0.1")
        self.restarts = 0
        self.on_violation: Callable[[Violation], None] = lambda _: None
        self._directory = private_directory(directory)
        self.keys = _keys(directory)
        self._stopping = threading.Event()
        self._failed: str | None = None
        self._listened = False
        self._last_error = ""
        self._cannot_write: str | None = None
        self._child: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._watch, name="broker", daemon=True)

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    @property
    def trouble(self) -> str | None:
        """Why the broker keeps nothing; `None` if it does."""
        return f"the broker cannot write: {self._cannot_write}" if self._cannot_write else None

    def start(self) -> None:
        """Start the child and wait until it listens. Raises `BrokerFailed`."""
        for host, port in ((self.host, self.port), ("127.0.0.1", self.control_port)):
            _require_free(host, port)
        write_private(self._directory / "nats.conf", self._configuration().encode())
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT
        while not self._listens():
            if self._failed or time.monotonic() > deadline:
                self.stop()
                raise BrokerFailed(f"the embedded broker does not start: {self._failed or 'it does not answer'}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop the child; kill it if it does not listen."""
        self._stopping.set()
        child = self._child
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                child.kill()
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT)

    def _watch(self) -> None:
        backoff = BACKOFF_FIRST
        while not self._stopping.is_set():
            started = time.monotonic()
            self._child, self._cannot_write = self._spawn(), None
            self._follow_log(self._child)
            code = self._child.wait()
            if self._stopping.is_set():
                return
            if self.restarts == 0 and time.monotonic() - started < 1.0 and not self._listened:
                self._failed = self._last_error or f"exit code {code}"
                return
            log.warning("broker_ended", code=code, restart_in=backoff)
            backoff = BACKOFF_FIRST if time.monotonic() - started > STEADY_AFTER else min(backoff * 2, BACKOFF_LIMIT)
            self._stopping.wait(backoff)
            self.restarts += 1

    def _listens(self) -> bool:
        self._listened = _answers(self.host, self.port) and _answers("127.0.0.1", self.control_port)
        return self._listened

    def _spawn(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [_executable(), "-c", str(self._directory / "nats.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  (one system call)
        )

    def _follow_log(self, child: subprocess.Popen[str]) -> None:
        assert child.stderr is not None
        with child.stderr as lines:
            self._read_log(lines)

    def _read_log(self, lines: IO[str]) -> None:
        for line in lines:
            if match := _VIOLATION.search(line):
                self.on_violation(Violation(match["client"], match["kind"].lower(), match["subject"]))
            elif match := _CANNOT_WRITE.match(line.rstrip()):
                self._note_cannot_write(match["reason"])
            elif "[FTL]" in line or "nats-server:" in line:
                self._last_error = line.strip()
                log.error("broker_fatal", line=self._last_error)

    def _note_cannot_write(self, reason: str) -> None:
        """What nats-server could once not write to it writes to no more, even when there is room again."""
        if self._cannot_write is None:
            self._cannot_write = reason
            log.error("broker_cannot_write", reason=reason)
            threading.Thread(target=self._start_anew_once_there_is_room, name="broker-mender", daemon=True).start()

    def _start_anew_once_there_is_room(self) -> None:
        child = self._child
        while not self._stopping.wait(MENDED_EVERY):
            if child is not self._child or child is None:
                return
            if self._has_room():
                log.info("broker_started_anew", reason=self._cannot_write)
                child.send_signal(signal.SIGTERM)
                try:
                    child.wait(STOP_TIMEOUT)
                except subprocess.TimeoutExpired:
                    child.kill()
                return

    def _has_room(self) -> bool:
        probe = self._directory / "room"
        try:
            write_private(probe, bytes(ROOM))
        except OSError:
            return False
        finally:
            for left in (probe, probe.with_name(f"{probe.name}.new")):
                left.unlink(missing_ok=True)
        return True

    def _configuration(self) -> str:
        keys, store = self.keys, self._directory / "jetstream"
        return f"""
server_name: experience-hub
listen: "127.0.0.1:{self.control_port}"
max_payload: {MAX_PAYLOAD}
max_pending: 256MB
write_deadline: "{WAIT_FOR_READER}"
jetstream {{ store_dir: "{store}", limits {{ default_max_consumers: 200000 }} }}
mqtt {{ listen: "{_bracketed(self.host)}:{self.port}", ack_wait: "{REDELIVER_AFTER}", max_ack_pending: {MAX_IN_FLIGHT} }}
system_account: SYS
accounts {{
  {ACCOUNT}: {{ jetstream: enabled, users: [
    {{ user: "{BRIDGE_USER}", password: "{keys.bridge}" }}, {{ user: "{GATEKEEPER_USER}", password: "{keys.gatekeeper}" }} ] }}
  SYS: {{ users: [ {{ user: "{SYSTEM_USER}", password: "{keys.system}" }} ] }}
}}
authorization {{
  timeout: 5
  auth_callout {{
    issuer: "{keys.issuer}", account: {ACCOUNT}, auth_users: [ "{BRIDGE_USER}", "{GATEKEEPER_USER}", "{SYSTEM_USER}" ]
  }}
}}
"""


def _keys(directory: Path) -> BrokerKeys:
    def seed() -> str:
        return str(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_ACCOUNT).decode())

    named = {user: kept(directory / f"{user}.password", lambda: secrets.token_hex(32)) for user in _USERS}
    issuer_seed = kept(directory / "issuer.seed", seed).encode()
    return BrokerKeys(named[BRIDGE_USER], named[GATEKEEPER_USER], named[SYSTEM_USER], issuer_seed)


_USERS = (BRIDGE_USER, GATEKEEPER_USER, SYSTEM_USER)


def _executable() -> str:
    path = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not path.exists():
        raise BrokerFailed("nats-server is not installed beside Python; install the project's dependencies again")
    return str(path)


_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    assert _libc is not None
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])


def _require_free(host: str, port: int) -> None:
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        hint = "set HUB_MQTT_PORT to another port, or HUB_BROKER_URL to use the broker that is there"
        raise BrokerFailed(f"the embedded broker cannot listen on {host}:{port}: {reason}; {hint}") from error


def _answers(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=0.5):
        return True
    return False
