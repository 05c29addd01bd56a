"""Statements of the DuckDB store, run: with columns for their input, in transactions, and what their errors say."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import numpy as np

from devices.sample import Instant
from hub.telemetry import sql
from hub.telemetry.columns import Columns


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """DuckDB answers an interrupt of the keyboard with an error of its own, or one that has it in its text; here it is what it was."""
    try:
        yield
    except (RuntimeError, duckdb.Error) as error:
        if "interrupt" in str(error).lower():
            raise KeyboardInterrupt from error
        raise


@contextlib.contextmanager
def transaction(cursor: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """All of it or nothing."""
    cursor.execute("begin")
    try:
        yield cursor
        cursor.execute("commit")
    except BaseException:  # rolled back whatever it was, and raised again
        with contextlib.suppress(duckdb.Error):
            cursor.execute("rollback")
        raise


def run(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    incoming: Columns,  # noqa: ARG001  (DuckDB finds it by its name)
    parameters: Any = None,
) -> list[tuple[Any, ...]]:
    """Run a query that reads from `incoming`: DuckDB scans local variables of that name, at half the price of a view."""
    return cursor.execute(query, parameters).fetchall()


def run_columns(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    incoming: Columns,  # noqa: ARG001  (DuckDB finds it by its name)
    parameters: Any = None,
) -> Columns:
    """The same, answered in columns."""
    columns: Columns = cursor.execute(query, parameters).fetchnumpy()
    return columns


def insert_columns(cursor: duckdb.DuckDBPyConnection, columns: Columns) -> None:
    """Insert samples."""
    run(cursor, sql.INSERT_STATES if "state" in columns else sql.INSERT_NUMBERS, columns)


def declare(cursor: duckdb.DuckDBPyConnection, zones: Mapping[str, str]) -> None:
    """Whose days are days of which time zone, from here on."""
    run(cursor, sql.DECLARE, {"name": np.array([*zones], object), "zone": np.array([*zones.values()], object)})


def fold(cursor: duckdb.DuckDBPyConnection, *, rolled: int, upto: int, gauges: Sequence[int]) -> None:
    """Take the samples behind `rolled`, up to `upto`, into the rollups; `gauges` are the metrics that do not grow."""
    cursor.execute(sql.TAIL, {"rolled": rolled, "upto": upto, "gauges": list(gauges)})
    cursor.execute(sql.MERGE_DAILY)
    cursor.execute(sql.LATE_DAYS)
    late, first, last = cursor.execute(sql.COUNT_LATE_DAYS).fetchall()[0]
    if late:
        since, until = _midnight(first - timedelta(days=2)), _midnight(last + timedelta(days=3))
        cursor.execute(sql.REPAIR_INCREASE, {"since": since, "until": until, "upto": upto})
    cursor.execute(sql.MERGE_LATEST)
    cursor.execute(sql.MARK_STALE, {"rolled": rolled, "upto": upto})
    cursor.execute("update progress set rolled = ?", [upto])


def _midnight(day: date) -> Instant:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def limit_for_a_moment(connection: duckdb.DuckDBPyConnection, limit: int, *, back_to: int) -> None:
    """Have DuckDB let go of what it has cached beyond `limit` bytes. What it needs it keeps."""
    with contextlib.closing(connection.cursor()) as cursor:
        try:
            with contextlib.suppress(duckdb.OutOfMemoryException):
                cursor.execute(f"set memory_limit = '{limit}B'")
        finally:
            cursor.execute(f"set memory_limit = '{back_to}B'")


def count(cursor: duckdb.DuckDBPyConnection) -> int:
    """How many rows a statement changed."""
    return int(cursor.fetchall()[0][0])


def reason(error: Exception) -> str:
    """The first line of DuckDB's message: the rest is a stack trace."""
    return str(error).split("\n", 1)[0]
