"""How a batch comes in: what of it is new, what may wait in the journal, and what is to be looked up and inserted at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from devices.sample import Event, Sample
from hub.telemetry import Change, sql
from hub.telemetry.columns import Columns, columns_of
from hub.telemetry.database import Database
from hub.telemetry.marks import Advance, Marks, Newest
from hub.telemetry.statements import insert_columns, run, transaction
from hub.telemetry.waiting import Waiting

WAITING_LIMIT = 200_000
"""Samples in the journal before whoever appends brings them in, if nobody has before: they are in memory too."""


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


class Appender:
    """Used by one thread at a time, over one opened database.

    `last_seq` is the place of the newest change that was taken in; `flush` brings in what waits, before what is inserted at
    once.
    """

    def __init__(self, database: Database, waiting: Waiting, *, last_seq: int, flush: Callable[[], None]) -> None:
        self._database, self._waiting, self._flush = database, waiting, flush
        self._names, self._occupancy, self._writer = database.names, database.occupancy, database.writer
        self._marks = Marks()
        self.last_seq = last_seq
        with database.reading() as cursor:
            newest = cursor.execute(sql.MARKS).fetchall()
        for source, metric, at in newest:
            self._marks.load(source, metric, at)

    def take_in(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Take in what is new of a batch, in one transaction; what that was. If that fails nothing is changed here."""
        inserted = self._insert(changes)
        self._marks.move(inserted.advance)
        self.last_seq += inserted.places
        return inserted.fresh

    def forget(self, source: int) -> None:
        """There is nothing of a source any more."""
        self._marks.forget(source)

    def _insert(self, changes: Sequence[Change]) -> _Inserted:
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
        self._flush()
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
                self._flush()
            keep = keep | self._unknown(columns, novelty.suspects)
        if not keep.all():
            columns = {name: column[keep] for name, column in columns.items()}
        if len(columns["seq"]):
            if at_once or novelty.suspects.any():
                with self._occupancy:
                    insert_columns(self._writer, columns)
            else:
                self._let_wait(columns)
        return columns["seq"] - (self.last_seq + 1), novelty.advance

    def _let_wait(self, columns: Columns) -> None:
        """Keep a batch, to be durable with the next `sync` and brought in with others."""
        if self._waiting.size > WAITING_LIMIT:
            self._flush()
        self._waiting.add(columns)

    def _columns(self, samples: Sequence[Sample], places: NDArray[np.int64]) -> Columns:
        names, seq = self._names, places + (self.last_seq + 1)
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
        first = self.last_seq + 1
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
