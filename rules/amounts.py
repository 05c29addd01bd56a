"""Amounts in words: a figure as coarse as it is sure, in the unit that people would say."""

from __future__ import annotations

from typing import NamedTuple

from devices.units import spoken_unit


class Said(NamedTuple):
    """The same in both languages."""

    en: str
    ko: str


_UNITS = {"{step}": Said(" steps", "걸음"), "min": Said(" min", "분"), "/min": Said(" bpm", " bpm"), "1": Said("", "")}
_LARGER = {"min": (90, 1 / 60, Said(" h", "시간")), "m": (1_000, 0.001, Said(" km", " km"))}
"""From how much on another unit is said, and how many of it one is."""


def amount(value: float, unit: str) -> Said:
    """A value with its unit, a UCUM code."""
    least, _, larger = _LARGER.get(unit, (0, 1, Said("", "")))
    spoken = f" {spoken_unit(unit)}".rstrip()
    en, ko = larger if unit in _LARGER and abs(value) >= least else _UNITS.get(unit, Said(spoken, spoken))
    said = beside(value, value, unit)
    return Said(f"{said}{en}", f"{said}{ko}")


def beside(value: float, other: float, unit: str) -> str:
    """A value without its unit, as a figure in the unit in which the other one is said."""
    least, scale, _ = _LARGER.get(unit, (0, 1, Said("", "")))
    return figure(value * scale if abs(other) >= least else value)


def figure(value: float) -> str:
    """Three figures or so: more is noise."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0") if size >= 1 or size == 0 else f"{value:.2g}"
