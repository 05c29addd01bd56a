"""The board that the two people of the demo home share, made through the API by themselves."""

from __future__ import annotations

from simulators.console import Console
from simulators.errors import SimulatorError

TITLE, METRIC = "Steps this week", "steps"
COMMUNITY = "community"


def share_board(first: Console, second: Console, *, names: tuple[str, str], username: str) -> bool:
    """Have the first make a board and the second, whose `username` it is, join; whether they did.

    Only where neither has ever said yes or no to boards: what somebody decided since is theirs.
    """
    try:
        for console in (first, second):
            console.sign_in()
        if not all(_is_undecided(console) for console in (first, second)):
            return False
        for console in (first, second):
            console.call("PUT", f"/v1/people/me/consents/{COMMUNITY}")
        board = first.call("POST", "/v1/boards", json={"title": TITLE, "metric": METRIC, "name": names[0]})
        path = f"/v1/boards/{board.get('id')}"
        first.call("POST", f"{path}/invitations", json={"username": username})
        second.call("PUT", f"{path}/membership", json={"name": names[1]})
    except SimulatorError:
        return False
    return True


def _is_undecided(console: Console) -> bool:
    items = console.call("GET", "/v1/people/me/consents").get("items") or []
    return any(each.get("purpose") == COMMUNITY and each.get("at") is None for each in items if isinstance(each, dict))
