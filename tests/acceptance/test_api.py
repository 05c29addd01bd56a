"""The HTTP API: roles, errors, series, progress, the stream."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from devices.topics import Channel
from tests.devices import TestDevice, series
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, eventually, ok


@pytest.fixture
def api(hub: HubProcess):
    with hub.api() as client:
        if client.get("/v1/homes").json()["items"] == []:
            add_home(client, timezone="Asia/Seoul")
            add_home(client, "home-2")
        yield client


def rfc3339(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_errors_are_problem_documents_with_stable_types(hub: HubProcess, api) -> None:
    anonymous = httpx.Client(base_url=hub.url)
    answers = {
        "unauthorized": anonymous.get("/v1/devices"),
        "not-found": api.get("/v1/devices/nowhere"),
        "conflict": api.post("/v1/homes", json={"id": "home-1"}),
        "invalid-request": api.post("/v1/homes", json={"id": "Not An Id"}),
        "too-large": api.post("/v1/homes", content=b"x" * 2_000_000),
    }
    for name, answer in answers.items():
        assert answer.headers["content-type"] == "application/problem+json", name
        assert answer.json()["type"] == f"urn:experience-hub:problem:{name}"
        assert answer.json()["status"] == answer.status_code
    assert anonymous.get("/v1/nothing/here").json()["type"].endswith("not-found")
    assert api.post("/v1/homes", json={"id": "zoned", "timezone": "Mars/Olympus"}).status_code == 422
    wrong = anonymous.post("/v1/auth/token", data={"username": "operator", "password": "wrong"})
    assert wrong.status_code == 401
    anonymous.close()


def test_every_answer_says_how_long_the_hub_took(hub: HubProcess, api) -> None:
    for asked in ("/v1/homes", "/v1/nothing/here"):
        began = time.perf_counter()
        said = api.get(asked).headers["server-timing"]
        assert 0 < float(said.removeprefix("total;dur=")) < (time.perf_counter() - began) * 1000


def test_people_see_their_own_and_nobody_elses(hub: HubProcess, api) -> None:
    ann, bob = add_person(api, "ann", birth_year=1980), add_person(api, "bob", home="home-2")
    add_device(api, "ann-watch", owner=ann)
    add_device(api, "fridge-1", model="food-styler")
    with TestDevice(add_device(api, "ann-2", owner=ann)) as device:
        device.say({"heart_rate": 64})
        eventually(lambda: series(api, "ann-2", "heart_rate"))
    with hub.api("ann", PASSWORD) as own:
        assert {d["id"] for d in own.get("/v1/devices").json()["items"]} == {"ann-watch", "ann-2", "fridge-1"}
        assert own.get("/v1/people/me/telemetry/heart_rate").json()["items"][0]["value"] == 64
        assert own.get("/v1/people/bob").status_code == 403
        assert own.post("/v1/homes", json={"id": "mine"}).status_code == 403
        assert own.get("/v1/quarantine").status_code == 403
        assert own.get("/v1/people/me").json()["birth_year"] == 1980
    with hub.api("bob", PASSWORD) as other:
        assert other.get("/v1/devices").json()["items"] == []
        assert other.get("/v1/devices/ann-2").status_code == 404
        assert other.get(f"/v1/people/{ann}/telemetry/heart_rate").status_code == 403
        assert other.get(f"/v1/people/{ann}/progress", params={"metric": "steps"}).status_code == 403
        assert other.get(f"/v1/people/{bob}/telemetry/heart_rate").status_code == 404


def test_nobody_reads_for_a_purpose_that_nobody_allowed(api) -> None:
    add_device(api, "purposeful")
    answer = api.get("/v1/devices/purposeful/telemetry/heart_rate", params={"purpose": "research"})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:experience-hub:problem:forbidden")
    listed = {item["id"]: item for item in api.get("/v1/devices", params={"limit": 1000}).json()["items"]}
    assert "purposeful" in listed


def test_every_payload_form_arrives(api) -> None:
    now = int(time.time() * 1000)
    with TestDevice(add_device(api, "forms")) as device:
        device.say({"skin_temperature": 31.5})
        device.say({"ts": now - 5_000, "values": {"heart_rate": 72}})
        device.say(
            [{"ts": now - 3_000, "values": {"heart_rate": 74}}, {"ts": now - 4_000, "values": {"heart_rate": 73}}]
        )
        device.say(
            [
                {"bn": "urn:dev:x:", "bt": (now - 2_000) / 1000, "n": "heart_rate", "u": "beat/min", "v": 75},
                {"n": "speed", "u": "km/h", "v": 36},
            ]
        )
        eventually(lambda: len(series(api, "forms", "speed")) == 1)
        assert series(api, "forms", "heart_rate") == [
            (rfc3339(now - step), value)
            for step, value in zip((5_000, 4_000, 3_000, 2_000), (72, 73, 74, 75), strict=True)
        ]
        assert series(api, "forms", "speed")[0][1] == pytest.approx(10)
        [(stamped, value)] = series(api, "forms", "skin_temperature")
        assert value == 31.5
        assert abs(datetime.fromisoformat(stamped).timestamp() - now / 1000) < 60


def test_series_are_paged_stepped_and_cut(api) -> None:
    start = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
    with TestDevice(add_device(api, "paged")) as device:
        for first in range(0, 3_000, 500):
            device.say(
                [{"ts": start + (first + i) * 60_000, "values": {"spo2": 90 + (first + i) % 10}} for i in range(500)]
            )
        eventually(lambda: len(series(api, "paged", "spo2", limit=700)) == 3_000)
    points = series(api, "paged", "spo2", limit=700)
    assert [at for at, _ in points] == sorted({at for at, _ in points})
    path = "/v1/devices/paged/telemetry/spo2"
    cut = ok(api.get(path, params={"from": rfc3339(start + 60_000), "to": rfc3339(start + 180_000)}))
    assert [item["value"] for item in cut["items"]] == [91, 92]
    hours = ok(api.get(path, params={"every": "PT1H", "agg": "mean", "limit": 10}))
    assert [item["at"] for item in hours["items"][:2]] == ["2026-03-01T00:00:00.000Z", "2026-03-01T01:00:00.000Z"]
    assert hours["items"][0]["value"] == pytest.approx(94.5)
    assert hours["next"] is not None
    days = ok(api.get(path, params={"every": "P1D", "agg": "count"}))["items"]
    assert [item["at"] for item in days] == [
        "2026-02-28T15:00:00.000Z",
        "2026-03-01T15:00:00.000Z",
        "2026-03-02T15:00:00.000Z",
    ]
    assert sum(item["value"] for item in days) == 3_000
    for query in (
        {"every": "soon"},
        {"every": "PT0S"},
        {"agg": "median"},
        {"cursor": "x"},
        {"limit": 0},
        {"from": "yesterday"},
    ):
        assert api.get(path, params=query).status_code == 422, query
    assert api.get("/v1/devices/paged/telemetry/colour").status_code == 404


def test_states_have_a_first_and_a_last_but_no_mean(api) -> None:
    with TestDevice(add_device(api, "states", model="washer")) as device:
        device.say({"cycle_state": "washing", "programme": "cotton"})
        eventually(lambda: [value for _, value in series(api, "states", "cycle_state")] == ["washing"])
    path = "/v1/devices/states/telemetry/cycle_state"
    assert ok(api.get(path, params={"every": "PT1H", "agg": "last"}))["items"][0]["value"] == "washing"
    assert ok(api.get(path, params={"every": "P1D"}))["items"][0]["value"] == "washing"
    assert api.get(path, params={"every": "PT1H", "agg": "mean"}).status_code == 422


def test_progress_tells_months_and_what_is_missing(hub: HubProcess, api) -> None:
    person = add_person(api, "carol", birth_year=1975)
    first = datetime(2026, 5, 1, 3, tzinfo=UTC)
    with TestDevice(add_device(api, "carol-watch", owner=person)) as device:
        for day in range(0, 150, 2):
            at = int((first + timedelta(days=day)).timestamp() * 1000)
            device.say(
                [{"ts": at, "values": {"steps": 100}}, {"ts": at + 3_600_000, "values": {"steps": 5_000 + day * 20}}]
            )
        with hub.api("carol", PASSWORD) as own:
            asked = {"metric": "steps", "from": "2026-05-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"}
            told = eventually(
                lambda: len((body := ok(own.get("/v1/people/me/progress", params=asked)))["items"]) == 75 and body
            )
    assert told["items"][0] == {"at": "2026-04-30T15:00:00.000Z", "value": 5_000, "days": 1}
    assert [month["month"] for month in told["months"]] == ["2026-05", "2026-06", "2026-07", "2026-08", "2026-09"]
    assert told["change"]["better"] is True
    assert told["change"]["difference"] > 2_000
    assert told["trend"]["verdict"] == "better"
    assert told["trend"]["low"] <= told["trend"]["slope"] == 600 <= told["trend"]["high"]
    assert (told["turns"], told["missing"], told["goal"]) == ([], {}, None)
    assert (told["streaks"]["of"], told["streaks"]["longest"]["length"]) == ("median", 1)
    assert {(each["kind"], each["every"]) for each in told["records"]} == {("best", "day"), ("best", "month")}
    assert told["records"][0] == {"kind": "best", "every": "day", "start": "2026-09-26", "value": 7_960, "days": 1}
    assert told["sentence"]["en"].startswith("Steps: clearly rising, by about 600 steps a month, for the better.")
    assert told["sentence"]["ko"].startswith("걸음: 한 달에 약 600걸음씩 좋은 쪽으로 뚜렷하게 늘고 있어요.")
    weeks = ok(api.get(f"/v1/people/{person}/progress", params=asked | {"every": "week"}))["items"]
    assert weeks[1] == {"at": "2026-05-03T15:00:00.000Z", "value": 5_120, "days": 3}
    assert sum(week["days"] for week in weeks) == 75
    short = ok(
        api.get(
            f"/v1/people/{person}/progress",
            params={"metric": "steps", "from": "2026-05-01T00:00:00Z", "to": "2026-05-09T00:00:00Z"},
        )
    )
    assert short["change"] is None
    assert "two months" in short["insufficient"]
    assert (short["trend"], short["missing"]["trend"]) == (None, "14 days of data; there are 5")
    assert "not enough data" in short["sentence"]["en"]
    backwards = {"metric": "steps", "from": "2026-05-09T00:00:00Z", "to": "2026-05-01T00:00:00Z"}
    for wrong in (
        backwards,
        {"metric": "sleep_stage"},
        {"metric": "steps", "every": "year"},
        {"from": "0001-01-01T00:00:00Z"},
    ):
        assert api.get(f"/v1/people/{person}/progress", params={"metric": "steps"} | wrong).status_code == 422, wrong
    assert api.get(f"/v1/people/{person}/progress", params={"metric": "colour"}).status_code == 404


def test_goals_are_set_changed_told_of_and_let_go(hub: HubProcess, api) -> None:
    dana, other = add_person(api, "dana"), add_person(api, "erik")
    last = datetime(2026, 5, 10, 3, tzinfo=UTC)
    asked = {"metric": "steps", "from": "2026-05-01T00:00:00Z", "to": "2026-05-10T15:00:00Z"}
    with TestDevice(add_device(api, "dana-watch", owner=dana)) as device, hub.api("dana", PASSWORD) as own:
        for back, steps in enumerate((9_000, 8_500, 3_000)):
            at = int((last - timedelta(days=back)).timestamp() * 1000)
            device.say([{"ts": at, "values": {"steps": 0}}, {"ts": at + 3_600_000, "values": {"steps": steps}}])
        path = "/v1/people/me/goals"
        assert ok(own.get(path)) == {"items": [], "next": None}
        ok(own.put(f"{path}/steps", json={"target": 60_000, "per": "week"}))
        told = ok(own.put(f"{path}/steps", json={"target": 8_000, "per": "day"}))
        assert (told["metric"], told["target"], told["per"], told["better"]) == ("steps", 8_000, "day", "up")
        assert ok(own.get(path))["items"] == [told]
        came = eventually(
            lambda: len((body := ok(own.get("/v1/people/me/progress", params=asked)))["items"]) == 3 and body
        )
        assert (came["goal"]["target"], came["goal"]["met"], came["goal"]["judged"]) == (8_000, 2, 3)
        assert (came["streaks"]["of"], came["streaks"]["current"]["length"]) == ("goal", 2)
        assert "Goal of 8,000 steps a day: met on 2 of 3 days." in came["sentence"]["en"]
        wrong = {"steps": {"target": 60_001}, "energy": {"target": 1, "per": "year"}, "weight": {"per": "day"}}
        for metric, body in wrong.items():
            assert own.put(f"{path}/{metric}", json=body).status_code == 422, metric
        assert own.put(f"{path}/colour", json={"target": 1}).status_code == 404
        assert own.put(f"/v1/people/{other}/goals/steps", json={"target": 1}).status_code == 403
        assert own.delete(f"{path}/steps").status_code == 204
        assert own.delete(f"{path}/steps").status_code == 404
        later = ok(own.get("/v1/people/me/progress", params=asked | {"to": "9000-01-01T00:00:00Z"}))
        assert (later["goal"], len(later["items"])) == (None, 3)
    assert api.get("/v1/people/nobody/goals").status_code == 404


class Listener:
    """Reads Server-Sent Events from a stream."""

    def __init__(self, client: httpx.Client, last: str | None = None) -> None:
        headers = {"Last-Event-ID": last} if last else {}
        self._stream = client.stream("GET", "/v1/stream", headers=headers)
        self._lines = self._stream.__enter__().iter_lines()
        assert next(self._lines) == ": connected"
        self.last = last
        self._passed: list[tuple[str | None, dict]] = []

    def next(self, kind: str) -> dict:
        """The next happening of a kind; those of other kinds that come before it are kept for later."""
        for place, (passed, body) in enumerate(self._passed):
            if passed == kind:
                del self._passed[place]
                return body
        event = None
        for line in self._lines:
            if line.startswith("id: "):
                self.last = line[4:]
            elif line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                body = json.loads(line[6:])
                if event == kind:
                    return body
                self._passed.append((event, body))
        raise AssertionError(f"the stream ended without {kind}")

    def close(self) -> None:
        self._stream.__exit__(None, None, None)


def test_the_stream_tells_what_happens_and_goes_on_where_it_was_left(hub: HubProcess, api) -> None:
    person = add_person(api, "dora", birth_year=1960)
    add_person(api, "eve", home="home-2")
    now = int(time.time() * 1000)
    with (
        TestDevice(add_device(api, "dora-watch", owner=person)) as device,
        hub.api("dora", PASSWORD) as own,
        hub.api("eve", PASSWORD) as other,
    ):
        device.subscribe()
        listener, stranger = Listener(own), Listener(other)
        device.say({"ts": now, "values": {"heart_rate": 66}})
        assert listener.next("twin")["reported"]["heart_rate"]["value"] == 66
        device.say({"id": "w1", "ts": now, "type": "workout.started", "data": {}}, Channel.EVENT)
        assert listener.next("event")["type"] == "workout.started"
        listener.close()
        device.say({"id": "w2", "ts": now + 1, "type": "workout.ended", "data": {"distance_m": 5000}}, Channel.EVENT)
        device.say([{"ts": now + 1_000 + i * 1_000, "values": {"heart_rate": 190}} for i in range(12)])
        again = Listener(own, listener.last)
        assert again.next("event")["data"] == {"distance_m": 5000}
        decided = again.next("decision")
        assert (decided["rule"], decided["level"]) == ("ease-off", "notice")
        assert "190" in decided["because"]["en"]
        command = device.command()
        device.answer(command, "done")
        while (told := again.next("command"))["status"] != "done":
            assert told["id"] == command["id"]
        again.close()
        elsewhere = add_device(api, "eve-watch", home="home-2", owner="eve")
        with TestDevice(elsewhere) as mine:
            mine.say({"id": "e", "ts": now, "type": "worn", "data": {}}, Channel.EVENT)
            assert stranger.next("event")["device"] == "eve-watch"
        stranger.close()


def test_health_readiness_and_figures_need_no_sign_in(hub: HubProcess) -> None:
    assert httpx.get(hub.url + "/health").json() == {"status": "ok"}
    assert httpx.get(hub.url + "/ready").json() == {"status": "ready"}
    figures = httpx.get(hub.url + "/metrics").text
    assert "hub_messages_total" in figures
    assert "ann" not in figures.replace("channel", "")


def test_the_operator_reading_a_persons_data_is_on_record(hub: HubProcess, api) -> None:
    import sqlite3

    person = add_person(api, "fred")
    add_device(api, "fred-watch", owner=person)
    ok(api.get(f"/v1/people/{person}/telemetry/heart_rate"))
    with hub.api("fred", PASSWORD) as own:
        ok(own.get("/v1/people/me/telemetry/heart_rate"))
    with sqlite3.connect(hub.data_dir / "hub.sqlite") as tables:
        rows = tables.execute("select reader, purpose, path from usage where subject = 'fred'").fetchall()
    assert rows == [("operator", "service", "/v1/people/fred/telemetry/heart_rate")]
