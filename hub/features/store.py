"""Where daily features are kept: DuckDB, a file of its own, a row a person and day. Any thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from devices.errors import StoreUnavailable
from hub.features import sql
from hub.telemetry.statements import reason, run, run_columns, transaction
from rules.daily import KEPT, Columns

MEMORY_LIMIT = "128MB"
THREADS = 1


class Told(NamedTuple):
    """What was news of what was told: how many days were new, how many differed, and of whom, from which day to which."""

    new: int
    changed: int
    people: dict[str, tuple[date, date]]


class FeatureStore:
    """Every method may raise `StoreUnavailable`."""

    def __init__(self, path: Path) -> None:
        config: dict[str, Any] = {"memory_limit": MEMORY_LIMIT, "threads": THREADS}
        try:
            self._connection = duckdb.connect(str(path), config=config)
            self._connection.execute("set autoinstall_known_extensions = false")
            self._connection.execute(sql.SCHEMA)
            self._numbers: dict[str, int] = dict(self._connection.execute("select name, id from people").fetchall())
        except duckdb.Error as error:
            raise StoreUnavailable(reason(error)) from error
        self._writes = threading.Lock()

    def keep(self, person: str, first: date, columns: Mapping[str, NDArray[np.float64]]) -> None:
        """Put what was observed from `first` on, a value a day, in the place of what was kept of these days."""
        count = len(columns[KEPT[0]])
        days = np.arange(first.toordinal(), first.toordinal() + count, dtype=np.int32)
        some = ~np.isnan(np.array([columns[name] for name in KEPT])).all(axis=0)
        with self._writing() as cursor:
            number = self._number([person], cursor)[0]
            cursor.execute(sql.FORGET.format(table="observed"), [number, int(days[0]), int(days[-1])])
            if some.any():
                rows = {name: columns[name][some] for name in KEPT}
                _insert(cursor, "observed", np.full(int(some.sum()), number, np.int32), days[some], rows)

    def tell(self, people: Sequence[str], days: NDArray[np.int32], columns: Mapping[str, NDArray[np.float64]]) -> Told:
        """Take in days that somebody else has found: a row each, of a person and day (ordinal). Told again, they are replaced."""
        with self._writing() as cursor:
            numbers = np.array(self._number(people, cursor), np.int32)
            fresh, changed = _compared(cursor, numbers, days, columns)
            some = fresh | changed
            numbers, days = numbers[some], days[some]
            if len(days):
                run(cursor, sql.FORGET_TOLD_AGAIN, {"person": numbers, "day": days})
                _insert(cursor, "told", numbers, days, {name: columns[name][some] for name in KEPT})
        names = {self._numbers[name]: name for name in dict.fromkeys(people)}
        touched = {names[number]: span for number, span in _spans(numbers, days)}
        return Told(int(fresh.sum()), int(changed.sum()), touched)

    def days(self, person: str, first: date, last: date) -> Columns:
        """A column for each kept feature, a value for each day from `first` to `last`, NaN where there is none."""
        count = last.toordinal() - first.toordinal() + 1
        columns = {name: np.full(count, np.nan) for name in KEPT}
        asked = [self._numbers.get(person, -1), first.toordinal(), last.toordinal()]
        with self._reading() as cursor:
            for table in sql.TABLES:
                found = cursor.execute(sql.READ.format(table=table), asked).fetchnumpy()
                _fill(columns, found, first.toordinal())
        return columns

    def bounds(self, person: str) -> tuple[date, date] | None:
        """The first and the last day of which something is kept; `None` where nothing is."""
        with self._reading() as cursor:
            first, last = cursor.execute(sql.BOUNDS, {"person": self._numbers.get(person, -1)}).fetchall()[0]
        return None if first is None else (date.fromordinal(first), date.fromordinal(last))

    def remove(self, person: str) -> None:
        """Remove everything of a person."""
        everything = [self._numbers.get(person, -1), 0, date.max.toordinal()]
        with self._writing() as cursor:
            for table in sql.TABLES:
                cursor.execute(sql.FORGET.format(table=table), everything)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _number(self, people: Sequence[str], cursor: duckdb.DuckDBPyConnection) -> list[int]:
        """The numbers of people, given now to those who have none."""
        new = [name for name in dict.fromkeys(people) if name not in self._numbers]
        if new:
            first = len(self._numbers) + 1
            named: dict[str, NDArray[Any]] = {
                "id": np.arange(first, first + len(new), dtype=np.int32),
                "name": np.array(new, dtype=object),
            }
            run(cursor, "insert into people select id, name from incoming", named)
            self._numbers |= {name: first + place for place, name in enumerate(new)}
        return [self._numbers[name] for name in people]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            with contextlib.closing(self._connection.cursor()) as cursor:
                yield cursor
        except duckdb.Error as error:
            raise StoreUnavailable(reason(error)) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One at a time; what numbers were given in a transaction that failed are taken back."""
        with self._writes:
            before = dict(self._numbers)
            try:
                with self._reading() as cursor, transaction(cursor):
                    yield cursor
            except StoreUnavailable:
                self._numbers = before
                raise


def _insert(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    people: NDArray[np.int32],
    days: NDArray[np.int32],
    columns: Mapping[str, NDArray[np.float64]],
) -> None:
    rows: dict[str, NDArray[Any]] = {"person": people, "day": days} | {name: columns[name] for name in KEPT}
    run(cursor, sql.KEEP.format(table=table), rows)


def _compared(
    cursor: duckdb.DuckDBPyConnection,
    people: NDArray[np.int32],
    days: NDArray[np.int32],
    columns: Mapping[str, NDArray[np.float64]],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows are of days that were never told of, and which differ from what was."""
    rows: dict[str, NDArray[Any]] = {"place": np.arange(len(days)), "person": people, "day": days}
    found = run_columns(cursor, sql.TOLD, rows | {name: columns[name] for name in KEPT})
    return found["fresh"], found["changed"]


def _spans(people: NDArray[np.int32], days: NDArray[np.int32]) -> Iterator[tuple[int, tuple[date, date]]]:
    """The first and the last day of each of some people."""
    if not len(days):
        return
    order = np.lexsort((days, people))
    numbers, first = np.unique(people[order], return_index=True)
    last = np.append(first[1:], len(order)) - 1
    for number, low, high in zip(
        numbers.tolist(), days[order][first].tolist(), days[order][last].tolist(), strict=True
    ):
        yield number, (date.fromordinal(low), date.fromordinal(high))


def _fill(columns: Columns, found: Mapping[str, NDArray[Any]], first: int) -> None:
    """Put rows into their places; an empty cell leaves what is there."""
    place = np.asarray(found["day"]) - first
    for name, column in columns.items():
        values = np.ma.filled(found[name], np.nan)
        known = ~np.isnan(values)
        column[place[known]] = values[known]
