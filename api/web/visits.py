"""Visits: who is looking at a page, by cookie; signing in and out with a form that needs no script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from api.deps import now
from api.web.catalogue import Catalogue, Language, chosen
from hub.runtime import Hub
from hub.store.sessions import TOKEN_LIFE, Caller

SESSION, LANGUAGE = "hub_session", "hub_language"
SIGN_IN = "/sign-in"


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody signed in, looking at a page in their language."""

    caller: Caller
    say: Catalogue


def language_of(request: Request) -> Language:
    """The language a visitor reads."""
    return chosen(request.cookies.get(LANGUAGE), request.headers.get("accept-language"))


def caller_of(request: Request, hub: Hub) -> Caller | None:
    """Who has the session cookie."""
    token = request.cookies.get(SESSION)
    return hub.accounts.sessions.identify(token, now=now()) if token else None


def set_session(response: Response, token: str) -> None:
    """Let the browser keep the token where scripts and other sites cannot get at it."""
    response.set_cookie(SESSION, token, max_age=TOKEN_LIFE // 1000, httponly=True, samesite="strict")


def same_site(request: Request) -> bool:
    """Whether a form was sent from a page of this host."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def router(hub: Hub, *, may_look_in: Callable[[str], bool]) -> APIRouter:
    """The forms' targets. `may_look_in` says whose home may be seen without a password, which is so only in a demo."""
    routes = APIRouter(include_in_schema=False)

    @routes.post(SIGN_IN)
    def sign_in(
        request: Request, username: Annotated[str, Form()] = "", password: Annotated[str, Form()] = ""
    ) -> Response:
        token = hub.accounts.sign_in(username=username, password=password, now=now()) if same_site(request) else None
        if token is None:
            return RedirectResponse(f"{SIGN_IN}?wrong=1", 303)
        response = RedirectResponse("/home", 303)
        set_session(response, token)
        return response

    @routes.post("/look-around")
    def look_around(request: Request, username: Annotated[str, Form()] = "") -> Response:
        if not may_look_in(username) or not same_site(request):
            return RedirectResponse(SIGN_IN, 303)
        response = RedirectResponse("/home", 303)
        set_session(response, hub.accounts.sessions.issue(username, now=now()))
        return response

    @routes.post("/sign-out")
    def sign_out(request: Request) -> Response:
        response = RedirectResponse(SIGN_IN, 303)
        if same_site(request):
            hub.accounts.sessions.end(request.cookies.get(SESSION, ""))
            response.delete_cookie(SESSION)
        return response

    @routes.post("/language")
    def switch_language(request: Request, to: Annotated[Language, Form()], back: Annotated[str, Form()]) -> Response:
        inside = back.startswith("/") and not back.startswith(("//", "/\\"))
        response = RedirectResponse(back if inside and same_site(request) else "/", 303)
        response.set_cookie(LANGUAGE, to, max_age=365 * 86_400, samesite="lax")
        return response

    return routes
