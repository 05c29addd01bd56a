"""Commands: what the hub asks of a device, and how far it has come.

queued ──▶ sent ──▶ accepted ──▶ done
   │         │          └──────▶ failed
   └─────────┴─────────────────▶ expired
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from devices.sample import Instant


class Status(StrEnum):
    """How far a command has come. It only moves forward."""

    QUEUED = "queued"
    SENT = "sent"
    ACCEPTED = "accepted"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"


UNDELIVERED = (Status.QUEUED, Status.SENT)

_ORDER = {
    Status.QUEUED: 0,
    Status.SENT: 1,
    Status.ACCEPTED: 2,
    Status.DONE: 3,
    Status.FAILED: 3,
    Status.EXPIRED: 3,
}


def may_follow(status: Status, following: Status) -> bool:
    """Whether a command may go from `status` to `following`: forward only, and never out of an end.

    What a device has accepted no longer expires; what has expired may still be reported done by a device that
    was quicker than the report, and stays expired.
    """
    if following is Status.EXPIRED:
        return status in UNDELIVERED
    return _ORDER[following] > _ORDER[status]


class Command(msgspec.Struct, frozen=True):
    """An imperative to one device; `id` makes sending it twice the same as once."""

    id: str
    device: str
    type: str
    args: dict[str, Any]
    expires_at: Instant


class Result(msgspec.Struct, frozen=True):
    """A device's answer to a command."""

    source: str
    id: str
    status: Status
    reason: str | None = None


class _Payload(msgspec.Struct):
    id: str
    type: str
    args: dict[str, Any]
    expires_at: Instant


def encode(command: Command) -> bytes:
    """The MQTT payload of a command, as UTF-8 JSON."""
    return msgspec.json.encode(_Payload(command.id, command.type, command.args, command.expires_at))
