"""The gatekeeper: answers the embedded broker's question who may come in, and shows out who may no longer stay.

The broker asks over its own protocol (auth callout) for every sign-in; the answer is `devices.access.admit`, signed.
Its client is asyncio, so it has a loop of its own in a thread of its own; tables are read in a pool beside it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

import nkeys
import structlog

from devices.access import Admitted, Credential, Denied, Permissions, admit
from devices.sample import Instant
from hub.broker import ACCOUNT, BRIDGE_USER, GATEKEEPER_USER, SYSTEM_USER, BrokerKeys

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

log = structlog.get_logger()

_AUTH = "$SYS.REQ.USER.AUTH"
_CONNECTED = f"$SYS.ACCOUNT.{ACCOUNT}.CONNECT"
_DISCONNECTED = f"$SYS.ACCOUNT.{ACCOUNT}.DISCONNECT"
_CONNECTIONS = "$SYS.REQ.SERVER.PING.CONNZ"
_PATIENCE = 5.0
_OWED_EVERY = 0.5


class Register(Protocol):
    """What the gatekeeper must be able to look up."""

    def credential(self, device_id: str) -> Credential | None: ...

    def holders(self, client_id: str) -> dict[str, str]: ...

    def remember_client_id(self, *, client_id: str, device_id: str, now: Instant) -> None: ...


class Gatekeeper:
    """Signs devices in and out of the embedded broker.

    `on_denied(user, client_id, reason)` and `on_presence(device, online)` are called from the gatekeeper's thread.
    """

    def __init__(
        self,
        keys: BrokerKeys,
        *,
        control_port: int,
        register: Register,
        on_denied: Callable[[str, str, str], None],
        on_presence: Callable[[str, bool], None],
    ) -> None:
        self._keys, self._register = keys, register
        self._url = f"nats://127.0.0.1:{control_port}"
        self._signer = nkeys.from_seed(keys.issuer_seed)
        self._on_denied, self._on_presence = on_denied, on_presence
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="gatekeeper", daemon=True)
        self._connections: dict[str, set[int]] = {}
        self._cuts: dict[str, int] = {}
        self._admitted: dict[int, int] = {}
        """How many times each device was cut off, and how many times it had been when a connection of its was admitted."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._hub: Client
        self._system: Client

    def start(self) -> None:
        """Connect to the broker and begin to let devices in. The bridge must be subscribed by now, see `Bridge.start`."""
        self._thread.start()
        self._call(self._open(), timeout=15)

    def stop(self) -> None:
        """Let go of the broker; nobody is let in any more."""
        if self._thread.is_alive():
            with contextlib.suppress(TimeoutError):
                self._call(self._close(), timeout=5)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)

    def cut_off(self, device: str) -> int:
        """End every connection of a device at once, those whose sign-in is under way too; how many there were.

        While the broker does not answer it is owed, and done as soon as it does.
        """
        return int(self._call(self._cut_off(device), timeout=_PATIENCE))

    def connected(self, device: str) -> bool:
        """Whether the device has a connection to the broker."""
        return bool(self._connections.get(device))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, Any], *, timeout: float) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    async def _open(self) -> None:
        self._system = await self._connect(SYSTEM_USER, self._keys.system, on_return=self._count_again)
        await self._system.subscribe(_CONNECTED, cb=self._note_connected)
        await self._system.subscribe(_DISCONNECTED, cb=self._note_disconnected)
        await self._system.flush()
        self._hub = await self._connect(GATEKEEPER_USER, self._keys.gatekeeper)
        await self._hub.subscribe(_AUTH, cb=self._answer)
        await self._hub.flush()

    async def _close(self) -> None:
        await self._hub.close()
        await self._system.close()

    async def _connect(
        self, user: str, password: str, *, on_return: Callable[[], Coroutine[Any, Any, None]] | None = None
    ) -> Client:
        import nats  # takes a while to load, and is wanted only once the broker is up

        async def on_error(error: Exception) -> None:
            log.debug("gatekeeper_connection", error=str(error))

        return await nats.connect(
            self._url,
            user=user,
            password=password,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.1,
            error_cb=on_error,
            reconnected_cb=on_return,
        )

    async def _answer(self, message: Msg) -> None:
        """One task for each question, so that a slow look-up holds nobody else up."""
        task = asyncio.create_task(self._decide(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _decide(self, message: Msg) -> None:
        asked = _claims(message.data)["nats"]
        options = asked.get("connect_opts", {})
        user, client_id = str(options.get("user", "")), str(asked["client_info"].get("mqtt_id", ""))
        cuts = self._cuts.get(user, 0)  # before looking up: whoever is cut off meanwhile is shown out
        verdict = await asyncio.to_thread(self._admit, user, str(options.get("pass", "")), client_id)
        if isinstance(verdict, Denied):
            self._on_denied(user, client_id, verdict.reason)
        else:
            self._admitted[asked["client_info"]["id"]] = cuts
        await message.respond(self._response(asked, user, verdict))

    def _admit(self, user: str, token: str, client_id: str) -> Admitted | Denied:
        register = self._register
        credential, holders = register.credential(user), register.holders(client_id)
        verdict = admit(credential, username=user, token=token, client_id=client_id, holders=holders)
        if isinstance(verdict, Admitted) and client_id and client_id != user and not holders:
            register.remember_client_id(client_id=client_id, device_id=user, now=time.time_ns() // 1_000_000)
        return verdict

    def _response(self, asked: dict[str, Any], user: str, verdict: Admitted | Denied) -> bytes:
        answer: dict[str, Any] = {"type": "authorization_response", "version": 2}
        if isinstance(verdict, Admitted):
            answer["jwt"] = self._user_jwt(asked["user_nkey"], user, verdict.permissions)
        else:
            answer["error"] = "not authorized"
        return self._sign({"aud": asked["server_id"]["id"], "sub": asked["user_nkey"], "nats": answer}).encode()

    def _user_jwt(self, user_nkey: str, user: str, permissions: Permissions) -> str:
        allowed = {
            "type": "user",
            "version": 2,
            "pub": {"allow": [_subject(topic) for topic in permissions.publish]},
            "sub": {"allow": [_subject(topic) for topic in permissions.subscribe]},
            "subs": -1,
            "data": -1,
            "payload": -1,
        }
        return self._sign({"aud": ACCOUNT, "sub": user_nkey, "name": user, "nats": allowed})

    def _sign(self, claims: dict[str, Any]) -> str:
        """A JWT as nats-server wants it: signed with the account's ed25519 key."""
        issuer = self._signer.public_key.decode()
        claims = {"iss": issuer, "iat": int(time.time()), "jti": secrets.token_hex(16), **claims}
        head = _encode(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode())
        body = head + "." + _encode(json.dumps(claims).encode())
        return body + "." + _encode(self._signer.sign(body.encode()))

    async def _note_connected(self, message: Msg) -> None:
        client = json.loads(message.data)["client"]
        if user := self._device(client):
            if self._is_stale(user, client["id"]):
                self._owe(user)
                return
            self._connections.setdefault(user, set()).add(client["id"])
            self._on_presence(user, True)

    async def _note_disconnected(self, message: Msg) -> None:
        client = json.loads(message.data)["client"]
        if user := self._device(client):
            self._admitted.pop(client["id"], None)
            left = self._connections.get(user, set())
            left.discard(client["id"])
            if not left:
                self._connections.pop(user, None)
                self._on_presence(user, False)

    async def _count_again(self) -> None:
        """The broker was away: who was connected is not, unless it is again already."""
        gone, self._connections = self._connections, {}
        answer = await self._connections_of({})
        for client in answer["data"].get("connections") or []:
            if user := self._device({"user": client.get("authorized_user", "")}):
                self._connections.setdefault(user, set()).add(client["cid"])
        for device in gone.keys() | self._connections.keys():
            self._on_presence(device, device in self._connections)

    def _device(self, client: dict[str, Any]) -> str | None:
        user = str(client.get("user", "")) or str(client.get("name_tag", ""))
        return None if user in ("", BRIDGE_USER, GATEKEEPER_USER, SYSTEM_USER) else user

    def _is_stale(self, device: str, connection: int) -> bool:
        """Whether a connection was admitted before its device was last cut off."""
        return self._admitted.get(connection, 0) < self._cuts.get(device, 0)

    async def _connections_of(self, which: dict[str, Any]) -> Any:
        asked = {"auth": True, "acc": ACCOUNT, "limit": 100_000, **which}
        return json.loads((await self._system.request(_CONNECTIONS, json.dumps(asked).encode(), timeout=2)).data)

    async def _cut_off(self, device: str) -> int:
        import nats.errors

        self._cuts[device] = self._cuts.get(device, 0) + 1
        try:
            return await self._show_out(device)
        except nats.errors.Error as error:
            log.warning("cut_off_owed", device=device, reason=str(error))
            self._owe(device)
            return 0

    def _owe(self, device: str) -> None:
        task = asyncio.create_task(self._show_out_in_the_end(device))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _show_out_in_the_end(self, device: str) -> None:
        import nats.errors

        while not self._system.is_closed:
            try:
                await self._show_out(device)
            except nats.errors.Error:
                await asyncio.sleep(_OWED_EVERY)
            else:
                return

    async def _show_out(self, device: str) -> int:
        """End the connections of a device that were admitted before it was last cut off."""
        answer = await self._connections_of({"user": device})
        found = answer["data"].get("connections") or []
        stale = [each for each in found if self._is_stale(device, each["cid"])]
        for connection in stale:
            kick = f"$SYS.REQ.SERVER.{answer['server']['id']}.KICK"
            await self._system.request(kick, json.dumps({"cid": connection["cid"]}).encode(), timeout=2)
        return len(stale)


def _subject(topic: str) -> str:
    """An MQTT topic as a NATS subject."""
    return topic.replace("/", ".")


def _claims(jwt: bytes) -> Any:
    body = jwt.split(b".")[1]
    return json.loads(base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4)))


def _encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
