"""What waits to be brought into DuckDB: batches in the journal, and in memory too, so that nobody has to read it again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hub.telemetry.columns import Columns, decode, encode
from hub.telemetry.journal import Journal


class Taken(NamedTuple):
    """Batches that somebody brings in, and the segments of the journal that are not needed once they are in."""

    batches: list[Columns]
    segments: list[Path]


class Waiting:
    """One thread adds, another may take and a third sync. Every method but `put_back` may raise `OSError`."""

    def __init__(self, directory: Path) -> None:
        """Of a journal in a directory of its own; to be opened first."""
        self._directory = directory
        self._batches: list[Columns] = []
        self._turning = threading.Lock()
        self.size = 0
        """How many samples wait."""

    def open(self) -> None:
        """Open the journal, or open it anew; what is in memory stays."""
        self._journal = Journal(self._directory)

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def add(self, batch: Columns) -> None:
        """Keep a batch; it is durable once `sync` has returned."""
        with self._turning:
            self._journal.append(encode(batch))
            self._batches.append(batch)
            self.size += len(batch["seq"])

    def sync(self) -> None:
        """Have on the disk what was added before."""
        self._journal.sync()

    def take(self) -> Taken:
        """What waits, to be brought in; what is added from now on waits behind it."""
        with self._turning:
            taken = Taken(self._batches, self._journal.turn() if self._batches else [])
            self._batches, self.size = [], 0
            return taken

    def take_left(self, known: int) -> Taken:
        """What a crash left in the journal, or a failed write in memory, each once; the store has all up to `known`."""
        with self._turning:
            found = [decode(record) for record in self._journal.records()] + self._batches
            left = list[Columns]()
            for batch in sorted(found, key=lambda batch: int(batch["seq"][0])):
                if batch["seq"][0] > known:
                    left.append(batch)
                    known = int(batch["seq"][-1])
            taken = Taken(left, self._journal.turn())
            self._batches, self.size = [], 0
            return taken

    def put_back(self, batches: Sequence[Columns]) -> None:
        """These could not be brought in: they wait again, before all others."""
        with self._turning:
            self._batches = [*batches, *self._batches]
            self.size += sum(len(batch["seq"]) for batch in batches)

    def drop(self, segments: Sequence[Path]) -> None:
        """What these hold is brought in."""
        self._journal.drop(segments)
