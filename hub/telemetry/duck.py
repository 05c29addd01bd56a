"""The telemetry store on one machine: DuckDB, one file, with a journal beside it.

Why it is quick to append to and still stores nothing twice: it keeps, in memory, the newest time of every source and
metric. What is newer than that is new for certain and goes into the journal, durably, and from there into DuckDB many batches
at a time; only what is not (late data, redeliveries, events) is looked up and inserted at once. Whoever reads has the journal
brought in first. Rollups are folded from the samples behind the write path, by place in the order of arrival.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
import numpy as np

from devices.errors import StoreUnavailable
from devices.sample import Event, Instant, Sample
from hub.telemetry import Agg, Change, Day, MetricKind, Point, Scan, Span, Stale, Stored, Window, sql
from hub.telemetry.appender import Appender
from hub.telemetry.columns import Columns, joined
from hub.telemetry.database import Database
from hub.telemetry.reader import Reader
from hub.telemetry.statements import count, declare, fold, insert_columns, reason, run
from hub.telemetry.waiting import Taken, Waiting

_NOT_WHOLE = "a write failed; the store is to be opened again"
WAITING_WORTH = 4_000
"""Samples in the journal that are worth bringing in: few at a time, since it keeps the interpreter from whoever appends."""
FOLD_LIMIT = 200_000
"""Samples folded into the rollups at a time: they are in memory while they are."""


class DuckStore:
    """DuckDB behind `TelemetryStore`. One thread appends, one syncs; any thread may read."""

    _database: Database
    _reader: Reader
    _appender: Appender

    def __init__(self, path: Path, metrics: Sequence[MetricKind]) -> None:
        """Open or create the file. Raises `StoreUnavailable` if it cannot be, e.g. because another hub has it open."""
        self._path = path
        self._kinds = {kind.name: kind for kind in metrics}
        self._rolling, self._flushing, self._appending = threading.RLock(), threading.RLock(), threading.Lock()
        self._waiting = Waiting(path.with_name(f"{path.name}.journal"))
        self._broken, self._rolled = False, 0
        self._open()

    def append(self, changes: Sequence[Change]) -> Sequence[Change]:
        with self._appending:
            if self._broken:
                self._reopen()
            try:
                return self._appender.take_in(changes)
            except (duckdb.Error, StoreUnavailable) as error:
                self._broken = True
                raise StoreUnavailable(reason(error)) from error
            except OSError as error:
                raise StoreUnavailable(f"the journal cannot be written: {error.strerror}") from error

    def sync(self) -> None:
        if self._broken:
            with self._appending:
                self._reopen()
        try:
            self._waiting.sync()
        except OSError:
            self.flush()  # what the journal may not have is in memory too
        if self._broken:
            raise StoreUnavailable(_NOT_WHOLE)

    def last_seq(self) -> int:
        return self._appender.last_seq

    def since(self, seq: int) -> Iterator[Stored]:
        upto = self.last_seq()
        self.flush()
        yield from self._reader.since(seq, upto)

    def raw(self, spans: Sequence[Span], metric: str, window: Window) -> list[Point]:
        return self._flushed().raw(spans, metric, window)

    def buckets(self, spans: Sequence[Span], metric: str, window: Window, *, every: Instant, agg: Agg) -> list[Point]:
        return self._flushed().buckets(spans, metric, window, every=every, agg=agg)

    def days(self, spans: Sequence[Span], metric: str, first: date, last: date) -> list[Day]:
        return self._rolled_up().days(spans, metric, first, last)

    def latest(self, sources: Sequence[str] | None = None) -> list[Sample]:
        return self._rolled_up().latest(sources)

    def events(self, spans: Sequence[Span], window: Window) -> list[Event]:
        return self._flushed().events(spans, window)

    def scan(self, spans: Sequence[Span], metrics: Sequence[str], *, since: Instant, until: Instant) -> Scan:
        return self._flushed().scan(spans, metrics, since=since, until=until)

    def stale(self) -> list[Stale]:
        return self._reader.stale()

    def declare(self, source: str, zone: str) -> None:
        self.declare_all({source: zone})

    def declare_all(self, zones: Mapping[str, str]) -> None:
        with self._database.occupancy:
            self._database.names.number_sources(zones)
        self.roll()
        with self._database.writing() as cursor:
            declare(cursor, zones)

    def flush(self) -> None:
        """Bring what is in the journal into DuckDB. After a failed write it stays there until the store is open again, and
        nothing that comes behind it may be written before: what DuckDB has, it has up to a place in the order."""
        with self._flushing:
            if self._broken:
                raise StoreUnavailable(_NOT_WHOLE)
            self._bring_in(self._waiting.take())

    def trouble(self) -> str | None:
        return _NOT_WHOLE if self._broken else None

    def tidy(self) -> None:
        if self._broken:
            with self._appending:
                self._reopen()
        if self._waiting.size > WAITING_WORTH:
            self.flush()

    def slim(self) -> None:
        self._database.slim()

    def roll(self) -> int:
        with self._rolling:
            upto = self.last_seq()
            if upto == self._rolled:
                return 0
            self.flush()
            return self._fold(upto)

    def _fold(self, upto: int) -> int:
        """Take what DuckDB has into the rollups; how many places that were."""
        rolled = self._rolled
        while self._rolled < upto:
            step = min(self._rolled + FOLD_LIMIT, upto)
            with self._database.writing() as cursor:
                fold(cursor, rolled=self._rolled, upto=step, gauges=self._database.names.gauges)
            self._rolled = step
        return upto - rolled

    def settle(self, days: Sequence[Stale]) -> None:
        settled: Columns = {
            "source": np.array([self._database.names.source_numbers[each.source] for each in days], np.int32),
            "day": np.array([each.day for each in days], np.int32),
            "seq": np.array([each.seq for each in days], np.int64),
        }
        with self._rolling, self._database.writing() as cursor:
            run(cursor, sql.SETTLE, settled)

    def prune(self, metric: str, before: Instant) -> int:
        self.roll()
        asked = [self._database.names.metric_numbers.get(metric, -1), before, self._rolled]
        with self._database.writing() as cursor:
            return count(cursor.execute(sql.PRUNE, asked))

    def remove(self, source: str) -> int:
        self.roll()
        number = self._database.names.source_numbers.get(source, -1)
        with self._rolling, self._database.writing() as cursor:
            gone = count(cursor.execute("delete from samples where source = ?", [number]))
            gone += count(cursor.execute("delete from events where source = ?", [number]))
            for table in ("latest", "daily", "stale"):
                cursor.execute(f"delete from {table} where source = ?", [number])
        self._appender.forget(number)
        return gone

    def checkpoint(self) -> None:
        self.flush()
        with self._database.reading() as cursor:
            cursor.execute("checkpoint")

    def close(self) -> None:
        with contextlib.suppress(StoreUnavailable):
            self.flush()
        self._let_go()

    def _open(self) -> None:
        self._broken = True
        self._database = Database(self._path, self._kinds)
        self._reader = Reader(self._database)
        self._rolled = self._database.rolled()
        try:
            self._waiting.open()
            left = self._waiting.take_left(self._database.newest_seq())
        except OSError as error:
            raise StoreUnavailable(f"the journal cannot be read: {error.strerror}") from error
        self._bring_in(left)
        newest = self._database.newest_seq()
        self._fold(newest)
        self._appender = Appender(self._database, self._waiting, last_seq=newest, flush=self.flush)
        self._broken = False

    def _reopen(self) -> None:
        """After a failed write, begin anew with what is on the disk, and what in memory waited for it."""
        with self._rolling, self._flushing, self._database.occupancy:
            if not self._broken:
                return
            with contextlib.suppress(duckdb.Error):
                self._let_go()
            self._open()

    def _let_go(self) -> None:
        self._waiting.close()
        self._database.close()

    def _bring_in(self, taken: Taken) -> None:
        """In one transaction; what that fails for waits again."""
        try:
            if taken.batches:
                with self._database.writing() as cursor:
                    insert_columns(cursor, joined(taken.batches))
        except StoreUnavailable:
            self._broken = True
            self._waiting.put_back(taken.batches)
            raise
        self._waiting.drop(taken.segments)

    def _flushed(self) -> Reader:
        """For what is asked of samples and events. While the store waits to be opened again, what it has is better than nothing."""
        if not self._broken:
            self.flush()
        return self._reader

    def _rolled_up(self) -> Reader:
        """The same for what is asked of the rollups."""
        if not self._broken:
            self.roll()
        return self._reader
