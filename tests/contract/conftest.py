"""The implementations that the contracts are held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlmodel import SQLModel

from hub.store.engine import open_engine
from hub.telemetry import MetricKind, TelemetryStore
from hub.telemetry.duck import DuckStore
from tests.contract.watches import KINDS

OpenStore = Callable[[Path, Sequence[MetricKind]], TelemetryStore]

TELEMETRY: dict[str, OpenStore] = {"duckdb": DuckStore}
"""A second telemetry store is one more entry here."""


@pytest.fixture(scope="session", params=TELEMETRY, ids=str)
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    return TELEMETRY[request.param]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """A second relational store is a parameter more here."""
    return f"sqlite:///{tmp_path / 'hub.sqlite'}"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = open_engine(database_url)
    yield opened
    if opened.dialect.name != "sqlite":
        with opened.begin() as connection:
            SQLModel.metadata.drop_all(connection)
            connection.execute(text("drop table alembic_version"))
    opened.dispose()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "telemetry.db"


@pytest.fixture
def store(open_store, path):
    opened = open_store(path, KINDS)
    yield opened
    opened.close()


@pytest.fixture
def scratch(open_store, tmp_path):
    """A store for many examples: each takes sources of its own, which costs less than a file of its own."""
    opened = open_store(tmp_path / "scratch.db", KINDS)
    opened.fresh = iter(range(1_000_000))
    yield opened
    opened.close()
