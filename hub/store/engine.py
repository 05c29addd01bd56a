"""The connection to the relational store, and its migrations."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlmodel import SQLModel, create_engine

from devices.errors import StoreUnavailable
from hub.store import tables  # noqa: F401  (the tables are known once they are imported)

MIGRATIONS = Path(__file__).parent.parent / "migrations"
POOL_SIZE = 20
"""Connections kept open: more than are in use at a time, for a new one takes longer than most questions. The one used last is
used next: it has still in memory what it read."""
CHECKPOINT_PAGES = 10_000
"""Pages in the write-ahead log of SQLite before a commit has to move them; `checkpoint` does so long before, elsewhere."""
VERSION_TABLE = "alembic_version"
HEAD = "0008"
"""The newest migration; a database that is there already starts without loading the migration tool."""


def open_engine(url: str) -> Engine:
    """Connect, and bring the tables up to date. Raises `StoreUnavailable`."""
    try:
        connected = {"connect_args": _connect_args(url), "pool_pre_ping": not url.startswith("sqlite")}
        engine = create_engine(url, pool_size=POOL_SIZE, pool_use_lifo=True, **connected)
        if url.startswith("sqlite"):
            event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "handle_error", _translate)
        revision = _revision(engine)
        if revision is None:
            _create(engine)
        elif revision != HEAD:
            migrate(engine)
    except (SQLAlchemyError, StoreUnavailable) as error:
        raise StoreUnavailable(f"the relational store cannot be opened: {str(error).splitlines()[0]}") from error
    return engine


def checkpoint(engine: Engine) -> None:
    """Move what was committed into the database's file, in the caller's time and not in that of whoever commits next. Another
    database than SQLite sees to it by itself. Raises `StoreUnavailable`.
    """
    if engine.dialect.name == "sqlite":
        with translated(), engine.connect() as connection:
            connection.exec_driver_sql("pragma wal_checkpoint(passive)")


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """What the database cannot do is `StoreUnavailable`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreUnavailable(str(error).splitlines()[0]) from error


def _translate(context: ExceptionContext) -> None:
    """Whatever reads or writes: what the database cannot do just now is `StoreUnavailable`."""
    if isinstance(context.sqlalchemy_exception, OperationalError):
        raise StoreUnavailable(str(context.original_exception).splitlines()[0]) from context.original_exception


def _create(engine: Engine) -> None:
    """The tables of a new database, as the migrations would make them, at a tenth of the time; cut short, it goes on where it
    was the next time."""
    SQLModel.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            text(f"create table if not exists {VERSION_TABLE} (version_num varchar(32) not null primary key)")
        )
        connection.execute(text(f"insert into {VERSION_TABLE} values (:head)"), {"head": HEAD})


def migrate(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that have not run, up to a revision."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not engine.dialect.has_table(connection, VERSION_TABLE):
            return None
        return connection.execute(text(f"select version_num from {VERSION_TABLE}")).scalar()


def _connect_args(url: str) -> dict[str, Any]:
    return {"timeout": 10, "check_same_thread": False} if url.startswith("sqlite") else {}


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Write-ahead log, so that readers and the writer do not wait for each other; every commit reaches the disk."""
    cursor = connection.cursor()
    checkpoint = f"wal_autocheckpoint = {CHECKPOINT_PAGES}"
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", checkpoint):
        cursor.execute(f"pragma {pragma}")
    cursor.close()
