"""A publication: everything that is told of one feature in one month, from one snapshot to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rules.atoms import Candidate
from rules.blur import Noise
from rules.cohorts import Member
from rules.counts import Counts
from rules.disclosure import Held, Past, plan
from rules.families import Cells
from rules.features import FEATURES
from rules.floors import FLOORS, Floors
from rules.published import Table
from rules.standing import Standing, renewed


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The tables that are told, by cohort, and why others are not.

    What stands, the atoms that somebody was met in and what is barred are to be kept for the next one, and never told.
    """

    tables: dict[str, Table] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    standing: dict[str, Standing] = field(default_factory=dict)
    met: frozenset[Member] = frozenset()
    barred: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Those who are counted: their cells and the counts of these, their atoms, the cohorts there could be of these, and how
    many people with a value each atom has [atoms]. Atoms met before must be among them.
    """

    cells: Cells
    counts: Counts
    atoms: Sequence[Member]
    candidates: Sequence[Candidate]
    people: NDArray[np.int64]


def publish(
    feature: str,
    period: int,
    *,
    crowd: Crowd,
    before: Publication | None = None,
    floors: Floors = FLOORS,
    noise: Noise | None = None,
) -> Publication:
    """What is told of a feature in a month (since the year 0) from now on, given what was told of them before."""
    before = before or Publication()
    met = np.array([atom in before.met for atom in crowd.atoms], dtype=bool)
    past = Past(told=before.standing.keys(), met=met, barred=before.barred)
    chosen = plan(crowd.candidates, crowd.people, past=past, floors=floors)
    told, standing = frozenset(chosen.told), dict(before.standing)
    for candidate in crowd.candidates:
        if candidate.key in told:
            now = crowd.counts.of(crowd.cells.within(candidate.cohort), feature, period)
            made = renewed(standing.get(candidate.key), FEATURES[feature], now, floors, noise)
            _renew(standing, candidate.key, made)
    return Publication(
        tables={key: standing[key].table for key in sorted(told & standing.keys())},
        held=_reasons(chosen.held, told - standing.keys()),
        standing=standing,
        met=before.met | {atom for atom, people in zip(crowd.atoms, crowd.people, strict=True) if people},
        barred=chosen.barred,
    )


def _renew(standing: dict[str, Standing], key: str, found: Standing | None) -> None:
    if found is not None:
        standing[key] = found


def _reasons(held: Mapping[str, Held], missing: frozenset[str]) -> dict[str, Held]:
    """Why cohorts are held back; those whose counts are behind the people known of are too few so far."""
    return {**held, **dict.fromkeys(missing, "size")}
