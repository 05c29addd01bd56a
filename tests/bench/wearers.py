"""Wearers by the thousand, put straight into the stores of a hub that is not running."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from sqlmodel import Session

from devices.sample import Sample
from hub.catalogue import load_models
from hub.features.keeper import Keeper
from hub.features.store import FeatureStore
from hub.registry import Registry
from hub.store.accounts import Accounts
from hub.store.engine import open_engine
from hub.store.enrolment import Enrolment
from hub.store.fleet import Fleet
from hub.store.tables import Device, Home, Ownership, Person
from hub.telemetry.duck import DuckStore

DAYS = 150
TODAY = date(2026, 11, 1)
FIRST = TODAY - timedelta(days=DAYS)
_MIDNIGHT = (FIRST - date(1970, 1, 1)).days * 86_400_000
_MINUTES = """
insert into samples
select {behind} + row_number() over (), w.id, m.id, {start} + t.minute * 60000,
       60 + 25 * sin(t.minute / 1440.0 * 6.283) + hash(t.minute * 7919 + w.id) % 40, null
from range(1440) t(minute), (select id from sources) w, (select id from metrics where name = 'heart_rate') m
order by t.minute
"""
_ROLLED = """
insert into daily
select w.id, m.id, date '{day}', 1440, 108000, 60, 90, {start}, 60, {start} + 86340000, 60, 0
from (select id from sources) w, (select id from metrics where name = 'heart_rate') m
"""


@dataclass
class Stores:
    """Stores with people in them, each with a watch of the same name."""

    people: list[str]
    registry: Registry
    telemetry: DuckStore
    keeper: Keeper


def people_in(folder: Path, count: int, stack: ExitStack) -> Stores:
    """So many people with a watch each, who have observed nothing yet."""
    database = open_engine(f"sqlite:///{folder / 'hub.sqlite'}")
    stack.callback(database.dispose)
    people = [f"wearer-{number:05}" for number in range(count)]
    registry = Registry(load_models())
    with Session(database) as session, session.begin():
        session.add(Home(id="home", name="Home", timezone="Asia/Seoul", created_at=0))
        session.flush()
        session.add_all(Person(id=each, name=each, birth_year=1990, height_cm=170, created_at=0) for each in people)
        session.flush()
        session.add_all(Device(id=each, home_id="home", model="health-watch", created_at=0) for each in people)
        session.flush()
        session.add_all(Ownership(device_id=each, person_id=each, since=0) for each in people)
    accounts, fleet = Accounts(database), Fleet(database)
    for person in accounts.people():
        registry.put_person(person)
    for device in Enrolment(database).placed():
        registry.put_device(device)
    telemetry = DuckStore(folder / "telemetry.duckdb", [])
    stack.callback(telemetry.close)
    store = FeatureStore(folder / "features.duckdb")
    stack.callback(store.close)
    keeper = Keeper(registry, accounts, fleet, telemetry, store, today=lambda: TODAY)
    return Stores(people, registry, telemetry, keeper)


def live(stores: Stores, days: int = DAYS) -> int:
    """Give everybody a heart rate a minute, side by side as it would have come in; how many samples that are."""
    telemetry = stores.telemetry
    telemetry.append([Sample(each, "heart_rate", _MIDNIGHT - 60_000, 60.0) for each in stores.people])
    telemetry.roll()
    seq = telemetry.last_seq()
    with telemetry._database.reading() as cursor:
        for day in range(days):
            start = _MIDNIGHT + day * 86_400_000
            cursor.execute(_MINUTES.format(behind=seq, start=start))
            cursor.execute(_ROLLED.format(day=FIRST + timedelta(days=day), start=start))
            seq += 1440 * len(stores.people)
        cursor.execute("update progress set rolled = ?", [seq])
        cursor.execute("checkpoint")
    telemetry._broken = True  # what it has in memory is no longer what is in the file
    telemetry._reopen()
    return days * 1440 * len(stores.people)


def tell(store: FeatureStore, people: list[str], *, first: date, days: int = DAYS) -> None:
    """Give people daily features, as an import does."""
    chance, count = np.random.default_rng(1), len(people)
    ordinals = np.tile(np.arange(first.toordinal(), first.toordinal() + days, dtype=np.int32), count)
    names = [each for each in people for _ in range(days)]
    typical = {
        "steps": 8_000, "distance": 6_000, "energy": 350, "active_minutes": 40, "vigorous_minutes": 12, "workouts": 0.4,
        "resting_heart_rate": 62, "heart_rate_recovery": 30, "sleep_minutes": 420, "sleep_regularity": 80, "weight": 70,
    }  # fmt: skip
    store.tell(names, ordinals, {name: value * chance.normal(1, 0.2, len(names)) for name, value in typical.items()})
