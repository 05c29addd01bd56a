"""How a device answers commands: each id is executed once, and answered however often it comes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import msgspec

from devices.command import Status
from devices.model import Model
from devices.sample import Instant

Obey: TypeAlias = Callable[[str, dict[str, Any]], str | None]
"""Executes a command of a type with arguments; `None` when done, or why it could not be."""

REMEMBERED = 1_000


class Asked(msgspec.Struct, frozen=True):
    """A command as it arrives; one without `expires_at` does not expire."""

    id: str
    type: str
    args: dict[str, Any] = {}
    expires_at: Instant | None = None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A result as it travels."""

    id: str
    status: str
    reason: str | None = None


_asked = msgspec.json.Decoder(Asked)


class Orders:
    """Remembers the ends of the last `REMEMBERED` commands."""

    def __init__(self, model: Model, obey: Obey) -> None:
        self._model = model
        self._obey = obey
        self._ends: OrderedDict[str, bytes] = OrderedDict()

    def answers(self, payload: bytes, now: Instant) -> Iterator[bytes]:
        """The results to publish, in order; the command is executed between `accepted` and the end.

        What cannot be read has no id to answer to, and is left alone.
        """
        try:
            asked = _asked.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if asked.id in self._ends:
            yield self._ends[asked.id]
            return
        reason = self._refusal(asked, now)
        if reason is None:
            yield _encode(asked.id, Status.ACCEPTED)
            reason = self._obey(asked.type, asked.args)
        yield self._end(asked.id, reason)

    def _refusal(self, asked: Asked, now: Instant) -> str | None:
        if asked.expires_at is not None and asked.expires_at < now:
            return "expired"
        return self._model.command_refusal(asked.type, asked.args)

    def _end(self, id_: str, reason: str | None) -> bytes:
        result = _encode(id_, Status.DONE if reason is None else Status.FAILED, reason)
        self._ends[id_] = result
        if len(self._ends) > REMEMBERED:
            self._ends.popitem(last=False)
        return result


def _encode(id_: str, status: Status, reason: str | None = None) -> bytes:
    return msgspec.json.encode(Answer(id_, str(status), reason))
