"""Boards by mutual consent: only who allowed `community` is on one, and who takes that back is off all of them at once."""

from __future__ import annotations

import time

from devices.errors import NotFound, Refused
from devices.sample import Instant
from hub.registry import Registry
from hub.store.boards import BoardStore, Seat
from hub.store.consents import Consent
from hub.store.tables import BoardMemberRow
from rules.boards import chosen_name, chosen_title, feature_of
from rules.consent import COMMUNITY
from rules.features import FEATURES


class Boards:
    """Does what people ask of boards."""

    def __init__(self, store: BoardStore, registry: Registry) -> None:
        self._store, self._registry = store, registry

    def seats(self, person: str) -> list[Seat]:
        """The boards that a person has joined, and behind them those to which they are invited."""
        return [seat for seat in self._store.seats(person, now=_now()) if seat.board.metric in FEATURES]

    def seat(self, board: str, person: str) -> Seat:
        """One of these. Raises `NotFound`."""
        found = next((seat for seat in self.seats(person) if seat.board.id == board), None)
        if found is None:
            raise NotFound(f"there is no board {board} that you are on, or invited to")
        return found

    def joined(self, board: str, person: str) -> Seat:
        """One that they have joined. Raises `NotFound`."""
        seat = self.seat(board, person)
        if seat.name is None:
            raise NotFound(f"there is no board {board} that you are on")
        return seat

    def members(self, board: str) -> list[BoardMemberRow]:
        """Who has joined a board, by name."""
        return self._store.members(board)

    def create(self, person: str, *, title: str, metric: str, name: str) -> str:
        """A new board with its maker on it; its id. Raises `Invalid`, `Refused`, `BoardConflict`."""
        title, metric, name = chosen_title(title), feature_of(metric).name, chosen_name(name)
        self._must_allow(person)
        board = self._store.create(person, title=title, metric=metric, name=name, now=_now())
        self._leave_if_withdrawn(person)
        return board

    def enter(self, board: str, person: str, *, name: str) -> None:
        """Accept an invitation, or go by another name. Raises `Invalid`, `Refused`, `NotFound`, `BoardConflict`."""
        name = chosen_name(name)
        self.seat(board, person)
        self._must_allow(person)
        self._store.enter(board, person, name=name, now=_now())
        self._leave_if_withdrawn(person)

    def invite(self, board: str, person: str, *, username: str) -> None:
        """Invite a user name, whether there is such a user or not. Raises `NotFound`, `Refused`, `BoardConflict`."""
        self._store.invite(board, person, username=username, now=_now())

    def leave(self, board: str, person: str) -> None:
        """Leave a board, or decline to join it. Raises `NotFound`."""
        self._store.leave(board, person, now=_now())

    def decided(self, consent: Consent) -> None:
        """Hear what somebody allowed or took back."""
        if consent.purpose == COMMUNITY and not consent.granted:
            self._store.leave_all(consent.person)

    def settle(self) -> None:
        """Have those leave who took it back just before the hub ended."""
        for person in self._store.people():
            if not self._allows(person):
                self._store.leave_all(person)

    def _must_allow(self, person: str) -> None:
        if not self._allows(person):
            raise Refused(
                "boards show your days to others: allow community first, PUT /v1/people/me/consents/community"
            )

    def _leave_if_withdrawn(self, person: str) -> None:
        """Who takes it back while they join may be joined last; asked again, one of both is seen."""
        if not self._allows(person):
            self._store.leave_all(person)
            self._must_allow(person)

    def _allows(self, person: str) -> bool:
        return COMMUNITY in self._registry.granted.get(person, frozenset())


def _now() -> Instant:
    return time.time_ns() // 1_000_000
