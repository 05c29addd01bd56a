"""Consents: what people allowed, and when they took it back. Append-only; what counts is derived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from devices.errors import NotFound
from devices.sample import Instant
from hub.store.engine import translated
from hub.store.recommendations import WITHDRAWN, close
from hub.store.tables import ConsentRow, Person, RecommendationRow, TickRow
from rules.consent import RECOMMEND


@dataclass(frozen=True, slots=True)
class Consent:
    """How a person stands to a purpose, since when, and who said it for them."""

    person: str
    purpose: str
    granted: bool
    at: Instant
    by: str


class Decided(NamedTuple):
    """A decision that is new, and the open recommendations that went with it."""

    consent: Consent
    withdrawn: list[RecommendationRow]


class Consents:
    """The list of what was allowed and taken back."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def decide(self, consent: Consent, *, place: int) -> Decided | None:
        """Put a decision on record, with its place in the order of what devices said; `None` if it changes nothing.

        What was recommended and is still open goes with the consent, in one transaction. Raises `NotFound` or
        `StoreUnavailable`.
        """
        person, purpose = consent.person, consent.purpose
        with translated(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            if session.get(Person, person) is None:
                raise NotFound(f"there is no person {person}")
            newest = select(ConsentRow).where(ConsentRow.person_id == person, ConsentRow.purpose == purpose)
            before = session.exec(newest.order_by(col(ConsentRow.id).desc()).limit(1)).first()
            if (before is not None and before.granted) == consent.granted:
                return None
            row = ConsentRow(person_id=person, purpose=purpose, granted=consent.granted, at=consent.at, by=consent.by)
            session.add(row)
            session.flush()
            assert row.id is not None
            session.add(TickRow(seq=place, until=consent.at, consent=row.id))
            return Decided(consent, [] if consent.granted else _withdraw(session, consent))

    def standing(self, person: str | None = None, *, before: int | None = None) -> list[Consent]:
        """The newest decision for each purpose, of one person or everybody, by person and purpose; `before` the decision of
        that number."""
        newest = select(func.max(ConsentRow.id)).group_by(col(ConsentRow.person_id), col(ConsentRow.purpose))
        if person is not None:
            newest = newest.where(ConsentRow.person_id == person)
        if before is not None:
            newest = newest.where(col(ConsentRow.id) < before)
        rows = select(ConsentRow).where(col(ConsentRow.id).in_(newest))
        with Session(self._engine) as session:
            found = session.exec(rows.order_by(col(ConsentRow.person_id), col(ConsentRow.purpose)))
            return [_consent(row) for row in found]

    def decision(self, number: int) -> Consent:
        """One decision."""
        with Session(self._engine) as session:
            return _consent(session.get_one(ConsentRow, number))


def _withdraw(session: Session, consent: Consent) -> list[RecommendationRow]:
    if consent.purpose != RECOMMEND:
        return []
    return close(session, col(RecommendationRow.person_id) == consent.person, WITHDRAWN, now=consent.at)


def _consent(row: ConsentRow) -> Consent:
    return Consent(row.person_id, row.purpose, row.granted, row.at, row.by)
