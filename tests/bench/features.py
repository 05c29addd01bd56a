"""What daily features cost: to keep track of, to find, to rebuild, and to tell progress of."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from devices.sample import Sample
from hub.features.store import FeatureStore
from hub.telemetry import sql
from tests.bench.wearers import live, people_in, tell
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, ok

DAYS = timedelta(days=150)


def tracking(folder: Path, *, samples: int = 600_000, sources: int = 1_000, rounds: int = 3) -> float:
    """Seconds a sample that keeping track of stale days adds to the rollups."""
    differences = []
    for number in range(rounds):
        with_, without = (
            _rolled(folder / f"{number}-{on}", samples=samples, sources=sources, track=on) for on in (True, False)
        )
        differences.append(with_ - without)
    return max(median(differences), 0.0) / samples


def _rolled(folder: Path, *, samples: int, sources: int, track: bool) -> float:
    folder.mkdir(parents=True)
    before = sql.MARK_STALE
    sql.MARK_STALE = before if track else "select $rolled, $upto"
    try:
        with ExitStack() as stack:
            stores = people_in(folder, sources, stack)
            each = samples // sources
            for start in range(0, each, 20):
                at = range(start, start + 20)
                stores.telemetry.append(
                    [
                        Sample(name, "heart_rate", 1_790_000_000_000 + 60_000 * m, 70.0)
                        for m in at
                        for name in stores.people
                    ]
                )
            stores.telemetry.flush()
            began = time.process_time()
            stores.telemetry.roll()
            return time.process_time() - began
    finally:
        sql.MARK_STALE = before


def progress_latencies(folder: Path, *, people: int = 1_000, asked: int = 300) -> list[float]:
    """Seconds to progress of five months over HTTP, one after the other, from a hub that keeps 150 days of so many people."""
    folder.mkdir(parents=True)
    hub = HubProcess(folder).start()
    askers = [f"asker-{number}" for number in range(10)]
    with hub.api() as api:
        add_home(api, "home")
        for name in askers:
            add_person(api, name, "home", birth_year=1990, height_cm=170)
            add_device(api, f"watch-{name}", "home", owner=name)
    hub.stop()
    store = FeatureStore(hub.data_dir / "features.duckdb")
    tell(
        store,
        [*askers, *(f"wearer-{number:04}" for number in range(people - len(askers)))],
        first=datetime.now(UTC).date() - DAYS,
    )
    store.close()
    hub.start()
    try:
        return sorted(_asked(hub, askers, asked))
    finally:
        hub.stop()


def _asked(hub: HubProcess, askers: list[str], count: int) -> Iterator[float]:
    clients = [hub.api(name, PASSWORD) for name in askers]
    metrics = ("steps", "resting_heart_rate", "vo2max", "sleep_minutes", "health_index")
    for number in range(count + len(metrics)):
        client, metric = clients[number % len(clients)], metrics[number % len(metrics)]
        began = time.perf_counter()
        told = ok(client.get("/v1/people/me/progress", params={"metric": metric}))
        seconds = time.perf_counter() - began
        assert len(told["items"]) > 140, told
        if number >= len(metrics):  # the first ones load what finds trends
            yield seconds
    for client in clients:
        client.close()


def rebuild(folder: Path, *, wearers: int, days: int, cores: int | None) -> tuple[int, float]:
    """Samples, and seconds to find all features of so many wearers anew, one sample a minute."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        stores = people_in(folder, wearers, stack)
        count = live(stores, days)
        began = time.perf_counter()
        found = sum(samples for _, samples in stores.keeper.rebuild(stores.people, cores=cores))
        seconds = time.perf_counter() - began
    assert found >= count, (found, count)
    return count, seconds
