"""Peers: where somebody stands among people like them, if they want to be compared; and the daily snapshot behind it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api import peers
from api.deps import CallerDep, HubDep, OperatorDep, PersonDep
from api.instants import to_rfc3339
from api.peers import PeersOut
from api.series import opened
from hub.views import Reader
from rules.consent import PEERS

router = APIRouter(prefix="/v1", tags=["peers"])


class SnapshotOut(BaseModel):
    """A snapshot: what is told of peers until the next."""

    taken_at: str
    tables: int = Field(description="groups that are told of, over all metrics and months")


@router.get("/people/{person_id}/peers")
def person_peers(
    request: Request,
    person_id: PersonDep,
    caller: CallerDep,
    hub: HubDep,
    metric: str,
    by: Annotated[
        str, Query(description="of model, acquired_month, age_band, sex, region, with commas")
    ] = "model,acquired_month",
) -> PeersOut:
    """Where somebody stands, in per cent, among people who said yes to being compared, as they themselves did.

    From one snapshot a day, in bands, of at least 100 people; too few of the same month are joined by those of the quarter, the
    year, and everybody with the same model.
    """
    feature, dimensions = peers.compared(metric), peers.dimensions(by)
    reader = Reader(caller.username, caller.person, PEERS, request.url.path)
    view = opened(hub.gate.person(person_id, reader))
    return peers.answer(view.among(feature, dimensions), feature, dimensions)


@router.post("/peers/snapshots", status_code=201)
def take_snapshot(hub: HubDep, _operator: OperatorDep) -> SnapshotOut:
    """Take the snapshot now instead of tonight, e.g. after an import. What too few people changed stays as it was told."""
    while hub.peers.catch_up():
        pass
    taken = hub.peers.take_snapshot()
    tables = sum(len(publication.tables) for publication in taken.publications.values())
    return SnapshotOut(taken_at=to_rfc3339(taken.taken_at), tables=tables)
