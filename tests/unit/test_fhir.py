"""FHIR: Bundles that a reader of FHIR R4 takes, with the codes and profiles that vital signs ask for, the same each time."""

from __future__ import annotations

import json

import pytest
from fhir.resources.R4B.bundle import Bundle

from api import fhir
from api.series import Reading
from devices.errors import Invalid
from devices.loinc import LOINC
from devices.sample import DAY, MINUTE
from devices.units import UCUM
from hub.catalogue import load_models
from hub.telemetry import Span
from hub.views import Point, Seen, View

METRICS = load_models()["health-watch"].metrics
CODED = sorted(name for name, metric in METRICS.items() if metric.spec.loinc)
ORIGIN = fhir.Origin("hub-1", "ann", {"ann-watch": "Health watch"}.get)
T0 = 1_767_225_600_000


def asked(name, step=None, agg=None):
    return Reading(View(None, lambda: Seen([Span("ann-watch")], METRICS)), METRICS[name], step, agg, "Asia/Seoul")


def bundle(points, reading, origin=ORIGIN):
    text = b"".join(fhir.bundle_pieces(points, asked=reading, origin=origin))
    Bundle.model_validate_json(text)
    return json.loads(text)


def resources(written, kind):
    return [entry["resource"] for entry in written["entry"] if entry["resource"]["resourceType"] == kind]


@pytest.mark.parametrize("name", CODED)
def test_what_has_a_code_is_a_valid_observation_in_units_of_ucum(name):
    [observation] = resources(bundle([Point(T0, 61.5, "ann-watch")], asked(name)), "Observation")
    spec = METRICS[name].spec
    assert observation["code"]["coding"][0] == {
        "system": "http://loinc.org",
        "code": spec.loinc,
        "display": LOINC[spec.loinc].display,
    }
    quantity = observation["valueQuantity"]
    assert (quantity["value"], quantity["code"], quantity["system"]) == (61.5, spec.unit, "http://unitsofmeasure.org")
    assert quantity["unit"]
    assert observation["status"] == "final"
    assert observation["effectiveDateTime"] == "2026-01-01T00:00:00.000Z"
    assert "consumer device" in observation["method"]["text"]
    assert "Not medical advice" in observation["note"][0]["text"]


def test_vital_signs_keep_to_their_profiles():
    [heart] = resources(bundle([Point(T0, 61.0, "ann-watch")], asked("heart_rate")), "Observation")
    assert heart["meta"]["profile"] == ["http://hl7.org/fhir/StructureDefinition/heartrate"]
    assert heart["category"][0]["coding"][0]["code"] == "vital-signs"
    [oxygen] = resources(bundle([Point(T0, 97.0, "ann-watch")], asked("spo2")), "Observation")
    assert [coding["code"] for coding in oxygen["code"]["coding"]] == ["59408-5", "2708-6"]
    [steps] = resources(bundle([Point(T0, 97.0, "ann-watch")], asked("steps")), "Observation")
    assert "meta" not in steps
    assert steps["category"][0]["coding"][0]["code"] == "activity"


def test_references_lead_to_what_is_in_the_bundle():
    points = [Point(T0, 61.0, "ann-watch"), Point(T0 + 1, 62.0, "gone-watch"), Point(T0 + 2, 63.0, "ann-watch")]
    written = bundle(points, asked("heart_rate"))
    urls = [entry["fullUrl"] for entry in written["entry"]]
    assert len(set(urls)) == len(urls) == 1 + 2 + 3
    for observation in resources(written, "Observation"):
        assert observation["subject"]["reference"] == urls[0]
        assert observation["device"]["reference"] in urls
    devices = resources(written, "Device")
    assert [each["identifier"][0]["value"] for each in devices] == ["ann-watch", "gone-watch"]
    assert devices[0]["deviceName"] == [{"name": "Health watch", "type": "model-name"}]


def test_the_same_export_has_the_same_ids_and_nothing_else_has_them():
    points = [Point(T0, 61.0, "ann-watch")]

    def url(reading=None, points=points, origin=ORIGIN):
        return bundle(points, reading or asked("heart_rate"), origin)["entry"][-1]["fullUrl"]

    others = [
        url(asked("spo2")),
        url(asked("heart_rate", MINUTE, "mean")),
        url(asked("heart_rate", MINUTE, "max")),
        url(points=[Point(T0 + 1, 61.0, "ann-watch")]),
        url(points=[Point(T0, 61.0, "ann-2")]),
        url(origin=fhir.Origin("hub-2", "ann", lambda _: None)),
    ]
    assert url() == url()
    assert len({url(), *others}) == 1 + len(others)


def test_steps_are_periods_and_days_end_at_midnight_where_the_person_lives():
    [minute] = resources(bundle([Point(T0, 61.0)], asked("heart_rate", MINUTE, "mean")), "Observation")
    assert minute["effectivePeriod"] == {"start": "2026-01-01T00:00:00.000Z", "end": "2026-01-01T00:01:00.000Z"}
    assert minute["method"]["text"].endswith("mean over the period")
    assert "device" not in minute
    berlin = Reading(View(None, lambda: Seen([], METRICS)), METRICS["steps"], DAY, "max", "Europe/Berlin")
    [changed] = resources(bundle([Point(1_774_738_800_000, 900.0)], berlin), "Observation")
    assert changed["effectivePeriod"] == {"start": "2026-03-28T23:00:00.000Z", "end": "2026-03-29T22:00:00.000Z"}


def test_a_bundle_of_nothing_is_valid_and_missing_values_are_left_out():
    assert len(bundle([], asked("heart_rate"))["entry"]) == 1
    written = bundle([Point(T0, None, "ann-watch"), Point(T0 + 1, 60.0, "ann-watch")], asked("heart_rate"))
    assert len(resources(written, "Observation")) == 1


def test_what_has_no_code_is_refused_with_what_has_one():
    with pytest.raises(Invalid, match=f"battery has no LOINC code; there is one for {', '.join(CODED)}"):
        fhir.observable(asked("battery"))
    with pytest.raises(Invalid, match="the count of heart_rate is no observation"):
        fhir.observable(asked("heart_rate", DAY, "count"))
    with pytest.raises(Invalid, match="the mean of steps"):
        fhir.observable(asked("steps", DAY, "mean"))


@pytest.mark.parametrize("code", sorted(LOINC))
def test_codes_end_in_their_check_digit_and_are_told_in_units_that_models_know(code):
    digits, check = code.split("-")
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits))]
    assert (10 - sum(sum(map(int, str(each))) for each in doubled) % 10) % 10 == int(check)
    assert set(LOINC[code].units) <= UCUM
