"""What nobody should ask of the API, and what operators may not see: a clear problem, and nothing is poisoned by it."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time

import httpx
import pytest

from tests.devices import TestDevice, series
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, eventually


@pytest.fixture(scope="module")
def tried(hub: HubProcess):
    with hub.api() as api:
        add_home(api, timezone="Asia/Seoul")
        add_device(api, "another")
        command = {"id": "of-another", "type": "vibrate", "args": {"strength": 1}}
        assert api.post("/v1/devices/another/commands", json=command).status_code == 202
        yield add_device(api, "tried", owner=add_person(api, "ann"))


@pytest.fixture
def api(hub: HubProcess):
    with hub.api() as client:
        yield client


FAR = "99999999999999999999999"


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/quarantine?cursor={FAR}",
        f"/v1/people/ann/decisions?purpose=service&cursor={FAR}.x",
        f"/v1/devices/tried/commands?cursor={FAR}.x",
    ],
)
def test_a_cursor_that_no_page_gave_is_a_problem(api, tried, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text


@pytest.mark.parametrize("span", ["from=9999-12-31T23:59:59Z", "to=0001-01-01T00:00:00Z", "from=0001-01-01T00:00:00Z"])
@pytest.mark.parametrize("every", ["P1D", "PT1H", "raw"])
def test_a_span_at_the_end_of_time_is_empty_or_all(api, tried, span: str, every: str) -> None:
    answer = api.get(f"/v1/devices/tried/telemetry/heart_rate?every={every}&{span}")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"expires_at": 1_000_000_000_000_000}, 422),
        ({"expires_at": 10**30}, 422),
        ({"expires_at": 0}, 422),
        ({"expires_at": True}, 422),
        ({"expires_at": 1.5}, 422),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422),
        ({"args": {"text": "\ud800"}}, 422),
        ({"args": {"text": "\ud800"}, "type": "show", "id": "half"}, 422),
        ({"args": {"strength": float("nan")}}, 422),
        ({"id": "of-another"}, 409),
    ],
    ids=str,
)
def test_a_command_that_cannot_be_is_refused_and_poisons_nothing(api, tried, sent: dict, status: int) -> None:
    before = api.get("/v1/devices/tried/commands").json()["items"]
    body = {"type": "vibrate", "args": {"strength": 1}} | sent
    answer = api.post(
        "/v1/devices/tried/commands", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert api.get("/v1/devices/tried/commands").json()["items"] == before


@pytest.mark.parametrize("last", ["²", "9" * 5_000, "-1", "x"])
def test_where_a_stream_goes_on_is_a_number_or_nothing(hub: HubProcess, api, last: str) -> None:
    with api.stream("GET", "/v1/stream", headers={"Last-Event-ID": last.encode()}) as stream:
        assert stream.status_code == 200
        assert next(stream.iter_lines()) == ": connected"


def test_half_a_character_is_no_name(api) -> None:
    sent = {"content": '{"id": "halved", "name": "\\ud800"}', "headers": {"Content-Type": "application/json"}}
    answer = api.post("/v1/homes", **sent)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text


def test_nobody_is_called_me(api) -> None:
    assert api.post("/v1/people", json={"id": "me", "username": "mei", "password": PASSWORD}).status_code == 422
    assert api.post("/v1/homes", json={"id": "zoned", "timezone": "localtime"}).status_code == 422


def test_what_people_s_devices_say_reaches_operators_only_through_a_purpose(hub: HubProcess, api, tried) -> None:
    assert api.get("/v1/people/ann/decisions", params={"purpose": "nonsense"}).status_code == 403
    heard: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        with contextlib.suppress(httpx.HTTPError), api.stream("GET", "/v1/stream", timeout=10) as stream:
            for line in stream.iter_lines():
                heard.put(line)
                if "of-operators" in line:
                    return

    listener = threading.Thread(target=listen)
    listener.start()
    assert heard.get(timeout=10) == ": connected"
    with TestDevice(tried) as device:
        device.say({"heart_rate": 187})
        eventually(lambda: series(api, "tried", "heart_rate"))
        time.sleep(0.5)
        command = {"id": "of-operators", "type": "vibrate", "args": {"strength": 1}}
        assert api.post("/v1/devices/tried/commands", json=command).status_code == 202
    listener.join(20)
    lines = list(heard.queue)
    assert any("of-operators" in line for line in lines)
    assert any(line == "event: presence" for line in lines)
    assert not any("heart_rate" in line for line in lines)
