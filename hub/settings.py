"""Settings: read once, checked whole, and then handed on.

They come from `hub.toml` in the working directory, then `.env`, then the environment; the later wins.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from devices.errors import HubError

PREFIX = "HUB_"
TEST_PREFIX = "HUB_TEST_"
"""Names that only the tests read; the hub lets them pass."""

Port = Annotated[int, Field(ge=0, le=65_535)]


class SettingInvalid(HubError):
    """A setting is unknown or has a bad value."""


class Settings(BaseModel):
    """All settings, with their defaults. Port 0 means any free port."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: Path = Path(".data")
    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    mqtt_host: str = "127.0.0.1"
    mqtt_port: Port = 1883
    broker_control_port: Port = 0
    broker_url: SecretStr | None = None
    database_url: SecretStr | None = None
    telemetry_url: SecretStr | None = None
    operator_password: SecretStr | None = None
    peers_epsilon: Annotated[float, Field(gt=0, le=100)] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("api_host", "mqtt_host")
    @classmethod
    def _is_host(cls, host: str) -> str:
        if host != "localhost":
            ip_address(host)
        return host

    @field_validator("broker_url")
    @classmethod
    def _is_mqtt(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parts = urlsplit(url.get_secret_value())
            if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or not _is_port(parts):
                raise ValueError("a broker is named like mqtt://user:password@host:1883 or mqtts://…")
        return url

    @field_validator("telemetry_url")
    @classmethod
    def _is_telemetry(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith("duckdb:///"):
            raise ValueError("a telemetry store is named like duckdb:///path/to/file.duckdb")
        return url

    @field_validator("operator_password")
    @classmethod
    def _is_long(cls, password: SecretStr | None) -> SecretStr | None:
        if password is not None and len(password.get_secret_value()) < 8:
            raise ValueError("a password has 8 characters at least")
        return password

    @property
    def embedded_broker(self) -> bool:
        """Whether the hub runs a broker of its own."""
        return self.broker_url is None

    @property
    def telemetry_path(self) -> Path:
        """The file of the telemetry store."""
        if self.telemetry_url is None:
            return self.data_dir / "telemetry.duckdb"
        return Path(self.telemetry_url.get_secret_value().removeprefix("duckdb:///"))

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the relational store."""
        if self.database_url is None:
            return f"sqlite:///{self.data_dir / 'hub.sqlite'}"
        return self.database_url.get_secret_value()


def load(environment: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """Read the settings. Raises `SettingInvalid` with every unknown name and bad value."""
    environment = os.environ if environment is None else environment
    directory = directory or Path()
    named = _toml(directory / "hub.toml") | dotenv_values(directory / ".env") | dict(environment)
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in named.items()
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX)
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingInvalid("; ".join(_sentence(each) for each in error.errors())) from error


def _is_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"{path.name}: {error}") from error


def _sentence(error: Any) -> str:
    name = PREFIX + str(error["loc"][0]).upper()
    if error["type"] == "extra_forbidden":
        known = ", ".join(sorted(PREFIX + field.upper() for field in Settings.model_fields))
        return f"{name} is not a setting; there are {known}"
    return f"{name}: {error['msg'].removeprefix('Value error, ')}"
