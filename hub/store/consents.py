"""Consents: what people allowed, and when they took it back. Append-only; what counts is derived."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from devices.errors import NotFound
from devices.sample import Instant
from hub.store.tables import ConsentRow, Person


@dataclass(frozen=True, slots=True)
class Consent:
    """How a person stands to a purpose, since when, and who said it for them."""

    person: str
    purpose: str
    granted: bool
    at: Instant
    by: str


class Consents:
    """The list of what was allowed and taken back."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def decide(self, person: str, purpose: str, *, granted: bool, by: str, now: Instant) -> bool:
        """Put a decision on record; whether it changed anything. Raises `NotFound`."""
        with Session(self._engine) as session, session.begin():
            if session.get(Person, person) is None:
                raise NotFound(f"there is no person {person}")
            newest = select(ConsentRow).where(ConsentRow.person_id == person, ConsentRow.purpose == purpose)
            before = session.exec(newest.order_by(col(ConsentRow.id).desc()).limit(1)).first()
            if (before is not None and before.granted) == granted:
                return False
            session.add(ConsentRow(person_id=person, purpose=purpose, granted=granted, at=now, by=by))
            return True

    def standing(self, person: str | None = None) -> list[Consent]:
        """The newest decision for each purpose, of one person or everybody, by person and purpose."""
        newest = select(func.max(ConsentRow.id)).group_by(col(ConsentRow.person_id), col(ConsentRow.purpose))
        if person is not None:
            newest = newest.where(ConsentRow.person_id == person)
        rows = select(ConsentRow).where(col(ConsentRow.id).in_(newest))
        with Session(self._engine) as session:
            found = session.exec(rows.order_by(col(ConsentRow.person_id), col(ConsentRow.purpose)))
            return [Consent(row.person_id, row.purpose, row.granted, row.at, row.by) for row in found]
