"""Who may come in, who may say what, and how fast somebody is out again. Through the real broker."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time

import httpx
import pytest

from devices.topics import Channel
from tests.devices import TestDevice, series
from tests.harness import HubProcess, add_device, add_home, eventually

REFUSED = 128


@pytest.fixture
def api(hub: HubProcess):
    with hub.api() as client:
        if client.get("/v1/homes").json()["items"] == []:
            add_home(client, "home-1")
            add_home(client, "home-2")
        yield client


def refusals(api, device: str) -> set[tuple[str, str]]:
    items = api.get("/v1/quarantine", params={"kind": "access", "device": device}).json()["items"]
    return {(item["code"], item["topic"] or item["reason"]) for item in items}


def test_a_device_with_its_token_comes_in_and_is_heard(api) -> None:
    with TestDevice(add_device(api, "good")) as device:
        device.say({"heart_rate": 72})
        eventually(lambda: [value for _, value in series(api, "good", "heart_rate")] == [72])
        assert api.get("/v1/devices/good").json()["online"] is True


@pytest.mark.parametrize("password", ["", "wrong", "x" * 10_000])
def test_a_wrong_password_is_refused_and_on_record(api, password: str) -> None:
    name = f"wrong-{len(password)}"
    registered = add_device(api, name)
    registered["mqtt"]["password"] = password
    device = TestDevice(registered).connect()
    assert device.refusal is not None
    device.leave()
    eventually(lambda: ("sign_in", "wrong password") in refusals(api, name))


def test_nobody_the_hub_knows_is_refused(api) -> None:
    access = {
        "host": "127.0.0.1",
        "port": add_device(api, "known")["mqtt"]["port"],
        "username": "nobody",
        "password": "x",
    }
    device = TestDevice({"home": "home-1", "id": "nobody", "mqtt": access}).connect()
    assert device.refusal is not None
    device.leave()


@pytest.mark.parametrize("user", ["hub-bridge", "hub-gatekeeper", "hub-system"])
def test_the_hubs_own_users_do_not_open_with_a_guess(api, user: str) -> None:
    access = add_device(api, f"guess-{user}")["mqtt"] | {"username": user, "password": "guess"}
    device = TestDevice({"home": "home-1", "id": user, "mqtt": access}).connect()
    assert device.refusal is not None
    device.leave()


def test_the_topics_of_others_and_wildcards_are_refused_and_on_record(api) -> None:
    victim, thief = add_device(api, "victim"), add_device(api, "thief")
    with TestDevice(victim) as quiet, TestDevice(thief) as device:
        assert quiet.subscribe() == 1
        filters = ["hub/v1/home-1/victim/command", "#", "hub/v1/+/+/command", "hub/v1/home-1/thief/#", "$SYS/#", "+/#"]
        for topic in filters:
            assert device.subscribe(topic) == REFUSED, topic
        assert device.subscribe() == 1
        device.say({"heart_rate": 199}, topic="hub/v1/home-1/victim/telemetry")
        device.say({"id": "x", "type": "vibrate", "args": {}, "expires_at": 9e12}, topic="hub/v1/home-1/victim/command")
        device.say({"heart_rate": 199}, topic="hub/v1/home-2/thief/telemetry")
        device.say({"heart_rate": 71})
        eventually(lambda: [value for _, value in series(api, "thief", "heart_rate")] == [71])
        eventually(lambda: ("publish", "hub/v1/home-1/victim/telemetry") in refusals(api, "thief"))
        assert ("subscription", "hub/v1/home-1/victim/command") in refusals(api, "thief")
        assert series(api, "victim", "heart_rate") == []
        assert quiet.commands.empty()


def test_a_stolen_client_id_is_refused_and_harms_nobody(api) -> None:
    owner, thief = add_device(api, "owner"), add_device(api, "burglar")
    with TestDevice(owner, clean=False) as device:
        device.subscribe()
        for stolen in ("owner",):
            taker = TestDevice(thief, client_id=stolen).connect()
            assert taker.refusal is not None
            taker.leave()
        assert not device.gone.wait(0.5)
        device.say({"heart_rate": 70})
    eventually(lambda: ("sign_in", "client id belongs to another device") in refusals(api, "burglar"))


def test_a_session_under_another_name_belongs_to_who_began_it(api) -> None:
    first, second = add_device(api, "first"), add_device(api, "second")
    with TestDevice(first, client_id="phone-of-first", clean=False):
        pass
    taker = TestDevice(second, client_id="phone-of-first").connect()
    assert taker.refusal is not None
    taker.leave()


@pytest.mark.parametrize("ending", ["rotate", "revoke"])
def test_a_connected_device_is_cut_off_within_a_second(api, ending: str) -> None:
    name = f"cut-{ending}"
    registered = add_device(api, name)
    device = TestDevice(registered).connect()
    device.gone.clear()
    asked = time.monotonic()
    answer = (
        api.post(f"/v1/devices/{name}/credentials")
        if ending == "rotate"
        else api.delete(f"/v1/devices/{name}/credentials")
    )
    assert answer.is_success
    assert device.gone.wait(1 - (time.monotonic() - asked))
    device.leave()
    again = TestDevice(registered).connect()
    assert again.refusal is not None
    again.leave()
    if ending == "rotate":
        with TestDevice(registered | {"mqtt": answer.json()["mqtt"]}) as renewed:
            renewed.say({"heart_rate": 70})
            eventually(lambda: series(api, name, "heart_rate"))


def test_who_comes_in_with_a_new_token_stays(api) -> None:
    registered = add_device(api, "rotated")
    for value in (60, 70, 80):
        access = api.post("/v1/devices/rotated/credentials").json()["mqtt"]
        with TestDevice(registered | {"mqtt": access}) as device:
            device.say({"heart_rate": value})
            eventually(lambda seen=value: seen in [each for _, each in series(api, "rotated", "heart_rate")])
            eventually(lambda: api.get("/v1/devices/rotated").json()["online"] is True)
            time.sleep(0.3)
            assert not device.gone.is_set()


def test_a_sign_in_that_is_under_way_is_cut_off_too(api) -> None:
    """Whatever the broker was told before the credentials were taken back: nobody stays."""
    registered = add_device(api, "racing")
    stop, lock = threading.Event(), threading.Lock()
    devices: list[TestDevice] = []

    def come_in_again_and_again() -> None:
        while not stop.is_set():
            device = TestDevice(registered, client_id=f"racing-{secrets.token_hex(4)}").connect()
            if device.refusal is None:
                with lock:
                    devices.append(device)
            else:
                device.leave()

    for _ in range(3):
        registered["mqtt"] = api.post("/v1/devices/racing/credentials").json()["mqtt"]
        stop.clear()
        comers = [threading.Thread(target=come_in_again_and_again) for _ in range(3)]
        for comer in comers:
            comer.start()
        eventually(lambda: len(devices) > 5)
        assert api.delete("/v1/devices/racing/credentials").status_code == 204
        stop.set()
        for comer in comers:
            comer.join(20)
        for device in devices:
            assert device.gone.wait(5)
            device.leave()
        devices.clear()


def test_a_cut_off_is_owed_while_the_broker_does_not_answer(hub: HubProcess, api) -> None:
    registered = add_device(api, "owed")
    with TestDevice(registered) as device:
        device.say({"heart_rate": 60})
        os.kill(hub.broker_pid, signal.SIGSTOP)
        try:
            assert api.delete("/v1/devices/owed/credentials").status_code == 204
        finally:
            os.kill(hub.broker_pid, signal.SIGCONT)
        assert device.gone.wait(10)
    eventually(lambda: httpx.get(hub.url + "/ready").is_success)


def test_the_hubs_own_client_id_is_nobody_elses(hub: HubProcess, api) -> None:
    own = (hub.data_dir / "client-id").read_text().strip()
    device = TestDevice(add_device(api, "taker"), client_id=own).connect()
    assert device.refusal is not None
    device.leave()
    eventually(lambda: ("sign_in", "client id of the hub") in refusals(api, "taker"))
    assert httpx.get(hub.url + "/ready").is_success


def test_no_device_is_called_as_the_hub_is(api) -> None:
    answer = api.post("/v1/devices", json={"id": "hub-kitchen", "home": "home-1", "model": "washer"})
    assert answer.status_code == 422
    assert "hub-" in answer.json()["detail"]


def test_a_retained_will_says_that_a_device_is_away(api) -> None:
    registered = add_device(api, "faint")
    device = TestDevice(registered)
    device.client.will_set(device.topic(Channel.STATUS), b"offline", qos=1, retain=True)
    device.connect()
    device.say(b"online", Channel.STATUS)
    eventually(lambda: api.get("/v1/devices/faint").json()["online"] is True)
    device.client._sock.close()
    device.client.loop_stop()
    eventually(lambda: api.get("/v1/devices/faint").json()["online"] is False)


def test_tokens_are_nowhere_in_the_data_dir(hub: HubProcess, api) -> None:
    token = add_device(api, "secretive")["mqtt"]["password"]
    password = (hub.data_dir / "operator-password").read_text()
    files = [path for path in hub.data_dir.rglob("*") if path.is_file()]
    assert len(files) > 5
    found = [path.name for path in files if token.encode() in path.read_bytes()]
    assert found == []
    assert [path.name for path in files if password.encode() in path.read_bytes()] == ["operator-password"]
    assert token not in hub.log()


def test_keys_and_data_are_for_their_owner_alone(hub: HubProcess) -> None:
    assert hub.data_dir.stat().st_mode & 0o777 == 0o700
    assert (hub.data_dir / "broker").stat().st_mode & 0o777 == 0o700
    secrets = [hub.data_dir / "operator-password", *(hub.data_dir / "broker").glob("*.password")]
    secrets += [hub.data_dir / "broker" / "issuer.seed", hub.data_dir / "broker" / "nats.conf"]
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
