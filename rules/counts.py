"""Counts: how many people of a cell are in which bin of a feature in a month.

Whole numbers, counted from the ledger for each snapshot, so that who left is out as if they had never been in; a sketch of a
distribution could not do that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rules.bins import NO_BIN, bins
from rules.features import FEATURES, Feature

_PIECE = 1 << 20
"""People counted at a time when there are many."""

_APART = 512
"""How far apart the numbers of cells counted at a time may be."""


class Counts:
    """Counts by feature, calendar month (since the year 0), cell and bin, as 32-bit numbers; only cells in use take room."""

    def __init__(self) -> None:
        self._by_cell: dict[tuple[str, int], dict[int, NDArray[np.int32]]] = {}

    @property
    def nbytes(self) -> int:
        """The room that all counts take, in bytes."""
        return sum(count.nbytes for by_cell in self._by_cell.values() for count in by_cell.values())

    def of(self, cells: Iterable[int], feature: str, period: int) -> NDArray[np.int64]:
        """How many are in each bin [bins], over all the cells named."""
        total = np.zeros(bins(FEATURES[feature]), dtype=np.int64)
        by_cell = self._by_cell.get((feature, period), {})
        for cell in cells:
            if cell in by_cell:
                total += by_cell[cell]
        return total

    def take_in(
        self, cells: NDArray[np.integer], binned: NDArray[np.uint16], features: Sequence[Feature], period: int
    ) -> None:
        """Count many people at once: their cells [people, families], and their bins [people, features] or `NO_BIN`.

        A negative cell is none. Takes room for a piece of them only, and may be called with a piece at a time.
        """
        for column in cells.T:
            for piece in _pieces(column):
                taken = binned[piece]
                for at, feature in enumerate(features):
                    self._take_in(column[piece], taken[:, at], feature, period)

    def _take_in(self, cells: NDArray[np.integer], taken: NDArray[np.uint16], feature: Feature, period: int) -> None:
        width, there = bins(feature), taken != NO_BIN
        if not there.any():
            return
        first = int(cells[0])
        flat = (cells[there].astype(np.int64) - first) * width + taken[there]
        counted = np.bincount(flat, minlength=(int(cells[-1]) - first + 1) * width).reshape(-1, width)
        by_cell = self._by_cell.setdefault((feature.name, period), {})
        for row in np.flatnonzero(counted.any(axis=1)).tolist():
            cell = first + row
            count = by_cell[cell] if cell in by_cell else self._new(by_cell, cell, feature.name)
            count += counted[row].astype(np.int32)

    @staticmethod
    def _new(by_cell: dict[int, NDArray[np.int32]], cell: int, feature: str) -> NDArray[np.int32]:
        count = by_cell[cell] = np.zeros(bins(FEATURES[feature]), dtype=np.int32)
        return count


def _pieces(cells: NDArray[np.integer]) -> Iterator[NDArray[np.intp]]:
    """Places of people, those of near cells together: a piece of them at most, and few cells apart."""
    small = cells.astype(np.int16) if cells.max(initial=0) < 1 << 15 else cells
    order = np.argsort(small, kind="stable")
    ranked = cells[order]
    begin = int(np.searchsorted(ranked, 0))
    while begin < len(order):
        end = min(begin + _PIECE, int(np.searchsorted(ranked, ranked[begin] + _APART)))
        yield order[begin:end]
        begin = end
