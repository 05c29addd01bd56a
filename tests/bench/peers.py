"""Peers by the million: the ledger filled directly, the snapshot, one update, one withdrawal, exact ranks beside, and answers over HTTP.

Of most people the ledger holds a number and no name here: names are looked up from memory, some 150 bytes each, which is not
what is measured.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from hub.peers import snapshot
from hub.peers.ledger import Due, PeerLedger, Rows
from hub.telemetry.statements import run
from rules.bins import bin_of, bins_of
from rules.cohorts import Cohort, Member, span
from rules.families import Cells
from rules.features import COMPARED, FEATURES
from tests.bench.asking import Taken, paced
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, ok

PERIOD = 2026 * 12 + 9
PIECE = 1_000_000
ASKERS = 20
STEPS = FEATURES["steps"]
MONTH = 2026 * 12 + 4
COHORT = Cohort(model="health-watch", acquired=span(MONTH, 1))


class Crowd(NamedTuple):
    """Who is in the ledger: their atoms, and what the steps of the month came to [people]."""

    members: list[Member]
    atom: NDArray[np.int32]
    steps: NDArray[np.float64]


class Measured(NamedTuple):
    """Seconds; bytes; per cent of the cohort."""

    filled: float
    snapshot: float
    update: float
    withdrawal: float
    counts_bytes: int
    exact: float
    error_mean: float
    error_max: float


def _members() -> list[Member]:
    bands = ("18-29", "30-39", "40-49", "50-59", "60-69")
    return [
        Member(model=model, acquired=PERIOD - month, age_band=band, sex=sex, region=f"KR-{11 + place % 9}")
        for model in ("health-watch", "other-watch")
        for month in range(24)
        for place, band in enumerate(bands)
        for sex in ("female", "male")
    ]


def fill(path: Path, count: int, *, named: list[str] | None = None) -> Crowd:
    """A ledger of so many people in one month, with a value in each of the features; the first of them are `named`."""
    chance, members = np.random.default_rng(1), _members()
    ledger = PeerLedger(path)
    numbers = ledger.atoms(members)
    atom = chance.choice(np.array(numbers, np.int32), count)
    steps = chance.normal(8_000, 2_500, count).clip(0)
    for start in range(0, count, PIECE):
        part = slice(start, min(start + PIECE, count))
        size = part.stop - part.start
        columns = {"person": np.arange(part.start + 1, part.stop + 1, dtype=np.int32), "atom": atom[part]}
        columns |= {"period": np.full(size, PERIOD, np.int32), "counted": np.ones(size, np.bool_)}
        for feature in COMPARED:
            spread = (feature.high - feature.low) / 25
            values = steps[part] if feature is STEPS else chance.normal(feature.low + 8 * spread, spread, size)
            columns[feature.name] = bins_of(feature, values)
        with ledger._file.writing() as cursor:
            if named and start == 0:
                ledger._file.numbered(named, cursor)
            run(cursor, "insert into entries select person, period, atom, " + _names() + " from incoming", columns)
    ledger.close()
    return Crowd(ledger.members, atom, steps)


def _names() -> str:
    return ", ".join(feature.name for feature in COMPARED)


def measure(folder: Path, count: int) -> Measured:
    """Everything but HTTP."""
    folder.mkdir(parents=True)
    began = time.perf_counter()
    crowd = fill(folder / "peers.duckdb", count)
    filled = time.perf_counter() - began
    ledger = PeerLedger(folder / "peers.duckdb")
    began = time.perf_counter()
    ledger.tidy()
    taken = dict(snapshot.take(ledger, None, since=PERIOD))
    snapshot.write(folder / "snapshot", snapshot.Snapshot(0, taken))
    seconds = time.perf_counter() - began
    cells_of = np.array([cells.of(member) for cells in [Cells()] for member in ledger.members], np.int32)
    counted = [
        snapshot._counted(ledger.column(f.name, PERIOD, atoms=len(crowd.members)), cells_of, f, PERIOD).nbytes
        for f in COMPARED
    ]
    update, withdrawal = _moves(ledger)
    ledger.close()
    exact, errors = _exactly(folder, crowd)
    return Measured(filled, seconds, update, withdrawal, max(counted), exact, float(errors.mean()), float(errors.max()))


def _moves(ledger: PeerLedger, times: int = 15) -> tuple[float, float]:
    """Median seconds of counting one person anew, and of counting them no longer."""
    updates, withdrawals = [], []
    bins = np.array([[bin_of(each, (each.low + each.high) / 3) for each in COMPARED]], np.uint16)
    for number in range(times):
        person = f"asker-{number}"
        row = Rows([person], np.array([PERIOD], np.int32), np.array([0], np.int32), bins)
        began = time.perf_counter()
        ledger.enter(row, [Due(person, 0, 0, 0)])
        updates.append(time.perf_counter() - began)
        began = time.perf_counter()
        ledger.remove(person)
        withdrawals.append(time.perf_counter() - began)
    return median(updates), median(withdrawals)


def _exactly(folder: Path, crowd: Crowd) -> tuple[float, NDArray[np.float64]]:
    """Seconds that `percent_rank()` takes for one feature in all cohorts of model and month, and how far ranks by bins are
    from it in one of them, in per cent of the cohort."""
    group = np.array([hash((m.model, m.acquired)) % 2**31 for m in crowd.members], np.int32)[crowd.atom]
    mine = np.array([m.model == COHORT.model and m.acquired == MONTH for m in crowd.members])[crowd.atom]
    incoming = {"person": np.arange(len(group)), "cohort": group, "steps": crowd.steps}  # noqa: F841  (DuckDB finds it)
    with duckdb.connect(str(folder / "exact.duckdb")) as connection:
        connection.execute("create table people as from incoming")
        began = time.perf_counter()
        connection.execute("""
            create table ranks as
            select person, percent_rank() over (partition by cohort order by steps desc) as share from people
        """)
        seconds = time.perf_counter() - began
        ranks = connection.execute("select share from ranks order by person").fetchnumpy()["share"][mine]
    bins = bins_of(STEPS, crowd.steps[mine])
    counts = np.bincount(bins, minlength=int(bins.max()) + 1)
    better = counts[::-1].cumsum()[::-1] - counts
    return seconds, np.abs(better[bins] / (mine.sum() - 1) - ranks) * 100


def answers(folder: Path, count: int, *, rate: int = 200, seconds: float = 10.0) -> Taken:
    """What it takes to ask a hub that holds so many people where one of them stands, over HTTP, at a rate."""
    folder.mkdir(parents=True)
    hub = HubProcess(folder).start()
    names = [f"asker-{number}" for number in range(ASKERS)]
    with hub.api() as api:
        add_home(api, "home")
        for name in names:
            add_person(api, name, "home", birth_year=1990, sex="female")
            add_device(api, f"watch-{name}", "home", owner=name, acquired_on="2026-05-03")
            with hub.api(name, PASSWORD) as own:
                ok(own.put("/v1/people/me/consents/peers"))
    hub.stop()
    (hub.data_dir / "peers.duckdb").unlink()
    fill(hub.data_dir / "peers.duckdb", count, named=names)
    hub.start()
    try:
        with hub.api() as api:
            ok(api.post("/v1/peers/snapshots", timeout=600))
        tokens = []
        for name in names:
            with hub.api(name, PASSWORD) as own:
                tokens.append(own.headers["authorization"])
                told = ok(own.get("/v1/people/me/peers", params={"metric": "steps"}))
                assert told["cohort"] is not None, told
        url = hub.url + "/v1/people/me/peers?metric=steps"
        asyncio.run(
            paced(url, tokens, rate=rate, seconds=3)
        )  # the first after a start and a snapshot are not what is asked
        return asyncio.run(paced(url, tokens, rate=rate, seconds=seconds))
    finally:
        hub.stop()
