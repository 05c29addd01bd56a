"""What every route may ask for: the hub, and who is calling.

What needs no waiting is `async`, for a plain function is handed to another thread and back.
"""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import OAuth2PasswordBearer

from api.problems import Unauthorized
from devices.errors import NotFound, Refused
from hub.registry import Entry
from hub.runtime import Hub
from hub.store.accounts import OPERATOR
from hub.store.sessions import Caller
from hub.views import Reader

ME = "me"
_bearer = OAuth2PasswordBearer(tokenUrl="/v1/auth/token", auto_error=False)


async def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


HubDep = Annotated[Hub, Depends(_hub)]


async def _caller(hub: HubDep, token: Annotated[str | None, Depends(_bearer)]) -> Caller:
    sessions, at = hub.accounts.sessions, now()
    caller = sessions.recall(token, now=at) if token else None
    if caller is None and token:
        caller = await run_in_threadpool(sessions.identify, token, now=at)
    if caller is None:
        raise Unauthorized("send a bearer token from POST /v1/auth/token; this one is missing, wrong or too old")
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]


async def _operator(caller: CallerDep) -> Caller:
    if caller.role != OPERATOR:
        raise Refused("this is for operators")
    return caller


OperatorDep = Annotated[Caller, Depends(_operator)]


async def _reader(
    request: Request,
    caller: CallerDep,
    purpose: Annotated[str, Query(description="what the data is read for; people must have allowed it")] = "service",
) -> Reader:
    return Reader(caller.username, caller.person, purpose, request.url.path)


ReaderDep = Annotated[Reader, Depends(_reader)]


async def _person(person_id: str, caller: CallerDep) -> str:
    """The person a path names; `me` is the caller. Others' data is for operators, through a purpose, and on record."""
    if person_id == ME:
        if caller.person is None:
            raise NotFound("you are signed in as an operator, who is no person with data of their own")
        return caller.person
    if caller.role != OPERATOR and person_id != caller.person:
        raise Refused("this is somebody else's")
    return person_id


PersonDep = Annotated[str, Depends(_person)]


def _device(device_id: str, caller: CallerDep, hub: HubDep) -> Entry:
    entry = hub.registry.entries.get(device_id)
    if entry is None or not may_see(caller, entry, hub):
        raise NotFound(f"there is no device {device_id}")
    return entry


DeviceDep = Annotated[Entry, Depends(_device)]


def may_see(caller: Caller, entry: Entry, hub: Hub) -> bool:
    """Whether a device is the caller's: their own, or one that everybody in their home shares."""
    if caller.role == OPERATOR or (entry.owner is not None and entry.owner == caller.person):
        return True
    return entry.owner is None and caller.person is not None and home_of(caller.person, hub) == entry.home


def home_of(person: str, hub: Hub) -> str | None:
    """Where a person lives."""
    return hub.accounts.person(person).home_id


def zone_of(person: str, hub: Hub) -> str:
    """The time zone a person is in. Raises `NotFound`."""
    subject = hub.registry.subjects.get(person)
    if subject is None:
        raise NotFound(f"there is no person {person}")
    return subject.zone


def now() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000
