"""Recommendations: what rules offer the caller, and what the caller makes of it; and the catalogues they come from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.deps import CallerDep, HubDep
from api.instants import to_rfc3339
from api.paging import before_of, cursor_of
from api.schemas import Page
from devices.errors import NotFound
from hub.catalogue import load_catalogues
from hub.runtime import Hub
from hub.store.recommendations import DISMISSED, TAKEN
from hub.store.sessions import Caller
from hub.store.tables import RecommendationRow
from rules import catalogue

router = APIRouter(prefix="/v1", tags=["recommendations"])

Status = Literal["open", "taken", "dismissed", "withdrawn", "expired"]


class RecommendationOut(BaseModel):
    """Something offered, and why."""

    id: str
    rule: str
    decision: str
    catalogue: str
    item: str
    title: dict[str, str]
    text: dict[str, str]
    because: dict[str, str]
    status: Status
    at: str
    expires_at: str
    updated_at: str


class CatalogueOut(BaseModel):
    """What a rule may recommend from."""

    id: str
    title: dict[str, str]
    tags: list[str]
    items: int = Field(description="how many it has")


@router.get("/recommendations")
def recommendations(
    hub: HubDep,
    caller: CallerDep,
    status: Status | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: str | None = None,
) -> Page[RecommendationOut]:
    """What was offered to the caller, newest first."""
    rows = hub.recommendations.of(_person(caller), limit=limit + 1, before=before_of(cursor), status=status)
    more = cursor_of(rows[limit - 1].at, rows[limit - 1].id) if len(rows) > limit else None
    return Page(items=[_out(row) for row in rows[:limit]], next=more)


@router.post("/recommendations/{recommendation_id}/take")
def take(hub: HubDep, caller: CallerDep, recommendation_id: str) -> RecommendationOut:
    """The caller likes it. Taken again, it stays taken."""
    return _settled(hub, caller, recommendation_id, TAKEN)


@router.post("/recommendations/{recommendation_id}/dismiss")
def dismiss(hub: HubDep, caller: CallerDep, recommendation_id: str) -> RecommendationOut:
    """The caller does not want it."""
    return _settled(hub, caller, recommendation_id, DISMISSED)


@router.get("/catalogues")
def catalogues(_caller: CallerDep) -> Page[CatalogueOut]:
    """Every catalogue, with the tags that rules may ask for."""
    return Page(
        items=[
            CatalogueOut(id=each.id, title=each.title.model_dump(), tags=sorted(each.tags), items=len(each.items))
            for each in load_catalogues().values()
        ]
    )


@router.get("/catalogues/schema")
def schema() -> dict[str, Any]:
    """The JSON Schema of catalogue files, for editors."""
    return catalogue.schema()


def _settled(hub: Hub, caller: Caller, recommendation: str, status: str) -> RecommendationOut:
    return _out(hub.desk.settle(recommendation, _person(caller), status))


def _person(caller: Caller) -> str:
    if caller.person is None:
        raise NotFound("you are signed in as an operator, to whom rules offer nothing")
    return caller.person


def _out(row: RecommendationRow) -> RecommendationOut:
    times = {name: to_rfc3339(getattr(row, name)) for name in ("at", "expires_at", "updated_at")}
    told = row.model_dump(exclude={"decision_id", "person_id", *times})
    return RecommendationOut.model_validate(told | times | {"decision": row.decision_id})
