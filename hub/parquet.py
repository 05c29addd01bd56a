"""Parquet: points as columns in a file that nobody has to remove.

DuckDB collects the points in a file of its own and writes them out from there, with little memory however many there are. Both
files are in a directory that is gone before the first byte is read: what is read has no name any more, and what a crash leaves
behind is removed at the next start.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import duckdb
import numpy as np

from devices.errors import StoreUnavailable
from hub.secret_files import private_directory
from hub.telemetry import Point
from hub.telemetry.columns import Columns
from hub.telemetry.statements import reason, run

DIRECTORY = "exports"
"""Where exports are made, in the data dir."""

MEMORY_LIMIT = "64MB"
ROWS_AT_ONCE = 10_000
BLOCK = 256 * 1024

# The columns of the file. Times are in UTC; `value` is a number or a text; `source` is null where several were put together.
_CREATE = 'create table points("at" timestamptz, value {type}, source varchar)'
_INSERT = """
insert into points
select make_timestamptz("at" * 1000), case when known then value end, nullif(source, '') from incoming
"""
_WRITE = "copy points to $path (format parquet, compression zstd, kv_metadata $facts)"


def clear(data_dir: Path) -> None:
    """Remove what a crash left of exports."""
    shutil.rmtree(data_dir / DIRECTORY, ignore_errors=True)


def written(points: Iterable[Point], *, numeric: bool, facts: Mapping[str, str], data_dir: Path) -> BinaryIO:
    """An open file with the columns `at` (timestamp in UTC), `value` (double or varchar) and `source`, to be closed after.

    `facts` (one at least) are its key-value metadata. Raises `StoreUnavailable`, as on a full disk, and whatever `points` raises.
    """
    try:
        with TemporaryDirectory(dir=private_directory(data_dir / DIRECTORY)) as directory:
            path = Path(directory) / "points.parquet"
            with _collecting(Path(directory)) as connection:
                connection.execute(_CREATE.format(type="double" if numeric else "varchar"))
                for columns in _columns(points, numeric=numeric):
                    run(connection, _INSERT, columns)
                connection.execute(_WRITE, {"path": str(path), "facts": dict(facts)})
            return path.open("rb")
    except (duckdb.Error, OSError) as error:
        raise StoreUnavailable(f"the export cannot be written: {reason(error)}") from error


def blocks(file: BinaryIO) -> Iterator[bytes]:
    """What is in a file, which is closed at the end."""
    with file:
        while block := file.read(BLOCK):
            yield block


def _collecting(directory: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        str(directory / "points.duckdb"),
        config={"memory_limit": MEMORY_LIMIT, "threads": 1, "preserve_insertion_order": True},
    )
    connection.execute("set autoinstall_known_extensions = false")
    return connection


def _columns(points: Iterable[Point], *, numeric: bool) -> Iterator[Columns]:
    left = iter(points)
    while batch := list(islice(left, ROWS_AT_ONCE)):
        at, values, sources = zip(*batch, strict=True)
        known = np.array([value is not None for value in values])
        filled = [(0.0 if numeric else "") if value is None else value for value in values]
        yield {
            "at": np.array(at, dtype=np.int64),
            "value": np.array(filled, dtype=np.float64 if numeric else object),
            "known": known,
            "source": np.array(sources, dtype=object),
        }
