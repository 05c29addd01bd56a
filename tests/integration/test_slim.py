"""Memory that DuckDB was given for a while: given back when nobody is in the database, and only then."""

from __future__ import annotations

import pytest

from devices.sample import Sample
from hub.telemetry import FAR_FUTURE, MetricKind, Span, Window
from hub.telemetry import database as database_module
from hub.telemetry.duck import DuckStore
from hub.telemetry.occupancy import Occupancy

LIMIT = 2_000_000
KINDS = [MetricKind("heart_rate", resets_daily=False)]
COUNT = 300_000


def asked(store, query):
    with store._database.reading() as cursor:
        return cursor.execute(query).fetchall()[0][0]


def held(store):
    """Bytes of its file that DuckDB has in memory."""
    query = "select memory_usage_bytes from duckdb_memory() where tag = 'BASE_TABLE'"
    return asked(store, query)


def limit(store):
    return asked(store, "select current_setting('memory_limit')")


@pytest.fixture
def store(tmp_path, monkeypatch):
    """With more of its file in memory than it may keep."""
    monkeypatch.setattr(database_module, "CACHE_LIMIT", LIMIT)
    opened = DuckStore(tmp_path / "telemetry.duckdb", KINDS)
    opened.append([Sample("watch", "heart_rate", at, at * 0.37 % 101) for at in range(COUNT)])
    opened.checkpoint()
    opened.raw([Span("watch")], "heart_rate", Window(0, FAR_FUTURE, limit=COUNT))
    assert held(opened) > LIMIT
    yield opened
    opened.close()


def test_what_is_cached_is_let_go_and_read_again(store):
    usual = limit(store)
    store.slim()
    assert held(store) <= LIMIT
    assert limit(store) == usual
    assert len(store.raw([Span("watch")], "heart_rate", Window(0, FAR_FUTURE, limit=COUNT))) == COUNT


def test_it_is_left_alone_while_somebody_reads(store):
    before = held(store)
    with store._database.reading():
        store.slim()
        assert held(store) == before


def test_what_is_needed_is_kept_and_the_limit_put_back(store, monkeypatch):
    monkeypatch.setattr(database_module, "CACHE_LIMIT", 1)
    usual = limit(store)
    store.slim()
    assert limit(store) == usual


def test_nobody_comes_in_while_it_is_closed():
    occupancy = Occupancy()
    with occupancy, occupancy, occupancy.closed() as empty:
        assert not empty
    with occupancy.closed() as empty:
        assert empty
        assert occupancy._door.locked()
