"""The newest time of every source and metric: what tells new samples from late ones without looking into the store."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from devices.sample import Instant

_NEVER = np.iinfo(np.int64).min
_SOURCES, _METRICS = 256, 64
FEW = 64
"""Samples that are compared sooner one by one than all at once."""


class Advance(NamedTuple):
    """How far the marks go once what was compared is committed."""

    source: NDArray[np.int32]
    metric: NDArray[np.int16]
    observed_at: NDArray[np.int64]


Newest: TypeAlias = dict[tuple[int, int], Instant]
"""The same of few, by source and metric, each beyond its mark for certain."""


class Novelty(NamedTuple):
    """What of a batch is new for certain, and what must be looked up; repeats within the batch are neither."""

    new: NDArray[np.bool_]
    suspects: NDArray[np.bool_]
    advance: Advance


class Marks:
    """8 bytes for every source and metric."""

    def __init__(self) -> None:
        self._at = np.full((_SOURCES, _METRICS), _NEVER, dtype=np.int64)

    def load(self, source: int, metric: int, observed_at: Instant) -> None:
        """Set one mark."""
        self._make_room(source, metric)
        self._at[source, metric] = observed_at

    def forget(self, source: int) -> None:
        """Nothing of this source is known any more."""
        if 0 <= source < len(self._at):
            self._at[source] = _NEVER

    def follow(
        self, source: NDArray[np.int32], metric: NDArray[np.int16], observed_at: NDArray[np.int64]
    ) -> Newest | None:
        """How far the marks go with a batch of few in which each is newer than all before, as nearly always; else `None`."""
        if len(source) > FEW:
            return None
        newest: Newest = {}
        for s, m, at in zip(source.tolist(), metric.tolist(), observed_at.tolist(), strict=True):
            series = s, m
            if at <= (newest[series] if series in newest else self._mark(s, m)):
                return None
            newest[series] = at
        return newest

    def compare(self, source: NDArray[np.int32], metric: NDArray[np.int16], observed_at: NDArray[np.int64]) -> Novelty:
        """Sort a batch, given as columns of one length, into new, suspect, and repeated."""
        count = len(source)
        if count:
            self._make_room(int(source.max()), int(metric.max()))
        order = np.lexsort((observed_at, metric, source))
        s, m, at = source[order], metric[order], observed_at[order]
        same_series = (s[1:] == s[:-1]) & (m[1:] == m[:-1])
        once = np.ones(count, dtype=np.bool_)
        once[order[1:][same_series & (at[1:] == at[:-1])]] = False
        newer = observed_at > self._at[source, metric]
        ends = np.ones(count, dtype=np.bool_)
        ends[:-1] = ~same_series
        return Novelty(newer & once, ~newer & once, Advance(s[ends], m[ends], at[ends]))

    def move(self, advance: Advance | Newest) -> None:
        """Take over what was committed."""
        if isinstance(advance, dict):
            for (source, metric), at in advance.items():
                self._at[source, metric] = at
            return
        known = self._at[advance.source, advance.metric]
        self._at[advance.source, advance.metric] = np.maximum(known, advance.observed_at)

    def _mark(self, source: int, metric: int) -> Instant:
        self._make_room(source, metric)
        return self._at.item(source, metric)

    def _make_room(self, source: int, metric: int) -> None:
        sources, metrics = self._at.shape
        if source >= sources or metric >= metrics:
            wider = np.full((max(sources, 2 * source), max(metrics, 2 * metric)), _NEVER, dtype=np.int64)
            wider[:sources, :metrics] = self._at
            self._at = wider
