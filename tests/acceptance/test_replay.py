"""The simulators against the hub: a real recording found again to the digit, and a home that lives."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import fitdecode
import pytest

from tests.harness import PASSWORD, ROOT, HubProcess, add_device, add_home, add_person, eventually, ok

RECORDING = ROOT.parent / "shared" / "data" / "run.fit"
needs_recording = pytest.mark.skipif(not RECORDING.exists(), reason="the recording is not beside this project")
Points = list[tuple[int, float]]


def simulate(hub: HubProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(**called(hub, *arguments), timeout=120, check=False)


@contextlib.contextmanager
def simulating(hub: HubProcess, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The simulators, running until the block ends; they heed SIGINT even where tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(**called(hub, *arguments)) as process:
        signal.signal(signal.SIGINT, before)
        try:
            yield process
        finally:
            process.kill()


def called(hub: HubProcess, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "simulators", *arguments, "--api", hub.url]
    command += ["--password-file", str(hub.data_dir / "operator-password")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return {"args": command, "cwd": ROOT, "env": environment, **pipes}


def run_of(wearer: str, *more: str) -> list[str]:
    """The arguments that replay the recording on somebody's watch."""
    return ["replay", str(RECORDING), "--device", f"{wearer}-watch", "--owner", wearer, "--home", "home-1", *more]


def with_a_watch(hub: HubProcess, wearer: str, *, born: int = 1990) -> None:
    """Have a person who wears a watch."""
    with hub.api() as api:
        if api.get("/v1/homes").json()["items"] == []:
            add_home(api)
        add_person(api, wearer, birth_year=born)
        add_device(api, f"{wearer}-watch", owner=wearer)


def recorded() -> dict[str, Points]:
    """Heart rate and distance as the file has them, and the energy of its session, which is the last of it."""
    found: dict[str, Points] = {"heart_rate": [], "distance": [], "energy": []}
    with fitdecode.FitReader(RECORDING) as reader:
        for frame in reader:
            if not isinstance(frame, fitdecode.FitDataMessage):
                continue
            values = {field.name: field.value for field in frame.fields if field.value is not None}
            for name in ("heart_rate", "distance"):
                if frame.name == "record" and name in values:
                    found[name].append((int(values["timestamp"].timestamp() * 1000), values[name]))
            if frame.name == "session":
                found["energy"].append((int(values["timestamp"].timestamp() * 1000), values["total_calories"]))
    return found


@needs_recording
@pytest.mark.parametrize(("wearer", "born", "fires"), [("elder", 1955, True), ("younger", 1995, False)])
def test_a_real_run_is_found_again_to_the_digit_and_the_guard_heeds_the_wearers_age(hub, wearer, born, fires) -> None:
    with_a_watch(hub, wearer, born=born)
    done = simulate(hub, *run_of(wearer, "--instant"))
    assert done.returncode == 0, done.stderr
    with hub.api(wearer, PASSWORD) as own:
        for metric, points in recorded().items():
            assert eventually(partial(enough, own, metric, len(points))) == points, metric
        decisions = ok(own.get("/v1/people/me/decisions"))["items"]
        levels = [decision["level"] for decision in reversed(decisions) if decision["rule"] == "ease-off"]
        assert bool(levels) is fires
        if fires:
            assert levels[:2] == ["notice", "warning"]
            limit = 208 - 0.7 * (2015 - born)
            assert next(each for each in decisions if each["rule"] == "ease-off")["clauses"][0][
                "limit"
            ] == pytest.approx(limit)
            commands = ok(own.get(f"/v1/devices/{wearer}-watch/commands"))["items"]
            assert {"vibrate", "stop_alarm"} <= {command["type"] for command in commands}


@needs_recording
def test_a_run_told_faster_lands_whole_and_takes_its_share_of_the_time(hub) -> None:
    expected, share = recorded(), 3.0
    lasted = (expected["energy"][-1][0] - expected["heart_rate"][0][0]) / 1000
    with_a_watch(hub, "hasty")
    done = simulate(hub, *run_of("hasty", "--speed", str(lasted / share)))
    assert done.returncode == 0, done.stderr
    took = re.search(r"events in (\d+\.\d) s", done.stdout)
    assert took is not None, done.stdout
    assert float(took[1]) >= share - 0.1
    with hub.api("hasty", PASSWORD) as own:
        for metric, points in expected.items():
            assert eventually(partial(enough, own, metric, len(points))) == points, metric


@needs_recording
def test_a_run_moved_to_now_ends_now_and_is_otherwise_the_same(hub) -> None:
    expected = recorded()
    with_a_watch(hub, "mover")
    before = now_ms()
    done = simulate(hub, *run_of("mover", "--instant", "--shift", "now"))
    after = now_ms()
    assert done.returncode == 0, done.stderr
    with hub.api("mover", PASSWORD) as own:
        found = {metric: eventually(partial(enough, own, metric, len(points))) for metric, points in expected.items()}
    end = found["energy"][-1][0]
    assert before <= end <= after
    moved_by = end - expected["energy"][-1][0]
    assert {metric: moved(points, -moved_by) for metric, points in found.items()} == expected


@needs_recording
@pytest.mark.parametrize(
    ("wearer", "shift", "interrupt"),
    [("settled", [], signal.SIGINT), ("starter", ["--shift", "now"], signal.SIGTERM)],
    ids=["in its own time", "from now on"],
)
def test_a_run_takes_its_own_time_until_it_is_interrupted(hub, wearer, shift, interrupt) -> None:
    expected = recorded()["heart_rate"]
    with_a_watch(hub, wearer)
    with hub.api(wearer, PASSWORD) as own:
        began, clock = now_ms(), time.monotonic()
        with simulating(hub, *run_of(wearer, *shift)) as process:
            told = eventually(partial(enough, own, "heart_rate", 4), within=60)
            elapsed = (time.monotonic() - clock) * 1000
            process.send_signal(interrupt)
            _, errors = process.communicate(timeout=30)
        assert (process.returncode, "Traceback" in errors) == (0, False), errors
        moved_by = told[0][0] - expected[0][0]
        assert moved(told, -moved_by) == expected[: len(told)]
        assert told[-1][0] - told[0][0] <= elapsed
        assert began <= told[0][0] <= began + elapsed if shift else moved_by == 0
        eventually(lambda: ok(own.get(f"/v1/devices/{wearer}-watch"))["online"] is False)


def enough(own, metric: str, count: int) -> Points | None:
    """What the hub has of a metric, once there are so many."""
    items = ok(own.get(f"/v1/people/me/telemetry/{metric}", params={"limit": 10_000}))["items"]
    points = [(round(datetime.fromisoformat(item["at"]).timestamp() * 1000), item["value"]) for item in items]
    return points if len(points) >= count else None


def moved(points: Points, by: int) -> Points:
    return [(at + by, value) for at, value in points]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_the_past_of_months_comes_in_through_mqtt_and_shows_as_progress(hub) -> None:
    with hub.api() as api:
        if api.get("/v1/homes").json()["items"] == []:
            add_home(api)
        add_home(api, "past-home", timezone="Asia/Seoul")
        add_person(api, "patty", "past-home", birth_year=1980)
        add_device(api, "patty-watch", "past-home", owner="patty")
    arguments = ["history", "--days", "70", "--device", "patty-watch", "--owner", "patty", "--home", "past-home"]
    for _ in range(2):
        done = simulate(hub, *arguments)
        assert done.returncode == 0, done.stderr
    with hub.api("patty", PASSWORD) as own:
        told = eventually(
            lambda: len((body := ok(own.get("/v1/people/me/progress?metric=weight")))["items"]) >= 70 and body
        )
        assert len(told["items"]) <= 72
        steps = ok(own.get("/v1/people/me/progress?metric=steps"))
        assert all(1_000 < item["value"] < 40_000 for item in steps["items"][1:-1])
        nights = ok(own.get("/v1/people/me/telemetry/sleep_stage?limit=10"))
        assert {item["value"] for item in nights["items"]} <= {"awake", "light", "deep", "rem"}


def test_a_file_that_is_no_recording_ends_with_one_clear_line(hub, tmp_path: Path) -> None:
    broken = tmp_path / "broken.fit"
    broken.write_bytes(b"this is not a recording")
    done = simulate(hub, "replay", str(broken))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_the_demo_is_a_living_home(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path, demo=True).start()
    try:
        passwords = hub.data_dir / "demo-passwords.json"
        eventually(passwords.exists)
        secret = eventually(lambda: json.loads(passwords.read_text() or "{}").get("minji"))
        own = eventually(lambda: sign_in(hub, "minji", secret))
        with own:
            eventually(lambda: len(ok(own.get("/v1/devices"))["items"]) == 6, within=30)
            beats = eventually(
                lambda: (d := ok(own.get("/v1/devices/minji-watch"))["reported"]) and d.get("heart_rate"), within=30
            )
            eventually(lambda: ok(own.get("/v1/devices/minji-watch"))["reported"]["heart_rate"] != beats, within=30)
            eventually(lambda: len(ok(own.get("/v1/people/me/progress?metric=steps"))["items"]) > 140, within=150)
        assert hub.stop() == 0
    finally:
        if hub.process is not None and hub.process.poll() is None:
            hub.stop()


def sign_in(hub: HubProcess, username: str, password: str):
    try:
        return hub.api(username, password)
    except AssertionError:
        return None
