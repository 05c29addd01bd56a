"""A write of DuckDB that fails: what the journal has is not taken for stored, whoever looks at the store meanwhile."""

from __future__ import annotations

import errno
import os
import shutil
from datetime import date

import duckdb
import pytest

from devices.errors import StoreUnavailable
from devices.sample import Event, Sample
from hub.telemetry import FAR_FUTURE, MetricKind, Span, Window
from hub.telemetry import duck as duck_module
from hub.telemetry.duck import DuckStore

KINDS = [MetricKind("heart_rate", resets_daily=False)]
EVER = Window(0, FAR_FUTURE, limit=100)


def full(*_, **__):
    raise duckdb.IOException("no space left on device")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "telemetry.duckdb"


@pytest.fixture
def broken(path, monkeypatch):
    """A store with a sample in DuckDB, rolled up, two in the journal, and a failed attempt to bring these in behind it."""
    store = DuckStore(path, KINDS)
    store.append([Sample("watch", "heart_rate", 1_000, 60.0)])
    store.roll()
    store.append([Sample("watch", "heart_rate", at, 61.0) for at in (2_000, 3_000)])
    with monkeypatch.context() as patched:
        patched.setattr(duck_module, "insert_columns", full)
        with pytest.raises(StoreUnavailable, match="no space"):
            store.flush()
    yield store
    store.close()


def no_disk(*_):
    raise OSError(errno.EIO, "Input/output error")


def times(store):
    return [point.at for point in store.raw([Span("watch")], "heart_rate", EVER)]


def test_nothing_is_rolled_up_that_is_not_there(broken, path):
    for chore in (broken.roll, broken.flush, broken.checkpoint):
        with pytest.raises(StoreUnavailable):
            chore()
    broken.append([Sample("watch", "heart_rate", 4_000, 62.0)])
    assert times(broken) == [1_000, 2_000, 3_000, 4_000]
    assert [sample.observed_at for sample in broken.latest()] == [4_000]
    broken.close()
    again = DuckStore(path, KINDS)
    assert times(again) == [1_000, 2_000, 3_000, 4_000]
    again.close()


def test_a_crash_then_loses_nothing_either(broken, path):
    with pytest.raises(StoreUnavailable):
        broken.roll()
    broken._let_go()  # as a crash would: nothing is flushed
    again = DuckStore(path, KINDS)
    assert times(again) == [1_000, 2_000, 3_000]
    again.close()
    broken._open()


def test_events_and_late_samples_do_not_overtake_the_journal(broken):
    """The writer looked whether the store is whole a moment before somebody else's write failed."""
    with pytest.raises(StoreUnavailable):
        broken._appender.take_in([Event("watch", "e1", "worn", 5_000, {})])
    with pytest.raises(StoreUnavailable):
        broken._appender.take_in([Sample("watch", "heart_rate", 500, 59.0)])
    broken.append([Event("watch", "e1", "worn", 5_000, {})])
    assert times(broken) == [1_000, 2_000, 3_000]


def test_who_only_looks_is_shown_what_there_is(broken):
    assert times(broken) == [1_000]
    assert broken.days([Span("watch")], "heart_rate", date(1970, 1, 1), date(1970, 1, 1))


def stored(path):
    """What is in a copy of DuckDB's file, without the journal."""
    copy = path.with_name("copy.duckdb")
    for suffix in ("", ".wal"):
        if (found := path.with_name(path.name + suffix)).exists():
            shutil.copy(found, copy.with_name(copy.name + suffix))
    with duckdb.connect(str(copy)) as connection:
        return [at for (at,) in connection.execute("select observed_at from samples order by 1").fetchall()]


def test_what_the_journal_may_not_have_duckdb_has(path, monkeypatch):
    store = DuckStore(path, KINDS)
    store.append([Sample("watch", "heart_rate", 1_000, 60.0)])
    assert stored(path) == []
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", no_disk)
        store.sync()
    assert stored(path) == [1_000]
    store.append([Sample("watch", "heart_rate", 2_000, 60.0)])
    store.sync()
    assert times(store) == [1_000, 2_000]
    store.close()


def test_as_long_as_neither_has_it_nothing_is_durable_and_nothing_is_lost(path, monkeypatch):
    store = DuckStore(path, KINDS)
    store.append([Sample("watch", "heart_rate", 1_000, 60.0)])
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", no_disk)
        patched.setattr(duck_module, "insert_columns", full)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                store.sync()
        for segment in path.with_name(f"{path.name}.journal").iterdir():
            segment.unlink()  # what was never synced may be gone
    store.sync()
    assert stored(path) == [1_000]
    store.close()


def test_a_store_that_waits_to_be_opened_again_is_not_durable_before(broken, path):
    broken.sync()
    assert stored(path) == [1_000, 2_000, 3_000]


def test_a_time_zone_that_duckdb_does_not_know_keeps_no_store_from_opening(path):
    store = DuckStore(path, KINDS)
    store.append([Sample("watch", "heart_rate", 1_000, 60.0)])
    with store._database.writing() as cursor:
        cursor.execute("update sources set zone = 'localtime'")
    store._let_go()
    again = DuckStore(path, KINDS)
    assert [day.count for day in again.days([Span("watch")], "heart_rate", date(1970, 1, 1), date(1970, 1, 1))] == [1]
    again.close()
