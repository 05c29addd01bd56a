"""The live stream: Server-Sent Events with what the caller may see, as it happens."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from api.deps import CallerDep, HubDep, home_of
from hub.feed import Feed, Happening
from hub.runtime import Hub
from hub.store.accounts import OPERATOR
from hub.store.sessions import Caller

router = APIRouter(prefix="/v1", tags=["stream"])

HEARTBEAT = 15.0
_ID = re.compile(r"[0-9]{1,18}")
BACKLOG = 1_000
"""A listener that is this far behind is let go; it comes back and asks for what it missed."""


_OPEN = frozenset({"presence", "command"})
"""What operators hear of people's devices: that they work, not what they say. That they ask for, with a purpose and on record."""


class Audience:
    """Who listens, and what concerns them."""

    def __init__(self, caller: Caller, hub: Hub) -> None:
        self._everything = caller.role == OPERATOR
        self._person = caller.person
        self._home = home_of(caller.person, hub) if caller.person else None
        self._hub = hub

    def concerns(self, happening: Happening) -> bool:
        """Whether the listener may hear of it."""
        if self._everything:
            return happening.person is None or happening.kind in _OPEN
        if happening.person is not None and happening.person == self._person:
            return True
        entry = self._hub.registry.entries.get(happening.device or "")
        return entry is not None and entry.owner is None and self._home == entry.home


@router.get("/stream", response_class=StreamingResponse)
async def stream(
    caller: CallerDep,
    hub: HubDep,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Everything that happens, as Server-Sent Events: twin, event, decision, command, recommendation,
    presence.

    Come back with `Last-Event-ID` to get what was missed; a `gap` event says that not all of it is kept any more.
    """
    audience = await run_in_threadpool(Audience, caller, hub)
    after = int(last_event_id) if last_event_id and _ID.fullmatch(last_event_id) else None
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_told(hub, audience, after), media_type="text/event-stream", headers=headers)


async def _told(hub: Hub, audience: Audience, after: int | None) -> AsyncIterator[bytes]:
    feed: Feed = hub.feed
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Happening] = asyncio.Queue(BACKLOG)
    overrun = asyncio.Event()

    def put(happening: Happening) -> None:
        if waiting.full():
            overrun.set()
        else:
            waiting.put_nowait(happening)

    def listener(happening: Happening) -> None:
        if audience.concerns(happening):
            loop.call_soon_threadsafe(put, happening)

    missed, complete = feed.listen(listener, after=after)
    hub.metrics.listeners.inc()
    try:
        yield b": connected\n\n"
        if not complete:
            yield b"event: gap\ndata: {}\n\n"
        for happening in missed:
            if audience.concerns(happening):
                yield encode(happening)
        while not overrun.is_set():
            try:
                yield encode(await asyncio.wait_for(waiting.get(), HEARTBEAT))
            except TimeoutError:
                yield b": still here\n\n"
    finally:
        feed.leave(listener)
        hub.metrics.listeners.dec()


def encode(happening: Happening) -> bytes:
    """A happening as a Server-Sent Event."""
    body = msgspec.json.encode({"device": happening.device, **happening.body})
    id_line = b"id: %d\n" % happening.id if happening.id else b""
    return id_line + b"event: " + happening.kind.encode() + b"\ndata: " + body + b"\n\n"
