"""How a device signs in. The password of a credential is left out wherever it is printed."""

from __future__ import annotations

from typing import NamedTuple


class Broker(NamedTuple):
    """Where the MQTT broker listens."""

    host: str
    port: int


class Credential(NamedTuple):
    """A device's name and token, and the home under which its topics lie."""

    home: str
    device: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credential(home={self.home!r}, device={self.device!r})"


class Registration(NamedTuple):
    """What the hub answers when a device is registered or its token rotated."""

    broker: Broker
    credential: Credential
