"""The journal: what is durable before the store proper has it.

One write puts a batch there, one sync of the disk makes all safe that were put there, at a fifth of what a transaction of a
database costs. Segments are named by number; each holds records, and each record its length and checksum before it. A record
that a crash cut short was never acknowledged to anybody, and ends its segment.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

_HEAD = struct.Struct("<II")
_SUFFIX = ".segment"


class Journal:
    """Owned by the one thread that appends; `sync` may be called by another beside it, `turn` and `drop` while it does not.

    Every method may raise `OSError`. After `append` did, nothing was added; after `sync` did, nobody knows what of the records
    since the last one is on the disk, and they must be kept elsewhere.
    """

    def __init__(self, directory: Path) -> None:
        """Open the journal in a directory of its own, made if it is not there."""
        directory.mkdir(mode=0o700, exist_ok=True)
        self._directory = directory
        self._file: int | None = None
        self._size = 0
        self._number = max((int(path.stem) for path in self._segments()), default=0)
        self._unsynced: set[int] = set()
        """Files, the one that is written among them or not, that hold what is not on the disk for certain."""
        self._begun = False
        """Whether the directory has a segment of which the disk may not know yet."""
        self._changing = threading.Lock()

    def append(self, record: bytes) -> None:
        """Add a record; it is on the disk once `sync` has returned."""
        if self._file is None:
            self._file = self._begin()
        framed = _HEAD.pack(len(record), zlib.crc32(record)) + record
        try:
            written = os.pwrite(self._file, framed, self._size)
            if written < len(framed):
                os.pwrite(self._file, framed[written:], self._size + written)
        except OSError:
            self._abandon(self._file)
            raise
        self._size += len(framed)
        with self._changing:
            self._unsynced.add(self._file)

    def sync(self) -> None:
        """Have on the disk what was appended before."""
        with self._changing:
            files = [os.dup(file) for file in self._unsynced]
            for file in self._unsynced - {self._file}:
                os.close(file)
            self._unsynced.clear()
            if self._begun:
                files.append(os.open(self._directory, os.O_RDONLY))
                self._begun = False
        try:
            for file in files:
                os.fdatasync(file)
        finally:
            for file in files:
                os.close(file)

    def records(self) -> Iterator[bytes]:
        """Every whole record, oldest first."""
        for path in self._segments():
            yield from _whole(path.read_bytes())

    def turn(self) -> list[Path]:
        """Begin a new segment; those that are finished now."""
        self._end()
        return self._segments()

    def drop(self, segments: Iterable[Path]) -> None:
        """Forget finished segments: what they hold is in the store."""
        for path in segments:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the files."""
        self._end()
        with self._changing:
            for file in self._unsynced:
                os.close(file)
            self._unsynced.clear()

    def _begin(self) -> int:
        self._number += 1
        path = self._directory / f"{self._number:012}{_SUFFIX}"
        self._size, self._begun = 0, True
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)

    def _abandon(self, file: int) -> None:
        """After a failed write: cut off what of it may be there, and go on in a new segment."""
        with contextlib.suppress(OSError):
            os.ftruncate(file, self._size)
        self._end()

    def _end(self) -> None:
        """Go on in a new segment; the file of the last stays open for as long as it is to be synced."""
        with self._changing:
            if self._file is not None and self._file not in self._unsynced:
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
