"""Whose rules somebody may look at: their own, their home's, their devices'; operators everybody's."""

from __future__ import annotations

from typing import Any

from api.deps import ME, home_of, may_see
from devices.errors import Invalid, Refused
from hub.runtime import Hub
from hub.store.accounts import OPERATOR
from hub.store.sessions import Caller


def own_scope(hub: Hub, caller: Caller, kind: str, scope: str) -> str:
    """The scope a caller may ask about: themselves, their home, their devices; operators anybody. Raises `Refused`."""
    if caller.role == OPERATOR:
        if scope == ME:
            raise Invalid("name the scope: ?scope=…")
        return scope
    own = scopes_of(hub, caller, kind)
    if scope == ME and len(own) == 1 and kind != "device":
        return own[0]
    if scope not in own:
        raise Refused("this is somebody else's")
    return scope


def scopes_of(hub: Hub, caller: Caller, kind: str) -> list[str]:
    """Every scope of a kind that a caller may ask about, by id."""
    if caller.role == OPERATOR:
        known: dict[str, dict[str, Any]] = {
            "person": hub.registry.subjects,
            "home": hub.registry.homes,
            "device": hub.registry.entries,
        }
        return sorted(known.get(kind, {}))
    assert caller.person is not None
    match kind:
        case "person":
            return [caller.person]
        case "home":
            home = home_of(caller.person, hub)
            return [home] if home else []
        case "device":
            return sorted(each.id for each in list(hub.registry.entries.values()) if may_see(caller, each, hub))
        case _:
            return []


def seen_scopes(hub: Hub, caller: Caller) -> list[str] | None:
    """Everything rules may be about that a caller may see; `None` is everything there is."""
    if caller.role == OPERATOR:
        return None
    return [scope for kind in ("person", "home", "device") for scope in scopes_of(hub, caller, kind)]
