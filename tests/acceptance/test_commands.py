"""Commands: queued, sent, accepted, done; to devices that are there, away, or too late."""

from __future__ import annotations

import time

import pytest

from devices.topics import Channel
from tests.devices import TestDevice
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, eventually, ok

VIBRATE = {"type": "vibrate", "args": {"strength": 2}}


@pytest.fixture
def api(hub: HubProcess):
    with hub.api() as client:
        if client.get("/v1/homes").json()["items"] == []:
            add_home(client)
        yield client


def status(api, device: str, command: str) -> str:
    return ok(api.get(f"/v1/devices/{device}/commands/{command}"))["status"]


def send(api, device: str, **more) -> str:
    answer = api.post(f"/v1/devices/{device}/commands", json=VIBRATE | more)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def test_a_command_goes_all_the_way(api) -> None:
    with TestDevice(add_device(api, "w-all")) as device:
        device.subscribe()
        device.say(b"online", Channel.STATUS)
        command_id = send(api, "w-all")
        command = device.command()
        assert (command["id"], command["type"], command["args"]) == (command_id, "vibrate", {"strength": 2})
        assert command["expires_at"] > time.time() * 1000
        eventually(lambda: status(api, "w-all", command_id) == "sent")
        device.answer(command, "accepted")
        eventually(lambda: status(api, "w-all", command_id) == "accepted")
        device.answer(command, "done")
        eventually(lambda: status(api, "w-all", command_id) == "done")
        device.answer(command, "failed", reason="too late to say so")
        device.answer(command, "accepted")
        device.say({"heart_rate": 70})
        eventually(lambda: "heart_rate" in api.get("/v1/devices/w-all").json()["reported"])
        assert status(api, "w-all", command_id) == "done"


def test_a_refusal_comes_with_its_reason(api) -> None:
    with TestDevice(add_device(api, "w-fail")) as device:
        device.subscribe()
        command_id = send(api, "w-fail")
        device.answer(device.command(), "failed", reason="the motor is stuck")
        eventually(lambda: status(api, "w-fail", command_id) == "failed")
        assert api.get(f"/v1/devices/w-fail/commands/{command_id}").json()["reason"] == "the motor is stuck"


def test_the_same_id_is_the_same_command(api) -> None:
    with TestDevice(add_device(api, "w-same")) as device:
        device.subscribe()
        assert {send(api, "w-same", id="once") for _ in range(3)} == {"once"}
        assert device.command()["id"] == "once"
        other = api.post("/v1/devices/w-same/commands", json={"type": "vibrate", "args": {"strength": 5}, "id": "once"})
        assert other.status_code == 409
        send(api, "w-same", id="twice")
        assert device.command()["id"] == "twice"


def test_a_device_that_was_away_gets_its_command_when_it_returns(api) -> None:
    registered = add_device(api, "w-away")
    with TestDevice(registered, clean=True) as device:
        device.say(b"online", Channel.STATUS)
    eventually(lambda: api.get("/v1/devices/w-away").json()["online"] is False)
    command_id = send(api, "w-away")
    assert status(api, "w-away", command_id) == "queued"
    with TestDevice(registered, clean=True) as device:
        device.subscribe()
        device.say(b"online", Channel.STATUS)
        assert device.command()["id"] == command_id


def test_what_was_sent_and_never_answered_is_sent_again_to_who_returns(api) -> None:
    registered = add_device(api, "w-deaf")
    with TestDevice(registered) as device:
        command_id = send(api, "w-deaf")
        eventually(lambda: status(api, "w-deaf", command_id) == "sent")
    eventually(lambda: api.get("/v1/devices/w-deaf").json()["online"] is False)
    with TestDevice(registered) as device:
        device.subscribe()
        device.say(b"online", Channel.STATUS)
        command = device.command()
        assert command["id"] == command_id
        device.answer(command, "done")
        eventually(lambda: status(api, "w-deaf", command_id) == "done")


def test_what_is_too_late_expires_and_is_not_delivered(api) -> None:
    registered = add_device(api, "w-late")
    soon = int(time.time() * 1000) + 400
    command_id = send(api, "w-late", expires_at=soon)
    eventually(lambda: status(api, "w-late", command_id) == "expired")
    with TestDevice(registered) as device:
        device.subscribe()
        device.say(b"online", Channel.STATUS)
        later = send(api, "w-late")
        assert device.command()["id"] == later


def test_another_device_cannot_answer(api) -> None:
    with TestDevice(add_device(api, "w-mine")) as mine, TestDevice(add_device(api, "w-other")) as other:
        mine.subscribe()
        command_id = send(api, "w-mine")
        command = mine.command()
        other.answer(command, "done")
        mine.answer(command, "accepted")
        eventually(lambda: status(api, "w-mine", command_id) == "accepted")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"type": "fly", "args": {}}, 422),
        ({"type": "vibrate", "args": {"strength": 9}}, 422),
        ({"type": "vibrate", "args": {"strength": "hard"}}, 422),
        ({"type": "vibrate", "args": {}}, 422),
        ({"type": "vibrate", "args": {"strength": 1, "colour": "red"}}, 422),
        ({"args": {}}, 422),
        ({"type": "vibrate", "args": {"strength": 1}, "id": "a b"}, 422),
    ],
)
def test_what_a_device_cannot_do_is_not_sent(api, body, code) -> None:
    if api.get("/v1/devices/w-cannot").status_code == 404:
        add_device(api, "w-cannot")
    answer = api.post("/v1/devices/w-cannot/commands", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (code, "application/problem+json")


def test_strangers_do_not_command_and_do_not_see(hub: HubProcess, api) -> None:
    owner = add_person(api, "owner-c")
    add_person(api, "stranger-c")
    add_device(api, "w-private", owner=owner)
    with hub.api("stranger-c", PASSWORD) as stranger:
        assert stranger.post("/v1/devices/w-private/commands", json=VIBRATE).status_code == 404
    with hub.api("owner-c", PASSWORD) as own:
        assert own.post("/v1/devices/w-private/commands", json=VIBRATE).status_code == 202
