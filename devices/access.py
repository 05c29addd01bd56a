"""Who may publish and subscribe what: pure functions that the gatekeeper has the broker enforce."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from devices import topics
from devices.topics import INBOUND, Channel

CLIENT_ID_LIMIT = 128
RESERVED = "hub-"
"""What the hub's own names at the broker begin with: no device is called so, and no other device may use such a client id."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """Topics a connection may publish to and subscribe under, spelled out: no wildcards."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Credential:
    """What is known of a device that signs in; `token_hash` is `None` after revocation."""

    home: str
    device: str
    token_hash: str | None


@dataclass(frozen=True, slots=True)
class Admitted:
    """The sign-in is good; this is what the connection may do."""

    permissions: Permissions


@dataclass(frozen=True, slots=True)
class Denied:
    """The sign-in is refused, for a reason that goes on record and not to the client."""

    reason: str


def token_hash(token: str) -> str:
    """SHA-256, in hex: enough for tokens of 256 random bits, of which no dictionary exists."""
    return sha256(token.encode()).hexdigest()


def permissions(home: str, device: str) -> Permissions:
    """A device publishes on its own inbound topics and hears its own commands; nothing else."""
    return Permissions(
        publish=tuple(topics.of(home, device, channel) for channel in INBOUND),
        subscribe=(topics.of(home, device, Channel.COMMAND),),
    )


def admit(
    credential: Credential | None, *, username: str, token: str, client_id: str, holders: Mapping[str, str]
) -> Admitted | Denied:
    """Decide a sign-in.

    `holders` says which device holds a client id: another device's id, or one its session lives under. Taking
    it over would cut that device off and collect what waits for it, so only its holder may use it.
    """
    if credential is None:
        return Denied("unknown device")
    if credential.token_hash is None:
        return Denied("credentials revoked")
    if not hmac.compare_digest(credential.token_hash, token_hash(token)):
        return Denied("wrong password")
    if len(client_id) > CLIENT_ID_LIMIT:
        return Denied("client id too long")
    if client_id.startswith(RESERVED) and client_id != username:
        return Denied("client id of the hub")
    if holders.get(client_id, username) != username:
        return Denied("client id belongs to another device")
    return Admitted(permissions(credential.home, credential.device))
