"""Imports: what a deployment brings along from elsewhere, a file at a time."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.deps import HubDep, OperatorDep
from hub.imports.intake import FILE_LIMIT, TakenIn
from hub.imports.sheet import FORMS, Form

router = APIRouter(prefix="/v1/imports", tags=["imports"])

_CONTENT = {media: {"schema": {"type": "string", "format": "binary"}} for media in FORMS}
_FILE: dict[str, Any] = {"requestBody": {"required": True, "content": _CONTENT}}


class TakenInOut(BaseModel):
    """What of a file was news."""

    new: int = Field(description="rows that were not there")
    changed: int = Field(description="days that were there and differed; they are now as told")
    unchanged: int = Field(description="rows that were there already")


class Upload(NamedTuple):
    """A file that came in, for as long as it is being answered."""

    path: Path
    form: Form


async def _upload(request: Request, hub: HubDep, _operator: OperatorDep) -> AsyncIterator[Upload]:
    form = FORMS.get(request.headers.get("content-type", "").split(";")[0].strip().lower())
    if form is None:
        raise HTTPException(415, f"send {' or '.join(FORMS)}")
    with tempfile.NamedTemporaryFile(dir=hub.intake.directory, suffix=f".{form}") as file:
        size = 0
        async for piece in request.stream():
            size += len(piece)
            if size > FILE_LIMIT:
                raise HTTPException(413, f"a file may be {FILE_LIMIT // 1024 // 1024} MiB; send it in parts")
            await run_in_threadpool(file.write, piece)
        await run_in_threadpool(file.flush)
        yield Upload(Path(file.name), form)


UploadDep = Annotated[Upload, Depends(_upload)]


@router.post("/people", openapi_extra=_FILE)
def people(upload: UploadDep, hub: HubDep, operator: OperatorDep) -> TakenInOut:
    """Take in people, all of a file or none; see docs/imports.md for the columns. They cannot sign in yet."""
    return _out(hub.intake.people(*upload, by=operator.username))


@router.post("/devices", openapi_extra=_FILE)
def devices(upload: UploadDep, hub: HubDep, _operator: OperatorDep) -> TakenInOut:
    """Take in devices, all of a file or none. They get credentials from POST /v1/devices/{id}/credentials."""
    return _out(hub.intake.devices(*upload))


@router.post("/days", openapi_extra=_FILE)
def days(upload: UploadDep, hub: HubDep, _operator: OperatorDep) -> TakenInOut:
    """Take in daily features, all of a file or none; those told before are replaced where they differ."""
    return _out(hub.intake.days(*upload))


def _out(taken: TakenIn) -> TakenInOut:
    return TakenInOut(new=taken.new, changed=taken.changed, unchanged=taken.unchanged)
