"""`make bench`: run the benchmarks and print their table, what is to be reached beside what was measured."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

import duckdb
from rich.console import Console
from rich.table import Table

from simulators.load import Pace
from tests.bench.alarm import latencies
from tests.bench.bare import answered, drained
from tests.bench.fleet import register, store
from tests.harness import HubProcess, running

DEVICES = 50


class Row(NamedTuple):
    """A line of the table; `reached` is `None` where nothing is to be reached."""

    what: str
    measured: str
    wanted: str = ""
    reached: bool | None = None


def main() -> int:
    """Run all of it; 0 even where something is not reached: a figure is to be read, not to be hidden."""
    parser = argparse.ArgumentParser(prog="make bench BENCH=…", description="Measure the hub on this machine.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the load, for a first look")
    options = parser.parse_args()
    scale = 0.1 if options.quick else 1.0
    console = Console()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with console.status("start-up"):
            rows += start_up(directory)
        with console.status("messages of 3 values"):
            rows += singles(directory, messages=int(400_000 * scale))
        with console.status("batches of 60 values"):
            rows += batches(directory, messages=int(40_000 * scale))
        with console.status("alarms at 2,000 messages/s"):
            rows += alarms(directory, episodes=int(1_000 * scale))
        with console.status("memory over a longer run"):
            rows += memory(directory, messages=int(1_500_000 * scale))
    _print(console, rows)
    return 0


def start_up(scratch: Path) -> list[Row]:
    """From the command to the line that says it is ready: in an empty data dir, and again."""
    directory = _fresh(scratch, "start")
    hub = HubProcess(directory).start()
    first = hub.ready_after
    hub.stop()
    again = []
    for _ in range(3):
        hub.start()
        again.append(hub.ready_after)
        hub.stop()
    return [
        Row("ready, first start", f"{first:.2f} s", "≤ 3 s", first <= 3),
        Row("ready, later starts", f"{max(again):.2f} s", "≤ 3 s", max(again) <= 3),
    ]


def singles(scratch: Path, *, messages: int) -> list[Row]:
    """Messages of three values, every one acknowledged after its commit, with the rule on."""
    bare = drained(_fresh(scratch, "bare"), devices=DEVICES, messages=messages // 2, batch=1)
    with running(_fresh(scratch, "singles")) as hub:
        fleet = register(hub, DEVICES)
        ledger = hub.directory / "ledger"
        stored = store(hub, fleet, Pace(messages=messages), ledger)
        rate = stored.messages_per_second
        peak, broker = hub.memory("VmHWM"), hub.memory("VmHWM", hub.broker_pid)
    missing, twice = _compare(hub, ledger, values=3)
    return [
        Row("messages/s of 3 values stored", f"{rate:,.0f}", "≥ 20,000", rate >= 20_000),
        Row("… samples/s", f"{stored.samples_per_second:,.0f}"),
        Row("bare paho subscriber, messages/s", f"{bare:,.0f}"),
        Row("… the hub as a fraction of it", f"{rate / bare:.2f}", "≥ 0.4", rate / bare >= 0.4),
        Row("acknowledged and not stored, stored twice", f"{missing}, {twice}", "0, 0", missing == twice == 0),
        Row("peak memory, hub and broker", f"{peak:.0f} MiB, {broker:.0f} MiB"),
    ]


def batches(scratch: Path, *, messages: int) -> list[Row]:
    """Batches of sixty values: twenty readings of three."""
    with running(_fresh(scratch, "batches")) as hub:
        fleet = register(hub, DEVICES)
        ledger = hub.directory / "ledger"
        stored = store(hub, fleet, Pace(messages=messages, batch=20, window=64), ledger)
        rate = stored.samples_per_second
    missing, twice = _compare(hub, ledger, values=60)
    return [
        Row("samples/s in batches of 60 values", f"{rate:,.0f}", "≥ 400,000", rate >= 400_000),
        Row("… messages/s", f"{stored.messages_per_second:,.0f}"),
        Row("acknowledged and not stored, stored twice", f"{missing}, {twice}", "0, 0", missing == twice == 0),
    ]


def alarms(scratch: Path, *, episodes: int) -> list[Row]:
    """Publish to alarm command at 2,000 messages/s."""
    bare = answered(_fresh(scratch, "bare-answers"), devices=DEVICES, rate=2_000, episodes=episodes // 2)
    os.sync()
    with running(_fresh(scratch, "alarms")) as hub:
        taken = latencies(register(hub, DEVICES), rate=2_000, episodes=episodes)
    p50, p99 = (quantiles(taken, n=100)[at] * 1000 for at in (49, 98))
    bare50, bare99 = (quantiles(bare, n=100)[at] * 1000 for at in (49, 98))
    return [
        Row("bare paho subscriber that only answers, p50 and p99", f"{bare50:.1f}, {bare99:.1f} ms"),
        Row("publish → alarm command, p50", f"{p50:.1f} ms"),
        Row("… p99", f"{p99:.1f} ms", "≤ 15 ms", p99 <= 15),
        Row("… longest of " + f"{len(taken):,}", f"{taken[-1] * 1000:.1f} ms"),
    ]


def memory(scratch: Path, *, messages: int) -> list[Row]:
    """Resident memory of the hub over a run: the mean of its second quarter beside that of its last."""
    with running(_fresh(scratch, "memory")) as hub:
        fleet = register(hub, DEVICES)
        seen, done = list[float](), threading.Event()
        watcher = threading.Thread(target=_watch_memory, args=(hub, seen, done))
        watcher.start()
        store(hub, fleet, Pace(messages=messages))
        done.set()
        watcher.join()
    quarter = len(seen) // 4
    early, late = (sum(part) / len(part) for part in (seen[quarter : 2 * quarter], seen[-quarter:]))
    growth = late / early - 1
    return [
        Row("memory, 2nd quarter of the run → last", f"{early:.0f} → {late:.0f} MiB", "flat", growth < 0.1),
        Row("… its peak", f"{max(seen):.0f} MiB"),
    ]


def _watch_memory(hub: HubProcess, seen: list[float], done: threading.Event) -> None:
    while not done.wait(0.25):
        seen.append(hub.memory())


def _compare(hub: HubProcess, ledger: Path, *, values: int) -> tuple[int, int]:
    """Samples acknowledged by the broker and not in the store, and samples in the store more than once."""
    hub.stop()
    acknowledged = Counter[str]()
    for line in ledger.read_text().splitlines():
        acknowledged[line.split()[0]] += values
    with duckdb.connect(str(hub.data_dir / "telemetry.duckdb"), read_only=True) as connection:
        rows = connection.execute("""
            select s.name, count(*), count(distinct (t.metric, t.observed_at))
            from samples t join sources s on s.id = t.source group by s.name
        """).fetchall()
    stored = {name: distinct for name, _, distinct in rows}
    missing = sum(max(0, count - stored.get(device, 0)) for device, count in acknowledged.items())
    return missing, sum(count - distinct for _, count, distinct in rows)


def _fresh(scratch: Path, name: str) -> Path:
    directory = scratch / name
    directory.mkdir()
    return directory


def _print(console: Console, rows: list[Row]) -> None:
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    when = time.strftime("%Y-%m-%d %H:%M")
    table = Table(title=f"The hub, its broker and the publisher on one machine: {machine}, {when}")
    for column in ("what", "measured", "to reach", ""):
        table.add_column(column, justify="right" if column == "measured" else "left")
    for row in rows:
        mark = "" if row.reached is None else "reached" if row.reached else "NOT REACHED"
        table.add_row(row.what, row.measured, row.wanted, mark)
    console.print(table)


if __name__ == "__main__":
    raise SystemExit(main())
