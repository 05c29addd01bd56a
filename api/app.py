"""The FastAPI application around an open hub."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems, stream
from api.routes import (
    auth,
    boards,
    commands,
    consents,
    devices,
    goals,
    homes,
    imports,
    peers,
    people,
    recommendations,
    rules,
    services,
    system,
)
from api.timing import ServerTiming
from hub.imports.intake import FILE_LIMIT
from hub.runtime import Hub

BODY_LIMIT = 1024 * 1024
IMPORTS = "/v1/imports/"


class BodyLimit:
    """Turns away bodies that are larger than anything the API takes. Imports may be larger, and count for themselves what
    comes without saying how large it is: they put it on the disk, once they know who sends it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            length = headers.get(b"content-length", b"0")
            imports = scope["path"].startswith(IMPORTS)
            limit = FILE_LIMIT if imports else BODY_LIMIT
            if not length.isdigit() or int(length) > limit:
                await _too_large(scope, receive, send, limit=limit)
                return
            if b"transfer-encoding" in headers and not imports:
                await self._piecewise(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _piecewise(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A body that does not say how large it is is counted as it comes, before anybody reads it."""
        pieces, size, more = [], 0, True
        while more:
            message = await receive()
            pieces.append(message)
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
            if size > BODY_LIMIT:
                await _too_large(scope, receive, send, limit=BODY_LIMIT)
                return
        waiting = iter(pieces)

        async def again() -> Message:
            return next(waiting, None) or await receive()

        await self._app(scope, again, send)


async def _too_large(scope: Scope, receive: Receive, send: Send, *, limit: int) -> None:
    detail = f"a request body may be {limit // 1024} KiB"
    await problems.problem(413, "too-large", "Too large", detail)(scope, receive, send)


def create_app(hub: Hub) -> FastAPI:
    """The API over a hub that is open for as long as the application serves."""
    app = FastAPIOffline(
        title="Experience Hub",
        version="1",
        summary="Progress and live views over what connected things say, with consent in the path.",
    )
    app.state.hub = hub
    app.add_middleware(BodyLimit)
    app.add_middleware(ServerTiming)
    problems.install(app)
    for router in (
        auth,
        homes,
        people,
        consents,
        goals,
        boards,
        peers,
        devices,
        imports,
        commands,
        rules,
        recommendations,
        services,
        system,
        stream,
    ):
        app.include_router(router.router)
    return app
