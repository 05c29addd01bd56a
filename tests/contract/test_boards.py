"""What the store of boards keeps to, on every database it runs on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import Session, select

from devices.errors import NotFound, Refused
from devices.sample import DAY
from hub.store import boards as store
from hub.store.accounts import Accounts, NewPerson
from hub.store.boards import BoardStore
from hub.store.tables import BoardInvitationRow, BoardRow
from rules.boards import INVITATION_LIFE, BoardConflict

NOW = 1_795_332_706_496
PEOPLE = ("ann", "bob", "cleo", "dan")


@pytest.fixture
def boards(engine):
    accounts = Accounts(engine)
    for name in PEOPLE:
        accounts.add_person(NewPerson(name, f"{name}@home", "correct horse battery", name.title()), now=NOW)
    return BoardStore(engine)


@pytest.fixture
def board(boards):
    return boards.create("ann", title="Steps", metric="steps", name="Annie", now=NOW)


def invite(boards, board, who, by="ann", now=NOW):
    boards.invite(board, by, username=f"{who}@home", now=now)


def seats(boards, person, now=NOW):
    return [(each.board.title, each.name, each.people, each.invited_by) for each in boards.seats(person, now=now)]


def test_who_makes_a_board_is_on_it_and_who_is_invited_sees_by_whom(boards, board):
    assert seats(boards, "ann") == [("Steps", "Annie", 1, None)]
    assert seats(boards, "bob") == []
    invite(boards, board, "bob")
    assert seats(boards, "bob") == [("Steps", None, None, "Annie")]
    boards.enter(board, "bob", name="B", now=NOW + 1)
    assert seats(boards, "bob") == [("Steps", "B", 2, None)]
    assert [(each.person_id, each.name, each.joined_at) for each in boards.members(board)] == [
        ("ann", "Annie", NOW),
        ("bob", "B", NOW + 1),
    ]


def test_without_an_invitation_there_is_no_board(boards, board):
    asked = [
        lambda: boards.enter(board, "bob", name="B", now=NOW),
        lambda: boards.leave(board, "bob", now=NOW),
        lambda: invite(boards, board, "cleo", by="bob"),
        lambda: boards.leave("0" * 16, "ann", now=NOW),
    ]
    for ask in asked:
        with pytest.raises(NotFound, match="no board"):
            ask()
    with pytest.raises(NotFound, match="no person"):
        boards.create("nobody", title="Steps", metric="steps", name="N", now=NOW)


def test_only_who_has_joined_invites(boards, board):
    invite(boards, board, "bob")
    with pytest.raises(Refused, match="joined"):
        invite(boards, board, "cleo", by="bob")


def test_an_invitation_ends_after_two_weeks(boards, board):
    invite(boards, board, "bob")
    late = NOW + INVITATION_LIFE
    assert seats(boards, "bob", late - 1) != []
    assert seats(boards, "bob", late) == []
    with pytest.raises(NotFound):
        boards.enter(board, "bob", name="B", now=late)
    invite(boards, board, "bob", now=late)
    assert seats(boards, "bob", late) != []


def test_what_is_declined_is_not_asked_again_and_cannot_be_told_by_who_invited(boards, board, monkeypatch):
    monkeypatch.setattr(store, "INVITATIONS_MOST", 2)
    invite(boards, board, "bob")
    boards.invite(board, "ann", username="there is no such user", now=NOW)
    boards.leave(board, "bob", now=NOW)
    assert seats(boards, "bob") == []
    invite(boards, board, "bob", now=NOW + DAY)
    assert seats(boards, "bob", NOW + DAY) == []
    with pytest.raises(BoardConflict, match="invitations"):
        invite(boards, board, "cleo", now=NOW + DAY)
    invite(boards, board, "cleo", now=NOW + INVITATION_LIFE)
    assert len(seats(boards, "cleo", NOW + INVITATION_LIFE)) == 1


def test_invitations_are_bounded_for_each_board_and_sender_and_an_accepted_one_is_open_no_more(
    boards, board, monkeypatch
):
    monkeypatch.setattr(store, "INVITATIONS_MOST", 1)
    other = boards.create("ann", title="Sleep", metric="sleep_minutes", name="Annie", now=NOW)
    invite(boards, board, "bob")
    invite(boards, board, "bob")
    with pytest.raises(BoardConflict):
        invite(boards, board, "cleo")
    invite(boards, other, "cleo")
    boards.enter(board, "bob", name="B", now=NOW)
    invite(boards, board, "cleo")
    invite(boards, board, "dan", by="bob")


def test_names_on_a_board_are_apart_and_may_change(boards, board):
    invite(boards, board, "bob")
    for alike in ("Annie", "ANNIE", "Ａnnie"):
        with pytest.raises(BoardConflict, match="name") as caught:
            boards.enter(board, "bob", name=alike, now=NOW)
        assert caught.value.limit == "name_taken"
    boards.enter(board, "bob", name="Bob", now=NOW)
    boards.enter(board, "ann", name="ANNIE", now=NOW + 5)
    boards.enter(board, "bob", name="Annie B", now=NOW + 5)
    assert [(each.name, each.joined_at) for each in boards.members(board)] == [("ANNIE", NOW), ("Annie B", NOW)]
    elsewhere = boards.create("bob", title="Mine", metric="steps", name="ANNIE", now=NOW)
    assert [each.name for each in boards.members(elsewhere)] == ["ANNIE"]


def test_who_leaves_takes_their_invitations_along_and_the_last_one_the_board(boards, board, engine):
    for who in ("bob", "cleo"):
        invite(boards, board, who)
    boards.enter(board, "bob", name="Bob", now=NOW)
    invite(boards, board, "dan", by="bob")
    boards.leave(board, "ann", now=NOW)
    assert (seats(boards, "ann"), seats(boards, "cleo")) == ([], [])
    assert seats(boards, "dan") == [("Steps", None, None, "Bob")]
    boards.leave(board, "bob", now=NOW)
    with Session(engine) as session:
        assert session.exec(select(BoardRow)).all() == session.exec(select(BoardInvitationRow)).all() == []


def test_who_left_is_not_invited_still(boards, board):
    invite(boards, board, "bob")
    boards.enter(board, "bob", name="Bob", now=NOW)
    invite(boards, board, "cleo")
    boards.enter(board, "cleo", name="Cleo", now=NOW)
    invite(boards, board, "bob", by="cleo")
    boards.leave(board, "bob", now=NOW)
    assert seats(boards, "bob") == []
    invite(boards, board, "bob")
    assert len(seats(boards, "bob")) == 1


def test_who_leaves_all_is_on_none(boards, board):
    boards.create("bob", title="Mine", metric="steps", name="Bob", now=NOW)
    invite(boards, board, "bob")
    boards.enter(board, "bob", name="Bob", now=NOW)
    assert boards.people() == ["ann", "bob"]
    boards.leave_all("bob")
    assert seats(boards, "bob") == []
    assert boards.people() == ["ann"]
    boards.leave_all("dan")


def test_a_board_and_a_person_have_their_limits(boards, board, monkeypatch):
    monkeypatch.setattr(store, "PEOPLE_MOST", 2)
    monkeypatch.setattr(store, "BOARDS_MOST", 2)
    for who in ("bob", "cleo"):
        invite(boards, board, who)
    boards.enter(board, "bob", name="Bob", now=NOW)
    boards.enter(board, "bob", name="Robert", now=NOW)
    with pytest.raises(BoardConflict, match="full"):
        boards.enter(board, "cleo", name="Cleo", now=NOW)
    boards.create("ann", title="Sleep", metric="sleep_minutes", name="A", now=NOW)
    with pytest.raises(BoardConflict, match="leave one"):
        boards.create("ann", title="Third", metric="steps", name="A", now=NOW)
    assert len(seats(boards, "ann")) == 2


def test_at_once_no_more_get_in_than_may(boards, board, monkeypatch):
    monkeypatch.setattr(store, "PEOPLE_MOST", 2)
    for who in PEOPLE[1:]:
        invite(boards, board, who)

    def enter(who):
        try:
            boards.enter(board, who, name=who, now=NOW)
        except BoardConflict as conflict:
            return conflict.limit
        return None

    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(enter, PEOPLE[1:]))
    assert sorted(map(str, outcomes)) == ["None", "board_full", "board_full"]
    assert len(boards.members(board)) == 2
