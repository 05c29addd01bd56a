"""LOINC: the codes under which health records know what devices measure, and the units (UCUM) that each may be told in.

Only codes that are certain are here: a wrong one makes a wrong health record. Add one when a device needs it, from
https://loinc.org and, for vital signs, from the profiles of FHIR R4 (https://hl7.org/fhir/R4/observation-vitalsigns.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Area: TypeAlias = Literal["vital-signs", "activity"]
VITAL_SIGNS: Final = "vital-signs"
ACTIVITY: Final = "activity"


@dataclass(frozen=True, slots=True)
class Observable:
    """Something that can be observed of a person.

    `units` are what people read for each UCUM code that it may be told in. `area` is the category of the observation in FHIR, and
    `profile` the name of the profile that it keeps to, if there is one. `broader` is a second code that the profile asks for.
    """

    code: str
    display: str
    area: Area
    units: Mapping[str, str]
    profile: str | None = None
    broader: tuple[str, str] | None = field(default=None, kw_only=True)


_BEATS = {"/min": "beats/minute"}
_STEPS = {"{step}": "steps"}

_ALL = (
    Observable("8867-4", "Heart rate", VITAL_SIGNS, _BEATS, "heartrate"),
    Observable("40443-4", "Heart rate --resting", VITAL_SIGNS, _BEATS, "vitalsigns"),
    Observable(
        "59408-5",
        "Oxygen saturation in Arterial blood by Pulse oximetry",
        VITAL_SIGNS,
        {"%": "%"},
        "oxygensat",
        broader=("2708-6", "Oxygen saturation in Arterial blood"),
    ),
    Observable("8310-5", "Body temperature", VITAL_SIGNS, {"Cel": "°C"}, "bodytemp"),
    Observable("29463-7", "Body weight", VITAL_SIGNS, {"kg": "kg", "g": "g"}, "bodyweight"),
    Observable("55423-8", "Number of steps in unspecified time Pedometer", ACTIVITY, _STEPS),
    Observable("41950-7", "Number of steps in 24 hour Measured", ACTIVITY, _STEPS),
    Observable("55430-3", "Walking distance unspecified time Pedometer", ACTIVITY, {"m": "m", "km": "km"}),
    Observable("41981-2", "Calories burned", ACTIVITY, {"kcal": "kcal"}),
    Observable("93832-4", "Sleep duration", ACTIVITY, {"h": "h", "min": "min"}),
)

LOINC: Mapping[str, Observable] = {observable.code: observable for observable in _ALL}
