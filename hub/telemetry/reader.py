"""What is asked of the telemetry in DuckDB. Whoever asks has had brought in before what the answer is to have in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np

from devices.sample import Event, Instant, Sample
from hub.telemetry import Agg, Change, Day, Point, Scan, Span, Stale, Stored, Window, sql
from hub.telemetry.columns import Columns, scanned
from hub.telemetry.database import Database
from hub.telemetry.statements import run, run_columns

_BEFORE_ALL: Instant = -(1 << 62)
_REPLAY_CHUNK = 50_000


class Reader:
    """Answers as `TelemetryStore` says, over one opened database."""

    def __init__(self, database: Database) -> None:
        self._database, self._names = database, database.names

    def since(self, seq: int, upto: int) -> Iterator[Stored]:
        """Everything taken in after `seq`, up to and with `upto`, in order."""
        with self._database.reading() as cursor:
            cursor.execute(sql.SINCE, {"after": seq, "upto": upto})
            while rows := cursor.fetchmany(_REPLAY_CHUNK):
                for row in rows:
                    yield Stored(row[0], self._change(row))

    def raw(self, spans: Sequence[Span], metric: str, window: Window) -> list[Point]:
        """Every sample."""
        after = window.after or Point(_BEFORE_ALL, None)
        asked = self._ask(metric, window) | {
            "after_at": after.at,
            "after_source": self._names.source_numbers.get(after.source, 0),
        }
        rows = self._select(spans, sql.RAW, asked)
        return [
            Point(at, state if value is None else value, self._names.sources[source])
            for at, value, state, source in rows
        ]

    def buckets(self, spans: Sequence[Span], metric: str, window: Window, *, every: Instant, agg: Agg) -> list[Point]:
        """One point for each bucket."""
        query = sql.BUCKETS.format(value=sql.AGGREGATES[agg], state=sql.STATE_AGGREGATES.get(agg, "null"))
        after = window.after.at if window.after else _BEFORE_ALL
        rows = self._select(spans, query, self._ask(metric, window) | {"every": every, "after_at": after})
        return [Point(at, state if value is None else value) for at, value, state in rows]

    def days(self, spans: Sequence[Span], metric: str, first: date, last: date) -> list[Day]:
        """Daily rollups."""
        rows = self._select(spans, sql.DAYS, [self._names.metric_numbers.get(metric, -1), first, last])
        return [Day(self._names.sources[row[0]], *row[1:]) for row in rows]

    def latest(self, sources: Sequence[str] | None) -> list[Sample]:
        """The newest samples that are rolled up."""
        with self._database.reading() as cursor:
            rows = cursor.execute(sql.LATEST).fetchall()
        wanted = None if sources is None else {self._names.source_numbers.get(source) for source in sources}
        return [
            Sample(self._names.sources[source], self._names.metrics[metric], at, state if value is None else value)
            for source, metric, at, value, state in rows
            if wanted is None or source in wanted
        ]

    def events(self, spans: Sequence[Span], window: Window) -> list[Event]:
        """Events, newest first."""
        rows = self._select(spans, sql.EVENTS, {"since": window.since, "until": window.until, "limit": window.limit})
        return [
            Event(self._names.sources[src], id_, type_, at, json.loads(payload))
            for src, id_, type_, at, payload in rows
        ]

    def scan(self, spans: Sequence[Span], metrics: Sequence[str], *, since: Instant, until: Instant) -> Scan:
        """Every sample of some metrics, as columns."""
        numbers = self._names.metric_numbers
        places = {numbers[name]: place for place, name in enumerate(metrics) if name in numbers}
        asked = {"metrics": list(places), "since": since, "until": until}
        with self._database.reading() as cursor:
            columns = run_columns(cursor, sql.SCAN, self._asked(spans), asked)
        return scanned(columns, places, self._names.sources)

    def stale(self) -> list[Stale]:
        """Days that are not settled."""
        with self._database.reading() as cursor:
            rows = cursor.execute(sql.STALE).fetchall()
        return [Stale(self._names.sources[source], day, seq) for source, day, seq in rows]

    def _select(self, spans: Sequence[Span], query: str, parameters: Any) -> list[tuple[Any, ...]]:
        asked = self._asked(spans)
        if not len(asked["source"]):
            return []
        with self._database.reading() as cursor:
            return run(cursor, query, asked, parameters)

    def _ask(self, metric: str, window: Window) -> dict[str, Any]:
        return {
            "metric": self._names.metric_numbers.get(metric, -1),
            "since": window.since,
            "until": window.until,
            "limit": window.limit,
        }

    def _asked(self, spans: Sequence[Span]) -> Columns:
        known = [span for span in spans if span.source in self._names.source_numbers]
        return {
            "source": np.array([self._names.source_numbers[span.source] for span in known], dtype=np.int32),
            "since": np.array([span.since for span in known], dtype=np.int64),
            "until": np.array([span.until for span in known], dtype=np.int64),
        }

    def _change(self, row: tuple[Any, ...]) -> Change:
        _, source, metric, at, value, state, id_, type_, payload = row
        if metric is None:
            return Event(self._names.sources[source], id_, type_, at, json.loads(payload))
        return Sample(self._names.sources[source], self._names.metrics[metric], at, state if value is None else value)
