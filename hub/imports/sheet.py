"""A file that is to be imported, read and held against what is known; DuckDB does the work, in memory."""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

import duckdb
import numpy as np
from numpy.typing import NDArray

from hub.imports import sql
from hub.imports.columns import ROWS_LIMIT, Kind
from hub.imports.faults import TOLD, ImportInvalid, Wrong
from hub.telemetry.statements import run

Form = Literal["csv", "parquet"]
FORMS: Mapping[str, Form] = {"text/csv": "csv", "application/vnd.apache.parquet": "parquet"}
"""By media type."""

MEMORY_LIMIT = "512MB"
_PLAIN = re.compile(r"VARCHAR|DATE|DOUBLE|FLOAT|DECIMAL\(.*\)|U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")
"""The types of Parquet that a column can have."""
_SAID = {
    "TOO MANY COLUMNS": "has more cells than the header",
    "MISSING COLUMNS": "has fewer cells than the header",
    "UNQUOTED VALUE": "has a quote that does not end, or text behind it",
    "INVALID ENCODING": "is not UTF-8",
    "LINE SIZE OVER MAXIMUM": "is longer than any line can be",
}


class Sheet:
    """The rows of one file of one kind."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, form: Form, kind: Kind) -> None:
        self._connection, self._path, self._form, self._kind = connection, path, form, kind
        self._compared = False

    def know(self, **names: Iterable[str]) -> None:
        """Names that cells may hold, as `homes` or `people`."""
        for kind, known in names.items():
            run(self._connection, sql.KNOW.format(names=kind), {"name": _objects(known)})

    def compare(self, known: Sequence[Sequence[Any]]) -> None:
        """Rows that the hub has: the key and the columns that are kept, in their order."""
        names = [each.name for each in self._kind.columns if each.kept or each.name == self._kind.key[0]]
        columns = zip(*known, strict=True) if known else [()] * len(names)
        rows = {name: _objects(column) for name, column in zip(names, columns, strict=True)}
        run(self._connection, sql.existing(self._kind), rows)
        self._compared = True

    def check(self) -> int:
        """How many rows there are. Raises `ImportInvalid` with everything that is wrong in them."""
        found = self._connection.execute(sql.wrong(self._kind, TOLD, existing=self._compared)).fetchall()
        if found:
            lines = _lines(self._path, {row for row, *_ in found}) if self._form == "csv" else {}
            faults = [Wrong(reason, row, lines.get(row), column, value) for row, column, value, reason, _ in found]
            raise ImportInvalid(faults, more=found[0][-1] - len(found))
        return int(self._connection.execute(sql.COUNT).fetchall()[0][0])

    def fresh(self) -> list[dict[str, Any]]:
        """The rows that the hub does not have."""
        names = self._kind.names
        rows = self._connection.execute(sql.fresh(self._kind)).fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def columns(self) -> dict[str, NDArray[Any]]:
        """All rows, by key, as columns; numbers that are not there are NaN."""
        found = self._connection.execute(sql.every(self._kind)).fetchnumpy()
        return {
            name: np.ma.filled(column, np.nan) if column.dtype.kind == "f" else column for name, column in found.items()
        }


@contextlib.contextmanager
def opened(path: Path, form: Form, kind: Kind) -> Iterator[Sheet]:
    """Read a file. Raises `ImportInvalid` if it cannot be read as one of its kind."""
    config: dict[str, Any] = {"threads": 1, "memory_limit": MEMORY_LIMIT, "temp_directory": ""}
    try:
        with contextlib.closing(duckdb.connect(":memory:", config=config)) as connection:
            connection.execute("set autoinstall_known_extensions = false")
            given = _read_csv(connection, path, kind) if form == "csv" else _read_parquet(connection, path, kind)
            for statement in filter(None, sql.missing_columns(kind, given).split("; ")):
                connection.execute(statement)
            yield Sheet(connection, path, form, kind)
    except duckdb.OutOfMemoryException as error:
        raise ImportInvalid([Wrong("is too much at once; cut it into smaller files")]) from error
    except duckdb.Error as error:
        raise ImportInvalid([Wrong(f"cannot be read as {form}: {str(error).splitlines()[0]}")]) from error


def _read_csv(connection: duckdb.DuckDBPyConnection, path: Path, kind: Kind) -> list[str]:
    given = _header(path)
    _require(kind, given)
    columns = "{" + ", ".join(f"{name}: 'VARCHAR'" for name in given) + "}"
    connection.execute(sql.READ_CSV.format(columns=columns), {"path": str(path)})
    _require_few(connection.execute(sql.COUNT).fetchall()[0][0])
    if rejected := connection.execute(sql.REJECTED).fetchall():
        places = _lines_at(path, [at for at, *_ in rejected[:TOLD]])
        faults = [
            Wrong(_SAID.get(type_, message), line=places[at], column=column)
            for at, column, type_, message in rejected[:TOLD]
        ]
        raise ImportInvalid(faults, more=len(rejected) - len(faults))
    return given


def _read_parquet(connection: duckdb.DuckDBPyConnection, path: Path, kind: Kind) -> list[str]:
    asked = {"path": str(path)}
    types = dict(connection.execute(sql.PARQUET_COLUMNS, asked).fetchall())
    _require(kind, list(types))
    if odd := [
        Wrong(f"is {type_}, which no column can be", column=name)
        for name, type_ in types.items()
        if not _PLAIN.fullmatch(type_)
    ]:
        raise ImportInvalid(odd)
    _require_few(connection.execute(sql.PARQUET_ROWS, asked).fetchall()[0][0] or 0)
    connection.execute(sql.READ_PARQUET, asked)
    return list(types)


def _header(path: Path) -> list[str]:
    try:
        with _text(path) as file:
            return next(csv.reader(file), [])
    except csv.Error as error:
        raise ImportInvalid([Wrong("is no line of column names, separated by commas", line=1)]) from error


def _text(path: Path) -> TextIO:
    """What is not UTF-8 is told by its line, later."""
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def _require(kind: Kind, given: Sequence[str]) -> None:
    there_are = f"{kind.name} have {', '.join(kind.names)}"
    faults = [Wrong(f"is no column; {there_are}", column=name) for name in given if name not in kind.names]
    faults += [
        Wrong("is there twice", column=name) for name in sorted({each for each in given if given.count(each) > 1})
    ]
    faults += [
        Wrong("is missing", column=each.name) for each in kind.columns if each.required and each.name not in given
    ]
    if faults:
        raise ImportInvalid(faults[:TOLD], more=len(faults[TOLD:]))


def _require_few(rows: int) -> None:
    if rows > ROWS_LIMIT:
        raise ImportInvalid([Wrong(f"has {rows} rows; {ROWS_LIMIT} can be taken at once")])


def _lines(path: Path, rows: set[int]) -> dict[int, int]:
    """On which line rows of a CSV file begin: a cell may have lines of its own, and empty lines are none."""
    lines: dict[int, int] = {}
    row, last = -1, max(rows)
    with contextlib.suppress(csv.Error), _text(path) as file:
        reader, began = csv.reader(file), 1
        for cells in reader:
            row += 1 if cells else 0
            if row in rows and cells:
                lines[row] = began
            if row >= last:
                break
            began = reader.line_num + 1
    return lines


def _lines_at(path: Path, places: Sequence[int]) -> dict[int, int]:
    """On which line bytes of a file are."""
    content = path.read_bytes()
    return {place: content.count(b"\n", 0, place) + 1 for place in places}


def _objects(values: Iterable[Any]) -> NDArray[Any]:
    listed = list(values)
    column = np.empty(len(listed), dtype=object)
    column[:] = listed
    return column
