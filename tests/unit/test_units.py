"""Units: what a value is multiplied by on its way from the wire to the model, and what people read."""

from __future__ import annotations

import pytest

from devices import units


@pytest.mark.parametrize("unit", sorted(units.UCUM))
def test_a_unit_is_itself(unit):
    assert units.factor(unit, unit) == 1


@pytest.mark.parametrize(
    ("given", "wanted", "factor"),
    [
        ("beat/min", "/min", 1),
        ("1/min", "/min", 1),
        ("%RH", "%", 1),
        ("%EL", "%", 1),
        ("/", "%", 100),
        ("/", "1", 1),
        ("l", "L", 1),
        ("l", "mL", None),
        ("count", "{step}", 1),
        ("count", "1", 1),
        ("1", "{item}", 1),
        ("Wh", "kW.h", 0.001),
        ("kWh", "kW.h", 1),
        ("km", "m", 1_000),
        ("mm", "m", 0.001),
        ("g", "kg", 0.001),
        ("km/h", "m/s", 1 / 3.6),
        ("kJ", "kcal", 1 / 4.184),
        ("h", "s", 3_600),
        ("min", "s", 60),
    ],
)
def test_a_known_conversion_has_its_factor(given, wanted, factor):
    assert units.factor(given, wanted) == (None if factor is None else pytest.approx(factor))


@pytest.mark.parametrize(
    ("given", "wanted"), [("kg", "m"), ("K", "Cel"), ("", "m"), ("BEAT/MIN", "/min"), ("m", "km/h"), ("%", "{step}")]
)
def test_what_cannot_be_converted_has_no_factor(given, wanted):
    assert units.factor(given, wanted) is None


@pytest.mark.parametrize(("unit", "spoken"), [("Cel", "°C"), ("kW.h", "kWh"), ("{step}", ""), ("/min", "/min")])
def test_people_read_units_without_the_code(unit, spoken):
    assert units.spoken_unit(unit) == spoken
