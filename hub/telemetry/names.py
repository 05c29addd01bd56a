"""The numbers under which the DuckDB store keeps the names of sources and metrics."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping

import duckdb
import numpy as np

from hub.telemetry import MetricKind, sql
from hub.telemetry.columns import Columns
from hub.telemetry.statements import run


class Names:
    """Any thread may ask. A name is on record, with its number, before anybody gets to use the number."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, MetricKind]) -> None:
        self._connection, self._kinds = connection, kinds
        self._naming = threading.Lock()
        self.sources: dict[int, str] = dict(connection.execute("select id, name from sources").fetchall())
        self.metrics: dict[int, str] = dict(connection.execute("select id, name from metrics").fetchall())
        self.source_numbers = {name: number for number, name in self.sources.items()}
        self.metric_numbers = {name: number for number, name in self.metrics.items()}
        for name in kinds:
            self.number_metric(name)

    @property
    def gauges(self) -> list[int]:
        """The numbers of metrics that do not grow."""
        return [self.metric_numbers[kind.name] for kind in self._kinds.values() if not kind.counts]

    def number_source(self, name: str) -> int:
        """The number of a source, given now if it has none."""
        self.number_sources([name])
        return self.source_numbers[name]

    def number_sources(self, names: Iterable[str]) -> None:
        """Give those a number that have none."""
        with self._naming:
            new = [name for name in names if name not in self.source_numbers]
            if not new:
                return
            first = max(self.sources, default=0) + 1
            numbered = dict(enumerate(new, start=first))
            named: Columns = {"id": np.array([*numbered], np.int32), "name": np.array(new, object)}
            with contextlib.closing(self._connection.cursor()) as cursor:
                run(cursor, sql.NUMBER_SOURCES, named)
            self.sources |= numbered
            self.source_numbers |= {name: number for number, name in numbered.items()}

    def number_metric(self, name: str) -> int:
        """The number of a metric, given now if it has none."""
        with self._naming:
            if name not in self.metric_numbers:
                number = max(self.metrics, default=0) + 1
                kind = self._kinds.get(name, MetricKind(name, resets_daily=False))
                self._execute("insert into metrics values (?, ?, ?)", [number, name, kind.resets_daily])
                self.metrics[number] = name
                self.metric_numbers[name] = number
            return self.metric_numbers[name]

    def _execute(self, statement: str, values: list[object]) -> None:
        cursor = self._connection.cursor()
        try:
            cursor.execute(statement, values)
        finally:
            cursor.close()
