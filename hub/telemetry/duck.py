"""The telemetry store on one machine: DuckDB, one file, with a journal beside it.

Why it is quick to append to and still stores nothing twice: it keeps, in memory, the newest time of every source and
metric. What is newer than that is new for certain and goes into the journal, durably, and from there into DuckDB many batches
at a time; only what is not (late data, redeliveries, events) is looked up and inserted at once. Whoever reads has the journal
brought in first. Rollups are folded from the samples behind the write path, by place in the order of arrival.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, cast

import duckdb
import numpy as np
from numpy.typing import NDArray

from devices.errors import StoreUnavailable
from devices.sample import Event, Instant, Sample
from hub.telemetry import Agg, Change, Day, MetricKind, Point, Scan, Span, Stale, Stored, Window, sql
from hub.telemetry.columns import Columns, columns_of, joined, scanned
from hub.telemetry.marks import Advance, Marks, Newest
from hub.telemetry.names import Names
from hub.telemetry.occupancy import Occupancy
from hub.telemetry.statements import (
    count,
    declare,
    fold,
    insert_columns,
    interruptible,
    limit_for_a_moment,
    reason,
    run,
    run_columns,
    transaction,
)
from hub.telemetry.waiting import Taken, Waiting

_BEFORE_ALL: Instant = -(1 << 62)
_REPLAY_CHUNK = 50_000
_NOT_WHOLE = "a write failed; the store is to be opened again"
THREADS = 1
"""The other core is the broker's."""
MEMORY_LIMIT = 128_000_000
CACHE_LIMIT = 16_000_000
"""Bytes that DuckDB may hold on to when it is slimmed: what was written and rolled up is seldom read soon."""
WAL_LIMIT = "16MB"
"""What DuckDB's log holds before it is moved into the file; until then it is in memory too."""
WAITING_LIMIT = 200_000
"""Samples in the journal before whoever appends brings them in, if nobody has before: they are in memory too."""
WAITING_WORTH = 4_000
"""Samples in the journal that are worth bringing in: few at a time, since it keeps the interpreter from whoever appends."""
FOLD_LIMIT = 200_000
"""Samples folded into the rollups at a time: they are in memory while they are."""


class _Inserted(NamedTuple):
    """What of a batch was new, how many places in the order that took, and how far the marks go once it is committed."""

    fresh: Sequence[Change]
    places: int
    advance: Advance | Newest

    @classmethod
    def of(cls, changes: Sequence[Change], places: NDArray[np.int64], advance: Advance) -> _Inserted:
        """Those of a batch that are at these places."""
        whole = len(places) == len(changes)
        fresh = changes if whole else [changes[place] for place in places.tolist()]
        return cls(fresh, int(places[-1]) + 1 if len(places) else 0, advance)


class DuckStore:
    """DuckDB behind `TelemetryStore`. One thread appends, one syncs; any thread may read."""

    def __init__(self, path: Path, metrics: Sequence[MetricKind]) -> None:
        """Open or create the file. Raises `StoreUnavailable` if it cannot be, e.g. because another hub has it open."""
        self._path = path
        self._kinds = {kind.name: kind for kind in metrics}
        self._rolling, self._flushing, self._appending = threading.RLock(), threading.RLock(), threading.Lock()
        self._occupancy = Occupancy()
        self._waiting = Waiting(path.with_name(f"{path.name}.journal"))
        self._broken = False
        self._marks = Marks()
        self._rolled = self._last_seq = 0
        self._open()

    def append(self, changes: Sequence[Change]) -> Sequence[Change]:
        with self._appending:
            return self._append(changes)

    def _append(self, changes: Sequence[Change]) -> Sequence[Change]:
        if self._broken:
            self._reopen()
        try:
            inserted = self._insert(changes)
        except (duckdb.Error, StoreUnavailable) as error:
            self._broken = True
            raise StoreUnavailable(reason(error)) from error
        except OSError as error:
            raise StoreUnavailable(f"the journal cannot be written: {error.strerror}") from error
        self._marks.move(inserted.advance)
        self._last_seq += inserted.places
        return inserted.fresh

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
        return self._last_seq

    def since(self, seq: int) -> Iterator[Stored]:
        upto = self._last_seq
        self.flush()
        with self._reading() as cursor:
            cursor.execute(sql.SINCE, {"after": seq, "upto": upto})
            while rows := cursor.fetchmany(_REPLAY_CHUNK):
                for row in rows:
                    yield Stored(row[0], self._change(row))

    def raw(self, spans: Sequence[Span], metric: str, window: Window) -> list[Point]:
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
        query = sql.BUCKETS.format(value=sql.AGGREGATES[agg], state=sql.STATE_AGGREGATES.get(agg, "null"))
        after = window.after.at if window.after else _BEFORE_ALL
        rows = self._select(spans, query, self._ask(metric, window) | {"every": every, "after_at": after})
        return [Point(at, state if value is None else value) for at, value, state in rows]

    def days(self, spans: Sequence[Span], metric: str, first: date, last: date) -> list[Day]:
        self._look(self.roll)
        rows = self._select(spans, sql.DAYS, [self._names.metric_numbers.get(metric, -1), first, last])
        return [Day(self._names.sources[row[0]], *row[1:]) for row in rows]

    def latest(self, sources: Sequence[str] | None = None) -> list[Sample]:
        self._look(self.roll)
        with self._reading() as cursor:
            rows = cursor.execute(sql.LATEST).fetchall()
        wanted = None if sources is None else {self._names.source_numbers.get(source) for source in sources}
        return [
            Sample(self._names.sources[source], self._names.metrics[metric], at, state if value is None else value)
            for source, metric, at, value, state in rows
            if wanted is None or source in wanted
        ]

    def events(self, spans: Sequence[Span], window: Window) -> list[Event]:
        rows = self._select(spans, sql.EVENTS, {"since": window.since, "until": window.until, "limit": window.limit})
        return [
            Event(self._names.sources[src], id_, type_, at, json.loads(payload))
            for src, id_, type_, at, payload in rows
        ]

    def scan(self, spans: Sequence[Span], metrics: Sequence[str], *, since: Instant, until: Instant) -> Scan:
        numbers = self._names.metric_numbers
        places = {numbers[name]: place for place, name in enumerate(metrics) if name in numbers}
        asked = {"metrics": list(places), "since": since, "until": until}
        return scanned(self._select_columns(spans, sql.SCAN, asked), places, self._names.sources)

    def declare(self, source: str, zone: str) -> None:
        self.declare_all({source: zone})

    def declare_all(self, zones: Mapping[str, str]) -> None:
        with self._occupancy:
            self._names.number_sources(zones)
        self.roll()
        with self._writing() as cursor:
            declare(cursor, zones)

    def flush(self) -> None:
        """Bring what is in the journal into DuckDB. After a failed write it stays there until the store is open again, and
        nothing that comes behind it may be written before: what DuckDB has, it has up to a place in the order."""
        with self._flushing:
            if self._broken:
                raise StoreUnavailable(_NOT_WHOLE)
            self._bring_in(self._waiting.take())

    def tidy(self) -> None:
        if self._waiting.size > WAITING_WORTH:
            self.flush()

    def slim(self) -> None:
        """DuckDB gives memory back when its limit is lowered, and only then; a query that came in between would fail."""
        with self._occupancy.closed() as empty:
            if not empty:
                return
            try:
                limit_for_a_moment(self._connection, CACHE_LIMIT, back_to=MEMORY_LIMIT)
            except duckdb.Error as error:
                raise StoreUnavailable(reason(error)) from error

    def roll(self) -> int:
        with self._rolling:
            upto = self._last_seq
            if upto == self._rolled:
                return 0
            self.flush()
            return self._fold(upto)

    def _fold(self, upto: int) -> int:
        """Take what DuckDB has into the rollups; how many places that were."""
        rolled = self._rolled
        while self._rolled < upto:
            step = min(self._rolled + FOLD_LIMIT, upto)
            with self._writing() as cursor:
                fold(cursor, rolled=self._rolled, upto=step, gauges=self._names.gauges)
            self._rolled = step
        return upto - rolled

    def stale(self) -> list[Stale]:
        with self._reading() as cursor:
            rows = cursor.execute(sql.STALE).fetchall()
        return [Stale(self._names.sources[source], day, seq) for source, day, seq in rows]

    def settle(self, days: Sequence[Stale]) -> None:
        settled: Columns = {
            "source": np.array([self._names.source_numbers[each.source] for each in days], np.int32),
            "day": np.array([each.day for each in days], np.int32),
            "seq": np.array([each.seq for each in days], np.int64),
        }
        with self._rolling, self._writing() as cursor:
            run(cursor, sql.SETTLE, settled)

    def prune(self, metric: str, before: Instant) -> int:
        self.roll()
        asked = [self._names.metric_numbers.get(metric, -1), before, self._rolled]
        with self._writing() as cursor:
            return count(cursor.execute(sql.PRUNE, asked))

    def remove(self, source: str) -> int:
        self.roll()
        number = self._names.source_numbers.get(source, -1)
        with self._rolling, self._writing() as cursor:
            gone = count(cursor.execute("delete from samples where source = ?", [number]))
            gone += count(cursor.execute("delete from events where source = ?", [number]))
            for table in ("latest", "daily", "stale"):
                cursor.execute(f"delete from {table} where source = ?", [number])
        self._marks.forget(number)
        return gone

    def checkpoint(self) -> None:
        self.flush()
        with self._reading() as cursor:
            cursor.execute("checkpoint")

    def close(self) -> None:
        with contextlib.suppress(StoreUnavailable):
            self.flush()
        self._let_go()

    def _open(self) -> None:
        self._broken = True
        self._marks = Marks()
        try:
            self._waiting.open()
            config: dict[str, Any] = {
                "memory_limit": f"{MEMORY_LIMIT}B",
                "threads": THREADS,
                "checkpoint_threshold": WAL_LIMIT,
            }
            self._connection = duckdb.connect(str(self._path), config=config)
            self._connection.execute("set autoinstall_known_extensions = false; set TimeZone = 'UTC'")
            knew = self._connection.execute(sql.HAS_STALE).fetchall()[0][0]
            self._connection.execute(sql.SCHEMA)
            if not knew:
                rolled = self._connection.execute("select rolled from progress").fetchall()[0][0]
                self._connection.execute(sql.MARK_ALL_STALE, {"rolled": 0, "upto": rolled})
            self._writer = self._connection.cursor()
            self._load()
            self._broken = False
        except duckdb.Error as error:
            raise StoreUnavailable(reason(error)) from error
        except OSError as error:
            raise StoreUnavailable(f"the journal cannot be read: {error.strerror}") from error

    def _load(self) -> None:
        cursor = self._connection.cursor()
        self._names = Names(self._connection, self._kinds)
        self._rolled = cursor.execute("select rolled from progress").fetchall()[0][0]
        self._last_seq = self._newest_seq(cursor)
        self._bring_in(self._waiting.take_left(self._last_seq))
        self._last_seq = self._newest_seq(cursor)
        self._fold(self._last_seq)
        for source, metric, at in cursor.execute("select source, metric, observed_at from latest").fetchall():
            self._marks.load(source, metric, at)

    def _newest_seq(self, cursor: duckdb.DuckDBPyConnection) -> int:
        newest = "select greatest((select max(seq) from samples), (select max(seq) from events), ?)"
        return int(cursor.execute(newest, [self._rolled]).fetchall()[0][0])

    def _bring_in(self, taken: Taken) -> None:
        """In one transaction; what that fails for waits again."""
        try:
            if taken.batches:
                with self._writing() as cursor:
                    insert_columns(cursor, joined(taken.batches))
        except StoreUnavailable:
            self._broken = True
            self._waiting.put_back(taken.batches)
            raise
        self._waiting.drop(taken.segments)

    def _let_go(self) -> None:
        self._waiting.close()
        self._writer.close()
        self._connection.close()

    def _reopen(self) -> None:
        """After a failed write, begin anew with what is on the disk, and what in memory waited for it."""
        with self._rolling, self._flushing, self._occupancy:
            if not self._broken:
                return
            with contextlib.suppress(duckdb.Error):
                self._let_go()
            self._open()

    def _insert(self, changes: Sequence[Change]) -> _Inserted:
        """Insert what is new, in one transaction."""
        if not set(map(type, changes)) <= {Sample}:
            return self._insert_both(changes)
        samples = cast(Sequence[Sample], changes)
        columns = self._columns(samples, np.arange(len(samples)))
        newest = self._marks.follow(columns["source"], columns["metric"], columns["observed_at"])
        if newest is None:
            return _Inserted.of(samples, *self._insert_unsure(columns, at_once=False))
        if newest:
            self._let_wait(columns)
        return _Inserted(samples, len(samples), newest)

    def _insert_both(self, changes: Sequence[Change]) -> _Inserted:
        """The same with events among the samples."""
        samples = [change for change in changes if isinstance(change, Sample)]
        is_sample = np.fromiter((isinstance(change, Sample) for change in changes), np.bool_, len(changes))
        places = np.arange(len(changes))
        self.flush()
        with self._occupancy, transaction(self._writer):
            columns = self._columns(samples, places[is_sample])
            fresh, advance = self._insert_unsure(columns, at_once=True)
            events = self._insert_events(changes, places[~is_sample])
        return _Inserted.of(changes, np.sort(np.append(fresh, events)), advance)

    def _insert_unsure(self, columns: Columns, *, at_once: bool) -> tuple[NDArray[np.int64], Advance]:
        """Samples of which some may be stored already, or come late: the places of those that are new."""
        novelty = self._marks.compare(columns["source"], columns["metric"], columns["observed_at"])
        keep = novelty.new
        if novelty.suspects.any():
            if not at_once:
                self.flush()
            keep = keep | self._unknown(columns, novelty.suspects)
        if not keep.all():
            columns = {name: column[keep] for name, column in columns.items()}
        if len(columns["seq"]):
            if at_once or novelty.suspects.any():
                with self._occupancy:
                    insert_columns(self._writer, columns)
            else:
                self._let_wait(columns)
        return columns["seq"] - (self._last_seq + 1), novelty.advance

    def _let_wait(self, columns: Columns) -> None:
        """Keep a batch, to be durable with the next `sync` and brought in with others."""
        if self._waiting.size > WAITING_LIMIT:
            self.flush()
        self._waiting.add(columns)

    def _columns(self, samples: Sequence[Sample], places: NDArray[np.int64]) -> Columns:
        names, seq = self._names, places + (self._last_seq + 1)
        try:
            known, metrics = names.source_numbers.__getitem__, names.metric_numbers.__getitem__
            return columns_of(samples, seq, source=known, metric=metrics)
        except KeyError:
            with self._occupancy:
                return columns_of(samples, seq, source=names.number_source, metric=names.number_metric)

    def _unknown(self, columns: Columns, suspects: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the suspects are not stored yet."""
        asked = {name: columns[name][suspects] for name in ("source", "metric", "observed_at")}
        asked["i"] = np.flatnonzero(suspects)
        at = asked["observed_at"]
        with self._occupancy:
            known = run(self._writer, sql.KNOWN, asked, [int(at.min()), int(at.max())])
        unknown = suspects.copy()
        unknown[[i for (i,) in known]] = False
        return unknown

    def _insert_events(self, changes: Sequence[Change], places: NDArray[np.int64]) -> NDArray[np.int64]:
        first = self._last_seq + 1
        events = [event for place in places.tolist() if isinstance(event := changes[place], Event)]
        columns: Columns = {
            "seq": places + first,
            "source": np.array([self._names.number_source(event.source) for event in events], dtype=np.int32),
            "id": np.array([event.id for event in events], dtype=object),
            "type": np.array([event.type for event in events], dtype=object),
            "observed_at": np.array([event.observed_at for event in events], dtype=np.int64),
            "payload": np.array([json.dumps(event.data, ensure_ascii=False) for event in events], dtype=object),
        }
        inserted = run(self._writer, sql.INSERT_EVENTS, columns)
        return np.array([seq - first for (seq,) in inserted], dtype=np.int64)

    def _change(self, row: tuple[Any, ...]) -> Change:
        _, source, metric, at, value, state, id_, type_, payload = row
        if metric is None:
            return Event(self._names.sources[source], id_, type_, at, json.loads(payload))
        return Sample(self._names.sources[source], self._names.metrics[metric], at, state if value is None else value)

    def _ask(self, metric: str, window: Window) -> dict[str, Any]:
        return {
            "metric": self._names.metric_numbers.get(metric, -1),
            "since": window.since,
            "until": window.until,
            "limit": window.limit,
        }

    def _select(self, spans: Sequence[Span], query: str, parameters: Any) -> list[tuple[Any, ...]]:
        asked = self._asked(spans)
        if not len(asked["source"]):
            return []
        self._look(self.flush)
        with self._reading() as cursor:
            return run(cursor, query, asked, parameters)

    def _select_columns(self, spans: Sequence[Span], query: str, parameters: Any) -> Columns:
        asked = self._asked(spans)
        self._look(self.flush)
        with self._reading() as cursor:
            return run_columns(cursor, query, asked, parameters)

    def _look(self, bring_up: Callable[[], object]) -> None:
        """Before reading: while the store waits to be opened again, what it has is better than nothing."""
        if not self._broken:
            bring_up()

    def _asked(self, spans: Sequence[Span]) -> Columns:
        known = [span for span in spans if span.source in self._names.source_numbers]
        return {
            "source": np.array([self._names.source_numbers[span.source] for span in known], dtype=np.int32),
            "since": np.array([span.since for span in known], dtype=np.int64),
            "until": np.array([span.until for span in known], dtype=np.int64),
        }

    @contextlib.contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            with self._occupancy, interruptible(), contextlib.closing(self._connection.cursor()) as cursor:
                yield cursor
        except duckdb.Error as error:
            raise StoreUnavailable(reason(error)) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._reading() as cursor, transaction(cursor):
            yield cursor
