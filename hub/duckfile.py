"""A DuckDB file of the hub's own, in which people go by small numbers. Any thread may read; one writes at a time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from devices.errors import StoreUnavailable
from hub.telemetry.statements import interruptible, reason, run, run_columns, transaction

Incoming = Mapping[str, NDArray[Any]]
"""What a statement reads from, as columns of one length."""

MEMORY_LIMIT = "128MB"
THREADS = 1
_PEOPLE = "create table if not exists people(id integer primary key, name varchar unique)"


class DuckFile:
    """Every method may raise `StoreUnavailable`."""

    def __init__(self, path: Path, schema: str, *, memory_limit: str = MEMORY_LIMIT) -> None:
        config: dict[str, Any] = {"memory_limit": memory_limit, "threads": THREADS}
        try:
            self._connection = duckdb.connect(str(path), config=config)
            self._connection.execute("set autoinstall_known_extensions = false")
            self._connection.execute(f"{_PEOPLE}; {schema}")
            self._numbers: dict[str, int] = dict(self._connection.execute("select name, id from people").fetchall())
        except duckdb.Error as error:
            raise StoreUnavailable(reason(error)) from error
        self._writes = threading.Lock()

    def number(self, person: str) -> int:
        """A person's number; -1 for somebody of whom there is nothing."""
        return self._numbers.get(person, -1)

    def numbered(self, people: Sequence[str], cursor: duckdb.DuckDBPyConnection) -> NDArray[np.int32]:
        """The numbers of people, given now, while writing, to those who have none."""
        new = [name for name in dict.fromkeys(people) if name not in self._numbers]
        if new:
            first = len(self._numbers) + 1
            ids = np.arange(first, first + len(new), dtype=np.int32)
            named: Incoming = {"id": ids, "name": np.array(new, dtype=object)}
            run(cursor, "insert into people select id, name from incoming", dict(named))
            self._numbers |= {name: first + place for place, name in enumerate(new)}
        return np.array([self._numbers[name] for name in people], np.int32)

    def rows(self, query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self.reading() as cursor:
            return cursor.execute(query, parameters).fetchall()

    def columns(self, query: str, parameters: Any = None, *, incoming: Incoming | None = None) -> dict[str, Any]:
        """What a query finds, as columns; empty cells are masked."""
        with self.reading() as cursor:
            return run_columns(cursor, query, dict(incoming or {}), parameters)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of one's own."""
        try:
            with interruptible(), contextlib.closing(self._connection.cursor()) as cursor:
                yield cursor
        except duckdb.Error as error:
            raise StoreUnavailable(reason(error)) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction: all of it or nothing, the numbers given in it too."""
        with self._writes:
            before = dict(self._numbers)
            try:
                with self.reading() as cursor, transaction(cursor):
                    yield cursor
            except StoreUnavailable:
                self._numbers = before
                raise
