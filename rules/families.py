"""Families: the dimensions by which people are counted together, and the cells that this makes.

Everybody is in one cell of each family, unknown being a value like others, so the cells of a family always add up to
everybody, and those of a wider family to the cohorts of a narrower one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple, TypeAlias

from devices.errors import Invalid
from rules.cohorts import DIMENSIONS, Cohort, Dimension, Member

Family: TypeAlias = tuple[Dimension, ...]

FAMILIES: tuple[Family, ...] = (
    ("model", "acquired_month"),
    ("age_band", "sex"),
    ("region",),
    ("model", "acquired_month", "age_band", "sex"),
)


OFFERED: tuple[Family, ...] = (
    ("model",),
    ("age_band",),
    ("sex",),
    ("region",),
    ("age_band", "sex"),
    ("model", "acquired_month"),
    ("model", "age_band", "sex"),
    ("model", "acquired_month", "age_band"),
    ("model", "acquired_month", "sex"),
    ("model", "acquired_month", "age_band", "sex"),
)
"""What people may ask for. The more there are, the more must be held back."""


class Cell(NamedTuple):
    """Those who are the same in every dimension of a family."""

    family: Family
    values: tuple[str | int | None, ...]


def offered_for(by: Iterable[Dimension]) -> Family:
    """What is offered of these dimensions; raises `Invalid`."""
    wanted = set(by)
    for family in OFFERED:
        if wanted == set(family):
            return family
    there = "; ".join(", ".join(family) for family in OFFERED)
    raise Invalid(f"People are not compared by {', '.join(sorted(wanted)) or 'nothing'} together, but by: {there}.")


def family_for(by: Iterable[Dimension], families: Sequence[Family] = FAMILIES) -> Family:
    """The smallest family whose cells are the cohorts asked for, or add up to them; raises `Invalid`."""
    wanted = set(by)
    able = [family for family in families if wanted <= set(family)]
    if not able:
        there = "; ".join(", ".join(family) for family in families)
        raise Invalid(
            f"People are not counted by {', '.join(sorted(wanted))} together. There is, whole or in part: {there}."
        )
    return min(able, key=len)


def servable(families: Sequence[Family] = FAMILIES) -> tuple[Family, ...]:
    """All that may be asked for, the coarsest first; nothing at all is everybody."""
    found = {
        tuple(name for name in DIMENSIONS if name in some)
        for family in families
        for length in range(len(family) + 1)
        for some in combinations(family, length)
    }
    return tuple(sorted(found, key=lambda by: (len(by), [DIMENSIONS.index(name) for name in by])))


class Cells:
    """Numbers for cells, given as they are met; with those of before, in their order, it goes on where it was."""

    def __init__(self, families: Sequence[Family] = FAMILIES, *, known: Iterable[Cell] = ()) -> None:
        self.families = tuple(families)
        self.all: list[Cell] = []
        self._numbers: dict[Cell, int] = {}
        self._met: dict[Member, tuple[int, ...]] = {}
        self._within: dict[Cohort, list[int]] = {}
        for cell in known:
            self.number(cell)

    def number(self, cell: Cell) -> int:
        """The number of a cell."""
        if cell not in self._numbers:
            self._numbers[cell] = len(self.all)
            self.all.append(cell)
            self._within.clear()
        return self._numbers[cell]

    def of(self, member: Member) -> tuple[int, ...]:
        """The cells somebody is counted in, one of each family; none for who is not compared."""
        if member not in self._met:
            self._met[member] = self._cells(member) if member.compared else ()
        return self._met[member]

    def _cells(self, member: Member) -> tuple[int, ...]:
        return tuple(
            self.number(Cell(family, tuple(member.value(name) for name in family))) for family in self.families
        )

    def within(self, cohort: Cohort) -> list[int]:
        """The cells that add up to a cohort; raises `Invalid` where no family has them."""
        if cohort not in self._within:
            self._within[cohort] = self._adding_up(cohort)
        return self._within[cohort]

    def _adding_up(self, cohort: Cohort) -> list[int]:
        family = family_for(cohort.by, self.families)
        return [
            number
            for number, cell in enumerate(self.all)
            if cell.family == family
            and all(cohort.has(name, value) for name, value in zip(family, cell.values, strict=True))
        ]
