"""Boards that household and friends share: only by mutual consent, under names they chose."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.board_schemas import BoardIn, BoardOut, InvitationIn, MembershipIn, PlaceOut, StandingsOut, WeekOut
from api.boards import WEEKS, WEEKS_MOST, Standings, reader_for, standings
from api.deps import CallerDep, HubDep
from api.schemas import Page
from devices.errors import Refused
from hub.store.boards import Seat
from rules.features import FEATURES
from rules.periods import TooFew
from rules.standings import Place

router = APIRouter(prefix="/v1/boards", tags=["boards"])

BoardId = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


async def _themselves(caller: CallerDep) -> str:
    if caller.person is None:
        raise Refused("boards are for people; you are signed in as an operator")
    return caller.person


MyselfDep = Annotated[str, Depends(_themselves)]


@router.post("", status_code=201)
def create_board(board: BoardIn, hub: HubDep, me: MyselfDep) -> BoardOut:
    """Create a board, and be on it. You must have allowed `community`, as must everybody who joins."""
    made = hub.boards.create(me, title=board.title, metric=board.metric, name=board.name)
    return BoardOut(**_told(hub.boards.seat(made, me)))


@router.get("")
def boards(hub: HubDep, me: MyselfDep) -> Page[BoardOut]:
    """The boards you are on, and behind them those you are invited to."""
    return Page(items=[BoardOut(**_told(seat)) for seat in hub.boards.seats(me)])


@router.get("/{board_id}")
def board(
    board_id: BoardId,
    hub: HubDep,
    me: MyselfDep,
    caller: CallerDep,
    request: Request,
    weeks: Annotated[int, Query(ge=1, le=WEEKS_MOST, description="how many, this one among them")] = WEEKS,
) -> StandingsOut:
    """A board, and how everybody on it stands this week and stood in those before."""
    seat = hub.boards.seat(board_id, me)
    if seat.name is None:
        return StandingsOut(**_told(seat), weeks=[])
    reader = reader_for(caller.username, me, request.url.path)
    return StandingsOut(**_told(seat), weeks=_weeks(standings(hub, seat, reader, weeks=weeks), seat.name))


@router.post("/{board_id}/invitations", status_code=202)
def invite(board_id: BoardId, invitation: InvitationIn, hub: HubDep, me: MyselfDep) -> Response:
    """Invite somebody by their user name, for 14 days. The answer is the same whether there is such a user or not."""
    hub.boards.invite(board_id, me, username=invitation.username)
    return Response(status_code=202)


@router.put("/{board_id}/membership")
def enter(board_id: BoardId, membership: MembershipIn, hub: HubDep, me: MyselfDep) -> BoardOut:
    """Accept an invitation under a name of your choice; or, on the board, go by another one."""
    hub.boards.enter(board_id, me, name=membership.name)
    return BoardOut(**_told(hub.boards.seat(board_id, me)))


@router.delete("/{board_id}/membership", status_code=204)
def leave(board_id: BoardId, hub: HubDep, me: MyselfDep) -> Response:
    """Leave a board, or decline an invitation. A board that nobody is on any more is gone."""
    hub.boards.leave(board_id, me)
    return Response(status_code=204)


def _told(seat: Seat) -> dict[str, Any]:
    feature = FEATURES[seat.board.metric]
    return {
        "id": seat.board.id,
        "title": seat.board.title,
        "metric": feature.name,
        "metric_title": feature.title.model_dump(),
        "unit": feature.unit,
        "better": feature.better,
        "status": "invited" if seat.name is None else "joined",
        "name": seat.name,
        "invited_by": seat.invited_by,
        "people": seat.people,
    }


def _weeks(found: Standings, mine: str) -> list[WeekOut]:
    return [
        WeekOut(
            start=monday.isoformat(), running=monday == found.running, places=[_place(each, mine) for each in there]
        )
        for monday, there in found.weeks.items()
    ]


def _place(place: Place, mine: str) -> PlaceOut:
    missing = place.mean if isinstance(place.mean, TooFew) else None
    return PlaceOut(
        name=place.name,
        mine=place.name == mine,
        rank=place.rank,
        value=None if isinstance(place.mean, TooFew) else round(place.mean, 3),
        insufficient=None if missing is None else str(missing),
    )
