"""What values come to, taken one after the other: by bins of their range, and by what a counter grew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

BINS = 128
DEVICES_KEPT = 32

Lasts: TypeAlias = tuple[tuple[str, float], ...]
"""The last value of a counter by device, the newest at the end: every device counts by itself."""


def _bin(value: float, range_: tuple[float, float]) -> int:
    low, high = range_
    return min(BINS - 1, max(0, int((value - low) / (high - low) * BINS)))


def binned(
    bins: tuple[tuple[int, int], ...], values: Sequence[float], range_: tuple[float, float]
) -> tuple[tuple[int, int], ...]:
    counts = dict(bins)
    for value in values:
        place = _bin(value, range_)
        counts[place] = counts.get(place, 0) + 1
    return tuple(sorted(counts.items()))


def increases(before: float | None, values: Sequence[float]) -> list[float]:
    """What a counter grew by with each value: all of it when it has started again from zero."""
    earlier = [values[0] if before is None else before, *values[:-1]]
    return [value - known if value >= known else value for known, value in zip(earlier, values, strict=True)]


def with_last(lasts: Lasts, device: str, value: float) -> Lasts:
    return (*(each for each in lasts if each[0] != device), (device, value))[-DEVICES_KEPT:]


def quantile(counts: dict[int, int], total: int, share: float, range_: tuple[float, float]) -> float:
    low, high = range_
    wanted, seen = share * total, 0
    for place in sorted(counts):
        seen += counts[place]
        if seen >= wanted:
            return low + (place + 0.5) * (high - low) / BINS
    return high
