"""The ledger of peers: who is counted, month by month, in which bin of each feature: what counts are counted from.

DuckDB, a file of its own. Any thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hub.duckfile import DuckFile
from hub.peers import sql
from hub.telemetry.statements import run
from rules.bins import NO_BIN
from rules.cohorts import Member
from rules.features import COMPARED

MEMORY_LIMIT = "256MB"


class Due(NamedTuple):
    """A person whose months are to be found anew, for the days from `first` to `last` (ordinals) have changed; `place` is
    that of the newest such note, so that one that comes meanwhile stays."""

    person: str
    first: int
    last: int
    place: int


class Entry(NamedTuple):
    """What a person is counted as in a month, in one feature."""

    period: int
    member: Member
    bin: int


class Column(NamedTuple):
    """Everybody with a value of one feature in one month: atoms and bins, of one length."""

    atom: NDArray[np.int32]
    bin: NDArray[np.uint16]


class Rows(NamedTuple):
    """Months of people as columns of one length; `bins` [rows, features] in the order of `COMPARED`."""

    person: list[str]
    period: NDArray[np.int32]
    atom: NDArray[np.int32]
    bins: NDArray[np.uint16]


class PeerLedger:
    """Every method may raise `StoreUnavailable`."""

    def __init__(self, path: Path) -> None:
        self._file = DuckFile(path, sql.SCHEMA, memory_limit=MEMORY_LIMIT)
        self.members = [
            Member(model=model, acquired=acquired, age_band=band, sex=sex, region=region)
            for model, acquired, band, sex, region in self._file.rows(sql.ATOMS)
        ]
        self._atoms = {member: number for number, member in enumerate(self.members)}

    def note(self, people: Sequence[str], *, first: int, last: int) -> None:
        """The days from `first` to `last` (ordinals) of people have changed."""
        with self._file.writing() as cursor:
            numbers = self._file.numbered(people, cursor)
            days = [np.full(len(numbers), day, np.int32) for day in (first, last)]
            run(cursor, sql.ADD_PENDING, {"person": numbers, "first": days[0], "last": days[1]})

    def due(self, limit: int) -> list[Due]:
        """Some of those whose months are to be found anew."""
        return [Due(*row) for row in self._file.rows(sql.PENDING, [limit])]

    def atoms(self, members: Iterable[Member]) -> list[int]:
        """The numbers of atoms, given now to those that have none. Called by one thread only."""
        members = list(members)
        if new := [member for member in dict.fromkeys(members) if member not in self._atoms]:
            first = len(self.members)
            facts = [[m.model, m.acquired, m.age_band, m.sex, m.region] for m in new]
            with self._file.writing() as cursor:
                cursor.executemany(sql.ADD_ATOM, [[first + place, *each] for place, each in enumerate(facts)])
            self.members += new
            self._atoms |= {member: first + place for place, member in enumerate(new)}
        return [self._atoms[member] for member in members]

    def enter(self, rows: Rows, settled: Sequence[Due]) -> None:
        """Count people in their months as these rows say, instead of as before, and settle those who were due.

        A row without any bin says that they are not counted in that month.
        """
        with self._file.writing() as cursor:
            columns: dict[str, NDArray[Any]] = {"person": self._file.numbered(rows.person, cursor)}
            columns |= {"period": rows.period, "atom": rows.atom, "counted": (rows.bins != NO_BIN).any(axis=1)}
            columns |= {feature.name: rows.bins[:, place] for place, feature in enumerate(COMPARED)}
            places = np.array([due.place for due in settled], np.int64)
            settling: dict[str, NDArray[Any]] = {
                "person": self._file.numbered([due.person for due in settled], cursor),
                "place": places,
            }
            run(cursor, sql.SETTLE, settling)
            run(cursor, sql.FORGET, columns)
            run(cursor, sql.ENTER, columns)

    def remove(self, person: str) -> None:
        """Count a person no longer, in no month."""
        with self._file.writing() as cursor:
            for table in ("entries", "pending"):
                cursor.execute(sql.REMOVE.format(table=table), [self._file.number(person)])

    def entries(self, person: str, feature: str) -> list[Entry]:
        """The months a person is counted in with a value of a feature, in order."""
        found = self._file.rows(sql.ENTRIES.format(feature=feature), [self._file.number(person)])
        return [Entry(period, self.members[atom], at) for period, atom, at in sorted(found)]

    def counted(self) -> set[str]:
        """Everybody who is counted in some month."""
        return {name for (name,) in self._file.rows(sql.COUNTED)}

    def periods(self) -> dict[int, int]:
        """The months there are, and how many people are counted in each."""
        return dict(self._file.rows(sql.PERIODS))

    def column(self, feature: str, period: int, *, atoms: int) -> Column:
        """Everybody with a value of a feature in a month, who is of one of the first so many atoms."""
        found = self._file.columns(sql.COLUMN.format(feature=feature), [period, atoms])
        return Column(np.ma.filled(found["atom"], 0), np.ma.filled(found["bin"], 0))

    def tidy(self) -> None:
        """Lay each person's months side by side, so that they are found without looking at everybody's."""
        with self._file.writing() as cursor:
            cursor.execute(sql.SORTED)
            cursor.execute("drop table entries")
            cursor.execute("alter table sorted rename to entries")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
