"""What daily features cost: to keep track of, to find, to rebuild, and to tell progress of."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from devices.sample import Sample
from hub.telemetry import sql
from tests.bench.wearers import live, people_in


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
