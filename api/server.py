"""`serve`: the hub, its API and its pages in one process, until told to stop."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from hub.data_dir import StartFailed, operator_password_file
from hub.runtime import Hub, open_hub
from hub.settings import Settings

GRACE_S = 3
DEMO_GRACE_S = 5
DEMO_PASSWORDS = "demo-passwords.json"
GC_THRESHOLDS = (10_000, 50, 100)
"""The hot path makes many short-lived containers and no cycles; looking for cycles less often gives it a tenth more."""


def serve(settings: Settings, *, demo: bool, crowd: int) -> int:
    """Run until SIGTERM or SIGINT, in a demo with so many made-up wearers around the home; the exit code.

    Raises `HubError` if it cannot start.
    """
    configure_logging(settings.log_level)
    beside = threading.Thread(target=_load_pages, args=(settings.data_dir,))
    beside.start()
    with _listening(settings) as listener, open_hub(settings) as hub:
        beside.join()
        from api.web import pages

        app = create_app(hub)
        pages.install(app, hub, demo=demo)
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        gc.enable()
        _Server(hub, app, demo=demo, crowd=crowd).run(sockets=[listener])
    return 0


def _load_pages(data_dir: Path) -> None:
    """The pages' library takes a while to load, and the broker a while to start: one waits while the other works."""
    from api.web import pages

    pages.load_library(data_dir)


def configure_logging(level: str) -> None:
    """Structured lines on stderr, one event name each."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(number, logging.WARNING), format="%(levelname)s %(name)s %(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


class _Server(uvicorn.Server):
    """Says one line when it serves; in a demo, has the made-up home live beside it."""

    def __init__(self, hub: Hub, app: FastAPI, *, demo: bool, crowd: int) -> None:
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_S, server_header=False
        )
        super().__init__(config)
        self._hub, self._demo, self._crowd = hub, demo, crowd
        self._home: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT, and then go on to close the hub: uvicorn would raise the signal again and end there."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        host, port = (sockets or self.servers[0].sockets)[0].getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        mqtt_host, mqtt_port = self._hub.device_broker
        print(f"ready: pages and API {address}  MQTT {mqtt_host}:{mqtt_port}", flush=True)
        if self._demo:
            self._home = _start_demo(self._hub.settings, address, self._crowd)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._home is not None:
            self._home.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._home.wait(DEMO_GRACE_S)
        await super().shutdown(sockets=sockets)


def _start_demo(settings: Settings, address: str, crowd: int) -> subprocess.Popen[bytes]:
    """The demo's devices are a program of their own and come in from outside, as real ones would."""
    password_file = operator_password_file(settings)
    command = [sys.executable, "-m", "simulators", "home", "--quiet", "--api", address, "--crowd", str(crowd)]
    command += ["--password-file", str(password_file), "--people-passwords", str(settings.data_dir / DEMO_PASSWORDS)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The API's socket, bound before anything else starts, so that a taken port is found out first."""
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    try:
        listener = socket.create_server((settings.api_host, settings.api_port), family=family, backlog=512)
    except OSError as error:
        where = f"{settings.api_host}:{settings.api_port}"
        reason = os.strerror(error.errno or 0)
        raise StartFailed(f"the API cannot listen on {where}: {reason}; set HUB_API_PORT to another port") from error
    with listener:
        yield listener
