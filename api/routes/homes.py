"""Homes."""

from __future__ import annotations

from fastapi import APIRouter

from api.deps import HubDep, OperatorDep
from api.schemas import HomeIn, HomeOut, Page
from hub.store.tables import Home

router = APIRouter(prefix="/v1/homes", tags=["homes"])


@router.post("", status_code=201)
def create_home(home: HomeIn, hub: HubDep, _operator: OperatorDep) -> HomeOut:
    """Create a home; its time zone says when its days begin."""
    return _out(hub.desk.add_home(home.id, name=home.name or home.id, timezone=home.timezone))


@router.get("")
def homes(hub: HubDep, _operator: OperatorDep) -> Page[HomeOut]:
    """All homes."""
    return Page(items=[_out(home) for home in hub.accounts.homes()])


def _out(home: Home) -> HomeOut:
    return HomeOut(id=home.id, name=home.name, timezone=home.timezone)
