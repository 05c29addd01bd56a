"""Floors: of how few people nothing is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """`cohort` people must be in a cohort, and in what is left of one when others are taken from it; `band` in every band
    that is told; of `changed` people the entries must have changed before another table takes the place of the one in force.
    """

    cohort: int = 100
    band: int = 11
    changed: int = 11


FLOORS = Floors()
