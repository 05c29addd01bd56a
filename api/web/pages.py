"""The pages, put onto the application. Everything they need comes with the packages: no content network, no build."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeAlias

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from api.deps import now
from api.problems import problem
from api.web import catalogue, visits
from api.web.visits import SIGN_IN, Visit, caller_of, language_of, set_session
from hub.runtime import Hub
from hub.store.tables import Person

DEMO_HOME = "maru-home"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
PATIENCE_S = 30.0
"""So long a page may take to come: the first trend after a start loads a library."""
FAVICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="13" fill="#f0503c"/>
<path d="M6 17h6l2-5 4 10 2-5h6" fill="none" stroke="#fff" stroke-width="2.4" stroke-linejoin="round" stroke-linecap="round"/></svg>"""


class Page(Protocol):
    """Something that can be laid out for a visitor; what takes a while is waited for."""

    def build(self) -> Awaitable[None] | None: ...


Make: TypeAlias = Callable[[Visit, Request], Page]


def load_library(data_dir: Path) -> None:
    """Import what takes a while, ahead of time; what the pages' library keeps goes into the data dir."""
    os.environ.setdefault("NICEGUI_STORAGE_PATH", str(data_dir / "pages"))
    for library in ("nats", "nicegui"):
        importlib.import_module(library)


def install(app: FastAPI, hub: Hub, *, demo: bool) -> None:
    """Add the pages. In a demo, on this machine only, whoever comes is shown around as the first wearer."""
    from nicegui import ui

    from api.web import door

    says = catalogue.load()
    demo = demo and hub.settings.api_host in LOOPBACK

    def demo_people() -> list[Person]:
        return [person for person in hub.accounts.people() if person.home_id == DEMO_HOME] if demo else []

    app.include_router(visits.router(hub, may_look_in=lambda name: any(name == each.id for each in demo_people())))

    @app.api_route("/v1/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    def _nothing_here(path: str) -> Response:
        return problem(404, "not-found", "Not found", f"there is no /v1/{path}")

    @app.get("/", include_in_schema=False)
    def _front(request: Request) -> Response:
        if caller_of(request, hub) is not None:
            return RedirectResponse("/home", 303)
        people = demo_people()
        if not people:
            return RedirectResponse(SIGN_IN, 303)
        response = RedirectResponse("/home", 303)
        first = next((person for person in people if person.id == "minji"), people[0])
        set_session(response, hub.accounts.sessions.issue(first.id, now=now()))
        return response

    def visit_of(request: Request) -> Visit | None:
        caller = caller_of(request, hub)
        return Visit(caller, says[language_of(request)]) if caller else None

    @ui.page(SIGN_IN)
    def _sign_in(request: Request) -> None:
        door.build(says[language_of(request)], wrong="wrong" in request.query_params, people=demo_people())

    for path, make in _pages(hub, demo=demo).items():
        _put(path, make, visit_of)
    ui.run_with(app, title="Experience Hub", favicon=FAVICON, tailwind=False, show_welcome_message=False)


def _pages(hub: Hub, *, demo: bool) -> dict[str, Make]:
    """What is shown where, to somebody who is signed in."""
    from api.web.asked import PATH, REPORT, Asked
    from api.web.board import BoardPage
    from api.web.boards import BoardsPage
    from api.web.home import HomePage
    from api.web.me import MePage
    from api.web.progress import ProgressPage
    from api.web.report import ReportPage
    from api.web.rule import RulePage
    from api.web.rules import RulesPage

    def asked(request: Request) -> Asked:
        return Asked.read(*(request.query_params.get(name) for name in ("metric", "months", "by")))

    return {
        "/home": lambda visit, _: HomePage(hub, visit, demo=demo),
        "/me": lambda visit, _: MePage(hub, visit, demo=demo),
        PATH: lambda visit, request: ProgressPage(hub, visit, asked(request), demo=demo),
        REPORT: lambda visit, request: ReportPage(hub, visit, asked(request)),
        "/boards": lambda visit, _: BoardsPage(hub, visit, demo=demo),
        "/boards/{board}": lambda visit, request: BoardPage(hub, visit, request.path_params["board"], demo=demo),
        "/rules": lambda visit, _: RulesPage(hub, visit, demo=demo),
        "/rules/{rule}": lambda visit, request: RulePage(
            hub, visit, request.path_params["rule"], scope=request.query_params.get("scope")
        ),
    }


def _put(path: str, make: Make, visit_of: Callable[[Request], Visit | None]) -> None:
    """Put a page where it belongs, behind the door."""
    from nicegui import ui

    @ui.page(path, response_timeout=PATIENCE_S)
    async def _page(request: Request) -> Response | None:
        visit = visit_of(request)
        if visit is None:
            return RedirectResponse("/", 303)
        built = make(visit, request).build()
        if inspect.isawaitable(built):
            await built
        return None
