"""Deliveries on record, and the services they go to."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from devices.errors import Conflict, NotFound
from devices.sample import Instant
from hub.store.tables import DeliveryRow, ServiceRow

QUEUED, DELIVERED, DEAD = "queued", "delivered", "dead"


class DeliveryStore:
    """What is to be delivered, and where to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due_targets(self, *, now: Instant) -> list[str]:
        """The services to which anything is to be sent by now."""
        query = select(DeliveryRow.target).where(DeliveryRow.status == QUEUED, DeliveryRow.next_at <= now)
        with Session(self._engine) as session:
            return list(session.exec(query.distinct()))

    def due(self, target: str, *, now: Instant, limit: int) -> list[DeliveryRow]:
        """What is to be sent to a service by now, oldest first."""
        query = select(DeliveryRow).where(DeliveryRow.status == QUEUED, DeliveryRow.next_at <= now)
        query = query.where(DeliveryRow.target == target)
        with Session(self._engine) as session:
            return list(session.exec(query.order_by(col(DeliveryRow.next_at)).limit(limit)))

    def moved(
        self, delivery_id: str, *, status: str, error: str | None = None, next_at: Instant = 0, now: Instant
    ) -> None:
        """An attempt was made."""
        with Session(self._engine) as session, session.begin():
            row = session.get_one(DeliveryRow, delivery_id)
            row.status, row.last_error, row.updated_at = status, error, now
            row.attempts += 1
            row.next_at = next_at or row.next_at

    def again(self, delivery_id: str, *, now: Instant) -> DeliveryRow:
        """Send a dead letter again. Raises `NotFound` or `Conflict`."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            row = session.get(DeliveryRow, delivery_id)
            if row is None:
                raise NotFound(f"there is no delivery {delivery_id}")
            if row.status != DEAD:
                raise Conflict(f"the delivery is {row.status}; only dead ones are sent again")
            row.status, row.attempts, row.next_at, row.updated_at = QUEUED, 0, now, now
            return row

    def deliveries(self, *, status: str | None, kind: str | None, target: str | None, limit: int) -> list[DeliveryRow]:
        """Deliveries, newest first."""
        query = select(DeliveryRow)
        for column, wanted in ((DeliveryRow.status, status), (DeliveryRow.kind, kind), (DeliveryRow.target, target)):
            if wanted is not None:
                query = query.where(column == wanted)
        with Session(self._engine) as session:
            return list(session.exec(query.order_by(col(DeliveryRow.created_at).desc()).limit(limit)))

    def points(self, person: str) -> int:
        """All the points that rules gave a person."""
        given = select(func.sum(col(DeliveryRow.body)["points"].as_integer()))
        with Session(self._engine) as session:
            return session.exec(given.where(DeliveryRow.kind == "award", DeliveryRow.target == person)).one() or 0

    def put_service(self, name: str, url: str, *, now: Instant) -> str:
        """Set up a service, or set it up anew; the secret that signs what is sent to it."""
        secret = secrets.token_urlsafe(32)
        with Session(self._engine) as session, session.begin():
            session.merge(ServiceRow(name=name, url=url, secret=secret, created_at=now))
        return secret

    def drop_service(self, name: str) -> None:
        """Raises `NotFound`."""
        with Session(self._engine) as session, session.begin():
            if (row := session.get(ServiceRow, name)) is None:
                raise NotFound(f"there is no service {name}")
            session.delete(row)

    def services(self) -> Sequence[ServiceRow]:
        """All services, by name."""
        with Session(self._engine) as session:
            return list(session.exec(select(ServiceRow).order_by(ServiceRow.name)))

    def service(self, name: str) -> ServiceRow | None:
        """A service by name."""
        with Session(self._engine) as session:
            return session.get(ServiceRow, name)
