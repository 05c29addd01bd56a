"""What visitors do about boards, and what is said where it cannot be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import run, ui

from api.web.catalogue import Catalogue
from devices.errors import HubError, Invalid, NotFound, Refused
from rules.boards import INVITATIONS_MOST, PEOPLE_MOST, BoardConflict


async def done(do: Callable[..., Any], *given: Any, say: Catalogue, **named: Any) -> bool:
    """Do it, which may take a moment; whether it was done. If not, the visitor is told why."""
    try:
        await run.io_bound(do, *given, **named)
    except HubError as error:
        ui.notify(wrong(error, say), type="negative")
        return False
    return True


def wrong(error: HubError, say: Catalogue) -> str:
    """Why it cannot be done, in words."""
    match error:
        case BoardConflict():
            return say(f"board.wrong.{error.limit}", people=PEOPLE_MOST, invitations=INVITATIONS_MOST)
        case Invalid():
            return say("board.wrong.name")
        case Refused():
            return say("board.wrong.consent")
        case NotFound():
            return say("board.gone")
        case _:
            return str(error)
