"""Telling a hub of a crowd: files of people, of their days, and of their watches at last, by which it is known to be all there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np

from simulators.console import Console
from simulators.crowd import HOME, Crowd, days_of
from simulators.registration import TIMEZONE

PEOPLE_AT_ONCE = 500
SNAPSHOT_S = 120
"""So long the hub may take to compare them; by itself it would do so at the end of the day, or a while after the first have come."""
PARQUET = "application/vnd.apache.parquet"


def is_told(console: Console, count: int) -> bool:
    """Whether a crowd of this size is there, whole: its last watch is told last."""
    last = f"crowd-{count:05}"
    page = console.call("GET", "/v1/devices", params={"cursor": last, "limit": 1})
    return [item.get("id") for item in page.get("items") or []] == [f"{last}-watch"]


def tell(
    console: Console, crowd: Crowd, *, last: date, days: int, rest_s: float, told: Callable[[int | None], None]
) -> int:
    """Have a crowd imported, with so many days up to `last`, and compared; how many rows of days that were.

    `told` hears of how many people there are with their days; between two files it rests for `rest_s` seconds.
    """
    console.ensure_home(HOME, name="Crowd", timezone=TIMEZONE)
    _send(console, "people", crowd.table)
    lived = days_of(crowd, last - timedelta(days=days - 1), last)
    rows = 0
    for first in range(0, len(crowd), PEOPLE_AT_ONCE):
        time.sleep(rest_s)
        some = crowd.people[first : first + PEOPLE_AT_ONCE]
        low, high = np.searchsorted(lived["who"], [first, first + len(some)])
        part = {name: column[low:high] for name, column in lived.items() if name != "who"}
        _send(console, "days", {"person": np.array(crowd.people, object)[lived["who"][low:high]], **part})
        rows += int(high - low)
        told(first + len(some))
    _send(console, "devices", crowd.devices())
    console.call("POST", "/v1/peers/snapshots", timeout=SNAPSHOT_S)
    return rows


def _send(console: Console, kind: str, table: Mapping[str, Any]) -> None:
    with TemporaryDirectory() as directory:
        file = Path(directory) / "rows.parquet"
        write_parquet(file, table)
        console.call("POST", f"/v1/imports/{kind}", content=file.read_bytes(), headers={"Content-Type": PARQUET})


def write_parquet(file: Path, table: Mapping[str, Any]) -> None:
    """Write columns of one length to a file. A number that is not there is NaN, anything else `None`."""
    rows = {name: _column(values) for name, values in table.items()}
    with duckdb.connect(":memory:") as connection:
        _copy(connection, f"copy (from rows) to '{file}' (format parquet, compression zstd)", rows)


def _copy(connection: duckdb.DuckDBPyConnection, query: str, rows: Mapping[str, Any]) -> None:  # noqa: ARG001
    """DuckDB finds `rows` by its name."""
    connection.execute(query)


def _column(values: Sequence[Any]) -> Any:
    if isinstance(values, np.ndarray):
        return values
    if any(isinstance(value, float | int) for value in values):
        return np.array([np.nan if value is None else value for value in values], np.float64)
    return np.array(values, object)
