"""Homes, people, and how they sign in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Engine, delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from devices.errors import Conflict, NotFound
from devices.sample import Instant
from hub.store.sessions import Sessions
from hub.store.tables import Home, Login, Person, Stay, Token

OPERATOR = "operator"
PERSON = "person"

_passwords = PasswordHash((Argon2Hasher(),))
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$8Z8f0Q7Xb3e6y2mUlbZ6Jq0J5h0l5QxJ0d7ZVQ0vYkE"
"""Checked when there is no such login, so that a wrong name takes as long as a wrong password."""


@dataclass(frozen=True, slots=True)
class NewPerson:
    """What is told when a person is created."""

    id: str
    username: str
    password: str
    name: str
    home: str | None = None
    birth_year: int | None = None
    sex: str | None = None
    height_cm: float | None = None
    region: str | None = None
    timezone: str | None = None


class Accounts:
    """Homes, people, logins, and their sessions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.sessions = Sessions(engine)

    def ensure_operator(self, password: str) -> None:
        """See to it that the first operator exists and has this password."""
        with Session(self._engine) as session, session.begin():
            login = session.get(Login, OPERATOR)
            if login is None:
                session.add(Login(username=OPERATOR, role=OPERATOR, password_hash=_passwords.hash(password)))
            elif not _passwords.verify(password, login.password_hash):
                login.password_hash = _passwords.hash(password)
                session.execute(delete(Token).where(col(Token.username) == OPERATOR))
        self.sessions.forget()

    def add_home(self, *, home_id: str, name: str, timezone: str, now: Instant) -> Home:
        """Raises `Conflict` if there is such a home."""
        home = Home(id=home_id, name=name, timezone=timezone, created_at=now)
        return self._add(home, f"there is a home {home_id} already")

    def home(self, home_id: str) -> Home:
        """Raises `NotFound`."""
        with Session(self._engine) as session:
            if (home := session.get(Home, home_id)) is None:
                raise NotFound(f"there is no home {home_id}")
            return home

    def homes(self) -> list[Home]:
        """All homes, by id."""
        with Session(self._engine) as session:
            return list(session.exec(select(Home).order_by(Home.id)))

    def add_person(self, new: NewPerson, *, now: Instant) -> Person:
        """Create a person and their login. Raises `NotFound` for the home, `Conflict` for id or user name."""
        if new.home is not None:
            self.home(new.home)
        person = Person(
            id=new.id,
            home_id=new.home,
            name=new.name,
            birth_year=new.birth_year,
            sex=new.sex,
            height_cm=new.height_cm,
            region=new.region,
            created_at=now,
        )
        password_hash = _passwords.hash(new.password)
        login = Login(username=new.username, role=PERSON, person_id=new.id, password_hash=password_hash)
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                session.add(person)
                session.flush()
                session.add(login)
                if new.timezone is not None:
                    session.add(Stay(person_id=new.id, since=0, timezone=new.timezone))
        except IntegrityError as error:
            raise Conflict(f"there is a person {new.id} or a user name {new.username} already") from error
        return person

    def add_login(self, person_id: str, *, username: str, password: str) -> None:
        """Let a person sign in who cannot yet. Raises `NotFound`, or `Conflict` if they can, or somebody else has the name."""
        self.person(person_id)
        login = Login(username=username, role=PERSON, person_id=person_id, password_hash=_passwords.hash(password))
        try:
            with Session(self._engine) as session, session.begin():
                if session.exec(select(Login).where(Login.person_id == person_id)).first() is not None:
                    raise Conflict(f"{person_id} can sign in already")
                session.add(login)
        except IntegrityError as error:
            raise Conflict(f"there is a user name {username} already") from error

    def person(self, person_id: str) -> Person:
        """Raises `NotFound`."""
        with Session(self._engine) as session:
            if (person := session.get(Person, person_id)) is None:
                raise NotFound(f"there is no person {person_id}")
            return person

    def amend(self, person_id: str, changed: Mapping[str, Any]) -> Person:
        """Change fields of a profile. Raises `NotFound`."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            if (person := session.get(Person, person_id)) is None:
                raise NotFound(f"there is no person {person_id}")
            person.sqlmodel_update(dict(changed))
            return person

    def stay(self, person_id: str, *, timezone: str, since: Instant) -> None:
        """A person is in a time zone from an instant on. Raises `NotFound`."""
        self.person(person_id)
        with Session(self._engine) as session, session.begin():
            session.merge(Stay(person_id=person_id, since=since, timezone=timezone))

    def stays(self, person_id: str | None = None) -> list[Stay]:
        """Where somebody was, or everybody, in order of time."""
        every = select(Stay).order_by(col(Stay.person_id), col(Stay.since))
        with Session(self._engine) as session:
            return list(session.exec(every if person_id is None else every.where(Stay.person_id == person_id)))

    def people_of(self, ids: Sequence[str]) -> dict[str, Person]:
        """Some people, by id: at most some hundreds."""
        with Session(self._engine) as session:
            return {person.id: person for person in session.exec(select(Person).where(col(Person.id).in_(ids)))}

    def people(self) -> list[Person]:
        """Everybody, by id."""
        with Session(self._engine) as session:
            return list(session.exec(select(Person).order_by(Person.id)))

    def sign_in(self, *, username: str, password: str, now: Instant) -> str | None:
        """A new bearer token; `None` if name or password are wrong."""
        with Session(self._engine) as session:
            login = session.get(Login, username)
        if not _passwords.verify(password, login.password_hash if login else _NOBODY) or login is None:
            return None
        return self.sessions.issue(login.username, now=now)

    def _add(self, row: Home, conflict: str) -> Home:
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                session.add(row)
        except IntegrityError as error:
            raise Conflict(conflict) from error
        return row
