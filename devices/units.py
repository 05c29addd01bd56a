"""Units: UCUM codes in models, SenML names (RFC 8428, RFC 8798) on the wire, and what people read."""

from __future__ import annotations

from typing import NamedTuple

UCUM = frozenset(
    {"1", "%", "/min", "m", "km", "m/s", "km/h", "kcal", "kJ", "kg", "g", "L", "mL", "Cel", "W", "kW.h", "W.h"}
    | {
        "s",
        "min",
        "h",
        "mm[Hg]",
        "lx",
        "ug/m3",
        "dB",
        "{step}",
        "{item}",
        "{level}",
        "[KRW]",
        "mm",
        "V",
        "A",
        "Pa",
        "hPa",
    }
)
"""The UCUM codes a model may use (https://ucum.org); add one here when a device needs it."""


class Conversion(NamedTuple):
    """Multiply by `factor` to get the UCUM unit."""

    unit: str
    factor: float


_SENML = {
    "beat/min": Conversion("/min", 1),
    "1/min": Conversion("/min", 1),
    "%RH": Conversion("%", 1),
    "%EL": Conversion("%", 1),
    "/": Conversion("%", 100),
    "l": Conversion("L", 1),
    "count": Conversion("1", 1),
    "Wh": Conversion("W.h", 1),
    "kWh": Conversion("kW.h", 1),
    "km/h": Conversion("km/h", 1),
}
_SCALES = {
    ("km", "m"): 1_000.0,
    ("mm", "m"): 0.001,
    ("g", "kg"): 0.001,
    ("km/h", "m/s"): 1 / 3.6,
    ("mL", "L"): 0.001,
    ("kJ", "kcal"): 1 / 4.184,
    ("W.h", "kW.h"): 0.001,
    ("h", "s"): 3_600.0,
    ("min", "s"): 60.0,
    ("%", "1"): 0.01,
}
_COUNTS = frozenset({"{step}", "{item}", "{level}"})
_SPOKEN = {"{step}": "", "1": "", "Cel": "°C", "kW.h": "kWh"}


def factor(given: str, wanted: str) -> float | None:
    """What to multiply a value in `given` (SenML or UCUM) by to have it in UCUM unit `wanted`; `None` if it can't be."""
    unit, scale = _SENML.get(given, Conversion(given, 1))
    if unit == wanted or (unit == "1" and wanted in _COUNTS):
        return scale
    further = _SCALES.get((unit, wanted))
    return None if further is None else scale * further


def spoken_unit(unit: str) -> str:
    """A unit as people read it."""
    return _SPOKEN.get(unit, unit)
