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
