"""Files in the data dir that only their owner may read; secrets among them are made on the first start."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600


def private_directory(path: Path) -> Path:
    """Make a directory that only its owner can look into, or make it so."""
    path.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
    path.chmod(DIRECTORY_MODE)
    return path


def write_private(path: Path, *parts: bytes) -> None:
    """Write a file that only its owner can read; at no moment is half of it there. Raises `OSError`."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def kept(path: Path, make: Callable[[], str] = lambda: secrets.token_urlsafe(24)) -> str:
    """The secret in a file; made and written if there is none."""
    if not path.exists():
        write_private(path, make().encode())
    path.chmod(FILE_MODE)
    return path.read_text().strip()
