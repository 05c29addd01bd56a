"""Disclosure: which cohorts may be told of, so that nobody can find smaller ones by taking some from others.

A cohort under the floor is not told. Nor may what is left of a told cohort, when others are taken from it, be under the floor
and yet somebody; nor may any combination of told cohorts, overlapping ones included, come to an atom, or to a cohort, under
the floor. The audit is an upper bound: it lets readers know exact sums, while only rounded figures are told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules.atoms import Candidate
from rules.floors import FLOORS, Floors
from rules.rowspace import RowSpace

Held: TypeAlias = Literal["size", "remainder", "limit"]
"""Why a cohort is not told: too few people; others could be found by it; there are more cohorts than can be audited."""

LIMIT = 600
"""Cohorts of one feature and month, at most: the audit takes time with the cube of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The cohorts that are told of, by key, and why the others are held back."""

    told: tuple[str, ...]
    held: dict[str, Held]


def plan(
    cohorts: Iterable[Candidate],
    people: NDArray[np.int64],
    *,
    before: Collection[str] = (),
    met: NDArray[np.bool_] | None = None,
    floors: Floors = FLOORS,
    limit: int = LIMIT,
) -> Plan:
    """Choose what to tell of one feature in one month, from how many people are in each atom [atoms].

    When some must go, those go first that were not told `before`, then the finest, then the smallest: what has been told
    cannot be taken back, so a second choice would add to the first. For the same reason an atom that somebody was `met` in
    [atoms] counts as if one still were: when the only one of a remainder leaves, nothing that was held back may be told.
    """
    assumed = people if met is None else np.maximum(people, met)
    planning = _Planning(list(cohorts), people, assumed, before=frozenset(before), floor=floors.cohort)
    planning.hold_small()
    planning.hold_beyond(limit)
    planning.hold_for_remainders()
    planning.hold_for_audit()
    return planning.plan()


class _Planning:
    """A plan in the making: `order` are places in `all`, the first to go first; `kept` says which are still told."""

    def __init__(
        self,
        cohorts: list[Candidate],
        people: NDArray[np.int64],
        assumed: NDArray[np.int64],
        *,
        before: frozenset[str],
        floor: int,
    ) -> None:
        sized = [(cohort, int(people[cohort.atoms].sum())) for cohort in cohorts if assumed[cohort.atoms].any()]
        sized.sort(key=lambda each: (each[0].key in before, -each[0].grain, each[1], each[0].key))
        self.all = [cohort for cohort, _ in sized]
        self.enough = np.array([size >= floor for _, size in sized], dtype=bool)
        self.sizes = np.array([assumed[cohort.atoms].sum() for cohort in self.all], dtype=np.int64)
        self.people, self.floor = assumed, floor
        self.kept = np.ones(len(self.all), dtype=bool)
        self.held: dict[str, Held] = {cohort.key: "size" for cohort in cohorts}

    def plan(self) -> Plan:
        told = {self.all[at].key for at in np.flatnonzero(self.kept)}
        return Plan(told=tuple(sorted(told)), held={key: why for key, why in self.held.items() if key not in told})

    def hold(self, at: int, why: Held) -> None:
        self.kept[at] = False
        self.held[self.all[at].key] = why

    def hold_small(self) -> None:
        for at in np.flatnonzero(~self.enough):
            self.hold(int(at), "size")

    def hold_beyond(self, limit: int) -> None:
        kept = np.flatnonzero(self.kept)
        for at in kept[: max(len(kept) - limit, 0)]:
            self.hold(int(at), "limit")

    def hold_for_remainders(self) -> None:
        """Let what is left of every cohort, without those of one shape that lie in it, be nobody or enough.

        One pass does: what is left grows by a whole cohort whenever one goes.
        """
        kept = np.flatnonzero(self.kept)
        if not len(kept):
            return
        inside, sizes = self._inside(kept), self.sizes[kept]
        shapes, shape_of = np.unique([self.all[at].shape for at in kept], return_inverse=True)
        taken = (inside * sizes[None, :]) @ (shape_of[:, None] == np.arange(len(shapes)))
        there = np.ones(len(kept), dtype=bool)
        for at, shape in enumerate(shape_of):
            parents = inside[:, at] & there
            if self._too_few(sizes[at] - taken[at], taken[at]) or self._too_few(
                sizes[parents] - taken[parents, shape], taken[parents, shape]
            ):
                there[at] = False
                taken[inside[:, at], shape] -= sizes[at]
                self.hold(int(kept[at]), "remainder")

    def _too_few(self, left: NDArray[np.int64], taken: NDArray[np.int64]) -> bool:
        return bool(((taken > 0) & (left > 0) & (left < self.floor)).any())

    def _inside(self, kept: NDArray[np.intp]) -> NDArray[np.bool_]:
        """[parent, child]: whether all people of the one are in the other, which is larger or of another shape."""
        rows = np.zeros((len(kept), len(self.people)), dtype=np.float64)
        for row, at in enumerate(kept):
            rows[row, self.all[at].atoms] = 1
        common = (rows * self.people) @ rows.T
        inside: NDArray[np.bool_] = common == self.sizes[kept][None, :]
        np.fill_diagonal(inside, False)
        return inside

    def hold_for_audit(self) -> None:
        """Hold back until nothing under the floor can be had by any combination."""
        while (kept := np.flatnonzero(self.kept)).size:
            culprits = self._culprits(kept)
            if not culprits:
                return
            for at in culprits:
                self.hold(at, "remainder")

    def _culprits(self, kept: NDArray[np.intp]) -> list[int]:
        """One cohort of each combination that comes to too few, where none of it goes already."""
        there = np.flatnonzero(self.people)
        renumbered = np.full(len(self.people), -1, dtype=np.intp)
        renumbered[there] = np.arange(len(there))
        space = RowSpace([_present(renumbered, self.all[at]) for at in kept], len(there))
        going: set[int] = set()
        for classes in self._derivable(space, self.people[there], renumbered):
            parts = space.parts(classes)
            if not going.intersection(parts.tolist()):
                going.add(int(parts[0]))
        return [int(kept[part]) for part in sorted(going)]

    def _derivable(
        self, space: RowSpace, people: NDArray[np.int64], renumbered: NDArray[np.intp]
    ) -> Iterator[NDArray[np.intp]]:
        """Groups under the floor that can be had: atoms that cannot be told apart, and cohorts."""
        sizes = np.bincount(space.class_of, weights=people)
        for alone in space.alone():
            if sizes[alone] < self.floor:
                yield np.array([alone])
        for at in np.flatnonzero(~self.enough):
            classes = space.classes(_present(renumbered, self.all[at]))
            if classes is not None and space.has(classes):
                yield classes


def _present(renumbered: NDArray[np.intp], cohort: Candidate) -> NDArray[np.intp]:
    """The atoms of a cohort that anybody is in, as renumbered."""
    found: NDArray[np.intp] = renumbered[cohort.atoms]
    return found[found >= 0]
