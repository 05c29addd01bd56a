"""What goes in and out over HTTP. Untrusted input is checked here; what goes out says what it is."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from api.instants import Moment
from devices.topics import ID_PATTERN
from devices.zones import zones
from rules.profile import BIRTH_YEARS, HEIGHTS_CM, NAME_LENGTH, REGION_PATTERN, Sex

Item = TypeVar("Item")
Id = Annotated[str, Field(pattern=f"^{ID_PATTERN}$", examples=["minji-watch"])]
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Page(BaseModel, Generic[Item]):
    """A list: what fits, and where to go on."""

    items: list[Item]
    next: str | None = Field(default=None, description="send it as `cursor` for what comes behind; null at the end")


class TokenOut(BaseModel):
    """A bearer token and for how many seconds it is good."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int


def _existing_zone(zone: str) -> str:
    if zone not in zones():
        raise ValueError("not a time zone of the IANA database, like Asia/Seoul")
    return zone


Zone = Annotated[str, AfterValidator(_existing_zone), Field(examples=["Asia/Seoul"])]
Region = Annotated[str, Field(pattern=f"^{REGION_PATTERN}$", description="ISO 3166, like KR-11", examples=["KR-11"])]
BirthYear = Annotated[int, Field(ge=BIRTH_YEARS[0], le=BIRTH_YEARS[1])]
Height = Annotated[float, Field(ge=HEIGHTS_CM[0], le=HEIGHTS_CM[1])]


class HomeIn(_In):
    """A home to create."""

    id: Id
    name: Name | None = None
    timezone: Zone = "UTC"


class HomeOut(BaseModel):
    """A home."""

    id: str
    name: str
    timezone: str


class LoginIn(_In):
    """How somebody signs in."""

    username: Annotated[str, Field(min_length=1, max_length=63)]
    password: Annotated[str, Field(min_length=8, max_length=256)]


class LoginOut(BaseModel):
    """Under which name somebody signs in."""

    username: str
    person: str


class PersonIn(LoginIn):
    """A person to create, with how they sign in."""

    id: Id | None = None
    home: Id | None = None
    name: Name | None = None
    birth_year: BirthYear | None = None
    sex: Sex | None = None
    height_cm: Height | None = None
    region: Region | None = None
    timezone: Zone | None = Field(default=None, description="where they are; that of their home if left out")


class PersonPatch(_In):
    """What changes in a person's profile; what is left out stays."""

    name: Name = ""
    birth_year: BirthYear | None = None
    sex: Sex | None = None
    height_cm: Height | None = None
    region: Region | None = None


class StayIn(_In):
    """A time zone somebody is in, from `since` on: from now on if left out."""

    timezone: Zone
    since: Moment | None = None


class StayOut(BaseModel):
    """A time zone and since when; null: always."""

    timezone: str
    since: str | None


class PersonOut(BaseModel):
    """A person."""

    id: str
    username: str | None = None
    home: str | None
    name: str
    birth_year: int | None
    sex: str | None
    height_cm: float | None
    region: str | None


class DeviceIn(_In):
    """A device to register."""

    id: Id | None = None
    home: Id
    model: str
    owner: Id | None = None
    acquired_on: date | None = None


class MqttOut(BaseModel):
    """How a device signs in at the broker; the password is told this once."""

    host: str
    port: int
    username: str
    password: str


class RegisteredOut(BaseModel):
    """A device, just registered."""

    id: str
    home: str
    model: str
    owner: str | None
    acquired_on: date | None
    mqtt: MqttOut


class CredentialsOut(BaseModel):
    """New credentials of a device."""

    id: str
    mqtt: MqttOut


class ReportedOut(BaseModel):
    """The newest value of a metric."""

    value: Any
    unit: str
    at: str


class DeviceOut(BaseModel):
    """A device and its twin."""

    id: str
    home: str
    model: str
    owner: str | None
    acquired_on: str | None
    online: bool | None = Field(description="null where nothing is known of it yet")
    last_seen: str | None
    reported: dict[str, ReportedOut]
    desired: dict[str, Any]
    delta: dict[str, Any] = Field(description="what is desired and not so yet")
    version: int


def _sendable(args: dict[str, Any]) -> dict[str, Any]:
    """What JSON can say, and UTF-8."""
    try:
        json.dumps(args, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as error:
        raise ValueError("numbers are finite, and texts are whole characters") from error
    return args


def _not_yes(given: Any) -> Any:
    if isinstance(given, (bool, float)):
        raise ValueError("RFC 3339, or whole ms since 1970")
    return given


class CommandIn(_In):
    """A command to send; sent again with the same `id` it is the same command."""

    id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")] | None = None
    type: Name
    args: Annotated[dict[str, Any], AfterValidator(_sendable)] = {}
    expires_at: Annotated[Moment | StrictInt, BeforeValidator(_not_yes)] | None = Field(
        default=None, description="RFC 3339, or ms since 1970; an hour from now if left out"
    )


class CommandOut(BaseModel):
    """A command and how far it has come."""

    id: str
    device: str
    type: str
    args: dict[str, Any]
    status: Literal["queued", "sent", "accepted", "done", "failed", "expired"]
    reason: str | None
    decision: str | None = Field(description="the decision of a rule behind it, if any")
    created_at: str
    sent_at: str | None
    updated_at: str
    expires_at: str


class SeriesItem(BaseModel):
    """One point of a series."""

    at: str
    value: Any


class Series(Page[SeriesItem]):
    """A series of a metric."""

    metric: str
    unit: str
    every: str
    agg: str | None


class QuarantineOut(BaseModel):
    """Something that was refused."""

    id: int
    at: str
    kind: Literal["message", "access"]
    device: str | None
    topic: str
    code: str
    reason: str
    excerpt: str


class DecisionOut(BaseModel):
    """What a rule decided about a person, and why."""

    id: str
    rule: str
    version: str
    level: str
    device: str
    observed_at: str
    decided_at: str
    because: dict[str, str]
    clauses: list[dict[str, Any]] = Field(
        description="every condition as it stood: name, truth, value, limit, held (ms)"
    )
