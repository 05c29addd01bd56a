"""People, and what is told of them: series, progress, decisions."""

from __future__ import annotations

import re
import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from api import exports, progress
from api.deps import ME, CallerDep, HubDep, OperatorDep, PersonDep, ReaderDep, zone_of
from api.exports import ExportQuery, Owner
from api.instants import to_instant, to_rfc3339
from api.paging import before_of, cursor_of
from api.progress_schemas import ProgressOut
from api.schemas import (
    DecisionOut,
    Id,
    LoginIn,
    LoginOut,
    Page,
    PersonIn,
    PersonOut,
    PersonPatch,
    Series,
    StayIn,
    StayOut,
)
from api.series import SeriesQuery, answer, opened
from devices import topics
from devices.errors import Invalid
from hub.store.accounts import NewPerson
from hub.store.tables import DecisionRow, Person, Stay
from rules.periods import Every

router = APIRouter(prefix="/v1/people", tags=["people"])


@router.post("", status_code=201)
def create_person(person: PersonIn, hub: HubDep, _operator: OperatorDep) -> PersonOut:
    """Create a person who can sign in."""
    if person.id == ME:
        raise Invalid(f"{ME} is whoever asks; take another id")
    new = NewPerson(
        id=person.id or _id_from(person.username),
        username=person.username,
        password=person.password,
        name=person.name or person.username,
        home=person.home,
        birth_year=person.birth_year,
        sex=person.sex,
        height_cm=person.height_cm,
        region=person.region,
        timezone=person.timezone,
    )
    return _out(hub.desk.add_person(new), username=person.username)


@router.post("/{person_id}/login", status_code=201)
def add_login(person_id: Id, login: LoginIn, hub: HubDep, _operator: OperatorDep) -> LoginOut:
    """Let somebody sign in who came with an import, and cannot yet."""
    hub.accounts.add_login(person_id, username=login.username, password=login.password)
    return LoginOut(username=login.username, person=person_id)


@router.get("/{person_id}")
def person(person_id: PersonDep, hub: HubDep, _caller: CallerDep) -> PersonOut:
    """What the hub knows of a person's profile."""
    return _out(hub.accounts.person(person_id))


@router.patch("/{person_id}")
def amend_person(person_id: PersonDep, changed: PersonPatch, hub: HubDep) -> PersonOut:
    """Change what the hub knows of a person's profile."""
    return _out(hub.desk.amend_person(person_id, changed.model_dump(exclude_unset=True)))


@router.get("/{person_id}/timezone")
def stays(person_id: PersonDep, hub: HubDep) -> Page[StayOut]:
    """Where a person was and is, as far as their days are concerned; before the first, the time zone of their home counts."""
    return Page(items=[_stay(stay) for stay in hub.accounts.stays(person_id)])


@router.put("/{person_id}/timezone")
def stay(person_id: PersonDep, where: StayIn, hub: HubDep) -> Page[StayOut]:
    """Say in which time zone a person is, from when on: after a flight, or before one."""
    hub.desk.stay(person_id, timezone=where.timezone, since=to_instant(where.since) if where.since else None)
    return stays(person_id, hub)


@router.get("/{person_id}/telemetry/{metric}")
def person_series(
    person_id: PersonDep, metric: str, query: Annotated[SeriesQuery, Depends()], hub: HubDep, reader: ReaderDep
) -> Series:
    """A series across a person's devices, each for as long as it was theirs."""
    return answer(opened(hub.gate.person(person_id, reader)), metric, query, zone=zone_of(person_id, hub))


@router.get("/{person_id}/telemetry/{metric}/export", response_class=StreamingResponse, responses=exports.RESPONSES)
def person_export(
    person_id: PersonDep, metric: str, query: Annotated[ExportQuery, Depends()], hub: HubDep, reader: ReaderDep
) -> StreamingResponse:
    """The whole of such a series as a file: CSV, Parquet, JSON, or FHIR for what health records know."""
    view = opened(hub.gate.person(person_id, reader))
    return exports.answer(hub, view, metric, query, zone=zone_of(person_id, hub), owner=Owner(person_id))


@router.get("/{person_id}/progress")
def person_progress(
    person_id: PersonDep,
    metric: str,
    hub: HubDep,
    reader: ReaderDep,
    span: Annotated[progress.SpanQuery, Depends()],
    every: Annotated[Every, Query(description="how the items are grouped")] = "day",
) -> ProgressOut:
    """How a metric came along: a series, its trend, turns, streaks, records and goal, and a sentence that says it."""
    view = opened(hub.gate.person(person_id, reader))
    told = progress.told(view, metric)
    asked = span.within(zone_of(person_id, hub))
    return progress.answer(view, told, asked, every=every, goal=progress.goal_from(hub.goals.goal(person_id, metric)))


@router.get("/{person_id}/decisions")
def person_decisions(
    person_id: PersonDep,
    hub: HubDep,
    reader: ReaderDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: str | None = None,
) -> Page[DecisionOut]:
    """What rules decided about a person, newest first, and why."""
    opened(hub.gate.person(person_id, reader))
    rows = hub.ledger.decisions([person_id], limit=limit + 1, before=before_of(cursor))
    items = [_decision(row) for row in rows[:limit]]
    return Page(
        items=items, next=cursor_of(rows[limit - 1].observed_at, rows[limit - 1].id) if len(rows) > limit else None
    )


def _id_from(username: str) -> str:
    """A person id that looks like the user name where it can."""
    plain = re.sub(r"[^a-z0-9-]+", "-", username.lower()).strip("-")[:63]
    return plain if topics.is_id(plain) and plain != ME else f"person-{secrets.token_hex(4)}"


def _out(row: Person, *, username: str | None = None) -> PersonOut:
    return PersonOut(
        id=row.id,
        username=username,
        home=row.home_id,
        name=row.name,
        birth_year=row.birth_year,
        sex=row.sex,
        height_cm=row.height_cm,
        region=row.region,
    )


def _stay(row: Stay) -> StayOut:
    return StayOut(timezone=row.timezone, since=to_rfc3339(row.since) if row.since else None)


def _decision(row: DecisionRow) -> DecisionOut:
    return DecisionOut(
        id=row.id,
        rule=row.rule,
        version=row.version,
        level=row.level,
        device=row.source,
        observed_at=to_rfc3339(row.observed_at),
        decided_at=to_rfc3339(row.decided_at),
        because=row.because,
        clauses=row.clauses,
    )
