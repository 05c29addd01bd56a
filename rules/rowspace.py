"""What sums can be had from sums: the row space of published cohorts over atoms.

Whoever knows the sums over some cohorts knows every combination of them, Σ xᵢ · cohortᵢ. A group can be had from them exactly
if its indicator vector is such a combination, thus equal to its projection onto the row space.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_NONE = 1e-10
"""Eigenvalues below this part of the largest are zeros, blurred by rounding."""

_EXACT = 1e-6
"""What is left of a group, squared, when it is derivable; anything as near as that is taken to be."""


class RowSpace:
    """Of cohorts [P], each the atoms it is made of, out of so many atoms.

    Atoms that are in the same cohorts cannot be told apart; each such class is one column, so all work is on P × P and
    P × classes.
    """

    def __init__(self, cohorts: Sequence[NDArray[np.intp]], atoms: int) -> None:
        inside = np.zeros((len(cohorts), atoms), dtype=bool)
        for row, places in enumerate(cohorts):
            inside[row, places] = True
        packed = np.ascontiguousarray(np.packbits(inside, axis=0).T)
        _, first, self.class_of = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        self.class_of = self.class_of.reshape(-1)
        self.atoms_in = np.bincount(self.class_of)
        self._rows = inside[:, first].astype(np.float64)
        self._scaled = self._directions()
        self._shadow = self._rows.T @ self._scaled

    def _directions(self) -> NDArray[np.float64]:
        """Q [P, rank] such that rowsᵀQ has orthonormal columns: from the eigenvectors of the Gram matrix of unit rows."""
        lengths = np.sqrt(self._rows.sum(axis=1))
        gram = (self._rows @ self._rows.T) / np.outer(lengths, lengths)
        values, vectors = np.linalg.eigh(gram)
        kept = values > _NONE * values[-1]
        scaled: NDArray[np.float64] = vectors[:, kept] / np.sqrt(values[kept]) / lengths[:, None]
        return scaled

    def alone(self) -> NDArray[np.intp]:
        """Classes that can be had by themselves."""
        return np.flatnonzero(1 - np.einsum("ij,ij->i", self._shadow, self._shadow) < _EXACT)

    def classes(self, atoms: NDArray[np.intp]) -> NDArray[np.intp] | None:
        """The classes that make up a group of atoms; `None` where it has only a part of one, so that it cannot be had."""
        found, parts = np.unique(self.class_of[atoms], return_counts=True)
        return found if np.array_equal(parts, self.atoms_in[found]) else None

    def has(self, classes: NDArray[np.intp]) -> bool:
        """Whether classes can be had as one group."""
        shadow = self._shadow[classes].sum(axis=0)
        return bool(len(classes) - shadow @ shadow < _EXACT)

    def harmless(self, groups: Sequence[NDArray[np.intp]]) -> NDArray[np.bool_]:
        """Which cohorts [P] may stay, the last taken first, so that none of the groups, each some classes, can be had.

        A base of what is taken grows by one direction for each cohort that is no combination of those taken before; what is
        left of every group, squared, shrinks by its part in that direction. All of it in the coordinates of the row space.
        """
        wanted = np.array([self._shadow[classes].sum(axis=0) for classes in groups])
        left = np.array([len(classes) for classes in groups], dtype=np.float64)
        rows = self._rows @ self._shadow
        base = np.zeros_like(rows)
        stay = np.ones(len(rows), dtype=bool)
        for at in range(len(rows) - 1, -1, -1):
            new = _direction(base, rows[at])
            if new is None:
                continue
            after = left - (wanted @ new) ** 2
            stay[at] = after.min() >= 2 * _EXACT
            if stay[at]:
                left, base[at] = after, new
        return stay


def _direction(base: NDArray[np.float64], row: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """What is new in a row, of length one; `None` where it is a combination of the base. Twice, for the rounding."""
    rest = row - (base @ row) @ base
    rest -= (base @ rest) @ base
    length = float(np.linalg.norm(rest))
    return rest / length if length**2 > _NONE * float(row @ row) else None
