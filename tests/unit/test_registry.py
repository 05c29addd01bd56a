"""What the pipeline knows by heart of people and homes."""

from __future__ import annotations

from hub.registry import Registry
from hub.store.enrolment import Resident
from hub.store.tables import Home, Person


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
