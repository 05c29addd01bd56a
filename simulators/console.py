"""The hub's HTTP API, as its operator uses it to register homes, people and devices."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from simulators.credentials import Broker, Credential, Registration
from simulators.errors import ApiRefused, SignInRefused, SimulatorError, Unreachable

OPERATOR = "operator"
TIMEOUT_S = 30.0
PASSWORD_VARIABLE = "HUB_OPERATOR_PASSWORD"


def operator_password(file: Path) -> str:
    """The operator's password: `HUB_OPERATOR_PASSWORD` if set, else what `file` holds."""
    if password := os.environ.get(PASSWORD_VARIABLE):
        return password
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SimulatorError(
            f"no operator password: {file} cannot be read; start the hub first, or set {PASSWORD_VARIABLE}"
        ) from error


class Console:
    """A signed-in caller of the API. May be shared by threads; signs in again when its token has run out."""

    def __init__(
        self, api: str, *, password: str, username: str = OPERATOR, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._api, self._transport = api, transport
        self._username, self._password = username, password
        limits = httpx.Limits(max_connections=32)
        try:
            self._client = httpx.Client(base_url=api, timeout=TIMEOUT_S, transport=transport, limits=limits)
        except (httpx.InvalidURL, ValueError) as error:
            raise SimulatorError(f"{api!r} is not the address of an API") from error

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def sign_in(self, *, patience_s: float = 0.0) -> None:
        """Get a token; keeps trying for `patience_s` while nobody answers."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return self._sign_in()
            except Unreachable:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.3)

    def ensure_home(self, home: str, *, name: str | None = None, timezone: str | None = None) -> None:
        """Have the home exist."""
        self._ensure("/v1/homes", {"id": home, "name": name or home, "timezone": timezone})

    def ensure_person(self, person: str, *, password: str, home: str, **about: Any) -> bool:
        """Have the person exist; whether they are new, and so have this password."""
        return self._ensure(
            "/v1/people", {"id": person, "username": person, "password": password, "home": home, **about}
        )

    def ensure_device(
        self, device: str, *, home: str, model: str, owner: str | None = None, acquired_on: str | None = None
    ) -> Registration:
        """Have the device exist, with a fresh token: a known device's is rotated, and it stays in its home."""
        wanted = {"id": device, "home": home, "model": model, "owner": owner, "acquired_on": acquired_on}
        try:
            answer = self.call("POST", "/v1/devices", json=_without_none(wanted))
        except ApiRefused as refused:
            if refused.status != 409:
                raise
            path = f"/v1/devices/{quote(device)}"
            answer = self.call("POST", f"{path}/credentials")
            answer.setdefault("home", self.call("GET", path).get("home", home))
        return _registration(answer, home=home, device=device)

    def as_person(self, username: str, password: str) -> Console:
        """The same API, asked by somebody else."""
        return Console(self._api, username=username, password=password, transport=self._transport)

    def allow(self, purpose: str) -> None:
        """Say yes to a purpose, for oneself."""
        self.call("PUT", f"/v1/people/me/consents/{quote(purpose)}")

    def series(self, person: str, metric: str, **query: str) -> list[dict[str, Any]]:
        """A person's series, all pages of it, as `{at, value}` items."""
        found: list[dict[str, Any]] = []
        cursor: object = None
        while True:
            params = query if cursor is None else {**query, "cursor": str(cursor)}
            page = self.call("GET", f"/v1/people/{quote(person)}/telemetry/{metric}", params=params)
            found += [item for item in page.get("items") or [] if isinstance(item, dict)]
            if not (following := page.get("next")) or following == cursor:
                return found
            cursor = following

    def call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """One request; its JSON object. Raises `ApiRefused` for what the API does not do."""
        response = self._send(method, path, **request)
        if response.status_code == 401:
            self._sign_in()
            response = self._send(method, path, **request)
        if response.is_error:
            raise ApiRefused(response.status_code, f"{method} {path}: {_problem(response)}")
        return _json_object(response)

    def _ensure(self, path: str, wanted: dict[str, Any]) -> bool:
        try:
            self.call("POST", path, json=_without_none(wanted))
        except ApiRefused as refused:
            if refused.status != 409:
                raise
            return False
        return True

    def _sign_in(self) -> None:
        form = {"username": self._username, "password": self._password, "grant_type": "password"}
        response = self._send("POST", "/v1/auth/token", data=form)
        if response.status_code in (400, 401, 403):
            raise SignInRefused(f"the hub at {self._api} does not accept the password of {self._username}")
        if response.is_error:
            raise ApiRefused(response.status_code, f"sign-in at {self._api}: {_problem(response)}")
        token = _json_object(response).get("access_token")
        self._client.headers["Authorization"] = f"Bearer {token}"

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **request)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Unreachable(f"no hub answers at {self._api} ({error or type(error).__name__})") from error


def _registration(answer: dict[str, Any], *, home: str, device: str) -> Registration:
    try:
        mqtt = answer.get("mqtt", answer)
        credential = Credential(str(answer.get("home", home)), device, str(mqtt["username"]), str(mqtt["password"]))
        return Registration(Broker(str(mqtt["host"]), int(mqtt["port"])), credential)
    except (KeyError, TypeError, ValueError) as error:
        raise SimulatorError(f"the hub's answer about {device} holds no MQTT credentials") from error


def _json_object(response: httpx.Response) -> dict[str, Any]:
    if not response.content:
        return {}
    try:
        answer = response.json()
    except ValueError as error:
        raise SimulatorError(f"what answers at {response.url.host}:{response.url.port} is not the hub") from error
    return answer if isinstance(answer, dict) else {}


def _problem(response: httpx.Response) -> str:
    """What a problem document (RFC 9457) says."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        return f"HTTP {response.status_code}"
    parts = [str(problem[key]) for key in ("title", "detail") if problem.get(key)]
    return ": ".join(parts) or f"HTTP {response.status_code}"


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
