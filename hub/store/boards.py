"""Boards on record: who shares one, under which name, and who was invited.

An invitation is kept by user name, and nothing here asks whether there is such a user: so nobody can learn it, neither from
an answer, nor from how long it took, nor from how many invitations are left.
"""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, delete, func, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from devices.errors import NotFound, Refused
from devices.sample import Instant
from hub.store.tables import BoardInvitationRow, BoardMemberRow, BoardRow, Login, Person
from rules.boards import BOARDS_MOST, INVITATION_LIFE, INVITATIONS_MOST, PEOPLE_MOST, BoardConflict, likeness


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A board as one person sees it: joined, with their `name` there and how many `people` are on it, or only invited."""

    board: BoardRow
    name: str | None = None
    people: int | None = None
    invited_by: str | None = None


class BoardStore:
    """Boards, their members, and invitations to them. Names and titles come in as they are to be shown."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, person: str, *, title: str, metric: str, name: str, now: Instant) -> str:
        """A new board with one person on it; its id. Raises `NotFound`, `BoardConflict`."""
        board = BoardRow(id=secrets.token_hex(8), title=title, metric=metric, created_at=now)
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            _hold_person(session, person)
            session.add(board)
            session.flush()
            _seat(session, board.id, person, name=name, now=now)
        return board.id

    def seats(self, person: str, *, now: Instant) -> list[Seat]:
        """The boards that a person has joined, by title, and behind them those to which they are invited."""
        with Session(self._engine) as session:
            joined = _joined(session, person)
            return joined + _invited(session, person, now=now, but={seat.board.id for seat in joined})

    def members(self, board: str) -> list[BoardMemberRow]:
        """Who has joined a board, by name."""
        query = select(BoardMemberRow).where(BoardMemberRow.board_id == board).order_by(BoardMemberRow.name)
        with Session(self._engine) as session:
            return list(session.exec(query))

    def people(self) -> list[str]:
        """Everybody who is on a board, by id."""
        query = select(BoardMemberRow.person_id).distinct().order_by(BoardMemberRow.person_id)
        with Session(self._engine) as session:
            return list(session.exec(query))

    def invite(self, board: str, person: str, *, username: str, now: Instant) -> None:
        """Invite a user name; again changes nothing. Raises `NotFound`, `Refused`, `BoardConflict`."""
        with Session(self._engine) as session, session.begin():
            _hold(session, board)
            if session.get(BoardMemberRow, (board, person)) is None:
                if not _is_invited(session, board, person, now=now):
                    raise NotFound(f"there is no board {board} that you are on, or invited to")
                raise Refused("only who has joined a board invites others to it")
            session.execute(delete(BoardInvitationRow).where(col(BoardInvitationRow.at) <= now - INVITATION_LIFE))
            if session.get(BoardInvitationRow, (board, person, username)) is not None:
                return
            if _open(session, board, person) >= INVITATIONS_MOST:
                raise BoardConflict("too_many_invitations")
            session.add(BoardInvitationRow(board_id=board, invited_by=person, username=username, at=now))

    def enter(self, board: str, person: str, *, name: str, now: Instant) -> None:
        """Accept an invitation under a name, or go by another one. Raises `NotFound`, `BoardConflict`."""
        with Session(self._engine) as session, session.begin():
            _hold_person(session, person)
            _hold(session, board)
            there = session.get(BoardMemberRow, (board, person))
            if there is None and not _is_invited(session, board, person, now=now):
                raise NotFound(f"there is no board {board} that you are on, or invited to")
            _seat(session, board, person, name=name, now=there.joined_at if there else now)
            to_them = col(BoardInvitationRow.username).in_(_usernames(person))
            session.execute(delete(BoardInvitationRow).where(col(BoardInvitationRow.board_id) == board, to_them))

    def leave(self, board: str, person: str, *, now: Instant) -> None:
        """Leave a board, or decline to join it; the last one's leaving ends it. Raises `NotFound`."""
        with Session(self._engine) as session, session.begin():
            _hold(session, board)
            there = session.get(BoardMemberRow, (board, person)) is not None
            if not there and not _is_invited(session, board, person, now=now):
                raise NotFound(f"there is no board {board} that you are on, or invited to")
            _decline(session, board, person)
            if there:
                _unseat(session, board, person)

    def leave_all(self, person: str) -> None:
        """Leave every board."""
        mine = select(BoardMemberRow.board_id).where(BoardMemberRow.person_id == person)
        with Session(self._engine) as session, session.begin():
            _hold_person(session, person)
            for board in session.exec(mine.order_by(BoardMemberRow.board_id)).all():
                _hold(session, board)
                _decline(session, board, person)
                _unseat(session, board, person)


def _hold(session: Session, board: str) -> None:
    """Have a board to oneself until the transaction ends, as every database can: by writing to its row."""
    held = session.execute(update(BoardRow).where(col(BoardRow.id) == board).values(title=BoardRow.title))
    if held.rowcount == 0:  # type: ignore[attr-defined]
        raise NotFound(f"there is no board {board} that you are on, or invited to")


def _hold_person(session: Session, person: str) -> None:
    """The same with a person; always before a board."""
    held = session.execute(update(Person).where(col(Person.id) == person).values(name=Person.name))
    if held.rowcount == 0:  # type: ignore[attr-defined]
        raise NotFound(f"there is no person {person}")


def _seat(session: Session, board: str, person: str, *, name: str, now: Instant) -> None:
    """Put somebody on a board, or give them another name, where there is room for it."""
    others = session.exec(
        select(BoardMemberRow).where(BoardMemberRow.board_id == board, BoardMemberRow.person_id != person)
    ).all()
    elsewhere = select(func.count()).where(BoardMemberRow.person_id == person, BoardMemberRow.board_id != board)
    if len(others) >= PEOPLE_MOST:
        raise BoardConflict("board_full")
    if session.exec(elsewhere).one() >= BOARDS_MOST:
        raise BoardConflict("too_many_boards")
    alike = likeness(name)
    if any(other.likeness == alike for other in others):
        raise BoardConflict("name_taken")
    session.merge(BoardMemberRow(board_id=board, person_id=person, name=name, likeness=alike, joined_at=now))


def _unseat(session: Session, board: str, person: str) -> None:
    """Take somebody off a board, and their invitations back; a board without people is no more."""
    of_board = col(BoardInvitationRow.board_id) == board
    session.execute(delete(BoardInvitationRow).where(of_board, col(BoardInvitationRow.invited_by) == person))
    session.delete(session.get_one(BoardMemberRow, (board, person)))
    session.flush()
    if session.exec(select(func.count()).where(BoardMemberRow.board_id == board)).one() == 0:
        session.execute(delete(BoardInvitationRow).where(of_board))
        session.delete(session.get_one(BoardRow, board))


def _decline(session: Session, board: str, person: str) -> None:
    """An invitation that is declined keeps its place among its sender's open ones, or they could tell."""
    to_them = col(BoardInvitationRow.username).in_(_usernames(person))
    session.execute(
        update(BoardInvitationRow).where(col(BoardInvitationRow.board_id) == board, to_them).values(declined=True),
        execution_options={"synchronize_session": False},
    )


def _joined(session: Session, person: str) -> list[Seat]:
    mine = select(BoardMemberRow.board_id).where(BoardMemberRow.person_id == person)
    on_them = session.exec(select(BoardMemberRow).where(col(BoardMemberRow.board_id).in_(mine))).all()
    people = Counter(member.board_id for member in on_them)
    names = {member.board_id: member.name for member in on_them if member.person_id == person}
    boards = session.exec(select(BoardRow).where(col(BoardRow.id).in_(names)).order_by(BoardRow.title, BoardRow.id))
    return [Seat(board=board, name=names[board.id], people=people[board.id]) for board in boards]


def _invited(session: Session, person: str, *, now: Instant, but: set[str]) -> list[Seat]:
    """Invitations that are open, the oldest of each board."""
    query = (
        select(BoardRow, BoardMemberRow.name)
        .join(BoardInvitationRow, col(BoardInvitationRow.board_id) == BoardRow.id)
        .join(
            BoardMemberRow,
            (col(BoardMemberRow.board_id) == BoardRow.id)
            & (col(BoardMemberRow.person_id) == BoardInvitationRow.invited_by),
        )
        .where(*_to(person, now))
        .order_by(col(BoardInvitationRow.at), col(BoardMemberRow.name))
    )
    found: dict[str, Seat] = {}
    for board, name in session.exec(query):
        if board.id not in but:
            found.setdefault(board.id, Seat(board=board, invited_by=name))
    return list(found.values())


def _is_invited(session: Session, board: str, person: str, *, now: Instant) -> bool:
    query = select(func.count()).where(BoardInvitationRow.board_id == board, *_to(person, now))
    return session.exec(query).one() > 0


def _to(person: str, now: Instant) -> tuple[Any, ...]:
    """What is true of invitations to somebody that are open."""
    return (
        col(BoardInvitationRow.username).in_(_usernames(person)),
        col(BoardInvitationRow.declined).is_(False),
        col(BoardInvitationRow.at) > now - INVITATION_LIFE,
    )


def _open(session: Session, board: str, person: str) -> int:
    of_both = (BoardInvitationRow.board_id == board, BoardInvitationRow.invited_by == person)
    return session.exec(select(func.count()).where(*of_both)).one()


def _usernames(person: str) -> SelectOfScalar[str]:
    return select(Login.username).where(Login.person_id == person)
