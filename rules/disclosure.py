"""Disclosure: which cohorts may be told of, so that nobody can find smaller ones by taking some from others.

A cohort under the floor is not told. Nor may what is left of a told cohort, when others are taken from it, be under the floor
and yet somebody; nor may any combination of told cohorts, overlapping ones included, come to an atom, or to a cohort, under
the floor. The audit is an upper bound: it lets readers know exact sums, while only rounded figures are told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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
    """The cohorts that are told of, by key, and why the others are held back.

    `barred` are those that others could be found by, with how many they were then.
    """

    told: tuple[str, ...]
    held: dict[str, Held]
    barred: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of the same feature and month already: it cannot be taken back, and another choice would add to it.

    `told` are cohorts that ever were, which stay if they can. `met` is whether anybody ever was in an atom [atoms]: it counts
    as if somebody still were. `barred` are cohorts held back, as a plan has them: they are not told because somebody left, but
    only once they have grown by as many people as the floor.
    """

    told: Collection[str] = ()
    met: NDArray[np.bool_] | None = None
    barred: Mapping[str, int] = field(default_factory=dict)


def plan(
    cohorts: Iterable[Candidate],
    people: NDArray[np.int64],
    *,
    past: Past | None = None,
    floors: Floors = FLOORS,
    limit: int = LIMIT,
) -> Plan:
    """Choose what to tell of one feature in one month, from how many people are in each atom [atoms].

    When some must go, those go first that were not told before, then those of the highest grain, then the smallest.
    """
    planning = _Planning(list(cohorts), people, past or Past(), floors.cohort)
    planning.hold_small()
    planning.hold_barred()
    planning.hold_beyond(limit)
    planning.hold_for_remainders()
    planning.hold_for_audit()
    return planning.plan()


class _Planning:
    """A plan in the making: `all` cohorts with somebody in them, the first to go first; `kept` says which are still told."""

    def __init__(self, cohorts: list[Candidate], people: NDArray[np.int64], past: Past, floor: int) -> None:
        self.people = people if past.met is None else np.maximum(people, past.met)
        self.floor, self.barred = floor, past.barred
        told = frozenset(past.told)
        sized = [(each, int(people[each.atoms].sum())) for each in cohorts if self.people[each.atoms].any()]
        sized.sort(key=lambda each: (each[0].key in told, -each[0].grain, each[1], each[0].key))
        self.all = [each for each, _ in sized]
        self.real = {each.key: size for each, size in sized}
        self.enough = np.array([size >= floor for _, size in sized], dtype=bool)
        self.sizes = np.array([self.people[each.atoms].sum() for each in self.all], dtype=np.int64)
        self.kept = np.ones(len(self.all), dtype=bool)
        self.held: dict[str, Held] = {each.key: "size" for each in cohorts}

    def plan(self) -> Plan:
        told = {self.all[at].key for at in np.flatnonzero(self.kept)}
        held = {key: why for key, why in self.held.items() if key not in told}
        barred = {
            key: self.barred[key] if self._barred(key) else self.real[key] for key, why in held.items() if why != "size"
        }
        barred |= {key: size for key, size in self.barred.items() if held.get(key) == "size"}
        return Plan(told=tuple(sorted(told)), held=held, barred=barred)

    def _barred(self, key: str) -> bool:
        return key in self.barred and self.real[key] < self.barred[key] + self.floor

    def hold(self, at: int, why: Held) -> None:
        self.kept[at] = False
        self.held[self.all[at].key] = why

    def hold_small(self) -> None:
        for at in np.flatnonzero(~self.enough):
            self.hold(int(at), "size")

    def hold_barred(self) -> None:
        for at in np.flatnonzero(self.kept):
            if self._barred(self.all[at].key):
                self.hold(int(at), "remainder")

    def hold_beyond(self, limit: int) -> None:
        kept = np.flatnonzero(self.kept)
        for at in kept[: max(len(kept) - limit, 0)]:
            self.hold(int(at), "limit")

    def hold_for_remainders(self) -> None:
        """Let what is left of every cohort, without those of one shape that lie in it, be nobody or enough.

        They are taken in one after the other, the last to go first; who would leave too few in another, or be left too few by
        others, stays out.
        """
        kept = np.flatnonzero(self.kept)
        if not len(kept):
            return
        inside, sizes = self._inside(kept), self.sizes[kept]
        shapes, shape_of = np.unique([self.all[at].shape for at in kept], return_inverse=True)
        taken = np.zeros((len(kept), len(shapes)), np.int64)
        there = np.zeros(len(kept), dtype=bool)
        for at in range(len(kept) - 1, -1, -1):
            shape, parents = shape_of[at], inside[:, at]
            around = parents & there
            mine = sizes[at] - taken[at]
            theirs = sizes[around] - taken[around, shape] - sizes[at]
            if self._too_few(mine[taken[at] > 0]) or self._too_few(theirs):
                self.hold(int(kept[at]), "remainder")
            else:
                there[at] = True
                taken[parents, shape] += sizes[at]

    def _too_few(self, left: NDArray[np.int64]) -> bool:
        return bool(((left > 0) & (left < self.floor)).any())

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
        """Hold back until nothing under the floor can be had by any combination.

        Once some are held back, fewer atoms can be told apart, and several together may be under the floor: hence again.
        """
        while (kept := np.flatnonzero(self.kept)).size:
            there = np.flatnonzero(self.people)
            renumbered = np.full(len(self.people), -1, dtype=np.intp)
            renumbered[there] = np.arange(len(there))
            space = RowSpace([_present(renumbered, self.all[at]) for at in kept], len(there))
            groups = list(self._derivable(space, self.people[there], renumbered))
            if not groups:
                return
            stay = space.harmless(groups)
            for at in kept[:1] if stay.all() else kept[~stay]:
                self.hold(int(at), "remainder")

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
