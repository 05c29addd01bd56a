"""The journal: what is durable before the store proper has it.

One write and one sync of the disk make a batch safe, whatever its size, at a fifth of what a transaction of a database costs.
Segments are named by number; each holds records, and each record its length and checksum before it. A record that a crash cut
short was never acknowledged to anybody, and ends its segment.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

_HEAD = struct.Struct("<II")
_SUFFIX = ".segment"


class Journal:
    """Owned by the one thread that appends; `turn` and `drop` may be called by another while it does not.

    Every method may raise `OSError`; then nothing was added.
    """

    def __init__(self, directory: Path) -> None:
        """Open the journal in a directory of its own, made if it is not there."""
        directory.mkdir(mode=0o700, exist_ok=True)
        self._directory = directory
        self._file: int | None = None
        self._size = 0
        self._number = max((int(path.stem) for path in self._segments()), default=0)

    def append(self, record: bytes) -> None:
        """Add a record; it is on the disk when this returns."""
        if self._file is None:
            self._file = self._begin()
        framed = _HEAD.pack(len(record), zlib.crc32(record)) + record
        try:
            written = os.pwrite(self._file, framed, self._size)
            if written < len(framed):
                os.pwrite(self._file, framed[written:], self._size + written)
            os.fdatasync(self._file)
        except OSError:
            self._abandon(self._file)
            raise
        self._size += len(framed)

    def records(self) -> Iterator[bytes]:
        """Every whole record, oldest first."""
        for path in self._segments():
            yield from _whole(path.read_bytes())

    def turn(self) -> list[Path]:
        """Begin a new segment; those that are finished now."""
        self._close()
        return self._segments()

    def drop(self, segments: Iterable[Path]) -> None:
        """Forget finished segments: what they hold is in the store."""
        for path in segments:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file."""
        self._close()

    def _begin(self) -> int:
        self._number += 1
        path = self._directory / f"{self._number:012}{_SUFFIX}"
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._size = 0
        folder = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file

    def _abandon(self, file: int) -> None:
        """After a failed write: cut off what of it may be there, and go on in a new segment."""
        with contextlib.suppress(OSError):
            os.ftruncate(file, self._size)
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _segments(self) -> list[Path]:
        return sorted(self._directory.glob(f"*{_SUFFIX}"))


def _whole(segment: bytes) -> Iterator[bytes]:
    at = 0
    while at + _HEAD.size <= len(segment):
        length, checksum = _HEAD.unpack_from(segment, at)
        record = segment[at + _HEAD.size : at + _HEAD.size + length]
        if len(record) < length or zlib.crc32(record) != checksum:
            return
        yield record
        at += _HEAD.size + length
