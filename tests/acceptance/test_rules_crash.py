"""`kill -9` in the middle of what rules remember, and hostile rules: nothing is forgotten, nothing fires twice, the hub stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from devices.topics import Channel
from tests.acceptance.rulework import decided, fired, put, written
from tests.devices import TestDevice
from tests.harness import HubProcess, add_device, add_home, add_person, eventually, ok

SECOND = 1_000
Said = list[tuple[int, str, Any]]
"""(seconds after the start, metric or event, value or None)"""


@dataclass
class Scene:
    """A rule, what is said before the crash and after it, and what must be decided: (seconds after the start, level)."""

    rule: str
    before: Said
    after: Said
    expected: list[tuple[float, str]]
    model: str = "health-watch"
    device: dict[str, Any] = field(default_factory=dict)


def beats(begin: int, end: int, value: int) -> Said:
    return [(at, "heart_rate", value) for at in range(begin, end)]


GAP = "on_gap: {longer_than: 30s, then: hold}"
LADDER = (
    "escalate:\n"
    "  - {after: 0s, level: notice, then: {notify: {text: One}}}\n"
    "  - {after: 10s, level: warning, then: {notify: {text: Two}}}\n"
    "  - {after: 20s, level: critical, then: {notify: {text: Three}}}\n"
)
TELL = "then: {notify: {text: Told}}\n"
SCENES = {
    "timer": Scene(
        "when: {metric: door, of: fridge, equals: open, for: 6s}\n" + TELL,
        [(0, "door", "open")],
        [],
        [(6, "notice")],
        model="food-styler",
    ),
    "ladder": Scene(
        f"when: {{metric: heart_rate, above: 150, for: 2s, {GAP}}}\n" + LADDER,
        beats(0, 13, 160),
        [*beats(13, 26, 160), (26, "heart_rate", 80)],
        [(2, "notice"), (12, "warning"), (22, "critical"), (26, "clear")],
    ),
    "pending": Scene(
        f"when: {{metric: heart_rate, above: 150, for: 10s, {GAP}}}\n" + TELL,
        beats(0, 6, 160),
        beats(6, 14, 160),
        [(10, "notice")],
    ),
    "cooldown": Scene(
        f"when: {{metric: heart_rate, above: 150, {GAP}}}\n" + TELL + "limits: {cooldown: 20s}\n",
        [(0, "heart_rate", 80), (1, "heart_rate", 160), (2, "heart_rate", 80)],
        [(at, "heart_rate", value) for at, value in ((5, 160), (6, 80), (21, 160), (23, 160), (24, 80))],
        [(1, "notice"), (2, "clear"), (23, "notice"), (24, "clear")],
    ),
    "window": Scene(
        "when: {metric: heart_rate, window: 10m, agg: mean, above: 120}\n" + TELL,
        beats(0, 10, 100),
        beats(10, 20, 150),
        [(16, "notice")],
    ),
    "missing": Scene(
        "when: {missing: {event: workout.started}, after: {event: workout.ended}, within: 6s}\n" + TELL,
        [(0, "workout.ended", None)],
        [],
        [(6, "notice")],
    ),
    "sequence": Scene(
        "when: {sequence: [{event: worn}, {event: workout.started}], within: 5m}\n" + TELL,
        [(0, "worn", None)],
        [(10, "workout.started", None)],
        [(10, "notice")],
    ),
    "edge": Scene(
        "when: {metric: heart_rate, rises_above: 120, rearm_below: 100}\n" + TELL,
        [(0, "heart_rate", 80), (1, "heart_rate", 130)],
        [(2, "heart_rate", 135), (3, "heart_rate", 90), (4, "heart_rate", 130)],
        [(1, "notice"), (4, "notice")],
    ),
    "count": Scene(
        "when: {count_of: worn, window: 10m, above: 2}\n" + TELL,
        [(0, "worn", None), (1, "worn", None)],
        [(10, "worn", None)],
        [(10, "notice")],
    ),
    "clock": Scene(
        'when: {all: [{metric: heart_rate, above: 150}, {during: {from: "00:00", to: "23:59"}}]}\n' + TELL,
        [(0, "heart_rate", 80), (1, "heart_rate", 160)],
        [(2, "heart_rate", 170), (3, "heart_rate", 80)],
        [(1, "notice"), (3, "clear")],
    ),
}


class Stage:
    """A hub with a rule, somebody and their device for every scene."""

    def __init__(self, hub: HubProcess) -> None:
        self.hub = hub
        with hub.api() as api:
            for name, scene in SCENES.items():
                put(api, name, written(name, scene.rule, scope="home" if name == "timer" else "person"))
            for name, scene in SCENES.items():
                add_home(api, name)
                owner = {} if name == "timer" else {"owner": add_person(api, f"{name}-person", name)}
                scene.device = add_device(api, f"{name}-device", name, model=scene.model, **owner)
        self.devices = {name: scene.device for name, scene in SCENES.items()}

    def say(self, start: int, *, after: bool) -> None:
        """Have every device say its part, and wait until all of it is stored."""
        before = self._stored()
        count = 0
        for name, scene in SCENES.items():
            said = scene.after if after else scene.before
            with TestDevice(self.devices[name]) as device:
                for at, what, value in said:
                    say(device, start + at * SECOND, what, value)
            count += len(said)
        eventually(lambda: self._stored() >= before + count)

    def decided(self) -> dict[str, list[tuple[str, int, str]]]:
        with self.hub.api() as api:
            return {name: decided(api, name, scope(name)) for name in SCENES}

    def _stored(self) -> float:
        return self.hub.metric("hub_samples_stored_total") + self.hub.metric("hub_events_stored_total")


def scope(name: str) -> str:
    return name if name == "timer" else f"{name}-person"


def say(device: TestDevice, at: int, what: str, value: Any) -> None:
    if value is None:
        device.say({"id": f"{what}-{at}", "ts": at, "type": what, "data": {}}, Channel.EVENT)
    else:
        device.say({"ts": at, "values": {what: value}})


def expected(start: int) -> dict[str, list[tuple[int, str]]]:
    return {name: [(start + round(at * SECOND), level) for at, level in each.expected] for name, each in SCENES.items()}


def plain(found: dict[str, list[tuple[str, int, str]]]) -> dict[str, list[tuple[int, str]]]:
    return {name: [(at, level) for _, at, level in rows] for name, rows in found.items()}


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Stage]]:
    """Two hubs with the same rules and people."""
    hubs = [HubProcess(tmp_path_factory.mktemp(name)) for name in ("crashing", "steady")]
    try:
        yield [Stage(hub.start()) for hub in hubs]
    finally:
        for hub in hubs:
            if hub.process is not None and hub.process.poll() is None:
                hub.stop()


@pytest.fixture(scope="module")
def outcome(stages: list[Stage]) -> tuple[int, list[dict[str, list[tuple[str, int, str]]]]]:
    """What the hub that was killed twice decided, and what the one that was not did, of the same."""
    crashing, _steady = stages
    start = int(time.time() * 1000)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda stage: stage.say(start, after=False), stages))
        for _ in range(2):
            crashing.hub.kill()
            crashing.hub.start()
        list(pool.map(lambda stage: stage.say(start, after=True), stages))
    deadline = time.monotonic() + 20
    while any(plain(each.decided()) != expected(start) for each in stages) and time.monotonic() < deadline:
        time.sleep(0.2)
    return start, [each.decided() for each in stages]


@pytest.mark.parametrize("name", SCENES)
def test_a_crash_changes_nothing_of_what_is_decided(outcome, name: str) -> None:
    start, (crashed, steady) = outcome
    assert plain(steady)[name] == expected(start)[name]
    assert crashed[name] == steady[name]


# Hostile rules, on the hub that has just been through it.


@pytest.fixture
def api(stages: list[Stage], outcome) -> Iterator[httpx.Client]:
    hub = stages[0].hub
    with hub.api() as client:
        yield client
        assert client.get("/ready").status_code == 200
        for rule in ok(client.get("/v1/rules"))["items"]:
            if rule["pack"] == "own" and rule["active"] is not None and rule["id"] not in SCENES:
                ok(client.post(f"/v1/rules/{rule['id']}/switch-off"))


def refused(api: httpx.Client, body: str, reason: str) -> None:
    answer = api.put("/v1/rules/hostile", json={"text": body})
    assert answer.status_code == 422, answer.text[:500]
    assert reason in answer.text, answer.text[:500]
    assert len(answer.text) < 20_000
    assert api.get("/v1/rules/hostile").status_code == 404


def test_a_giant_body_is_turned_away(api) -> None:
    body = b'{"text": "' + b"x" * 10_000_000 + b'"}'
    json = {"content-type": "application/json"}
    assert api.put("/v1/rules/hostile", content=body, headers=json).status_code == 413
    pieces = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    assert api.put("/v1/rules/hostile", content=pieces, headers=json).status_code == 413
    refused(api, "x" * 300_000, "at most 262144 characters")


def test_bombs_are_defused(api) -> None:
    bomb = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n"
    refused(api, bomb, "aliases are not allowed")
    refused(api, "when: " + "[" * 50_000, "nested deeper than 32")
    refused(api, "when: " + "{not: " * 60 + "{metric: heart_rate, above: 1}" + "}" * 60, "nested deeper than 32")
    refused(api, "a: !!python/object/apply:os.system [id]", "")


@pytest.mark.parametrize(
    "when",
    [
        "{metric: heart_rate, window: 9999d, agg: mean, above: 100}",
        "{metric: heart_rate, above: 100, for: 99999999999999d}",
        "{metric: heart_rate, above: .inf}",
        '{schedule: "* * * * *"}',
        "{any: []}",
    ],
)
def test_what_has_no_bounds_is_refused(api, when: str) -> None:
    refused(api, written("hostile", f"when: {when}\n" + TELL), "when")


@pytest.mark.parametrize(
    "where",
    [
        "1 +",
        "value." + "a." * 5_000 + "b",
        "(" * 5_000 + "1" + ")" * 5_000,
        "value == " + "'" + "x" * 100_000 + "'",
        "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3].all(d, a > 0))))",
    ],
)
def test_hostile_expressions_are_refused(api, where: str) -> None:
    refused(api, written("hostile", f"when: {{event: worn, where: {where!r}}}\n" + TELL), "when.where")


def test_rules_that_multiply_events_do_not_stall_the_hub(api, stages) -> None:
    actions = "\n".join("  - {event: {type: loop.more}}" for _ in range(6))
    body = "when: {any: [{event: worn}, {event: loop.more}]}\nthen:\n" + actions
    for number in range(4):
        put(api, f"loop-{number}", written(f"loop-{number}", body))
    hub = stages[0].hub
    start = int(time.time() * 1000)
    with TestDevice(stages[0].devices["edge"]) as device:
        say(device, start, "worn", None)
        eventually(lambda: len(fired(api, "loop-0", "edge-person")) > 1)
        assert "rule_loop_cut" in hub.log()
        say(device, start + SECOND, "heart_rate", 71)
        eventually(lambda: ok(api.get("/v1/devices/edge-device"))["reported"]["heart_rate"]["value"] == 71, within=10)
