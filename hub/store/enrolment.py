"""Many people and devices at once, each time in one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Table, insert, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel

from devices.errors import Conflict
from devices.sample import Instant
from hub.store.tables import ConsentRow, Device, Home, Ownership, Person, Stay

Rows = Sequence[Mapping[str, Any]]


_HOMES, _PEOPLE, _STAYS, _CONSENTS, _DEVICES, _OWNERSHIPS = (
    SQLModel.metadata.tables[str(table.__tablename__)] for table in (Home, Person, Stay, ConsentRow, Device, Ownership)
)


class Resident(NamedTuple):
    """What the pipeline must know of a person."""

    id: str
    home: str | None
    birth_year: int | None


class Placed(NamedTuple):
    """What the pipeline must know of a device: where it stands, what it is, and whose."""

    id: str
    home: str
    model: str
    owner: str | None


class Enrolment:
    """What is there of people and devices, and more of them. Rows are columns of files: see `hub/imports/columns.py`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def homes(self) -> dict[str, str]:
        """The time zone of every home."""
        with self._engine.connect() as connection:
            return {each.id: each.timezone for each in connection.execute(select(_HOMES))}

    def residents(self) -> list[Resident]:
        """Everybody, by id."""
        p = _PEOPLE.c
        with self._engine.connect() as connection:
            return [Resident(*row) for row in connection.execute(select(p.id, p.home_id, p.birth_year).order_by(p.id))]

    def placed(self) -> list[Placed]:
        """All devices, by id."""
        return [Placed(*row[:4]) for row in self.devices()]

    def people(self) -> list[tuple[Any, ...]]:
        """Everybody: id, name, home, birth year, sex, height, region, and their first time zone if it is not their home's."""
        p, first = _PEOPLE.c, (_STAYS.c.person_id == _PEOPLE.c.id) & (_STAYS.c.since == 0)
        asked = select(p.id, p.name, p.home_id, p.birth_year, p.sex, p.height_cm, p.region, _STAYS.c.timezone)
        with self._engine.connect() as connection:
            return list(map(tuple, connection.execute(asked.select_from(_PEOPLE.outerjoin(_STAYS, first)))))

    def devices(self) -> list[tuple[Any, ...]]:
        """All devices, by id: id, home, model, whose they are, and since when somebody has them."""
        d, now = _DEVICES.c, (_OWNERSHIPS.c.device_id == _DEVICES.c.id) & _OWNERSHIPS.c.until.is_(None)
        asked = select(d.id, d.home_id, d.model, _OWNERSHIPS.c.person_id, d.acquired_on)
        with self._engine.connect() as connection:
            rows = connection.execute(asked.select_from(_DEVICES.outerjoin(_OWNERSHIPS, now)).order_by(d.id))
            return list(map(tuple, rows))

    def add_people(self, rows: Rows, *, by: str, now: Instant) -> None:
        """People without a login, with what they allowed, which `by` says. Raises `Conflict`."""
        with _adding(self._engine, "people") as connection:
            _insert(connection, _PEOPLE, (_person(row, now) for row in rows))
            stays = [
                {"person_id": each["person"], "since": 0, "timezone": each["timezone"]}
                for each in rows
                if each["timezone"]
            ]
            _insert(connection, _STAYS, stays)
            _insert(connection, _CONSENTS, (each for row in rows for each in _consents(row, by, now)))

    def add_devices(self, rows: Rows, *, now: Instant) -> None:
        """Devices that cannot sign in yet. Raises `Conflict`."""
        with _adding(self._engine, "devices") as connection:
            _insert(connection, _DEVICES, (_device(row, now) for row in rows))
            owned = [
                {"device_id": each["device"], "person_id": each["owner"], "since": 0} for each in rows if each["owner"]
            ]
            _insert(connection, _OWNERSHIPS, owned)


@contextlib.contextmanager
def _adding(engine: Engine, what: str) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except IntegrityError as error:
        raise Conflict(f"{what} were added meanwhile; nothing was taken, try again") from error


def _insert(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    if listed := list(rows):
        connection.execute(insert(table), listed)


def _person(row: Mapping[str, Any], now: Instant) -> dict[str, Any]:
    about = {name: row[name] for name in ("name", "birth_year", "sex", "height_cm", "region")}
    return {"id": row["person"], "home_id": row["home"], "created_at": now, **about}


def _consents(row: Mapping[str, Any], by: str, now: Instant) -> Iterator[dict[str, Any]]:
    for purpose in dict.fromkeys((row["consents"] or "").split()):
        yield {"person_id": row["person"], "purpose": purpose, "granted": True, "at": now, "by": by}


def _device(row: Mapping[str, Any], now: Instant) -> dict[str, Any]:
    about = {name: row[name] for name in ("model", "acquired_on")}
    return {"id": row["device"], "home_id": row["home"], "created_at": now, **about}
