"""Where daily features are kept: DuckDB, a file of its own, a row a person and day. Any thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hub.duckfile import DuckFile, Incoming
from hub.features import sql
from hub.telemetry.statements import run, run_columns
from rules.daily import KEPT, Columns


class Told(NamedTuple):
    """What was news of what was told: how many days were new, how many differed, and of whom, from which day to which."""

    new: int
    changed: int
    people: dict[str, tuple[date, date]]


class FeatureStore:
    """Every method may raise `StoreUnavailable`."""

    def __init__(self, path: Path) -> None:
        self._file = DuckFile(path, sql.SCHEMA)

    def keep(self, person: str, first: date, columns: Mapping[str, NDArray[np.float64]]) -> None:
        """Put what was observed from `first` on, a value a day, in the place of what was kept of these days."""
        count = len(columns[KEPT[0]])
        days = np.arange(first.toordinal(), first.toordinal() + count, dtype=np.int32)
        some = ~np.isnan(np.array([columns[name] for name in KEPT])).all(axis=0)
        with self._file.writing() as cursor:
            (number,) = self._file.numbered([person], cursor).tolist()
            cursor.execute(sql.FORGET.format(table="observed"), [number, int(days[0]), int(days[-1])])
            if some.any():
                rows = {name: columns[name][some] for name in KEPT}
                run(cursor, sql.KEEP.format(table="observed"), _rows(np.full(some.sum(), number), days[some], rows))

    def tell(self, people: Sequence[str], days: NDArray[np.int32], columns: Mapping[str, NDArray[np.float64]]) -> Told:
        """Take in days that somebody else has found: a row each, of a person and day (ordinal). Told again, they are replaced."""
        with self._file.writing() as cursor:
            numbers = self._file.numbered(people, cursor)
            placed = {"place": np.arange(len(days))} | _rows(numbers, days, columns)
            found = run_columns(cursor, sql.TOLD, placed)
            fresh, changed = found["fresh"], found["changed"]
            rows = {name: column[fresh | changed] for name, column in placed.items()}
            if len(rows["day"]):
                run(cursor, sql.FORGET_TOLD_AGAIN, rows)
                run(cursor, sql.KEEP.format(table="told"), rows)
        names = dict(zip(numbers.tolist(), people, strict=True))
        touched = {names[number]: span for number, span in _spans(rows["person"], rows["day"])}
        return Told(int(fresh.sum()), int(changed.sum()), touched)

    def days(self, person: str, first: date, last: date) -> Columns:
        """A column for each kept feature, a value for each day from `first` to `last`, NaN where there is none."""
        return self._read(sql.TABLES, person, first, last)

    def observed(self, person: str, first: date, last: date) -> Columns:
        """The same, without what was told by others."""
        return self._read(("observed",), person, first, last)

    def _read(self, tables: Sequence[str], person: str, first: date, last: date) -> Columns:
        columns = {name: np.full(last.toordinal() - first.toordinal() + 1, np.nan) for name in KEPT}
        asked = [self._file.number(person), first.toordinal(), last.toordinal()]
        for table in tables:
            found = self._file.columns(sql.READ.format(table=table), asked)
            _fill(columns, found, (np.asarray(found["day"]) - first.toordinal(),))
        return columns

    def days_of(self, people: Sequence[str], first: date, last: date) -> Columns:
        """The same of many people: [people, days]."""
        shape = (len(people), last.toordinal() - first.toordinal() + 1)
        columns = {name: np.full(shape, np.nan) for name in KEPT}
        numbers = np.array([self._file.number(person) for person in people], np.int32)
        incoming: Incoming = {"person": numbers, "place": np.arange(len(people))}
        for table in sql.TABLES:
            asked = [first.toordinal(), last.toordinal()]
            found = self._file.columns(sql.READ_MANY.format(table=table), asked, incoming=incoming)
            _fill(columns, found, (np.asarray(found["place"]), np.asarray(found["day"]) - first.toordinal()))
        return columns

    def bounds(self, person: str) -> tuple[date, date] | None:
        """The first and the last day of which something is kept; `None` where nothing is."""
        ((first, last),) = self._file.rows(sql.BOUNDS, {"person": self._file.number(person)})
        return None if first is None else (date.fromordinal(first), date.fromordinal(last))

    def remove(self, person: str) -> None:
        """Remove everything of a person."""
        with self._file.writing() as cursor:
            for table in sql.TABLES:
                cursor.execute(sql.FORGET.format(table=table), [self._file.number(person), 0, date.max.toordinal()])

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _rows(
    people: NDArray[Any], days: NDArray[np.int32], columns: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[Any]]:
    rows: dict[str, NDArray[Any]] = {"person": people.astype(np.int32), "day": days}
    return rows | {name: columns[name] for name in KEPT}


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


def _fill(columns: Columns, found: Mapping[str, Any], places: tuple[NDArray[Any], ...]) -> None:
    """Put rows into their places; an empty cell leaves what is there."""
    for name, column in columns.items():
        values = np.ma.filled(found[name], np.nan)
        known = ~np.isnan(values)
        column[tuple(place[known] for place in places)] = values[known]
