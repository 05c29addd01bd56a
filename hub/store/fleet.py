"""Devices: whose they are, where they stand, and what they sign in with."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import Engine, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from devices.access import Credential, token_hash
from devices.errors import Conflict, NotFound
from devices.sample import Instant
from hub.store.tables import ClientId, DesiredRow, Device, Home, Ownership, Person

CLIENT_IDS_KEPT = 16
"""So many client ids are remembered of a device; the oldest give way."""


_NEWEST = (func.coalesce(Device.acquired_on, "").desc(), col(Device.created_at).desc(), col(Device.id))


class Fleet:
    """The registry of devices."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def register(
        self, *, device_id: str, home: str, model: str, owner: str | None, acquired_on: str | None, now: Instant
    ) -> tuple[Device, str]:
        """Add a device; it, and its token, which is shown this once. Raises `NotFound` or `Conflict`."""
        token = secrets.token_urlsafe(32)
        device = Device(
            id=device_id,
            home_id=home,
            model=model,
            acquired_on=acquired_on,
            token_hash=token_hash(token),
            created_at=now,
        )
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                _require(session, home, owner)
                session.add(device)
                session.flush()
                if owner is not None:
                    session.add(Ownership(device_id=device_id, person_id=owner, since=0))
        except IntegrityError as error:
            raise Conflict(f"there is a device {device_id} already") from error
        return device, token

    def rotate(self, device_id: str) -> str:
        """Give a device a new token; the old one is worth nothing from now on. Raises `NotFound`."""
        token = secrets.token_urlsafe(32)
        self._set_token(device_id, token_hash(token))
        return token

    def revoke(self, device_id: str) -> None:
        """The device may not sign in any more. Raises `NotFound`."""
        self._set_token(device_id, None)

    def device(self, device_id: str) -> Device:
        """Raises `NotFound`."""
        with Session(self._engine) as session:
            if (device := session.get(Device, device_id)) is None:
                raise NotFound(f"there is no device {device_id}")
            return device

    def devices(self) -> list[Device]:
        """All devices, by id."""
        with Session(self._engine) as session:
            return list(session.exec(select(Device).order_by(Device.id)))

    def ownerships(self, person: str | None = None) -> list[Ownership]:
        """Who owned what and when, in order: one person, or everybody."""
        asked = select(Ownership).order_by(col(Ownership.since), col(Ownership.id))
        with Session(self._engine) as session:
            return list(session.exec(asked if person is None else asked.where(Ownership.person_id == person)))

    def owned(self, person: str) -> list[tuple[str, Instant, Instant | None]]:
        """What a person owned: device, since and until when."""
        asked = select(col(Ownership.device_id), col(Ownership.since), col(Ownership.until))
        with self._engine.connect() as connection:  # asked with every look at somebody: rows will do
            rows = connection.execute(asked.where(Ownership.person_id == person).order_by(col(Ownership.id)))
            return [(device, since, until) for device, since, until in rows]

    def trusted(self, person: str) -> list[Ownership]:
        """What a person owned and when, the device acquired last first."""
        asked = select(Ownership).join(Device, col(Device.id) == col(Ownership.device_id))
        with Session(self._engine) as session:
            return list(session.exec(asked.where(Ownership.person_id == person).order_by(*_NEWEST)))

    def trusted_devices(self, people: Sequence[str]) -> dict[str, list[Device]]:
        """The devices that are people's now (some hundreds of people at most), the one acquired last first."""
        asked = select(Ownership.person_id, Device).join(Device, col(Device.id) == col(Ownership.device_id))
        asked = asked.where(col(Ownership.person_id).in_(people), col(Ownership.until).is_(None))
        found: dict[str, list[Device]] = {person: [] for person in people}
        with Session(self._engine) as session:
            for person, device in session.exec(asked.order_by(*_NEWEST)):
                found[person].append(device)
        return found

    def credential(self, device_id: str) -> Credential | None:
        """What a device must know to sign in; `None` if there is no such device."""
        with Session(self._engine) as session:
            device = session.get(Device, device_id)
            return Credential(device.home_id, device.id, device.token_hash) if device is not None else None

    def holders(self, client_id: str) -> dict[str, str]:
        """Whose client id it is, if anybody's: of the device of that name, or of whoever used it first."""
        with Session(self._engine) as session:
            if session.get(Device, client_id) is not None:
                return {client_id: client_id}
            used = session.get(ClientId, client_id)
            return {client_id: used.device_id} if used else {}

    def remember_client_id(self, *, client_id: str, device_id: str, now: Instant) -> None:
        """This device has a session under this client id."""
        with Session(self._engine) as session, session.begin():
            session.merge(ClientId(client_id=client_id, device_id=device_id, used_at=now))
            mine = select(ClientId).where(ClientId.device_id == device_id).order_by(col(ClientId.used_at).desc())
            for old in session.exec(mine.offset(CLIENT_IDS_KEPT)):
                session.delete(old)

    def desired(self) -> list[DesiredRow]:
        """What is wanted of all devices."""
        with Session(self._engine) as session:
            return list(session.exec(select(DesiredRow)))

    def _set_token(self, device_id: str, hash_: str | None) -> None:
        with Session(self._engine) as session, session.begin():
            if (device := session.get(Device, device_id)) is None:
                raise NotFound(f"there is no device {device_id}")
            device.token_hash = hash_


def _require(session: Session, home: str, owner: str | None) -> None:
    if session.get(Home, home) is None:
        raise NotFound(f"there is no home {home}")
    if owner is not None and session.get(Person, owner) is None:
        raise NotFound(f"there is no person {owner}")
