"""FHIR R4 (4.0.1): points of a health metric as a Bundle of Observations that any health record can take in.

The Bundle (a collection) holds the person as a Patient, known by the hub's id and nothing else, their devices, and an Observation
a point. Ids are made from what a resource is about (UUID, version 5), so that the same export gives the same ids again, and two
hubs never the same.

Of R5, this differs in the Device alone: there `deviceName` is `name`, and `patient` has gone to DeviceAssociation. Observation and
Bundle, in what is used here, are the same in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, uuid5

import msgspec

from api.instants import to_rfc3339
from api.series import Reading, tidy
from api.writers import LINES_AT_ONCE, batches
from devices.errors import Invalid
from devices.loinc import LOINC, Observable
from hub.views import Point

Resource: TypeAlias = dict[str, Any]

MEDIA_TYPE = "application/fhir+json; fhirVersion=4.0"
OBSERVATIONS_MOST = 100_000

METHOD = "Measured by a consumer device, which is not a medical device"
NOTE = "Not medical advice: measured by a consumer device and not checked by anybody."

_URN = "urn:experience-hub"
_PROFILES = "http://hl7.org/fhir/StructureDefinition"
_CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
_TITLES = {"vital-signs": "Vital Signs", "activity": "Activity"}
_LOINC, _UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_TELLING = {
    "gauge": {"mean", "min", "max", "first", "last"},
    "counter": {"min", "max", "first", "last"},
    "state": set(),
}
"""Aggregates of each kind of metric that are still what the metric's code says."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom observations are about, and of which hub; `title_of` says what a device is, in English, if it is known."""

    hub: str
    person: str
    title_of: Callable[[str], str | None]

    def id(self, kind: str, *parts: object) -> str:
        """The id of a resource about something."""
        return str(uuid5(NAMESPACE_URL, ":".join([_URN, self.hub, kind, *map(str, parts)])))

    def reference(self, kind: str, *parts: object) -> Resource:
        """A reference to it."""
        return {"reference": _url(self.id(kind, *parts))}


def observable(asked: Reading) -> Observable:
    """What health records know a metric as. Raises `Invalid` if they do not, or not put together like this."""
    coded = sorted(name for name, metric in asked.view.metrics.items() if metric.spec.loinc is not None)
    if (code := asked.metric.spec.loinc) is None:
        raise Invalid(f"{asked.metric.name} has no LOINC code; there is one for {', '.join(coded) or 'none'}")
    telling = _TELLING[asked.metric.spec.kind]
    if asked.agg is not None and asked.agg not in telling:
        raise Invalid(
            f"the {asked.agg} of {asked.metric.name} is no observation of it; ask for {', '.join(sorted(telling))}"
        )
    return LOINC[code]


def bundle_pieces(points: Iterable[Point], *, asked: Reading, origin: Origin) -> Iterator[bytes]:
    """The Bundle, a piece at a time; a point without a value is left out. Devices come before what they observed."""
    what = observable(asked)
    told: set[str] = set()
    yield b'{"resourceType":"Bundle","type":"collection","entry":[' + _entry(_patient(origin))
    for batch in batches(points, LINES_AT_ONCE):
        fresh = dict.fromkeys(point.source for point in batch if point.source and point.source not in told)
        told.update(fresh)
        resources = [_device(source, origin) for source in fresh]
        resources += [_observation(point, what, asked, origin) for point in batch if point.value is not None]
        yield b"".join(b"," + _entry(each) for each in resources)
    yield b"]}"


def _patient(origin: Origin) -> Resource:
    return {
        "resourceType": "Patient",
        "id": origin.id("person", origin.person),
        "identifier": [{"system": f"{_URN}:person", "value": origin.person}],
    }


def _device(source: str, origin: Origin) -> Resource:
    title = origin.title_of(source)
    device = {
        "resourceType": "Device",
        "id": origin.id("device", source),
        "identifier": [{"system": f"{_URN}:device", "value": source}],
        "patient": origin.reference("person", origin.person),
        "note": [{"text": METHOD}],
    }
    return device | ({"deviceName": [{"name": title, "type": "model-name"}]} if title else {})


def _observation(point: Point, what: Observable, asked: Reading, origin: Origin) -> Resource:
    unit = asked.metric.spec.unit
    steps = [] if asked.agg is None else [asked.step, asked.agg, asked.zone]
    observation = {
        "resourceType": "Observation",
        "id": origin.id("observation", origin.person, point.source, asked.metric.name, point.at, *steps),
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORIES, "code": what.area, "display": _TITLES[what.area]}]}],
        "code": {"coding": _codings(what), "text": asked.metric.spec.title.en},
        "subject": origin.reference("person", origin.person),
        **_effective(point, asked),
        "valueQuantity": {"value": tidy(point.value), "unit": what.units[unit], "system": _UCUM, "code": unit},
        "note": [{"text": NOTE}],
        "method": {"text": METHOD if asked.agg is None else f"{METHOD}; {asked.agg} over the period"},
    }
    meta = {"meta": {"profile": [f"{_PROFILES}/{what.profile}"]}} if what.profile else {}
    return observation | meta | ({"device": origin.reference("device", point.source)} if point.source else {})


def _codings(what: Observable) -> list[Resource]:
    codes = [(what.code, what.display), *([what.broader] if what.broader else [])]
    return [{"system": _LOINC, "code": code, "display": display} for code, display in codes]


def _effective(point: Point, asked: Reading) -> Resource:
    if asked.agg is None:
        return {"effectiveDateTime": to_rfc3339(point.at)}
    return {"effectivePeriod": {"start": to_rfc3339(point.at), "end": to_rfc3339(asked.end(point.at))}}


def _entry(resource: Resource) -> bytes:
    return msgspec.json.encode({"fullUrl": _url(resource["id"]), "resource": resource})


def _url(id_: str) -> str:
    return f"urn:uuid:{id_}"
