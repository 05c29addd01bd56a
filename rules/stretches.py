"""Stretches of time in which something held: what lies between the samples of a series."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.sample import Instant

Instants = NDArray[np.int64]
Numbers = NDArray[np.float64]


class Stretches(NamedTuple):
    """From `start` to `end` (ms, exclusive) it was `value`: columns of one length, in order of time, none over another."""

    start: Instants
    end: Instants
    value: Numbers

    @property
    def length(self) -> Instants:
        """How long each is, in ms."""
        return self.end - self.start

    def where(self, chosen: NDArray[np.bool_]) -> Stretches:
        """Some of them."""
        return Stretches(self.start[chosen], self.end[chosen], self.value[chosen])


def held(at: Instants, value: Numbers, most: Instant | Instants) -> Stretches:
    """A value holds until the next one, but for `most` ms at most. `at` rises."""
    until = np.append(at[1:], np.iinfo(np.int64).max)
    return Stretches(at, np.minimum(until, at + most), value)


def cut(stretches: Stretches, at: Instants) -> Stretches:
    """The same time, cut into pieces at some instants (rising)."""
    if not len(stretches.start) or not len(at):
        return stretches
    owner = np.searchsorted(stretches.start, at, side="right") - 1
    inside = (owner >= 0) & (at > stretches.start[owner]) & (at < stretches.end[owner])
    start = np.sort(np.concatenate([stretches.start, at[inside]]))
    owner = np.searchsorted(stretches.start, start, side="right") - 1
    following = np.append(start[1:], np.iinfo(np.int64).max)
    return Stretches(start, np.minimum(stretches.end[owner], following), stretches.value[owner])


def overlap(start: Instants, end: Instants, covered: Stretches) -> Instants:
    """For each interval, how many ms of it lie in `covered`."""
    if not len(covered.start):
        return np.zeros(len(start), np.int64)
    before = np.concatenate([[0], np.cumsum(covered.length)])

    def up_to(at: Instants) -> Instants:
        place = np.searchsorted(covered.start, at, side="right") - 1
        reached = np.minimum(at, covered.end[place]) - covered.start[place]
        return np.where(place < 0, 0, before[place] + reached)

    return up_to(end) - up_to(start)


def beside(trusted: Stretches, other: Stretches) -> Stretches:
    """What is trusted, and of the other what lies beside it."""
    edges = np.unique(np.concatenate([trusted.start, trusted.end]))
    pieces = cut(other, edges)
    kept = pieces.where(overlap(pieces.start, pieces.end, trusted) == 0)
    order = np.argsort(start := np.concatenate([trusted.start, kept.start]), kind="stable")
    end, value = np.concatenate([trusted.end, kept.end]), np.concatenate([trusted.value, kept.value])
    return Stretches(start[order], end[order], value[order])
