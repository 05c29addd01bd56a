"""The daily snapshot of peers: publications of every feature and month, frozen until the next; a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from devices.sample import Instant
from hub.peers.ledger import Column, PeerLedger
from hub.secret_files import write_private
from rules.atoms import candidates
from rules.blur import Noise
from rules.cohorts import Member
from rules.counts import Counts
from rules.disclosure import Held
from rules.families import OFFERED, Cells
from rules.features import COMPARED, Feature
from rules.floors import FLOORS, Floors
from rules.publication import Crowd, Publication, publish
from rules.published import Table
from rules.standing import Basis, Standing

PIECE = 1 << 20
"""People counted at a time."""
FORMAT = 1

Key: TypeAlias = tuple[str, int]
"""A feature and a calendar month, since the year 0."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is told from `taken_at` on."""

    taken_at: Instant
    publications: dict[Key, Publication] = field(default_factory=dict)


def take(
    ledger: PeerLedger,
    before: Snapshot | None,
    *,
    since: int,
    floors: Floors = FLOORS,
    noise: Noise | None = None,
) -> Iterator[tuple[Key, Publication]]:
    """Publish every feature in every month from `since` on, one after the other: what is not told again is gone."""
    atoms, cells = list(ledger.members), Cells()  # who is met while this goes on is told of next time
    cells_of = np.array([cells.of(atom) for atom in atoms], np.int32)
    offered = candidates(atoms, offered=OFFERED)
    for period in [period for period in ledger.periods() if period >= since]:
        for feature in COMPARED:
            column = ledger.column(feature.name, period, atoms=len(atoms))
            people = np.bincount(column.atom, minlength=len(atoms)).astype(np.int64)
            counts = _counted(column, cells_of, feature, period)
            crowd = Crowd(cells=cells, counts=counts, atoms=atoms, candidates=offered, people=people)
            told = before.publications.get((feature.name, period)) if before else None
            yield (
                (feature.name, period),
                publish(feature.name, period, crowd=crowd, before=told, floors=floors, noise=noise),
            )


def _counted(column: Column, cells_of: NDArray[np.int32], feature: Feature, period: int) -> Counts:
    counts = Counts()
    for start in range(0, len(column.atom), PIECE):
        piece = slice(start, start + PIECE)
        counts.take_in(cells_of[column.atom[piece]], column.bin[piece, None], [feature], period)
    return counts


class _Kept(msgspec.Struct, frozen=True):
    """One publication, as it is written."""

    feature: str
    period: int
    tables: dict[str, Table]
    held: dict[str, Held]
    standing: dict[str, tuple[Table, bytes, bytes]]
    met: frozenset[Member]
    barred: dict[str, int]


class _File(msgspec.Struct, frozen=True):
    format: int
    taken_at: Instant
    publications: list[_Kept]


def write(path: Path, snapshot: Snapshot) -> None:
    """Keep a snapshot, in the place of the one before."""
    kept = [_kept(key, publication) for key, publication in snapshot.publications.items()]
    write_private(path, msgspec.msgpack.encode(_File(FORMAT, snapshot.taken_at, kept)))


def read(path: Path) -> Snapshot | None:
    """The snapshot kept last; `None` where there is none that this program can read."""
    try:
        file = msgspec.msgpack.decode(path.read_bytes(), type=_File)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    if file.format != FORMAT:
        return None
    return Snapshot(file.taken_at, {(kept.feature, kept.period): _publication(kept) for kept in file.publications})


def _kept(key: Key, publication: Publication) -> _Kept:
    standing = {
        cohort: (stands.table, stands.basis.bins.tobytes(), stands.basis.people.tobytes())
        for cohort, stands in publication.standing.items()
    }
    return _Kept(*key, publication.tables, publication.held, standing, publication.met, publication.barred)


def _publication(kept: _Kept) -> Publication:
    standing = {
        cohort: Standing(table, Basis(_array(bins, np.uint16), _array(people, np.int32)))
        for cohort, (table, bins, people) in kept.standing.items()
    }
    return Publication(tables=kept.tables, held=kept.held, standing=standing, met=kept.met, barred=kept.barred)


def _array(raw: bytes, type_: Any) -> NDArray[Any]:
    return np.frombuffer(raw, type_)
