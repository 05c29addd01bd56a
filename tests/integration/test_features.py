"""Daily features over real stores: kept as data arrives, in whatever order and however often, they are what history says."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date, timedelta
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from devices.sample import Sample
from hub.catalogue import load_models
from hub.features.keeper import Keeper
from hub.features.store import FeatureStore
from hub.registry import Registry
from hub.store.accounts import Accounts, NewPerson
from hub.store.engine import open_engine
from hub.store.enrolment import Placed
from hub.store.fleet import Fleet
from hub.telemetry import MetricKind
from hub.telemetry.duck import DuckStore
from rules.daily import KEPT
from rules.features import FEATURES
from rules.stays import begins
from simulators.faults import Faults, Message, disturb
from simulators.messages import Reading
from simulators.past import observed_on
from simulators.wearers import minji

SEOUL = "Asia/Seoul"
SINCE = date(2025, 8, 1)
NOW = 1_795_332_706_496


class World:
    """One person with two watches, and everything that keeps what they do."""

    def __init__(self, folder, *, days, stack):
        self.days = days
        self.last = SINCE + timedelta(days=days - 1)
        database = open_engine(f"sqlite:///{folder / 'hub.sqlite'}")
        stack.callback(database.dispose)
        self.registry, self.accounts, self.fleet = Registry(load_models()), Accounts(database), Fleet(database)
        self.registry.put_home(self.accounts.add_home(home_id="home1", name="Home", timezone=SEOUL, now=NOW))
        new = NewPerson("minji", "minji", "correct horse", "Minji", "home1", 1968, "female", 161)
        self.registry.put_person(self.accounts.add_person(new, now=NOW))
        for name, acquired in (("watch", "2025-08-01"), ("old-watch", "2023-01-01")):
            self.fleet.register(
                device_id=name, home="home1", model="health-watch", owner="minji", acquired_on=acquired, now=NOW
            )
            self.registry.put_device(Placed(name, "home1", "health-watch", "minji"))
        self.telemetry = DuckStore(folder / "telemetry.duckdb", [MetricKind("steps", resets_daily=True)])
        stack.callback(self.telemetry.close)
        store = FeatureStore(folder / "features.duckdb")
        stack.callback(store.close)
        self.keeper = Keeper(
            self.registry, self.accounts, self.fleet, self.telemetry, store, today=lambda: self.last + timedelta(days=9)
        )

    def travel(self, *stays):
        for day, zone in stays:
            self.accounts.stay("minji", timezone=zone, since=begins(SINCE + timedelta(days=day), "UTC"))

    def keep_up(self):
        """What the hub does now and then."""
        self.telemetry.roll()
        self.keeper.keep_up()

    def features(self):
        return self.keeper.days("minji", SINCE, self.last)


@pytest.fixture
def worlds(tmp_path):
    with ExitStack() as stack:

        def make(name, days):
            (tmp_path / name).mkdir()
            return World(tmp_path / name, days=days, stack=stack)

        yield make


def _chunks(days):
    """What both watches observe, in pieces of a few hours: the old one is worn on some days, beside the new one."""
    wearer = minji(SINCE)
    for place in range(days):
        day = SINCE + timedelta(days=place)
        for device in ["watch", *(["old-watch"] if place % 5 == 2 else [])]:
            moments = _thinned(observed_on(wearer, day, device=device, seed=3, zone=ZoneInfo(SEOUL)))
            for start in range(0, len(moments), 500):
                yield [change for moment in moments[start : start + 500] for change in _changes(device, moment)]


def _thinned(moments):
    """A third of what is told every minute, and everything that is told seldom."""
    often = [isinstance(moment, Reading) and "steps" in moment.values for moment in moments]
    return [moment for place, moment in enumerate(moments) if not often[place] or place % 3 == 0]


def _changes(device, moment):
    if not isinstance(moment, Reading):
        return [moment]
    return [
        Sample(device, name, moment.ts, value if isinstance(value, str) else float(value))
        for name, value in moment.values.items()
        if name not in ("spo2", "skin_temperature", "battery", "speed")
    ]


def _same(found, wanted):
    for name, column in wanted.items():
        differ = np.flatnonzero(~((found[name] == column) | (np.isnan(found[name]) & np.isnan(column))))
        assert not len(differ), (name, differ, found[name][differ], column[differ])


TRAVEL = ((40, "America/New_York"), (52, SEOUL), (200, "Europe/Berlin"), (214, SEOUL))


def test_a_year_of_late_doubled_and_reordered_data_across_time_zones_gives_the_features_of_the_clean(worlds):
    days = 366
    clean, faulty = worlds("clean", days), worlds("faulty", days)
    chunks = list(_chunks(days))
    for world in (clean, faulty):
        world.travel(*TRAVEL)
    for chunk in chunks:
        clean.telemetry.append(chunk)
    messages = [Message("chunk", str(place).encode()) for place in range(len(chunks))]
    faults = Faults(drop=0.05, duplicate=0.1, reorder=0.2, delay=0.1, farthest=40)
    chance = Random(5)
    for message in disturb(messages, faults, seed=9).messages:
        faulty.telemetry.append(chunks[int(message.payload)])
        if chance.random() < 0.02:
            faulty.keep_up()
    wanted = clean.features()
    _same(faulty.features(), wanted)
    for name in FEATURES:
        known = np.count_nonzero(~np.isnan(wanted[name]))
        assert known > (20 if name == "heart_rate_recovery" else 300), (name, known)
    list(faulty.keeper.rebuild(["minji"]))
    _same(faulty.features(), wanted)


def test_what_was_found_survives_and_what_was_not_is_found_after_a_restart(worlds, tmp_path):
    world = worlds("one", 6)
    chunks = list(_chunks(6))
    for chunk in chunks[: len(chunks) // 2]:
        world.telemetry.append(chunk)
    world.keep_up()
    half = world.keeper.store.days("minji", SINCE, world.last)
    assert not np.isnan(half["steps"]).all()
    for chunk in chunks[len(chunks) // 2 :]:
        world.telemetry.append(chunk)
    world.telemetry.roll()
    world.telemetry.close()
    world.keeper.store.close()
    telemetry = DuckStore(tmp_path / "one" / "telemetry.duckdb", [MetricKind("steps", resets_daily=True)])
    store = FeatureStore(tmp_path / "one" / "features.duckdb")
    again = Keeper(world.registry, world.accounts, world.fleet, telemetry, store, today=lambda: world.last)
    _same(store.days("minji", SINCE, world.last), half)
    found = again.days("minji", SINCE, world.last)
    assert np.count_nonzero(~np.isnan(found["steps"])) == 6
    assert telemetry.stale() == []
    telemetry.close()
    store.close()


def test_a_day_that_goes_on_is_found_only_when_asked_for(worlds):
    world = worlds("one", 2)
    world.keeper._today = lambda: world.last
    for chunk in _chunks(2):
        world.telemetry.append(chunk)
    world.keep_up()
    known = world.keeper.store.days("minji", SINCE, world.last)["steps"]
    assert not np.isnan(known[0])
    world.telemetry.append([Sample("watch", "steps", begins(world.last + timedelta(days=1), SEOUL) - 1, 30_000.0)])
    world.keep_up()
    assert [each.day for each in world.telemetry.stale()] == [(world.last - date(1970, 1, 1)).days]
    assert world.features()["steps"][-1] == 30_000


def test_days_told_by_others_count_where_nothing_was_observed_and_told_again_they_are_replaced(worlds):
    world = worlds("one", 3)
    columns = {name: np.array([np.nan, np.nan]) for name in KEPT} | {"steps": np.array([5000.0, 6000.0])}
    days = np.array([SINCE.toordinal() - 2, SINCE.toordinal()], np.int32)
    world.keeper.store.tell(["minji", "minji"], days, columns)
    assert world.features()["steps"][0] == 6000
    for chunk in _chunks(1):
        world.telemetry.append(chunk)
    assert world.features()["steps"][0] not in (6000.0, np.nan)
    world.keeper.store.tell(["minji", "minji"], days, columns | {"steps": np.array([5500.0, 1.0])})
    before = world.keeper.days("minji", SINCE - timedelta(days=2), SINCE)["steps"]
    assert before[0] == 5500
    assert world.keeper.bounds("minji") == (SINCE - timedelta(days=2), SINCE + timedelta(days=1))  # the night after
    world.keeper.store.remove("minji")
    assert world.keeper.store.bounds("minji") is None
