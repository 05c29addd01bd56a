"""Who is in the database just now, for what must be done while nobody is."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Occupancy:
    """`with occupancy:` around every use; many threads may be in at once, and one may be in twice."""

    def __init__(self) -> None:
        self._door = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._door:
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._door:
            self._inside -= 1

    @contextlib.contextmanager
    def closed(self) -> Iterator[bool]:
        """Nobody comes in meanwhile; whether nobody is in. Waits for nobody."""
        with self._door:
            yield self._inside == 0
