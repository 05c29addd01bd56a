"""The workbench of rule writers: files checked, tested, held against the stored past, and compared, on the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.rulework import beat, fired, put, readings, written
from tests.devices import TestDevice
from tests.harness import ROOT, HubProcess, add_device, add_home, add_person, eventually, running

PEOPLE = 5
START = 1_790_000_000_000


def workbench(directory: Path, *arguments: str, data: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hub", "rules", *arguments]
    return subprocess.run(
        command, cwd=directory, env=environment(data), capture_output=True, text=True, timeout=120, check=False
    )


def environment(data: Path | None) -> dict[str, str]:
    named = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    settings = {"HUB_DATA_DIR": str(data)} if data is not None else {}
    return named | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | settings


def test_everything_wrong_in_every_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(beat("good"))
    bad = beat("bad").replace("metric: heart_rate", "metric: heart_rat").replace("unit: ", "unti: ")
    (tmp_path / "bad.yaml").write_text(bad)
    (tmp_path / "worse.yaml").write_text(beat("worse").replace("when: {metric: heart_rate", "when: {metric: hart_rate"))
    done = workbench(tmp_path, "check", "good.yaml", "bad.yaml", "worse.yaml", "none.yaml")
    assert done.returncode == 1
    assert done.stdout == "good.yaml: good is a valid rule\n"
    assert "bad.yaml:6: inputs.limit.unti: Extra inputs are not permitted" in done.stderr
    assert "worse.yaml:7: when.metric: no device model has the metric 'hart_rate'" in done.stderr
    assert "none.yaml:1: (file): No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr
    assert workbench(tmp_path, "check", "good.yaml").returncode == 0


def test_each_test_of_a_rule_is_told(tmp_path: Path) -> None:
    more = "  - name: it does not\n    given: [{at: 0s, heart_rate: 210}]\n    expect: []\n"
    (tmp_path / "rule.yaml").write_text(beat("beat") + more)
    done = workbench(tmp_path, "test", "rule.yaml")
    assert done.returncode == 1
    told = done.stdout.splitlines()
    assert told[0] == "passed  rule.yaml: it fires"
    assert told[1].startswith("FAILED  rule.yaml:14: tests.1: test 'it does not': expected nothing, decided notice at")
    (tmp_path / "rule.yaml").write_text(beat("beat"))
    assert workbench(tmp_path, "test", "rule.yaml").returncode == 0


def test_the_schema_is_printed_and_help_is_there(tmp_path: Path) -> None:
    assert "tests" in json.loads(workbench(tmp_path, "schema").stdout)["properties"]
    for part in ("check", "test", "replay", "diff"):
        done = workbench(tmp_path, part, "--help")
        assert (done.returncode, "FILE" in done.stdout or "BEFORE" in done.stdout) == (0, True)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[HubProcess, dict[str, list[tuple[int, str]]]]:
    """A hub with hearts that beat on record, and what a rule said of them live; the hub runs no more."""
    directory = tmp_path_factory.mktemp("past")
    with running(directory) as hub, hub.api() as api:
        add_home(api)
        put(api, "beat", beat("beat"))
        for number in range(PEOPLE):
            registered = add_device(api, f"watch-{number}", owner=add_person(api, f"person-{number}"))
            values = [(START + step * 1000, 90 + number * 5 + (step % 20)) for step in range(200)]
            with TestDevice(registered) as device:
                device.say(readings("heart_rate", values))
        expected = PEOPLE * 200
        eventually(lambda: hub.metric("hub_samples_stored_total") >= expected)
        (directory / "rule.yaml").write_text(beat("beat"))
        busy = workbench(directory, "replay", "rule.yaml", data=hub.data_dir)
        assert busy.returncode == 1
        assert busy.stderr.count("\n") == 1
        assert "a hub is running" in busy.stderr
        assert "POST /v1/rules/{id}/replay" in busy.stderr
        live = {f"person-{number}": fired(api, "beat", f"person-{number}") for number in range(PEOPLE)}
    return hub, live


SPAN = ("--from", "2026-09-21", "--to", "2026-09-22")


def test_a_replay_tells_what_fired_live(past, tmp_path: Path) -> None:
    hub, live = past
    (tmp_path / "rule.yaml").write_text(beat("beat"))
    done = workbench(tmp_path, "replay", "rule.yaml", *SPAN, data=hub.data_dir)
    assert done.returncode == 0, done.stderr
    firings = sum(len(each) for each in live.values())
    assert firings > PEOPLE
    assert f"{firings} decisions in {sum(bool(each) for each in live.values())} scopes" in done.stdout
    assert "Your heart beats 101 times a minute, above 100." in done.stdout
    one = workbench(tmp_path, "replay", "rule.yaml", *SPAN, "--scope", "person-4", data=hub.data_dir)
    assert f"{len(live['person-4'])} decisions in 1 scopes" in one.stdout
    nobody = workbench(tmp_path, "replay", "rule.yaml", *SPAN, "--scope", "nobody", data=hub.data_dir)
    assert (nobody.returncode, nobody.stderr) == (1, "hub: there is no person nobody\n")


def test_a_schedule_is_replayed_though_nothing_was_said(past, tmp_path: Path) -> None:
    hub, _ = past
    (tmp_path / "early.yaml").write_text(
        written("early", "when: {schedule: '0 8 * * *'}\nthen: {notify: {text: Hello}}")
    )
    done = workbench(tmp_path, "replay", "early.yaml", *SPAN, data=hub.data_dir)
    assert f"{PEOPLE} decisions in {PEOPLE} scopes" in done.stdout, done.stdout


def test_two_versions_are_compared(past, tmp_path: Path) -> None:
    hub, _ = past
    (tmp_path / "before.yaml").write_text(beat("beat", 100))
    (tmp_path / "after.yaml").write_text(beat("beat", 105))
    done = workbench(tmp_path, "diff", "before.yaml", "after.yaml", *SPAN, data=hub.data_dir)
    assert done.returncode == 0, done.stderr
    assert "only before notice" in done.stdout
    assert "only after notice" in done.stdout
    (tmp_path / "other.yaml").write_text(beat("other"))
    done = workbench(tmp_path, "diff", "before.yaml", "other.yaml", data=hub.data_dir)
    assert (done.returncode, done.stderr) == (1, "hub: these are different rules: beat and other\n")


def test_an_interrupt_cancels_it(past, tmp_path: Path) -> None:
    hub, _ = past
    (tmp_path / "rule.yaml").write_text(beat("beat"))
    command = [sys.executable, "-m", "hub", "rules", "replay", "rule.yaml", *SPAN]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(hub.data_dir), start_new_session=True, **pipes)
    signal.signal(signal.SIGINT, before)
    with process:
        workers = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        eventually(lambda: process.poll() is not None or (workers.exists() and workers.read_text().strip()))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        out, errors = process.communicate(timeout=30)
    assert process.returncode == 130, out + errors
    assert "Traceback" not in errors
