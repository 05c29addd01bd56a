"""Services that rules call, what is on its way to them, and what rules told people and gave them points for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator, BaseModel, Field

from api.deps import CallerDep, HubDep, OperatorDep, now
from api.instants import to_rfc3339
from devices.errors import NotFound
from hub.store.tables import DeliveryRow

router = APIRouter(prefix="/v1", tags=["services"])

Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


def _address(url: str) -> str:
    """Raises `ValueError` for what nobody can be called at."""
    import httpx

    try:
        host = httpx.URL(url).raw_host.decode("ascii")
        if not host.encode("idna"):
            raise ValueError("no host")
    except (httpx.InvalidURL, ValueError) as error:
        raise ValueError("not an address that anybody can be called at") from error
    return url


class ServiceIn(BaseModel):
    """Where a service listens."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=500), AfterValidator(_address)]


class ServiceOut(BaseModel):
    """A service; `secret` is shown this once."""

    name: str
    url: str
    secret: str | None = None


class PointsOut(BaseModel):
    """Points, all of them, and the newest awards."""

    total: int
    items: list[DeliveryOut]
    next: None = None


class DeliveryOut(BaseModel):
    """A call of a service, or words or points to a person."""

    id: str
    decision: str
    kind: str
    target: str
    body: dict[str, Any]
    status: Literal["queued", "delivered", "dead"]
    attempts: int
    last_error: str | None
    created_at: str
    next_at: str


@router.get("/services")
def services(hub: HubDep, _operator: OperatorDep) -> dict[str, Any]:
    """Every service that is set up."""
    return {"items": [ServiceOut(name=row.name, url=row.url) for row in hub.deliveries.services()], "next": None}


@router.put("/services/{name}")
def put_service(hub: HubDep, _operator: OperatorDep, name: Name, wanted: ServiceIn) -> ServiceOut:
    """Set up a service, or set it up anew with a new secret, which is shown this once."""
    return ServiceOut(name=name, url=wanted.url, secret=hub.deliveries.put_service(name, wanted.url, now=now()))


@router.delete("/services/{name}", status_code=204)
def drop_service(hub: HubDep, _operator: OperatorDep, name: Name) -> None:
    """A service is no more; what is on its way to it waits, and dies in the end."""
    hub.deliveries.drop_service(name)


@router.get("/deliveries")
def deliveries(
    hub: HubDep,
    _operator: OperatorDep,
    status: Literal["queued", "delivered", "dead"] | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Calls of services, newest first; `status=dead` are those that nobody took."""
    rows = hub.deliveries.deliveries(status=status, kind="service", target=None, limit=limit)
    return {"items": [_out(row) for row in rows], "next": None}


@router.post("/deliveries/{delivery_id}/retry")
def retry(hub: HubDep, _operator: OperatorDep, delivery_id: str) -> DeliveryOut:
    """Send a dead letter again."""
    return _out(hub.deliveries.again(delivery_id, now=now()))


@router.get("/people/me/notices")
def notices(hub: HubDep, caller: CallerDep, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> dict[str, Any]:
    """What rules told the caller, newest first."""
    if caller.person is None:
        raise NotFound("you are signed in as an operator, whom rules tell nothing")
    rows = hub.deliveries.deliveries(status=None, kind="notify", target=caller.person, limit=limit)
    return {"items": [_out(row) for row in rows], "next": None}


@router.get("/people/me/points")
def points(hub: HubDep, caller: CallerDep, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> PointsOut:
    """The caller's points, and what rules gave them for, newest first."""
    if caller.person is None:
        raise NotFound("you are signed in as an operator, whom rules give nothing")
    rows = hub.deliveries.deliveries(status=None, kind="award", target=caller.person, limit=limit)
    return PointsOut(total=hub.deliveries.points(caller.person), items=[_out(row) for row in rows])


def _out(row: DeliveryRow) -> DeliveryOut:
    return DeliveryOut(
        id=row.id,
        decision=row.decision_id,
        kind=row.kind,
        target=row.target,
        body=row.body,
        status=row.status,  # type: ignore[arg-type]
        attempts=row.attempts,
        last_error=row.last_error,
        created_at=to_rfc3339(row.created_at),
        next_at=to_rfc3339(row.next_at),
    )
