"""Consents: what a person allows, beyond their own devices working for them; and how they take it back."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.deps import CallerDep, HubDep, PersonDep
from api.instants import to_rfc3339
from api.schemas import Page
from devices.errors import Refused
from hub.store.consents import Consent
from hub.store.sessions import Caller
from rules.consent import OPT_IN

router = APIRouter(prefix="/v1/people/{person_id}/consents", tags=["trust"])

Purpose = Literal["peers", "recommend", "community"]


class ConsentOut(BaseModel):
    """How a person stands to a purpose."""

    purpose: str
    granted: bool
    at: str | None = Field(description="since when; null where nothing was ever said")


@router.get("")
def consents(person_id: PersonDep, hub: HubDep) -> Page[ConsentOut]:
    """Every purpose that asks for a yes, and whether it was given."""
    said = {consent.purpose: consent for consent in hub.consents.standing(person_id)}
    return Page(items=[_out(purpose, said.get(purpose)) for purpose in OPT_IN])


@router.put("/{purpose}")
def grant(person_id: PersonDep, purpose: Purpose, hub: HubDep, caller: CallerDep) -> ConsentOut:
    """Allow a purpose."""
    _themselves(person_id, caller)
    hub.desk.decide(person_id, purpose, granted=True, by=caller.username)
    said = {consent.purpose: consent for consent in hub.consents.standing(person_id)}
    return _out(purpose, said.get(purpose))


@router.delete("/{purpose}", status_code=204)
def withdraw(person_id: PersonDep, purpose: Purpose, hub: HubDep, caller: CallerDep) -> Response:
    """Take it back; in force at once."""
    _themselves(person_id, caller)
    hub.desk.decide(person_id, purpose, granted=False, by=caller.username)
    return Response(status_code=204)


def _themselves(person: str, caller: Caller) -> None:
    if caller.person != person:
        raise Refused("only people themselves can say what they allow")


def _out(purpose: str, consent: Consent | None) -> ConsentOut:
    if consent is None:
        return ConsentOut(purpose=purpose, granted=False, at=None)
    return ConsentOut(purpose=purpose, granted=consent.granted, at=to_rfc3339(consent.at))
