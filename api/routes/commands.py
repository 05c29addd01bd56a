"""Commands to devices."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import DeviceDep, HubDep
from api.instants import to_instant, to_rfc3339
from api.paging import before_of, cursor_of
from api.schemas import CommandIn, CommandOut, Page
from hub.store.tables import CommandRow

router = APIRouter(prefix="/v1/devices/{device_id}/commands", tags=["commands"])


@router.post("", status_code=202)
def send(entry: DeviceDep, command: CommandIn, hub: HubDep) -> CommandOut:
    """Send a command; follow it with GET or on the stream. A device that is away gets it when it comes back."""
    expires_at = command.expires_at
    row = hub.desk.command(
        entry.id,
        command_id=command.id,
        type_=command.type,
        args=command.args,
        expires_at=expires_at if isinstance(expires_at, int) or expires_at is None else to_instant(expires_at),
    )
    return _out(row)


@router.get("")
def commands(
    entry: DeviceDep, hub: HubDep, limit: Annotated[int, Query(ge=1, le=500)] = 50, cursor: str | None = None
) -> Page[CommandOut]:
    """Commands of a device, newest first."""
    rows = hub.ledger.commands(entry.id, limit=limit + 1, before=before_of(cursor))
    more = cursor_of(rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
    return Page(items=[_out(row) for row in rows[:limit]], next=more)


@router.get("/{command_id}")
def command(entry: DeviceDep, command_id: str, hub: HubDep) -> CommandOut:
    """How far a command has come."""
    return _out(hub.ledger.command(entry.id, command_id))


def _out(row: CommandRow) -> CommandOut:
    return CommandOut.model_validate(
        {
            "id": row.id,
            "device": row.device_id,
            "type": row.type,
            "args": row.args,
            "status": row.status,
            "reason": row.reason,
            "decision": row.decision_id,
            "created_at": to_rfc3339(row.created_at),
            "sent_at": to_rfc3339(row.sent_at) if row.sent_at else None,
            "updated_at": to_rfc3339(row.updated_at),
            "expires_at": to_rfc3339(row.expires_at),
        }
    )
