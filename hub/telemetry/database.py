"""DuckDB's file of telemetry while it is open: who reads in it, who writes, and the names in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import structlog

from devices.errors import StoreUnavailable
from hub.telemetry import MetricKind, sql
from hub.telemetry.names import Names
from hub.telemetry.occupancy import Occupancy
from hub.telemetry.statements import interruptible, limit_for_a_moment, reason, transaction

log = structlog.get_logger()

THREADS = 1
"""The other core is the broker's."""
MEMORY_LIMIT = 128_000_000
CACHE_LIMIT = 16_000_000
"""Bytes that DuckDB may hold on to when it is slimmed: what was written and rolled up is seldom read soon."""
WAL_LIMIT = "16MB"
"""What DuckDB's log holds before it is moved into the file; until then it is in memory too."""


class Database:
    """`writer` is the cursor of whoever appends, `occupancy` is to be entered around its use; all others get their own."""

    def __init__(self, path: Path, kinds: Mapping[str, MetricKind]) -> None:
        """Open or create the file. Raises `StoreUnavailable` if it cannot be, e.g. because another hub has it open."""
        config: dict[str, Any] = {
            "memory_limit": f"{MEMORY_LIMIT}B",
            "threads": THREADS,
            "checkpoint_threshold": WAL_LIMIT,
        }
        self.occupancy = Occupancy()
        try:
            self._connection = duckdb.connect(str(path), config=config)
            self._connection.execute("set autoinstall_known_extensions = false; set TimeZone = 'UTC'")
            self._create_tables()
            self.writer = self._connection.cursor()
            self.names = Names(self._connection, kinds)
        except duckdb.Error as error:
            raise StoreUnavailable(reason(error)) from error

    @contextlib.contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of one's own."""
        try:
            with self.occupancy, interruptible(), contextlib.closing(self._connection.cursor()) as cursor:
                yield cursor
        except duckdb.Error as error:
            raise StoreUnavailable(reason(error)) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The same, in a transaction."""
        with self.reading() as cursor, transaction(cursor):
            yield cursor

    def rolled(self) -> int:
        """Up to which place in the order of arrival the rollups have been brought."""
        with self.reading() as cursor:
            return int(cursor.execute(sql.ROLLED).fetchall()[0][0])

    def newest_seq(self) -> int:
        """The place of the newest change ever brought in."""
        with self.reading() as cursor:
            return int(cursor.execute(sql.NEWEST_SEQ).fetchall()[0][0])

    def slim(self) -> None:
        """DuckDB gives memory back when its limit is lowered, and only then; a query that came in between would fail."""
        with self.occupancy.closed() as empty:
            if not empty:
                return
            try:
                limit_for_a_moment(self._connection, CACHE_LIMIT, back_to=MEMORY_LIMIT)
            except duckdb.Error as error:
                raise StoreUnavailable(reason(error)) from error

    def close(self) -> None:
        """Let go of the file."""
        self.writer.close()
        self._connection.close()

    def _create_tables(self) -> None:
        """Those that are missing. Where stale days were not kept track of before, all are."""
        knew = self._connection.execute(sql.HAS_STALE).fetchall()[0][0]
        self._connection.execute(sql.SCHEMA)
        for (source,) in self._connection.execute(sql.UNKNOWN_ZONES).fetchall():
            log.warning("time_zone_unknown", device=source, taken="UTC")
        if not knew:
            rolled = self._connection.execute(sql.ROLLED).fetchall()[0][0]
            self._connection.execute(sql.MARK_ALL_STALE, {"rolled": 0, "upto": rolled})
