"""Recommendations: what was offered to people, why, and what became of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, or_, update
from sqlmodel import Session, col, select

from devices.errors import Conflict, NotFound
from devices.sample import Instant
from hub.store.engine import translated
from hub.store.tables import RecommendationRow

OPEN, TAKEN, DISMISSED, WITHDRAWN, EXPIRED = "open", "taken", "dismissed", "withdrawn", "expired"


class RecommendationStore:
    """What was offered. Decisions put it on record (`Ledger.commit`); taking back the consent withdraws it (`Consents.decide`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(
        self, person: str, *, limit: int, before: tuple[Instant, str] | None = None, status: str | None = None
    ) -> list[RecommendationRow]:
        """What was offered to a person, newest first."""
        at, id_ = col(RecommendationRow.at), col(RecommendationRow.id)
        query = select(RecommendationRow).where(RecommendationRow.person_id == person)
        if status is not None:
            query = query.where(RecommendationRow.status == status)
        if before is not None:
            query = query.where(or_(at < before[0], (at == before[0]) & (id_ < before[1])))
        with Session(self._engine) as session:
            return list(session.exec(query.order_by(at.desc(), id_.desc()).limit(limit)))

    def offered(self, person: str, catalogue: str, *, since: Instant) -> dict[str, Instant]:
        """When items of a catalogue were last offered to a person, by item; what was withdrawn is as if it had not been.

        Raises `StoreUnavailable`.
        """
        query = select(RecommendationRow.item, RecommendationRow.at).where(
            RecommendationRow.person_id == person,
            RecommendationRow.catalogue == catalogue,
            RecommendationRow.status != WITHDRAWN,
            RecommendationRow.at >= since,
        )
        with translated(), Session(self._engine) as session:
            return dict(session.exec(query.order_by(col(RecommendationRow.at))).all())

    def settle(self, recommendation: str, person: str, status: str, *, now: Instant) -> RecommendationRow:
        """Somebody takes or dismisses what is open; done again, it changes nothing. Raises `NotFound` or `Conflict`."""
        with translated(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            row = session.get(RecommendationRow, recommendation)
            if row is None or row.person_id != person:
                raise NotFound(f"there is no recommendation {recommendation}")
            which = (col(RecommendationRow.id) == recommendation) & (col(RecommendationRow.status) == OPEN)
            session.exec(update(RecommendationRow).where(which).values(status=status, updated_at=now))
            session.refresh(row)
            if row.status != status:
                raise Conflict(f"the recommendation is {row.status}")
            return row

    def expire(self, *, now: Instant) -> list[RecommendationRow]:
        """Let go of what nobody answered in time; which."""
        due = (col(RecommendationRow.status) == OPEN) & (col(RecommendationRow.expires_at) <= now)
        with Session(self._engine) as session:
            if session.exec(select(RecommendationRow.id).where(due).limit(1)).first() is None:
                return []
        with translated(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            return close(session, due, EXPIRED, now=now)


def close(session: Session, which: Any, status: str, *, now: Instant) -> list[RecommendationRow]:
    """Move open recommendations on; how they are now."""
    moved = update(RecommendationRow).where(which, col(RecommendationRow.status) == OPEN)
    answer = session.exec(moved.values(status=status, updated_at=now).returning(RecommendationRow))
    return list(answer.scalars())
