"""The files of a telemetry store: opened again, after a crash, by two at once, and what is none."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from devices.errors import StoreUnavailable
from devices.sample import DAY, SECOND, Sample
from hub.telemetry import Span
from hub.telemetry.duck import DuckStore
from tests.contract.watches import (
    EVER,
    FIRST,
    KINDS,
    LAST,
    RESETS,
    T0,
    a_sample,
    an_event,
    days_of,
    raw_of,
)

ROOT = Path(__file__).parents[2]


def _everything(store):
    spans = [Span("watch1"), Span("watch2")]
    days = [store.days(spans, metric, FIRST, LAST) for metric in RESETS]
    return list(store.since(0)), days, sorted(map(str, store.latest())), store.events(spans, EVER)


def _fill(store, rng, batches):
    for number in range(batches):
        samples = [
            Sample(f"watch{rng.randint(1, 2)}", rng.choice(["steps", "distance"]), T0 + rng.randrange(4 * DAY), 1.0)
            for _ in range(30)
        ]
        store.append([*samples, an_event(f"e{number}", number * SECOND)])
        if rng.random() < 0.3:
            store.roll()


@pytest.mark.parametrize("checkpoint", [True, False])
def test_reopening_loses_nothing(open_store, path, checkpoint):
    store = open_store(path, KINDS)
    _fill(store, random.Random(3), 8)
    if checkpoint:
        store.checkpoint()
    before = _everything(store)
    store.close()
    store = open_store(path, KINDS)
    assert _everything(store) == before
    store.close()


@pytest.mark.parametrize("seed", range(3))
def test_a_crash_loses_nothing_that_was_appended(open_store, tmp_path, seed):
    (tmp_path / "live").mkdir()
    store = open_store(tmp_path / "live" / "telemetry.db", KINDS)
    rng = random.Random(seed)
    for crash in range(3):
        _fill(store, rng, rng.randint(1, 4))
        if rng.random() < 0.3:
            store.checkpoint()
        shutil.copytree(tmp_path / "live", tmp_path / f"crash{crash}")
        survivor = open_store(tmp_path / f"crash{crash}" / "telemetry.db", KINDS)
        assert _everything(survivor) == _everything(store)
        assert list(survivor.append([each.change for each in store.since(0)])) == []
        survivor.close()
    store.close()


def test_syncing_beside_appending_keeps_what_was_synced_through_a_kill(open_store, tmp_path):
    opened = open_store(tmp_path / "live.db", KINDS)
    appended = threading.Event()

    def sync() -> None:
        while not appended.is_set():
            opened.sync()

    syncing = threading.Thread(target=sync)
    syncing.start()
    try:
        for second in range(300):
            opened.append([a_sample(second * SECOND)] + [an_event(f"e{second}")] * (second % 50 == 0))
    finally:
        appended.set()
        syncing.join()
    opened.sync()
    opened.sync()
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path, copy, ignore=shutil.ignore_patterns("copy"))
    opened.append([a_sample(-1)])
    recovered = open_store(copy / "live.db", KINDS)
    assert len(raw_of(recovered)) == 300
    assert len(recovered.events([Span("watch1")], EVER)) == 6
    assert recovered.last_seq() == 306
    recovered.close()
    opened.close()


def test_slimming_disturbs_nobody(store):
    written, read = threading.Event(), []

    def look() -> None:
        while not written.is_set():
            read.append(len(raw_of(store)) + len(days_of(store, "heart_rate")))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for second in range(200):
            store.append([a_sample(second * SECOND), an_event(f"e{second}")])
            store.slim()
    finally:
        written.set()
        looking.join()
    assert read == sorted(read)
    assert len(raw_of(store)) == 200


def test_what_is_closed_is_unavailable(open_store, path):
    store = open_store(path, KINDS)
    store.append([a_sample(1)])
    store.close()
    with pytest.raises(StoreUnavailable):
        store.latest()
    with pytest.raises(StoreUnavailable):
        raw_of(store)
    with pytest.raises(StoreUnavailable):
        store.slim()


def _one_clear_line(error):
    assert str(error)
    assert "\n" not in str(error)
    assert "Traceback" not in str(error)


def test_a_second_hub_on_one_file_is_told_so_in_one_line(store, path):
    """From another process: within one, DuckDB shares what is open."""
    if not isinstance(store, DuckStore):
        pytest.skip("only a store in a file of its own is locked")
    script = (
        "import sys, pathlib\n"
        "from devices.errors import StoreUnavailable\n"
        "from hub.telemetry.duck import DuckStore\n"
        "try: DuckStore(pathlib.Path(sys.argv[1]), [])\n"
        "except StoreUnavailable as error: sys.exit(f'refused: {error}')\n"
    )
    second = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert second.returncode == 1
    assert second.stderr.startswith("refused: ")
    assert "lock" in second.stderr
    assert second.stderr.count("\n") == 1


@pytest.mark.parametrize("content", [b"x", b"this is not a database\n" * 1_000, bytes(20_000)])
def test_a_file_that_is_no_store_is_unavailable_and_left_alone(open_store, path, content):
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable) as raised:
        open_store(path, KINDS)
    _one_clear_line(raised.value)
    assert path.read_bytes() == content


def test_a_directory_that_is_not_there_is_unavailable(open_store, tmp_path):
    with pytest.raises(StoreUnavailable) as raised:
        open_store(tmp_path / "nowhere" / "telemetry.db", KINDS)
    _one_clear_line(raised.value)
