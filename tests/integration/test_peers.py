"""Peers over real stores: who said yes is counted, month by month; the snapshot is frozen; answers come from it alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime

import numpy as np
import pytest
from sqlmodel import Session

from devices.errors import Invalid
from devices.sample import DAY
from hub.catalogue import load_models
from hub.features.keeper import Keeper
from hub.features.store import FeatureStore
from hub.peers import snapshot
from hub.peers.chance import Chance
from hub.peers.members import Members
from hub.peers.peers import Peers
from hub.registry import Registry
from hub.store.accounts import Accounts
from hub.store.consents import Consent
from hub.store.engine import open_engine
from hub.store.fleet import Fleet
from hub.store.tables import Device, Home, Ownership, Person
from hub.telemetry.duck import DuckStore
from rules.bins import bin_of
from rules.consent import PEERS
from rules.daily import KEPT
from rules.features import FEATURES
from rules.published import BANDS

STEPS, SLEEP = FEATURES["steps"], FEATURES["sleep_minutes"]
BY = ("model", "acquired_month")
NOW = int(datetime(2026, 11, 22, 3, tzinfo=UTC).timestamp() * 1000)
OCTOBER = 2026 * 12 + 9


class Crowd:
    """People with a watch each, and the month's mean of their steps."""

    def __init__(self, folder):
        self.folder, self.now = folder, NOW
        self.database = open_engine(f"sqlite:///{folder / 'hub.sqlite'}")
        self.registry = Registry(load_models())
        self.accounts, self.fleet = Accounts(self.database), Fleet(self.database)
        self.telemetry = DuckStore(folder / "telemetry.duckdb", [])
        self.open()

    def open(self):
        self.features = FeatureStore(self.folder / "features.duckdb")
        self.keeper = Keeper(self.registry, self.accounts, self.fleet, self.telemetry, self.features)
        members = Members(self.registry, self.accounts, self.fleet)
        self.peers = Peers(self.folder / "peers.duckdb", members=members, keeper=self.keeper, now=lambda: self.now)

    def close(self):
        self.peers.close()
        self.features.close()

    def add(self, names, *, acquired="2026-05-10", sex="female", birth_year=1990, consents=True):
        with Session(self.database) as session, session.begin():
            if session.get(Home, "home") is None:
                session.add(Home(id="home", name="Home", timezone="Asia/Seoul", created_at=NOW))
                session.flush()
            for name in names:
                person = Person(id=name, name=name, birth_year=birth_year, sex=sex, region="KR-11", created_at=NOW)
                session.add(person)
                self.registry.put_person(person.model_copy())
                watch = f"watch-{name}"
                session.add(
                    Device(id=watch, home_id="home", model="health-watch", acquired_on=acquired, created_at=NOW)
                )
                session.flush()
                session.add(Ownership(device_id=watch, person_id=name, since=0))
        if consents:
            for name in names:
                self.join(name)

    def join(self, name):
        self._decide(name, granted=True)

    def leave(self, name):
        self._decide(name, granted=False)

    def _decide(self, name, *, granted):
        self.registry.grant(name, PEERS, granted=granted, at=self.now)
        self.peers.decided(Consent(name, PEERS, granted, self.now, name))

    def walk(self, steps, *, first=date(2026, 10, 5), days=10):
        """Everybody's steps, a day; `steps` by name."""
        people = [name for name in steps for _ in range(days)]
        ordinals = np.tile(np.arange(first.toordinal(), first.toordinal() + days, dtype=np.int32), len(steps))
        columns = {name: np.full(len(people), np.nan) for name in KEPT}
        columns["steps"] = np.repeat(np.array(list(steps.values()), float), days)
        columns["sleep_minutes"] = columns["steps"] / 30
        self.features.tell(people, ordinals, columns)
        self.keeper.on_kept(list(steps), first, date.fromordinal(int(ordinals.max())))

    def settle(self):
        while self.peers.catch_up():
            pass

    def bands(self, names, feature=STEPS, by=BY):
        return {name: self.peers.among(name, feature, by).band for name in names}


@pytest.fixture
def crowd(tmp_path):
    with ExitStack() as stack:
        made = Crowd(tmp_path)
        stack.callback(made.database.dispose)
        stack.callback(made.telemetry.close)
        yield made
        made.close()


def _names(count, prefix="p"):
    return [f"{prefix}{number:04}" for number in range(count)]


def _walks(names, seed=1):
    return dict(zip(names, np.random.default_rng(seed).integers(2_000, 15_000, len(names)).tolist(), strict=True))


def _exact_band(value, values):
    share = -(-100 * (sum(other > value for other in values) + 1) // len(values))
    return next(band for band in BANDS if share <= band)


def test_everybody_is_told_the_band_that_counting_by_hand_comes_to(crowd):
    names = _names(1_500)
    steps = _walks(names)
    crowd.add(names)
    crowd.walk(steps)
    crowd.settle()
    assert crowd.peers.ledger.periods() == {OCTOBER: 1_500}
    assert crowd.peers.among(names[0], STEPS, BY).missing == "snapshot"
    crowd.peers.keep_daily()
    binned = {name: bin_of(STEPS, value) for name, value in steps.items()}
    values = list(binned.values())
    assert crowd.bands(names[::6]) == {name: _exact_band(binned[name], values) for name in names[::6]}
    among = crowd.peers.among(names[0], STEPS, BY)
    assert (among.period, among.comparison.rung) == (OCTOBER, "month")
    assert abs(among.mine - steps[names[0]]) <= STEPS.step
    assert abs(among.table.median - np.median(list(steps.values()))) <= STEPS.shown
    assert among.table.size == 1_500
    assert [(month.period, month.since) for month in among.months] == [(OCTOBER, 5)]
    asleep = crowd.peers.among(names[0], SLEEP, BY)
    assert asleep.band is None
    assert asleep.table.median > 0


def test_too_few_of_a_month_are_compared_with_those_of_the_quarter_the_year_the_model_or_nobody(crowd):
    may, april, january, last_year = _names(130, "may"), _names(60, "april"), _names(30, "jan"), _names(20, "old")
    for names, acquired in (
        (may, "2026-05-01"),
        (april, "2026-04-20"),
        (january, "2026-01-05"),
        (last_year, "2025-01-01"),
    ):
        crowd.add(names, acquired=acquired)
    everybody = [*may, *april, *january, *last_year]
    crowd.walk(_walks(everybody))
    crowd.settle()
    crowd.peers.keep_daily()
    rungs = {names[0]: crowd.peers.among(names[0], STEPS, BY) for names in (may, april, january, last_year)}
    found = {
        name: (among.comparison.rung, among.comparison.cohort and among.comparison.cohort.key)
        for name, among in rungs.items()
    }
    # A quarter of May and April would tell of April alone once May is taken from it, and so would the year.
    assert found == {
        "may0000": ("month", "health-watch/2026-05"),
        "april0000": ("all", "health-watch"),
        "jan0000": ("all", "health-watch"),
        "old0000": ("all", "health-watch"),
    }
    passed = dict(rungs["april0000"].comparison.passed)
    assert passed == {
        "health-watch/2026-04": "size",
        "health-watch/2026-Q2": "remainder",
        "health-watch/2026": "remainder",
    }
    with pytest.raises(Invalid, match="not compared by"):
        crowd.peers.among("old0000", STEPS, ("region", "sex"))
    assert crowd.bands(["may0000"], by=("age_band", "sex"))["may0000"] in BANDS


def test_two_small_months_are_compared_as_a_quarter(crowd):
    april, june = _names(90, "april"), _names(95, "june")
    crowd.add(april, acquired="2026-04-02")
    crowd.add(june, acquired="2026-06-02")
    crowd.walk(_walks([*april, *june]))
    crowd.settle()
    crowd.peers.keep_daily()
    among = crowd.peers.among("june0000", STEPS, BY)
    assert (among.comparison.rung, among.table.size) == ("quarter", 190)


def test_who_did_not_say_yes_is_not_counted_and_who_leaves_is_as_if_never_there(crowd):
    names = _names(200)
    crowd.add(names)
    crowd.add(["quiet"], consents=False)
    steps = _walks([*names, "quiet"])
    crowd.walk(steps)
    crowd.settle()
    before = crowd.peers.ledger.column("steps", OCTOBER, atoms=99)
    assert len(before.bin) == 200
    crowd.join("quiet")
    crowd.settle()
    assert len(crowd.peers.ledger.column("steps", OCTOBER, atoms=99).bin) == 201
    crowd.leave("quiet")
    after = crowd.peers.ledger.column("steps", OCTOBER, atoms=99)
    assert sorted(zip(after.atom, after.bin, strict=True)) == sorted(zip(before.atom, before.bin, strict=True))
    assert crowd.peers.ledger.entries("quiet", "steps") == []
    crowd.walk({"quiet": 9_000})
    crowd.settle()
    assert crowd.peers.ledger.entries("quiet", "steps") == []


def test_answers_are_frozen_until_the_next_day_and_one_leaving_changes_nothing_that_is_told(crowd):
    names = _names(150)
    crowd.add(names)
    crowd.walk(_walks(names))
    crowd.settle()
    crowd.peers.keep_daily()
    told = crowd.peers.among("p0000", STEPS, BY).table
    crowd.walk(dict.fromkeys(names[1:80], 40_000))
    crowd.leave("p0149")
    crowd.settle()
    crowd.peers.keep_daily()
    assert crowd.peers.among("p0000", STEPS, BY).table == told
    crowd.now += DAY
    crowd.peers.keep_daily()
    moved = crowd.peers.among("p0000", STEPS, BY).table
    assert moved.median > told.median
    crowd.leave("p0148")
    crowd.now += DAY
    crowd.peers.keep_daily()
    assert crowd.peers.among("p0000", STEPS, BY).table == moved
    for name in names[90:142]:
        crowd.leave(name)
    crowd.now += DAY
    crowd.peers.keep_daily()
    left = crowd.peers.among("p0000", STEPS, BY)
    assert (left.table, left.missing, left.comparison.rung) == (None, "cohort", "nothing")


def test_late_data_moves_a_count_and_everything_outlives_a_restart(crowd):
    names = _names(120)
    crowd.add(names)
    crowd.walk(_walks(names))
    crowd.settle()
    crowd.peers.keep_daily()
    told = crowd.bands(names[:20])
    crowd.walk({"p0000": 30_000})
    crowd.close()
    crowd.open()
    assert crowd.bands(names[1:20]) == {name: told[name] for name in names[1:20]}
    crowd.settle()
    (entry,) = crowd.peers.ledger.entries("p0000", "steps")
    assert entry.bin == 30_000 / STEPS.step
    assert len(crowd.peers.ledger.column("steps", OCTOBER, atoms=99).bin) == 120


def test_what_changes_while_somebody_is_counted_is_counted_next(crowd):
    crowd.add(["p"])
    crowd.walk({"p": 5_000})
    due = crowd.peers.ledger.due(10)
    crowd.walk({"p": 9_000})
    crowd.peers.ledger.enter(crowd.peers._rows([]), due)
    assert [each.person for each in crowd.peers.ledger.due(10)] == ["p"]
    crowd.settle()
    (entry,) = crowd.peers.ledger.entries("p", "steps")
    assert entry.bin == 9_000 / STEPS.step
    assert crowd.peers.ledger.due(10) == []


def test_nobody_waits_for_a_snapshot_and_who_comes_meanwhile_is_in_the_next(crowd, monkeypatch):
    names = _names(120)
    crowd.add(names)
    crowd.walk(_walks(names))
    crowd.settle()
    take, begun, go_on = snapshot.take, threading.Event(), threading.Event()

    def slowly(*args, **options):
        told = take(*args, **options)
        yield next(told)
        begun.set()
        assert go_on.wait(30)
        yield from told

    monkeypatch.setattr(snapshot, "take", slowly)
    with ThreadPoolExecutor() as pool:
        taken = pool.submit(crowd.peers.take_snapshot)
        assert begun.wait(30)
        crowd.leave("p0000")
        crowd.add(["new"], sex="other")
        crowd.walk({"new": 5_000})
        crowd.settle()
        assert crowd.peers.ledger.entries("p0000", "steps") == []
        assert len(crowd.peers.ledger.entries("new", "steps")) == 1
        crowd.peers.keep_daily()  # takes no second one, and waits for nobody
        go_on.set()
        frozen = taken.result(30)
        first = frozen.publications[("sleep_minutes", OCTOBER)]
        assert crowd.peers._snapshot is frozen
    assert {member.sex for member in first.met} == {"female"}
    second = crowd.peers.take_snapshot().publications[("sleep_minutes", OCTOBER)]
    assert {member.sex for member in second.met} == {"female", "other"}


def test_children_and_months_with_few_days_or_before_the_watch_are_not_compared(crowd):
    crowd.add(["child"], birth_year=2012)
    crowd.add(["new"], acquired="2026-11-01")
    crowd.add(["rare"])
    crowd.walk({"child": 5_000, "new": 5_000})
    crowd.walk({"rare": 5_000}, days=6)
    crowd.settle()
    assert crowd.peers.ledger.periods() == {}
    assert crowd.peers.among("rare", STEPS, BY).missing == "days"


def test_noise_is_in_what_large_cohorts_are_told_and_stays_as_it_was_drawn(tmp_path, crowd):
    crowd.peers.close()
    crowd.peers = Peers(
        tmp_path / "peers.duckdb",
        members=Members(crowd.registry, crowd.accounts, crowd.fleet),
        keeper=crowd.keeper,
        now=lambda: crowd.now,
        noise=Chance(50.0),
    )
    names, few = _names(1_200), _names(150, "f")
    crowd.add(names)
    crowd.add(few, acquired="2024-03-01", birth_year=1970)
    steps = _walks([*names, *few])
    crowd.walk(steps)
    crowd.settle()
    crowd.peers.keep_daily()
    among = crowd.peers.among(names[0], STEPS, BY)
    assert among.table.epsilon == 50.0
    assert abs(among.table.median - np.median([steps[name] for name in names])) < 500
    assert crowd.peers.among(few[0], STEPS, ("age_band",)).table.epsilon is None
    crowd.now += DAY
    crowd.peers.keep_daily()
    assert crowd.peers.among(names[0], STEPS, BY).table == among.table
