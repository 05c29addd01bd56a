"""Migrations: what they make is what the models say, what a new database is, and what an old one becomes."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlmodel import SQLModel

from devices.errors import StoreUnavailable
from hub.store import engine as engine_module
from hub.store.accounts import Accounts
from hub.store.engine import open_engine


@pytest.fixture
def migrated(tmp_path):
    """A database that came all the way from the first migration."""
    made = create_engine(f"sqlite:///{tmp_path / 'migrated.sqlite'}")
    engine_module.migrate(made)
    yield made
    made.dispose()


def _shape(engine):
    """What there is in a database, by table, but for defaults: a migration needs them for the rows that are there already."""
    inspector = inspect(engine)
    return {
        table: {
            "columns": {
                each["name"]: (str(each["type"]), each["nullable"], each["primary_key"])
                for each in inspector.get_columns(table)
            },
            "keys": sorted(
                (each["constrained_columns"], each["referred_table"], each["referred_columns"])
                for each in inspector.get_foreign_keys(table)
            ),
            "indexes": sorted((str(each["name"]), each["column_names"]) for each in inspector.get_indexes(table)),
            "uniques": sorted(each["column_names"] for each in inspector.get_unique_constraints(table)),
        }
        for table in inspector.get_table_names()
    }


def test_the_migrations_make_exactly_the_tables_of_the_models(migrated):
    with migrated.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_a_new_database_is_as_if_it_had_come_through_all_migrations(engine, migrated):
    assert _shape(engine) == _shape(migrated)


def test_a_database_of_before_is_migrated_when_it_is_opened(tmp_path):
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    old = create_engine(url)
    engine_module.migrate(old, "0003")
    old.dispose()
    opened = open_engine(url)
    with opened.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
    opened.dispose()


@pytest.mark.parametrize("made", ["tables", "version"])
def test_making_a_database_that_was_cut_short_goes_on(tmp_path, made):
    url = f"sqlite:///{tmp_path / 'cut.sqlite'}"
    cut = create_engine(url)
    if made == "tables":
        SQLModel.metadata.create_all(cut, tables=SQLModel.metadata.sorted_tables[:3])
    else:
        SQLModel.metadata.create_all(cut)
        with cut.begin() as connection:
            connection.execute(text("create table alembic_version (version_num varchar(32) not null primary key)"))
    cut.dispose()
    opened = open_engine(url)
    assert Accounts(opened).people() == []
    opened.dispose()


def test_the_head_is_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(engine_module.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [engine_module.HEAD]


def test_opening_again_changes_nothing(engine, database_url):
    Accounts(engine).add_home(home_id="home1", name="Home", timezone="Asia/Seoul", now=1)
    again = open_engine(database_url)
    assert Accounts(again).home("home1").timezone == "Asia/Seoul"
    with again.connect() as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalars().all() == [
            engine_module.HEAD
        ]
    again.dispose()


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all/hub.sqlite", "nonsense://host/db"])
def test_a_database_that_cannot_be_opened_is_unavailable_in_one_line(url):
    with pytest.raises(StoreUnavailable) as raised:
        open_engine(url)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    (tmp_path / "junk").write_text("this is not a database\n" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        open_engine(f"sqlite:///{tmp_path / 'junk'}")
