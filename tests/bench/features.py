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
from simulators.load import Pace
from tests.bench.asking import Taken, server_seconds
from tests.bench.fleet import register, store
from tests.bench.wearers import live, people_in, tell
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, ok, running

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


def keeping_share(folder: Path, *, messages: int, devices: int = 50) -> float:
    """CPU time that a running hub spends on keeping features, of what it spends on all else, while messages of three values
    come in. The rollups that keeping up asks for count as its own, so that is the most it can be."""
    folder.mkdir(parents=True)
    with running(folder) as hub:
        fleet = register(hub, devices)
        before = _spent(hub)
        store(hub, fleet, Pace(messages=messages))
        keeping, all_ = (now - then for now, then in zip(_spent(hub), before, strict=True))
    return keeping / (all_ - keeping)


def _spent(hub: HubProcess) -> tuple[float, float]:
    """Seconds of CPU: for features, and in all."""
    return hub.metric("hub_chore_cpu_seconds_total", chore="features"), hub.metric("process_cpu_seconds_total")


def progress_latencies(folder: Path, *, people: int = 1_000, asked: int = 300) -> Taken:
    """What progress of five months takes over HTTP, one after the other, from a hub that keeps 150 days of so many people."""
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
        taken = list(_asked(hub, askers, asked))
        return Taken(sorted(whole for whole, _ in taken), sorted(server for _, server in taken))
    finally:
        hub.stop()


def _asked(hub: HubProcess, askers: list[str], count: int) -> Iterator[tuple[float, float]]:
    clients = [hub.api(name, PASSWORD) for name in askers]
    metrics = ("steps", "resting_heart_rate", "vo2max", "sleep_minutes", "health_index")
    for number in range(count + len(metrics)):
        client, metric = clients[number % len(clients)], metrics[number % len(metrics)]
        began = time.perf_counter()
        answer = client.get("/v1/people/me/progress", params={"metric": metric})
        seconds = time.perf_counter() - began
        assert len(ok(answer)["items"]) > 140, answer.text
        if number >= len(metrics):  # the first ones load what finds trends
            yield seconds, server_seconds(answer.headers["server-timing"])
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
