"""Snapshots of what the rules remember: taken in the pipeline's thread a little at a time, written to a file by another.

The file begins with the place in the order of arrival from which changes are to be fed again, in eight bytes.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from devices.errors import StoreUnavailable
from hub.secret_files import write_private
from rules import snapshot
from rules.engine import Engine

SLICE = 0.001
"""Seconds that the pipeline gives at a time."""
_SHARE = 10
"""After a snapshot the next rests ten times as long as it took."""
TORN_LIMIT = 10
"""So many are begun before the pipeline stops for one: where rules set each other off all the time."""
_PLACE = struct.Struct("<Q")


class Loaded(NamedTuple):
    """From which place to feed changes again; up to which place some of the cells know them; the rules that know nothing."""

    since: int
    known: int
    missing: set[str]


class _Taken(NamedTuple):
    seq: int
    state: bytes


class _Taking(NamedTuple):
    seq: int
    began: float
    snapshot: snapshot.Taking
    torn: int = 0


class Snapshots:
    """`keep` may be called by any thread, all else by the one that the engine belongs to."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self._path, self.engine = path, engine
        self._taking: _Taking | None = None
        self._taken: _Taken | None = None
        self._keeping = threading.Lock()
        self._rest_until = 0.0

    @property
    def taking(self) -> bool:
        """Whether one is being taken."""
        return self._taking is not None

    def load(self, newest: int) -> Loaded:
        """Give the rules that are on back what they remembered.

        Of a file that cannot be read at all nobody knows the place; then it is `newest`, and no rule has anything.
        """
        if not self._path.exists():
            return Loaded(0, 0, set())
        read = self._path.read_bytes()
        if len(read) < _PLACE.size:
            return Loaded(newest, 0, set(self.engine.running))
        missing = snapshot.load(self.engine, read[_PLACE.size :])
        return Loaded(_PLACE.unpack_from(read)[0], snapshot.newest_place(self.engine), missing)

    def begin(self, seq: int) -> None:
        """Begin to take one of this place, unless one is being taken or was just now."""
        if self._taking is None and time.monotonic() >= self._rest_until:
            self._taking = _Taking(seq, time.monotonic(), snapshot.Taking(self.engine))

    def advance(self, place: int) -> None:
        """Take a little more, the engine being at `place`; all of it, should too many have been torn."""
        if self._taking is None:
            return
        if self._taking.snapshot.torn:
            self._taking = _Taking(place, self._taking.began, snapshot.Taking(self.engine), self._taking.torn + 1)
        state = self._slice(self._taking, place)
        if state is not None:
            now = time.monotonic()
            self._taken, self._rest_until = _Taken(self._taking.seq, state), now + _SHARE * (now - self._taking.began)
            self._taking = None

    def _slice(self, taking: _Taking, place: int) -> bytes | None:
        if taking.torn >= TORN_LIMIT:
            return taking.snapshot.advance(place)
        until, state = time.monotonic() + SLICE, None
        while state is None and time.monotonic() < until:
            state = taking.snapshot.advance(place, 1)
        return state

    def keep(self, settle: Callable[[], None]) -> int | None:
        """Write the one that was taken last, once `settle` has made durable all that its cells know of; of which place.

        Raises `StoreUnavailable`, or what `settle` raises; then the next will do.
        """
        with self._keeping:
            taken, self._taken = self._taken, None
            if taken is None:
                return None
            settle()
            self._write(taken)
            return taken.seq

    def save(self, seq: int) -> None:
        """Take one of this place and write it at once. Raises `StoreUnavailable`."""
        with self._keeping:
            self._taking = self._taken = None
            self._write(_Taken(seq, snapshot.save(self.engine, seq)))

    def _write(self, taken: _Taken) -> None:
        try:
            write_private(self._path, _PLACE.pack(taken.seq), taken.state)
        except OSError as error:
            raise StoreUnavailable(f"what the rules remember cannot be written: {error.strerror}") from error
