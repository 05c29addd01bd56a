"""The data dir: one hub's alone, with the hub's id and the first operator's password in it."""

from __future__ import annotations

import contextlib
import fcntl
import secrets
from collections.abc import Iterator
from pathlib import Path

from devices.access import RESERVED
from devices.errors import HubError
from hub import parquet
from hub.secret_files import kept, private_directory
from hub.settings import Settings


class StartFailed(HubError):
    """The hub cannot start, and why."""


class Busy(StartFailed):
    """Another hub has the data dir."""


def operator_password_file(settings: Settings) -> Path:
    """Where the first operator's password is kept, unless it is a setting."""
    return settings.data_dir / "operator-password"


def operator_password(settings: Settings) -> str:
    if settings.operator_password is not None:
        return settings.operator_password.get_secret_value()
    return kept(operator_password_file(settings))


def own_id(settings: Settings) -> str:
    """Made once, and then the same for good."""
    return kept(settings.data_dir / "client-id", lambda: f"{RESERVED}{secrets.token_hex(8)}")


def moved_in(directory: Path, stack: contextlib.ExitStack) -> Path:
    """The data dir: this hub's alone, and without what a crash left of exports. Raises `StartFailed`."""
    try:
        data_dir = private_directory(directory)
        stack.enter_context(locked(data_dir / "lock"))
        parquet.clear(data_dir)
    except OSError as error:
        raise StartFailed(f"the data dir {directory} cannot be used: {error.strerror}") from error
    return data_dir


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One hub at a time in a data dir."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"another hub is running in {path.parent}") from error
        yield
