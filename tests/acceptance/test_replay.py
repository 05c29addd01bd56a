"""The simulators against the hub: a real recording found again to the digit, and a home that lives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import fitdecode
import pytest

from tests.harness import PASSWORD, ROOT, HubProcess, add_device, add_home, add_person, eventually, ok

RECORDING = ROOT.parent / "shared" / "data" / "run.fit"


def simulate(hub: HubProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simulators", *arguments, "--api", hub.url]
    command += ["--password-file", str(hub.data_dir / "operator-password")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def recorded() -> dict[str, list[tuple[int, float]]]:
    """Heart rate and distance as the file has them, and the energy of its session."""
    found: dict[str, list[tuple[int, float]]] = {"heart_rate": [], "distance": [], "energy": []}
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


@pytest.mark.skipif(not RECORDING.exists(), reason="the recording is not beside this project")
@pytest.mark.parametrize(("wearer", "born", "fires"), [("elder", 1955, True), ("younger", 1995, False)])
def test_a_real_run_is_found_again_to_the_digit_and_the_guard_heeds_the_wearers_age(hub, wearer, born, fires) -> None:
    device = f"{wearer}-watch"
    with hub.api() as api:
        if api.get("/v1/homes").json()["items"] == []:
            add_home(api)
        add_person(api, wearer, birth_year=born)
        add_device(api, device, owner=wearer)
    done = simulate(
        hub, "replay", str(RECORDING), "--instant", "--device", device, "--owner", wearer, "--home", "home-1"
    )
    assert done.returncode == 0, done.stderr
    expected = recorded()
    with hub.api(wearer, PASSWORD) as own:
        for metric, points in expected.items():
            items = eventually(partial(enough, own, metric, len(points)))
            assert [item["value"] for item in items] == [value for _, value in points], metric
        decisions = ok(own.get("/v1/people/me/decisions"))["items"]
        levels = [decision["level"] for decision in reversed(decisions)]
        assert bool(levels) is fires
        if fires:
            assert levels[:2] == ["notice", "warning"]
            limit = 208 - 0.7 * (2015 - born)
            assert decisions[-1]["clause"]["above"] == pytest.approx(limit)
            commands = ok(own.get(f"/v1/devices/{device}/commands"))["items"]
            assert {"vibrate", "stop_alarm"} <= {command["type"] for command in commands}


def enough(own, metric: str, count: int) -> list[dict] | None:
    items = items_of(own, metric)
    return items if len(items) >= count else None


def items_of(own, metric: str) -> list[dict]:
    return ok(own.get(f"/v1/people/me/telemetry/{metric}", params={"limit": 10_000}))["items"]


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
            eventually(lambda: len(ok(own.get("/v1/people/me/progress?metric=steps"))["items"]) > 140, within=60)
        assert hub.stop() == 0
    finally:
        if hub.process is not None and hub.process.poll() is None:
            hub.stop()


def sign_in(hub: HubProcess, username: str, password: str):
    try:
        return hub.api(username, password)
    except AssertionError:
        return None
