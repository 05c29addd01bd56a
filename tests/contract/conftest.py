"""The implementations that the contracts are held against."""

from __future__ import annotations

import os
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

POSTGRES = "HUB_TEST_POSTGRES_URL"
STRICT = os.environ.get("HUB_TEST_STRICT") == "1"


@pytest.fixture(scope="session", params=TELEMETRY, ids=str)
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    return TELEMETRY[request.param]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.sqlite'}"
    if url := os.environ.get(POSTGRES):
        return url
    if STRICT:
        pytest.fail(f"HUB_TEST_STRICT=1 and no PostgreSQL: set {POSTGRES}")
    pytest.skip(f"NOT TESTED against PostgreSQL: {POSTGRES} is not set")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = open_engine(database_url)
    yield opened
    if opened.dialect.name != "sqlite":
        with opened.begin() as connection:
            SQLModel.metadata.drop_all(connection)
            connection.execute(text("drop table alembic_version"))
    opened.dispose()
