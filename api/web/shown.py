"""How daily features are shown: in which unit and colour; `scale` turns their own unit into the one shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from devices.units import spoken_unit
from rules.features import Feature

BLUE, GREEN, ORANGE, RED, VIOLET = "#3a7bd5", "#14a38b", "#f08a24", "#f0503c", "#7b61c9"
_COLORS = {"heart": RED, "sleep": VIOLET, "body": GREEN, "activity": BLUE}
_OWN_COLORS = {"distance": GREEN, "energy": ORANGE, "vigorous_minutes": ORANGE, "health_index": GREEN, "vo2max": BLUE}


class Unit(NamedTuple):
    """What is written right after a figure."""

    en: str = ""
    ko: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One feature as the pages show it."""

    scale: float
    digits: int
    unit: Unit
    color: str

    def figure(self, value: float) -> str:
        """A value in the feature's own unit, as a figure."""
        return f"{value * self.scale:,.{self.digits}f}"

    def amount(self, value: float, language: str) -> str:
        """The same with its unit."""
        return self.figure(value) + self.unit_in(language)

    def unit_in(self, language: str) -> str:
        """The unit."""
        return self.unit.ko if language == "ko" else self.unit.en


_BEATS = (1.0, 0, Unit(en=" bpm", ko=" bpm"))
_OWN: dict[str, tuple[float, int, Unit]] = {
    "steps": (1.0, 0, Unit(en=" steps", ko="걸음")),
    "distance": (0.001, 1, Unit(en=" km", ko=" km")),
    "active_minutes": (1.0, 0, Unit(en=" min", ko="분")),
    "vigorous_minutes": (1.0, 0, Unit(en=" min", ko="분")),
    "workouts": (1.0, 1, Unit(en=" a day", ko="회")),
    "resting_heart_rate": _BEATS,
    "heart_rate_recovery": _BEATS,
    "sleep_minutes": (1 / 60, 1, Unit(en=" h", ko="시간")),
    "sleep_regularity": (1.0, 0, Unit()),
    "health_index": (1.0, 0, Unit(en=" points", ko="점")),
}


def shown(feature: Feature) -> Shown:
    """How a feature is shown."""
    spoken = f" {spoken_unit(feature.unit)}"
    scale, digits, unit = _OWN.get(feature.name, (1.0, feature.digits, Unit(en=spoken, ko=spoken)))
    return Shown(scale, digits, unit, _OWN_COLORS.get(feature.name, _COLORS[feature.category]))
