"""Statements that are prepared once, and run in the driver's own terms.

An alarm waits until its decision is on record. SQLAlchemy's way through a statement, long out of the processor's cache since the
alarm before, takes twice as long as the statement does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite


class AddNew:
    """Inserts rows whose id is not there yet; a column that a row does not name is null. Raises the driver's errors."""

    def __init__(self, table: Table, engine: Engine) -> None:
        dialect = postgresql if engine.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table).on_conflict_do_nothing().returning(table.c.id)
        compiled = statement.compile(dialect=engine.dialect)
        self._text, self._positional = compiled.string, bool(compiled.positiontup)
        self._bind = {
            column.name: column.type.bind_processor(engine.dialect) or _as_it_is
            for column in (table.c[name] for name in compiled.positiontup or table.c.keys())
        }

    def __call__(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> set[str]:
        """Insert the first of those with the same id, in the transaction of a connection; the ids that were new."""
        if not rows:
            return set()
        first = {row["id"]: row for row in reversed(rows)}
        cursor = connection.connection.cursor()
        try:
            new = set[str]()
            for row in reversed(first.values()):
                cursor.execute(self._text, self._values(row))
                new.update(id_ for (id_,) in cursor.fetchall())
            return new
        finally:
            cursor.close()

    def _values(self, row: Mapping[str, Any]) -> Any:
        bound = {name: bind(row.get(name)) for name, bind in self._bind.items()}
        return list(bound.values()) if self._positional else bound


def _as_it_is(value: Any) -> Any:
    return value
