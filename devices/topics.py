"""The MQTT topics of the hub, in the one place that writes or reads them.

hub/v1/{home}/{device}/{channel}
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

PREFIX = "hub/v1"
ID_PATTERN = r"[a-z0-9][a-z0-9-]{0,62}"
_ID = re.compile(ID_PATTERN)
_DEPTH = 5


class Channel(StrEnum):
    """What a topic carries."""

    TELEMETRY = "telemetry"
    EVENT = "event"
    STATUS = "status"
    COMMAND = "command"
    RESULT = "result"


INBOUND = (Channel.TELEMETRY, Channel.EVENT, Channel.STATUS, Channel.RESULT)
"""What devices publish and the hub subscribes to."""

_CHANNELS = {str(channel): channel for channel in Channel}


class Address(NamedTuple):
    """Whose topic it is, and what it carries."""

    home: str
    device: str
    channel: Channel


def is_id(text: str) -> bool:
    """Whether `text` may name a home, a device or a person."""
    return _ID.fullmatch(text) is not None


def parse(topic: str) -> Address | None:
    """Read a topic; `None` if it is not one of the hub's."""
    levels = topic.split("/")
    if len(levels) != _DEPTH or levels[0] != "hub" or levels[1] != "v1":
        return None
    channel = _CHANNELS.get(levels[4])
    if channel is None or not (is_id(levels[2]) and is_id(levels[3])):
        return None
    return Address(levels[2], levels[3], channel)


def of(home: str, device: str, channel: Channel) -> str:
    """The topic of one channel of one device."""
    return f"{PREFIX}/{home}/{device}/{channel}"


def subscription(channel: Channel) -> str:
    """The filter for one channel of all devices."""
    return f"{PREFIX}/+/+/{channel}"
