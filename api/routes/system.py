"""The hub's own state: alive, ready, figures, refusals, models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from api.deps import CallerDep, HubDep, OperatorDep
from api.instants import to_rfc3339
from api.paging import number_in
from api.problems import problem
from api.schemas import Page, QuarantineOut
from devices.model import Model

router = APIRouter(tags=["system"])


@router.get("/health")
def health(hub: HubDep) -> Response:
    """Whether the hub is alive; 503 if its pipeline has ended."""
    if hub.pipeline.alive:
        return Response('{"status":"ok"}', media_type="application/json")
    return problem(503, "not-alive", "The hub is not alive", "the pipeline has ended")


@router.get("/ready")
def ready(hub: HubDep) -> Response:
    """Whether the hub takes in messages now; 503 with the reason if not."""
    if troubles := hub.troubles():
        return problem(503, "not-ready", "The hub is not ready", "; ".join(troubles))
    return Response('{"status":"ready"}', media_type="application/json")


@router.get("/metrics")
def metrics(hub: HubDep) -> Response:
    """Figures in Prometheus' text format."""
    return Response(hub.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/v1/quarantine")
def quarantine(
    hub: HubDep,
    _operator: OperatorDep,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str | None = None,
    kind: Literal["message", "access"] | None = None,
    device: str | None = None,
) -> Page[QuarantineOut]:
    """What was refused, newest first: parts of messages, sign-ins, forbidden topics."""
    before = number_in(cursor) if cursor is not None else None
    rows = hub.ledger.quarantined(limit=limit + 1, before=before, kind=kind, device=device)
    items = [
        QuarantineOut.model_validate(
            row.model_dump(exclude={"at", "device_id"}) | {"at": to_rfc3339(row.at), "device": row.device_id}
        )
        for row in rows[:limit]
    ]
    return Page(items=items, next=str(rows[limit - 1].id) if len(rows) > limit else None)


@router.get("/v1/models")
def models(hub: HubDep, _caller: CallerDep) -> Page[dict[str, Any]]:
    """The device models, with their metrics, events and commands."""
    return Page(items=[_model(model) for model in hub.registry.models.values()])


def _model(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "title": model.title.model_dump(),
        "role": model.role,
        "belongs_to": model.belongs_to,
        "metrics": {name: metric.spec.model_dump(exclude_none=True) for name, metric in model.metrics.items()},
        "events": {name: event.model_dump() for name, event in model.events.items()},
        "commands": {name: command.model_dump() for name, command in model.commands.items()},
    }
