"""Atoms: the finest groups of people there are, and which of them make up each cohort that could be told of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.cohorts import Cohort, Dimension, Member, span
from rules.families import FAMILIES, Family, family_for, servable


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A cohort that could be told of: the atoms it is made of, ascending.

    Nobody is in two of the same `shape`. Those of the highest `grain` go first when some must: those of more dimensions, and of
    a time of acquiring; years before quarters, and these before months, which is what people ask for.
    """

    key: str
    atoms: NDArray[np.intp]
    shape: str
    grain: int
    cohort: Cohort


def candidates(
    atoms: Sequence[Member], *, offered: Iterable[Family] | None = None, families: Sequence[Family] = FAMILIES
) -> list[Candidate]:
    """Every cohort, with anybody in it, that people may ask for or fall back to.

    `atoms` are members, each different from all others, standing for all who are the same. `offered` is what may be asked
    for, all that can be served if not said; raises `Invalid` where something cannot be.
    """
    wanted = servable(families) if offered is None else tuple(offered)
    for by in wanted:
        family_for(by, families)
    found: dict[Cohort, list[int]] = {}
    for at, atom in enumerate(atoms):
        for by in _with_fallbacks(wanted):
            for cohort in _cohorts(by, atom):
                found.setdefault(cohort, []).append(at)
    return [_candidate(cohort, places) for cohort, places in found.items()]


def tally(members: Mapping[Member, int], *, met: Iterable[Member] = ()) -> tuple[list[Member], NDArray[np.int64]]:
    """Atoms and their people, in an order that is always the same, from how many members there are of each kind.

    Those once `met` are among them, be they empty by now.
    """
    kinds = sorted({kind for kind, people in members.items() if people and kind.compared}.union(met), key=repr)
    return kinds, np.array([members.get(kind, 0) for kind in kinds], dtype=np.int64)


def _with_fallbacks(wanted: Iterable[Family]) -> tuple[Family, ...]:
    fallbacks = {tuple(name for name in by if name != "acquired_month"): None for by in wanted}
    return tuple({**dict.fromkeys(wanted), **fallbacks})


def _cohorts(by: Sequence[Dimension], atom: Member) -> list[Cohort]:
    """The cohorts somebody is in, by some dimensions: one for each length of span."""
    facts = {name: atom.value(name) for name in by if name != "acquired_month"}
    if any(value is None for value in facts.values()):
        return []
    base = Cohort(**facts)  # type: ignore[arg-type]
    if "acquired_month" not in by:
        return [base]
    if atom.acquired is None:
        return []
    return [Cohort(**facts, acquired=span(atom.acquired, months)) for months in (1, 3, 12)]  # type: ignore[arg-type]


def _candidate(cohort: Cohort, atoms: list[int]) -> Candidate:
    timed = {1: 1, 3: 2, 12: 3}[cohort.acquired.months] if cohort.acquired else 0
    grain = 4 * len(cohort.by) + timed
    return Candidate(
        key=cohort.key, atoms=np.array(atoms, dtype=np.intp), shape=cohort.shape, grain=grain, cohort=cohort
    )
