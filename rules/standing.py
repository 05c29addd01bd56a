"""What stands: the table in force, until enough people have changed.

Two snapshots around one person's leaving must be the same, or their difference would tell on which side of a threshold that
person was. How many have changed is not noted person by person, which would outlive those who withdraw and count who goes
back and forth, but found from the counts: never more than there were, and nothing for what is as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.blur import Noise
from rules.features import Feature
from rules.floors import FLOORS, Floors
from rules.published import Table, table


@dataclass(frozen=True, slots=True)
class Basis:
    """Counts that a table was made of: the bins with people in them, and how many. Never told."""

    bins: NDArray[np.uint16]
    people: NDArray[np.int32]

    def changed(self, counts: NDArray[np.int64]) -> int:
        """Of how many people, at least, the entries are others by now (joined, left or moved).

        Each is missing in one bin at most, and new in one at most.
        """
        grown = counts.astype(np.int64)
        grown[self.bins] -= self.people
        return max(int(grown[grown > 0].sum()), -int(grown[grown < 0].sum()))


@dataclass(frozen=True, slots=True)
class Standing:
    """The table in force, and what it was made of. It is kept while it is not told, lest another be told soon after."""

    table: Table
    basis: Basis


def basis(counts: NDArray[np.int64]) -> Basis:
    """Of the counts [bins] as they are."""
    used = np.flatnonzero(counts)
    return Basis(used.astype(np.uint16), counts[used].astype(np.int32))


def renewed(
    standing: Standing | None,
    feature: Feature,
    counts: NDArray[np.int64],
    floors: Floors = FLOORS,
    noise: Noise | None = None,
) -> Standing | None:
    """What stands from now on; whether it may be told is for `disclosure` to say."""
    if standing is not None and standing.basis.changed(counts) < floors.changed:
        return standing
    made = table(feature, counts, floors, noise)
    return standing if made is None else Standing(made, basis(counts))
