"""Sessions: bearer tokens, whose they are, and until when. Only their hashes are kept."""

from __future__ import annotations

import secrets
import threading
from typing import NamedTuple

from sqlalchemy import Engine, bindparam, delete
from sqlmodel import Session, col, select

from devices.access import token_hash
from devices.sample import HOUR, Instant
from hub.store.tables import Login, Token

TOKEN_LIFE: Instant = 12 * HOUR
REMEMBERED = 10_000
"""Tokens known by heart, some 400 bytes each: those that were looked up last."""

_WHOSE = (
    select(col(Login.username), col(Login.role), col(Login.person_id), col(Token.expires_at))
    .join(Token, col(Token.username) == col(Login.username))
    .where(col(Token.hash) == bindparam("hash"))
)


class Caller(NamedTuple):
    """Who is asking. `person` is set for people."""

    username: str
    role: str
    person: str | None


class _Known(NamedTuple):
    caller: Caller
    expires_at: Instant


class Sessions:
    """Any thread. A token that was ended is worth nothing from then on, whoever is looking it up at that moment."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, _Known] = {}
        self._ends = 0
        self._lock = threading.Lock()

    def issue(self, username: str, *, now: Instant) -> str:
        """A new bearer token for a login, without asking for its password."""
        token = secrets.token_urlsafe(32)
        with Session(self._engine) as session, session.begin():
            session.execute(delete(Token).where(col(Token.expires_at) < now))
            session.add(Token(hash=token_hash(token), username=username, expires_at=now + TOKEN_LIFE))
        return token

    def recall(self, token: str, *, now: Instant) -> Caller | None:
        """Whose token it is, as far as that is known by heart: never waits."""
        known = self._known.get(token_hash(token))
        return known.caller if known is not None and known.expires_at >= now else None

    def identify(self, token: str, *, now: Instant) -> Caller | None:
        """Whose token it is; `None` if nobody's, or no longer."""
        if (caller := self.recall(token, now=now)) is not None:
            return caller
        ends, hashed = self._ends, token_hash(token)
        with self._engine.connect() as connection:
            row = connection.execute(_WHOSE, {"hash": hashed}).first()
        if row is None or row.expires_at < now:
            return None
        known = _Known(Caller(row.username, row.role, row.person_id), row.expires_at)
        self._remember(hashed, known, ends)
        return known.caller

    def end(self, token: str) -> None:
        """The token is worth nothing any more."""
        with Session(self._engine) as session, session.begin():
            session.execute(delete(Token).where(col(Token.hash) == token_hash(token)))
        with self._lock:
            self._ends += 1
            self._known.pop(token_hash(token), None)

    def forget(self) -> None:
        """Tokens were ended behind its back: look each up again."""
        with self._lock:
            self._ends += 1
            self._known.clear()

    def _remember(self, hashed: str, known: _Known, ends: int) -> None:
        with self._lock:
            if ends != self._ends:
                return
            if len(self._known) >= REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[hashed] = known
