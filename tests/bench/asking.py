"""Requests at a rate, whether or not those before were answered, by a client that takes next to nothing itself: a library
for HTTP would take longer than the hub, on the same two cores."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from statistics import quantiles
from typing import NamedTuple
from urllib.parse import urlsplit

CONNECTIONS = 32


class Taken(NamedTuple):
    """Seconds that answers took, each sorted: from when a request was due until its answer was read, and those of it that
    the hub says it took."""

    whole: list[float]
    server: list[float]


def server_seconds(header: str) -> float:
    """From a `Server-Timing` header."""
    return float(header.split("total;dur=", 1)[1]) / 1000


class Lane(NamedTuple):
    """A connection that is kept."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes) -> float:
        """Send a request and read all of its answer, which must be 200; how long the hub says that it took."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        body = await self.reader.readexactly(int(_field(head, b"content-length")))
        assert head.startswith(b"HTTP/1.1 200"), head + body
        return server_seconds(_field(head, b"server-timing").decode())


def _field(head: bytes, name: bytes) -> bytes:
    return head.lower().split(name + b":", 1)[1].split(b"\r\n", 1)[0]


async def paced(url: str, authorizations: Sequence[str], *, rate: float, seconds: float) -> Taken:
    """Ask at a rate: what waits for a free connection counts too."""
    parts = urlsplit(url)
    target, host = f"{parts.path}?{parts.query}", parts.netloc
    requests = [
        f"GET {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {each}\r\n\r\n".encode() for each in authorizations
    ]
    lanes: asyncio.Queue[Lane] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        lanes.put_nowait(Lane(*await asyncio.open_connection(parts.hostname, parts.port)))
    taken = Taken([], [])
    started = time.perf_counter()

    async def ask(number: int) -> None:
        lane = await lanes.get()
        taken.server.append(await lane.ask(requests[number % len(requests)]))
        taken.whole.append(time.perf_counter() - started - number / rate)
        lanes.put_nowait(lane)

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
            group.create_task(ask(number))
    while not lanes.empty():
        lanes.get_nowait().writer.close()
    return Taken(sorted(taken.whole), sorted(taken.server))


def p50_p99(taken: Sequence[float]) -> tuple[float, float]:
    """In milliseconds."""
    cut = quantiles(taken, n=100)
    return cut[49] * 1000, cut[98] * 1000
