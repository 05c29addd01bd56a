"""What the pipeline knows by heart of people and homes."""

from __future__ import annotations

from devices.sample import Sample
from hub.catalogue import load_models
from hub.effects import effects_of
from hub.registry import Registry
from hub.store.enrolment import Placed, Resident
from hub.store.tables import Home, Person, TuningRow
from rules.engine import Engine
from tests.property.stage import AROUND, NOW, START, rule


def _home(id_: str, timezone: str = "Asia/Seoul") -> Home:
    return Home(id=id_, name=id_, timezone=timezone, created_at=0)


def test_people_put_at_once_are_known_as_people_put_one_by_one():
    told = [("c", "h1", 1970), ("a", "h1", None), ("d", None, 1980), ("b", "h2", 1990), ("e", "nowhere", 1950)]
    alone, together = Registry({}), Registry({})
    for registry in (alone, together):
        for home in (_home("h1"), _home("h2", "Europe/Berlin")):
            registry.put_home(home)
        registry.put_stay("c", "Asia/Tokyo")
    for person, home_id, born in told:
        alone.put_person(Person(id=person, home_id=home_id, name=person, birth_year=born, created_at=0))
    together.put_people(Resident(*each) for each in told[:2])
    together.put_people(Resident(*each) for each in told[2:])
    assert together.subjects == alone.subjects
    assert together.homes == alone.homes
    assert together.homes["h1"].members == ("a", "c")
    assert together.subjects["c"].zone == "Asia/Tokyo"
    assert together.subjects["b"].zone == "Europe/Berlin"


def test_inputs_set_for_a_device_or_a_place_are_known():
    registry = Registry(load_models())
    registry.put_home(_home("h1"))
    registry.put_device(Placed("w1", "h1", "health-watch", None))
    for scope, value in (("w1", 99.0), ("h1/gate", 5.0)):
        registry.tune([TuningRow(scope=scope, rule_id="one", input="limit", value=value, set_at=0, set_by="ann")])
    assert registry.subject("device", "w1").tuned == {"one.limit": 99.0}
    assert registry.subject("place", "h1/gate").tuned == {"one.limit": 5.0}


def test_everybody_of_a_home_is_told_however_long_their_names_are_and_alike():
    registry = Registry(load_models())
    registry.put_home(_home("home"))
    names = tuple(f"grandmother-of-the-kim-family-{number}" for number in (1, 2))
    registry.put_people(Resident(name, "home", 1950) for name in names)
    program = rule("{metric: heart_rate, above: 150}", scope="home", lateness="0s")
    decided = Engine([program]).feed([Sample("watch1", "heart_rate", START, 160.0)], surroundings=AROUND, now=NOW)
    told = effects_of(decided, registry).deliveries
    assert tuple(each.target for each in told) == names
    assert len({each.id for each in told}) == 2
