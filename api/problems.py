"""Errors as `application/problem+json` (RFC 9457). The one table from errors to HTTP status is here."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from devices.errors import Conflict, HubError, Invalid, ModelInvalid, NotFound, Refused, StoreUnavailable
from hub.imports.faults import ImportInvalid

URN = "urn:experience-hub:problem:"
STATUS: dict[type[HubError], tuple[int, str, str]] = {
    NotFound: (404, "not-found", "Not found"),
    Conflict: (409, "conflict", "Conflict"),
    Invalid: (422, "invalid", "This cannot be done"),
    Refused: (403, "forbidden", "Not allowed"),
    StoreUnavailable: (503, "store-unavailable", "A store is not available just now"),
}
FAULTS_TOLD = 200
"""Of what is wrong with a text so much is told, and how many more there are."""
_TITLES = {
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
}


class Unauthorized(HubError):
    """Nobody the hub knows."""


def problem(
    status: int, name: str, title: str, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """A problem document."""
    body = {"type": URN + name, "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


def install(app: FastAPI) -> None:
    """Have every error answered as a problem document."""

    @app.exception_handler(HubError)
    async def _hub_error(_request: Request, error: HubError) -> JSONResponse:
        if isinstance(error, Unauthorized):
            return problem(401, "unauthorized", "Sign in first", str(error), {"WWW-Authenticate": "Bearer"})
        if isinstance(error, ModelInvalid):
            faults = [
                {"file": each.file, "line": each.line, "path": each.path, "reason": each.reason}
                for each in error.faults[:FAULTS_TOLD]
            ]
            told = "\n".join(map(str, error.faults[:FAULTS_TOLD]))
            more = max(0, len(error.faults) - FAULTS_TOLD)
            return problem(422, "rule-invalid", "The rule is not valid", told, errors=faults, more=more)
        if isinstance(error, ImportInvalid):
            wrong = [asdict(fault) for fault in error.faults]
            return problem(422, "import-invalid", "Nothing was taken", str(error), errors=wrong, more=error.more)
        for kind, (status, name, title) in STATUS.items():
            if isinstance(error, kind):
                return problem(status, name, title, str(error))
        return problem(500, "internal", "The hub failed", "see the log")

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [{"path": ".".join(map(str, each["loc"])), "reason": each["msg"]} for each in error.errors()]
        detail = "; ".join(f"{fault['path']}: {fault['reason']}" for fault in faults)
        return problem(422, "invalid-request", "The request is not valid", detail, errors=faults)

    @app.exception_handler(UnicodeEncodeError)
    async def _not_unicode(_request: Request, _error: UnicodeEncodeError) -> JSONResponse:
        return problem(422, "invalid-request", "The request is not valid", "half a character is no text")

    @app.exception_handler(Exception)
    async def _defect(_request: Request, _error: Exception) -> JSONResponse:
        """Whoever asked is told the same way; what it was is in the log."""
        return problem(500, "internal", "The hub failed", "see the log")

    @app.exception_handler(StarletteHTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        name = _TITLES.get(error.status_code, "http-error")
        return problem(error.status_code, name, name.replace("-", " ").capitalize(), str(error.detail))
