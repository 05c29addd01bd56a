"""The tables. Instants are ms since 1970 UTC, as in telemetry, so that both stores can be compared."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel


def _instant(**options: Any) -> Any:
    return Field(sa_type=BigInteger, **options)


def _json() -> Any:
    return Field(sa_column=Column(JSON, nullable=False))


class Home(SQLModel, table=True):
    """A home, or a park: what devices stand in."""

    id: str = Field(primary_key=True, max_length=63)
    name: str
    timezone: str
    created_at: int = _instant()


class Person(SQLModel, table=True):
    """Somebody who owns devices. What rules may know of them is here; their login is not."""

    id: str = Field(primary_key=True, max_length=63)
    home_id: str | None = Field(default=None, foreign_key="home.id")
    name: str
    birth_year: int | None = None
    sex: str | None = None
    height_cm: float | None = None
    region: str | None = None
    created_at: int = _instant()


class Stay(SQLModel, table=True):
    """In which time zone somebody is, from `since` until their next stay."""

    person_id: str = Field(primary_key=True, foreign_key="person.id", max_length=63)
    since: int = _instant(primary_key=True)
    timezone: str


class ConsentRow(SQLModel, table=True):
    """That a person allowed a purpose, or took it back; never changed, the newest counts. `by` is who said it for them."""

    __tablename__ = "consent"

    id: int | None = Field(default=None, primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True, max_length=63)
    purpose: str
    granted: bool
    at: int = _instant()
    by: str


class Login(SQLModel, table=True):
    """How a person or the operator signs in."""

    username: str = Field(primary_key=True, max_length=63)
    role: str
    person_id: str | None = Field(default=None, foreign_key="person.id")
    password_hash: str


class Token(SQLModel, table=True):
    """A bearer token; of which only the hash is kept."""

    hash: str = Field(primary_key=True, max_length=64)
    username: str = Field(foreign_key="login.username", index=True)
    expires_at: int = _instant()


class Device(SQLModel, table=True):
    """A registered device; `token_hash` is empty once its credentials are revoked."""

    id: str = Field(primary_key=True, max_length=63)
    home_id: str = Field(foreign_key="home.id", index=True)
    model: str
    acquired_on: str | None = None
    token_hash: str | None = None
    created_at: int = _instant()


class Ownership(SQLModel, table=True):
    """Whose device it was, from `since` to `until`."""

    id: int | None = Field(default=None, primary_key=True)
    device_id: str = Field(foreign_key="device.id", index=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    since: int = _instant()
    until: int | None = _instant(default=None)


class ClientId(SQLModel, table=True):
    """Which device a broker session belongs to."""

    client_id: str = Field(primary_key=True, max_length=128)
    device_id: str = Field(foreign_key="device.id", index=True)
    used_at: int = _instant()


class CommandRow(SQLModel, table=True):
    """A command and how far it has come."""

    __tablename__ = "command"
    __table_args__ = (Index("ix_command_open", "status", "expires_at"),)

    id: str = Field(primary_key=True, max_length=64)
    device_id: str = Field(foreign_key="device.id", index=True)
    type: str
    args: dict[str, Any] = _json()
    status: str
    reason: str | None = None
    decision_id: str | None = None
    created_at: int = _instant(index=True)
    expires_at: int = _instant()
    sent_at: int | None = _instant(default=None)
    updated_at: int = _instant()


class DecisionRow(SQLModel, table=True):
    """A decision of a rule, with what it was based on; `chained` if other rules hear of it."""

    __tablename__ = "decision"

    id: str = Field(primary_key=True, max_length=64)
    rule: str
    version: str
    kind: str = "person"
    scope: str = Field(index=True)
    source: str
    level: str
    observed_at: int = _instant(index=True)
    decided_at: int = _instant()
    because: dict[str, Any] = _json()
    clauses: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    shadow: bool = Field(default=False, index=True)
    actions: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    depth: int = 0
    chained: bool = Field(default=False, index=True)


class QuarantineRow(SQLModel, table=True):
    """Something that was refused, and why."""

    __tablename__ = "quarantine"

    id: int | None = Field(default=None, primary_key=True)
    at: int = _instant()
    kind: str
    topic: str
    device_id: str | None = None
    code: str
    reason: str
    excerpt: str


class ArrivalRow(SQLModel, table=True):
    """The stamp given to a message that carried no time."""

    __tablename__ = "arrival"

    id: int | None = Field(default=None, primary_key=True)
    digest: str = Field(max_length=32)
    mid: int
    stamp: int = _instant()


class DesiredRow(SQLModel, table=True):
    """What is wanted of a device."""

    __tablename__ = "desired"

    device_id: str = Field(primary_key=True, foreign_key="device.id")
    metric: str = Field(primary_key=True)
    value: Any = Field(sa_column=Column(JSON, nullable=False))


class UsageRow(SQLModel, table=True):
    """Somebody other than the person themselves read their data: who, what, and for which purpose."""

    __tablename__ = "usage"

    id: int | None = Field(default=None, primary_key=True)
    at: int = _instant()
    reader: str
    subject: str = Field(index=True)
    purpose: str
    categories: str
    path: str


class RuleRow(SQLModel, table=True):
    """A rule by name: which version is on, which runs in its shadow. With neither it is off."""

    __tablename__ = "rule"

    id: str = Field(primary_key=True, max_length=63)
    pack: str
    active: str | None = None
    shadow: str | None = None
    changed_at: int = _instant()


class RuleVersionRow(SQLModel, table=True):
    """One version of a rule, never changed; `number` counts the versions of a rule."""

    __tablename__ = "rule_version"

    rule_id: str = Field(primary_key=True, foreign_key="rule.id", max_length=63)
    version: str = Field(primary_key=True, max_length=12)
    number: int
    text: str
    saved_at: int = _instant()
    saved_by: str


class RuleSwitchRow(SQLModel, table=True):
    """Who put which version on or off, and when."""

    __tablename__ = "rule_switch"

    id: int | None = Field(default=None, primary_key=True)
    rule_id: str = Field(foreign_key="rule.id", index=True)
    at: int = _instant()
    by: str
    what: str
    version: str | None = None


class TuningRow(SQLModel, table=True):
    """What a person or home set an input of a rule to."""

    __tablename__ = "tuning"

    scope: str = Field(primary_key=True)
    rule_id: str = Field(primary_key=True, max_length=63)
    input: str = Field(primary_key=True, max_length=63)
    value: float
    set_at: int = _instant()
    set_by: str


class TraitRow(SQLModel, table=True):
    """A trait that a rule gave to a person, home, device or place."""

    __tablename__ = "trait"

    kind: str = Field(primary_key=True)
    scope: str = Field(primary_key=True)
    name: str = Field(primary_key=True, max_length=63)
    value: Any = Field(sa_column=Column(JSON, nullable=False))
    set_at: int = _instant()
    decision_id: str


class TickRow(SQLModel, table=True):
    """Time that passed for the rules without anything happening: after which change, up to when; or began for a scope.

    With `consent`, the row of one: that a person decided then what they allow.
    """

    __tablename__ = "tick"

    id: int | None = Field(default=None, primary_key=True)
    seq: int = _instant(index=True)
    until: int = _instant()
    kind: str = ""
    scope: str = ""
    consent: int = 0


class ServiceRow(SQLModel, table=True):
    """A service that rules may call; `secret` signs what is sent."""

    __tablename__ = "service"

    name: str = Field(primary_key=True, max_length=63)
    url: str
    secret: str
    created_at: int = _instant()


class DeliveryRow(SQLModel, table=True):
    """A call of a service, or words to a person, on their way."""

    __tablename__ = "delivery"
    __table_args__ = (Index("ix_delivery_open", "status", "next_at"),)

    id: str = Field(primary_key=True, max_length=64)
    decision_id: str = Field(index=True)
    kind: str
    target: str
    body: dict[str, Any] = _json()
    status: str
    attempts: int = 0
    next_at: int = _instant()
    last_error: str | None = None
    created_at: int = _instant()
    updated_at: int = _instant()


class GoalRow(SQLModel, table=True):
    """What a person wants a day or a week of a metric to come to."""

    __tablename__ = "goal"

    person_id: str = Field(primary_key=True, foreign_key="person.id", max_length=63)
    metric: str = Field(primary_key=True, max_length=63)
    target: float
    per: str
    set_at: int = _instant()


class RecommendationRow(SQLModel, table=True):
    """Something offered to a person, and what became of it; `at` is when its reason was."""

    __tablename__ = "recommendation"
    __table_args__ = (
        Index("ix_recommendation_person", "person_id", "at"),
        Index("ix_recommendation_open", "status", "expires_at"),
    )

    id: str = Field(primary_key=True, max_length=80)
    decision_id: str = Field(index=True)
    rule: str
    person_id: str = Field(foreign_key="person.id", max_length=63)
    catalogue: str
    item: str
    title: dict[str, Any] = _json()
    text: dict[str, Any] = _json()
    because: dict[str, Any] = _json()
    status: str
    at: int = _instant()
    expires_at: int = _instant()
    updated_at: int = _instant()


class BoardRow(SQLModel, table=True):
    """A board that some people share."""

    __tablename__ = "board"

    id: str = Field(primary_key=True, max_length=16)
    title: str
    metric: str = Field(max_length=63)
    created_at: int = _instant()


class BoardMemberRow(SQLModel, table=True):
    """Somebody who joined a board, and what they are called there; `likeness` keeps names on a board apart."""

    __tablename__ = "board_member"
    __table_args__ = (UniqueConstraint("board_id", "likeness"),)

    board_id: str = Field(primary_key=True, foreign_key="board.id", max_length=16)
    person_id: str = Field(primary_key=True, foreign_key="person.id", index=True, max_length=63)
    name: str
    likeness: str
    joined_at: int = _instant()


class BoardInvitationRow(SQLModel, table=True):
    """That somebody invited a user name, whether there is such a user or not; declined, it stays, so that nobody can tell."""

    __tablename__ = "board_invitation"

    board_id: str = Field(primary_key=True, foreign_key="board.id", max_length=16)
    invited_by: str = Field(primary_key=True, foreign_key="person.id", max_length=63)
    username: str = Field(primary_key=True, index=True, max_length=63)
    declined: bool = False
    at: int = _instant()
