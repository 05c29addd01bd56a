"""Recommendations as people meet them: only with their consent, gone with it, and the same after `kill -9`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from devices.topics import Channel
from tests.acceptance.rulework import decided, put, traces
from tests.acceptance.test_api import Listener
from tests.devices import TestDevice
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, eventually, ok

SECOND = 1_000
RULE = "after-a-long-run"
HELD = """\
id: held
title: A heart that is up for a while
scope: {each: person}
purpose: recommend
when: {metric: heart_rate, above: 120, for: 4s}
then: {recommend: {catalogue: recovery, tags: [drink], pick: 2}}
because: {en: "Your heart beat {value:.0f} times a minute.", ko: "심장이 1분에 {value:.0f}번 뛰었어요."}
"""


EVERY_RUN = """\
id: every-run
title: Every run
scope: {each: person}
purpose: recommend
when: {event: workout.ended, where: 'data.sport == "running"'}
then: {recommend: {catalogue: recovery, tags: [quick], pick: 2}}
because: You ran.
"""


@pytest.fixture
def api(hub: HubProcess) -> Iterator[httpx.Client]:
    with hub.api() as client:
        if client.get("/v1/homes").json()["items"] == []:
            add_home(client, timezone="Asia/Seoul")
        yield client


def runner(api: httpx.Client, name: str, home: str = "home-1") -> Any:
    """Somebody with a watch; the watch."""
    return add_device(api, f"{name}-watch", home, owner=add_person(api, name, home))


def run(device: TestDevice, at: int, metres: int = 5_200) -> None:
    body = {"sport": "running", "distance_m": metres}
    device.say({"id": f"run-{at}", "ts": at, "type": "workout.ended", "data": body}, Channel.EVENT)


def now() -> int:
    return time.time_ns() // 1_000_000


def offers(own: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    return ok(own.get("/v1/recommendations", params=asked))["items"]


def grant(own: httpx.Client) -> None:
    assert ok(own.put("/v1/people/me/consents/recommend"))["granted"]


def withdraw(own: httpx.Client) -> None:
    ok(own.delete("/v1/people/me/consents/recommend"))


def outcomes(client: httpx.Client, rule: str, person: str) -> list[str]:
    return [each["outcome"] for each in traces(client, rule, person)["outcomes"]]


def seen(hub: HubProcess) -> float:
    return hub.metric("hub_events_stored_total")


def test_without_consent_nothing_is_offered_and_the_trace_says_why(hub: HubProcess, api) -> None:
    with TestDevice(runner(api, "anna")) as device, hub.api("anna", PASSWORD) as own:
        before = seen(hub)
        run(device, now())
        eventually(lambda: seen(hub) > before)
        assert offers(own) == []
        assert decided(api, RULE, "anna") == []
        [trace] = traces(api, RULE, "anna")["outcomes"]
        assert trace["outcome"] == "not_allowed"
        assert {(clause["truth"], clause["value"]) for clause in trace["clauses"]} == {(None, None)}


def test_with_consent_a_run_is_answered_taken_and_told_on_the_stream(hub: HubProcess, api) -> None:
    with TestDevice(runner(api, "bert")) as device, hub.api("bert", PASSWORD) as own:
        run(device, now() - 60 * SECOND)  # before it was allowed: not looked at, now or later
        listener = Listener(own)
        grant(own)
        run(device, now() + SECOND)
        told = listener.next("recommendation")
        assert told["status"] == "open"
        assert told["because"]["en"] == "You ran 5200 metres."
        rows = eventually(lambda: len(found := offers(own)) == 2 and found)
        assert len({"water", "slow-walk", "leg-stretch"} & {row["item"] for row in rows}) == 2
        assert {row["status"] for row in rows} == {"open"}
        taken, dismissed = rows
        assert ok(own.post(f"/v1/recommendations/{taken['id']}/take"))["status"] == "taken"
        assert ok(own.post(f"/v1/recommendations/{taken['id']}/take"))["status"] == "taken"
        assert own.post(f"/v1/recommendations/{taken['id']}/dismiss").status_code == 409
        assert ok(own.post(f"/v1/recommendations/{dismissed['id']}/dismiss"))["status"] == "dismissed"
        while told["status"] != "dismissed":
            told = listener.next("recommendation")
        listener.close()
        assert offers(own, status="open") == []
        first = ok(own.get("/v1/recommendations", params={"limit": 1}))
        second = ok(own.get("/v1/recommendations", params={"limit": 1, "cursor": first["next"]}))
        assert [*first["items"], *second["items"]] == offers(own)
        assert second["next"] is None
        assert len(decided(api, RULE, "bert")) == 1


def test_what_is_offered_is_the_persons_own(hub: HubProcess, api) -> None:
    with TestDevice(runner(api, "cleo")) as device, hub.api("cleo", PASSWORD) as own:
        grant(own)
        run(device, now() + SECOND)
        [row, *_] = eventually(lambda: offers(own))
        add_person(api, "dirk")
        with hub.api("dirk", PASSWORD) as other:
            assert offers(other) == []
            assert other.post(f"/v1/recommendations/{row['id']}/take").status_code == 404
        assert api.get("/v1/recommendations").status_code == 404


def test_what_is_in_the_fridge_is_a_reason(hub: HubProcess, api) -> None:
    add_home(api, "home-food")
    fridge = add_device(api, "larder", "home-food", model="food-styler")
    with TestDevice(runner(api, "eva", "home-food")) as device, TestDevice(fridge) as larder:
        listed = [{"name": "bananas", "quantity": 3}, {"name": "Milk", "quantity": 1}]
        larder.say({"ts": now(), "values": {"inventory": listed}})
        eventually(lambda: ok(api.get("/v1/devices/larder"))["reported"].get("inventory"))
        with hub.api("eva", PASSWORD) as own:
            grant(own)
            run(device, now() + SECOND)
            rows = eventually(lambda: offers(own))
            [drink] = [row for row in rows if row["item"] == "banana-milk"]
            assert drink["because"]["en"] == "You ran 5200 metres. In your fridge: bananas, milk."
            assert drink["because"]["ko"] == "5200미터를 달리셨어요. 냉장고 속 재료: 바나나, 우유."


def test_taking_consent_back_withdraws_what_is_open_and_is_in_force_at_once(hub: HubProcess, api) -> None:
    ok(api.post(f"/v1/rules/{RULE}/switch-off"))
    put(api, "every-run", EVERY_RUN)
    with TestDevice(runner(api, "fay")) as device, hub.api("fay", PASSWORD) as own:
        grant(own)
        run(device, now() + SECOND)
        rows = eventually(lambda: len(found := offers(own)) == 2 and found)
        ok(own.post(f"/v1/recommendations/{rows[0]['id']}/take"))
        withdraw(own)
        assert [row["status"] for row in offers(own)] == ["taken", "withdrawn"]
        assert own.post(f"/v1/recommendations/{rows[1]['id']}/take").status_code == 409
        assert outcomes(own, "every-run", "fay") == ["not_allowed"]
        before = seen(hub)
        run(device, now() + 2 * SECOND)
        eventually(lambda: seen(hub) > before)
        assert len(offers(own)) == 2
        assert len(decided(api, "every-run", "fay")) == 1


def test_what_waits_when_consent_is_taken_back_never_fires_and_granting_begins_anew(hub: HubProcess, api) -> None:
    put(api, "held", HELD)
    with TestDevice(runner(api, "gil")) as device, hub.api("gil", PASSWORD) as own:
        grant(own)
        device.say({"ts": now(), "values": {"heart_rate": 150}})
        eventually(lambda: outcomes(own, "held", "gil") == ["pending"])
        withdraw(own)
        grant(own)
        began = now()
        time.sleep(6)  # four seconds and the grace the clock gives, had it gone on
        assert decided(api, "held", "gil") == []
        device.say({"ts": now(), "values": {"heart_rate": 151}})
        [(_, at, level)] = eventually(lambda: decided(api, "held", "gil"))
        assert level == "notice"
        assert at >= began + 10 * SECOND
        assert len(offers(own)) == 2


def test_only_rules_for_it_recommend_and_from_what_there_is(api) -> None:
    def reasons(text: str) -> list[tuple[int, str, str]]:
        answer = api.put("/v1/rules/held", json={"text": text})
        assert answer.status_code == 422
        return [(each["line"], each["path"], each["reason"]) for each in answer.json()["errors"]]

    [(line, path, why)] = reasons(HELD.replace("purpose: recommend", "purpose: service"))
    assert (line, path) == (6, "then.0.recommend")
    assert "purpose: recommend" in why
    [(_, path, why)] = reasons(HELD.replace("catalogue: recovery", "catalogue: potions"))
    assert (path, why) == (
        "then.0.recommend.catalogue",
        "there is no catalogue 'potions'; there are meals, outfits, recovery",
    )
    [(_, path, why)] = reasons(HELD.replace("[drink]", "[drink, luck]"))
    assert path == "then.0.recommend.tags.1"
    assert "recovery has nothing with 'luck'" in why
    [(_, path, _)] = reasons(HELD.replace("each: person", "each: home"))
    assert path == "scope.each"
    [(_, path, _)] = reasons(
        HELD.replace("then: {recommend: {catalogue: recovery, tags: [drink], pick: 2}}", "then: {event: {type: a.b}}")
    )
    assert path == "then.0.event"


# Crashes.


@pytest.fixture
def own_hub(tmp_path) -> Iterator[HubProcess]:
    started = HubProcess(tmp_path).start()
    yield started
    if started.process is not None and started.process.poll() is None:
        started.stop()


@pytest.mark.parametrize("snapshot", [False, True], ids=["from the beginning", "from a snapshot"])
def test_consents_keep_their_place_through_kill_9(own_hub: HubProcess, snapshot: bool) -> None:
    """Four people, each with a pending rule: one goes on, one withdraws, one withdraws and grants again, one only grants now."""
    hub, names = own_hub, ("stays", "leaves", "returns", "comes")
    with hub.api() as api:
        add_home(api)
        put(api, "held", HELD)
        watches = {name: runner(api, name) for name in names}
    if snapshot:
        hub.stop()
        hub.start()

    def own(name: str) -> httpx.Client:
        return hub.api(name, PASSWORD)

    def tell(name: str, at: int) -> None:
        before = hub.metric("hub_samples_stored_total")
        with TestDevice(watches[name]) as device:
            device.say({"ts": at, "values": {"heart_rate": 150}})
            eventually(lambda: hub.metric("hub_samples_stored_total") > before)

    for name in ("stays", "leaves", "returns"):
        with own(name) as client:
            grant(client)
    start = now() + 300 * SECOND  # ahead of the clock, so that samples alone move what waits
    for name in names:
        tell(name, start)
    for name in ("leaves", "returns"):
        with own(name) as client:
            withdraw(client)
    for name in ("returns", "comes"):
        with own(name) as client:
            grant(client)
    hub.kill()
    hub.start()
    with hub.api() as api:
        states = {name: outcomes(api, "held", name) for name in names}
    assert states == {"stays": ["pending"], "leaves": ["not_allowed"], "returns": [], "comes": []}
    for name in names:
        tell(name, start + 5 * SECOND)
    hub.kill()
    hub.start()
    with hub.api() as api:
        found = {name: [at - start for _, at, _ in decided(api, "held", name)] for name in names}
        assert found == {"stays": [4 * SECOND], "leaves": [], "returns": [], "comes": []}
    for name in names:
        tell(name, start + 10 * SECOND)
    with hub.api() as api:
        found = {name: [at - start for _, at, _ in decided(api, "held", name)] for name in names}
    assert found == {"stays": [4 * SECOND], "leaves": [], "returns": [9 * SECOND], "comes": [9 * SECOND]}
    for name, count in {"stays": 2, "leaves": 0, "returns": 2, "comes": 2}.items():
        with own(name) as client:
            assert len(offers(client, status="open")) == count
