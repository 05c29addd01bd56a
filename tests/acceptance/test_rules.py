"""Rules over the API, as people write them: saved, put on, tried, explained, replayed, tuned, and followed by their effects."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devices.topics import Channel
from tests.acceptance.rulework import beat, decided, fired, instant, put, readings, rfc3339, traces, written
from tests.devices import TestDevice
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, eventually, ok, running

START = 1_790_000_000_000
SECOND, DAY = 1_000, 86_400_000


@pytest.fixture
def api(hub: HubProcess) -> Iterator[Any]:
    with hub.api() as client:
        if client.get("/v1/homes").json()["items"] == []:
            add_home(client)
        yield client
        for rule in ok(client.get("/v1/rules"))["items"]:
            if rule["pack"] == "own" and rule["active"] is not None:
                ok(client.post(f"/v1/rules/{rule['id']}/switch-off"))


def wearer(api, name: str, home: str = "home-1", **more: Any) -> TestDevice:
    """Somebody with a watch."""
    return TestDevice(add_device(api, f"{name}-watch", home, owner=add_person(api, name, home, **more)))


def tell(hub: HubProcess, device: TestDevice, values: list[tuple[int, Any]], metric: str = "heart_rate") -> None:
    """Have a device say something, and wait until it is stored."""
    before = hub.metric("hub_samples_stored_total")
    device.say(readings(metric, values))
    eventually(lambda: hub.metric("hub_samples_stored_total") >= before + len(values))


def episode(at: int, high: int, low: int = 60) -> list[tuple[int, int]]:
    """A heart that goes up and comes down again."""
    return [(at, low), (at + SECOND, high), (at + 2 * SECOND, low)]


# Saving, and what is on.


def test_everything_wrong_is_named_at_once_and_nothing_is_saved(api) -> None:
    text = beat("faulty").replace("unit: ", "unti: ").replace("purpose: service", "purpose: fun")
    answer = api.put("/v1/rules/faulty", json={"text": text})
    assert answer.status_code == 422
    assert answer.json()["title"] == "The rule is not valid"
    assert [(each["line"], each["path"]) for each in answer.json()["errors"]] == [
        (4, "purpose"),
        (6, "inputs.limit.unti"),
    ]
    answer = api.put("/v1/rules/faulty", json={"text": beat("faulty").replace("expect: [{at: 5s}]", "expect: []")})
    assert answer.status_code == 422
    assert "test 'it fires': expected nothing, decided notice at 5 s" in answer.json()["errors"][0]["reason"]
    assert api.put("/v1/rules/faulty", json={"text": beat("another")}).status_code == 422
    assert api.get("/v1/rules/faulty").status_code == 404
    assert api.get("/v1/rules/another").status_code == 404


def test_versions_are_put_on_rolled_back_and_off_and_it_is_on_record_by_whom(api, hub) -> None:
    began = int(time.time() * 1000)
    first = put(api, "versions", beat("versions", 100))
    second = put(api, "versions", beat("versions", 150), activate=False)
    assert ok(api.get("/v1/rules/versions"))["active"] == first
    with wearer(api, "vera") as watch:
        tell(hub, watch, episode(START, 120))
        ok(api.post("/v1/rules/versions/activate", json={"version": second}))
        tell(hub, watch, episode(START + 10_000, 120))
        ok(api.post("/v1/rules/versions/activate", json={"version": first}))
        tell(hub, watch, episode(START + 20_000, 120))
        ok(api.post("/v1/rules/versions/switch-off"))
        tell(hub, watch, episode(START + 30_000, 120))
        found = eventually(lambda: len(rows := ok(api.get("/v1/people/vera/decisions"))["items"]) >= 4 and rows)
    mine = [row for row in found if row["rule"] == "versions" and row["level"] == "notice"]
    assert [instant(row["observed_at"]) for row in mine] == [START + 21_000, START + 1_000]
    detail = ok(api.get("/v1/rules/versions"))
    assert [(each["version"], each["saved_by"]) for each in detail["versions"]] == [
        (second, "operator"),
        (first, "operator"),
    ]
    whats = [(each["what"], each["version"], each["by"]) for each in reversed(detail["switches"])]
    assert whats == [
        ("activated", first, "operator"),
        ("activated", second, "operator"),
        ("activated", first, "operator"),
        ("switched_off", None, "operator"),
    ]
    assert all(began <= instant(each["at"]) <= time.time() * 1000 for each in detail["switches"])
    assert detail["active"] is None
    assert api.post("/v1/rules/versions/activate", json={"version": "never"}).status_code == 404


def test_only_operators_change_rules(api, hub) -> None:
    version = put(api, "guarded", beat("guarded"))
    add_person(api, "gus")
    with hub.api("gus", PASSWORD) as own:
        assert own.put("/v1/rules/guarded", json={"text": beat("guarded", 90)}).status_code == 403
        assert own.post("/v1/rules/guarded/switch-off").status_code == 403
        assert own.post("/v1/rules/guarded/activate", json={"version": version}).status_code == 403
        assert ok(own.get("/v1/rules/guarded"))["active"] == version


def test_a_version_in_the_shadow_decides_without_effects_and_is_seen(api, hub) -> None:
    active = put(api, "shady", beat("shady", 150))
    shadow = put(api, "shady", beat("shady", 100), activate=False)
    assert ok(api.post("/v1/rules/shady/shadow", json={"version": shadow}))["shadow"] == shadow
    with wearer(api, "shana") as watch:
        tell(hub, watch, episode(START, 120) + episode(START + 10_000, 160))
        eventually(lambda: len(fired(api, "shady", "shana", shadow=True)) == 4)
        assert fired(api, "shady", "shana") == [(START + 11_000, "notice"), (START + 12_000, "clear")]
        rows = traces(api, "shady", "shana")["fired"]
        assert {row["version"] for row in rows if row["shadow"]} == {shadow}
        assert {row["version"] for row in rows if not row["shadow"]} == {active}
        with hub.api("shana", PASSWORD) as own:
            told = ok(own.get("/v1/people/me/notices"))["items"]
            assert [each["body"]["text"]["en"] for each in told] == ["Above 150"]
            assert {row["version"] for row in ok(own.get("/v1/people/me/decisions"))["items"]} == {active}
        ok(api.post("/v1/rules/shady/shadow", json={"version": None}))
        tell(hub, watch, episode(START + 20_000, 160))
        eventually(lambda: len(fired(api, "shady", "shana")) == 4)
        assert len(fired(api, "shady", "shana", shadow=True)) == 4


def test_a_shadow_that_is_put_on_has_effects_from_then_on(api, hub) -> None:
    put(api, "twins", beat("twins", 150))
    version = put(api, "twins", beat("twins", 100), activate=False)
    ok(api.post("/v1/rules/twins/shadow", json={"version": version}))
    ok(api.post("/v1/rules/twins/activate", json={"version": version}))
    with wearer(api, "tom") as watch, hub.api("tom", PASSWORD) as own:
        tell(hub, watch, episode(START, 120))
        eventually(
            lambda: (
                [each["body"]["text"]["en"] for each in ok(own.get("/v1/people/me/notices"))["items"]] == ["Above 100"]
            )
        )
        assert fired(api, "twins", "tom") == [(START + 1_000, "notice"), (START + 2_000, "clear")]


# Why, and why not.


def test_traces_say_why_and_why_not_to_whom_it_is_about(api, hub) -> None:
    put(api, "traced", beat("traced", 100))
    with wearer(api, "trudy") as watch, wearer(api, "other"):
        tell(hub, watch, episode(START, 120, low=77))
        with hub.api("trudy", PASSWORD) as own, hub.api("other", PASSWORD) as other:
            told = eventually(lambda: len((body := traces(own, "traced", "me"))["fired"]) == 2 and body)
            assert told["scope"] == "trudy"
            assert [(row["level"], row["because"]["en"]) for row in told["fired"]][-1] == (
                "notice",
                "Your heart beats 120 times a minute, above 100.",
            )
            outcomes = {each["outcome"]: each for each in told["outcomes"]}
            assert {"false", "fired", "cleared"} <= outcomes.keys()
            clause = outcomes["false"]["clauses"][0]
            assert (clause["truth"], clause["value"], clause["limit"]) == (False, 77, 100)
            clause = outcomes["fired"]["clauses"][0]
            assert (clause["truth"], clause["value"], clause["limit"]) == (True, 120, 100)
            refused = other.get("/v1/rules/traced/traces", params={"scope": "trudy"})
            assert refused.status_code == 403
            assert traces(other, "traced", "me")["fired"] == []
    assert traces(api, "traced", "trudy")["fired"] == told["fired"]


def test_a_rule_is_tested_without_being_saved(api) -> None:
    version = put(api, "tried", beat("tried"))
    assert ok(api.post("/v1/rules/tried/test", json={})) == {"passed": True, "tests": 1, "faults": []}
    wrong = beat("tried").replace("{at: 5s}]", "{at: 6s}]")
    outcome = ok(api.post("/v1/rules/tried/test", json={"text": wrong}))
    assert outcome["passed"] is False
    assert [(each["line"], each["path"]) for each in outcome["faults"]] == [(11, "tests.0")]
    assert [each["version"] for each in ok(api.get("/v1/rules/tried"))["versions"]] == [version]
    ok(api.post("/v1/rules/tried/switch-off"))
    assert ok(api.post("/v1/rules/tried/test", json={}))["passed"] is True


def test_what_is_saved_is_a_version_and_one_of_another_title_goes_on_where_the_last_was(api, hub) -> None:
    held = "{metric: heart_rate, above: 150, for: 10s, on_gap: {longer_than: 1m, then: hold}}"  # only samples count
    text = written("titled", f"when: {held}\nthen: {{notify: {{text: Slowly}}}}")
    first = put(api, "titled", text)
    with wearer(api, "tia") as watch:
        tell(hub, watch, [(START, 60), (START + SECOND, 160)])
        second = put(api, "titled", text.replace("title:", "title: Other"))
        assert second != first
        assert [each["version"] for each in ok(api.get("/v1/rules/titled"))["versions"]] == [second, first]
        outcomes = ok(api.get("/v1/rules/titled/traces", params={"scope": "tia"}))["outcomes"]
        assert {each["outcome"]: each["times"] for each in outcomes} == {"false": 1, "pending": 1}
        tell(hub, watch, [(START + 11 * SECOND, 160)])
        assert eventually(lambda: fired(api, "titled", "tia")) == [(START + 11 * SECOND, "notice")]


def test_an_input_cannot_be_set_to_what_makes_no_sense(api) -> None:
    text = beat("tuned", 100).replace("range: [40, 220]", "range: [10, 500]")
    put(api, "tuned", text.replace("above: $limit}", "above: $limit, clear_below: 90}"))
    add_person(api, "tuner")
    for value, said in (
        (400, "never true"),
        (80, "clear_below must not be over above"),
        (0, "limit is 10"),
        (600, "limit is 10 to 500"),
    ):
        answer = api.put("/v1/rules/tuned/inputs/limit", params={"scope": "tuner"}, json={"value": value})
        assert answer.status_code == 422
        assert said in answer.json()["detail"]
    ok(api.put("/v1/rules/tuned/inputs/limit", params={"scope": "tuner"}, json={"value": 120}))


def test_a_pack_from_another_system_is_taken_and_its_faults_name_the_rule(api) -> None:
    one, two = beat("crlf-one"), beat("crlf-two")
    sent = {"content": f"{one}---\n{two}".replace("\n", "\r\n"), "headers": {"Content-Type": "application/yaml"}}
    assert ok(api.post("/v1/rules/packs", **sent))["items"] == ["crlf-one", "crlf-two"]
    sent["content"] = f"{one}---\n{two.replace('heart_rate', 'hart_rate')}"
    errors = api.post("/v1/rules/packs", **sent).json()["errors"]
    assert {each["file"] for each in errors} == {"rule 2"}


def test_a_rule_that_is_off_still_tells_when_it_fired(api, hub) -> None:
    put(api, "once-on", beat("once-on"))
    with wearer(api, "olga") as watch:
        tell(hub, watch, episode(START, 150))
    eventually(lambda: fired(api, "once-on", "olga"))
    ok(api.post("/v1/rules/once-on/switch-off"))
    told = traces(api, "once-on", "olga")
    assert [each["level"] for each in told["fired"]] == ["clear", "notice"]
    assert told["outcomes"] == []
    span = {"from": rfc3339(START), "to": rfc3339(START + 1), "text": beat("another")}
    answer = api.post("/v1/rules/once-on/replay", json=span)
    assert (answer.status_code, answer.json()["detail"]) == (422, "the rule in the text is another, not once-on")


# The past.


def finished(api, job: dict[str, Any]) -> Any:
    found = ok(api.get(f"/v1/rules/replays/{job['id']}"))
    return found if found["status"] != "running" else None


def replayed(api, rule: str, **asked: Any) -> Any:
    span = {"from": rfc3339(START - SECOND), "to": rfc3339(START + 10_000_000)}
    job = ok(api.post(f"/v1/rules/{rule}/replay", json=span | asked))
    return eventually(partial(finished, api, job))


def assert_replay_finds_it_again(api, rule: str, scope: str) -> None:
    """What was decided live, to the last decision, be it about what another rule did."""
    found = replayed(api, rule, scopes=[scope])["decisions"]
    live = sorted(decided(api, rule, scope), key=lambda each: each[1])
    assert [(each["id"], instant(each["observed_at"]), each["level"]) for each in found] == live
    assert live


def test_a_replay_finds_what_fired_and_what_another_version_would_have_done(api, hub) -> None:
    first = put(api, "replayed", beat("replayed", 100))
    second = put(api, "replayed", beat("replayed", 130), activate=False)
    values = [each for step in range(20) for each in episode(START + step * 10_000, 95 + 3 * step)]
    with wearer(api, "rita") as watch, wearer(api, "rob") as other:
        tell(hub, watch, values)
        tell(hub, other, values[:9])
    live = eventually(lambda: len(found := decided(api, "replayed", "rita")) == 36 and found)
    job = replayed(api, "replayed", scopes=["rita", "rob"])
    assert (job["status"], job["done"], job["total"], job["error"]) == ("done", 2, 2, None)
    assert [
        (each["id"], instant(each["observed_at"]), each["level"])
        for each in job["decisions"]
        if each["scope"] == "rita"
    ] == live
    job = replayed(api, "replayed", scopes=["rita"], version=second, against=first)
    parts = {name: [instant(each["observed_at"]) for each in part] for name, part in job["difference"].items()}
    assert parts["only_after"] == []
    assert len(parts["only_before"]) == 20
    assert sorted(parts["only_before"] + parts["both"]) == [at for _, at, _ in live]
    tried = replayed(api, "replayed", scopes=["rita"], text=beat("replayed", 145))
    assert len(tried["decisions"]) == 6
    assert decided(api, "replayed", "rita") == live
    bad = api.post("/v1/rules/replayed/replay", json={"from": rfc3339(START), "to": rfc3339(START)})
    assert bad.status_code == 422
    assert api.get("/v1/rules/replays/none").status_code == 404


def test_a_replay_knows_what_was_before_its_span(api, hub) -> None:
    put(
        api, "rising", written("rising", "when: {daily: heart_rate, agg: mean, rises: 3}\nthen: {notify: {text: Rest}}")
    )
    lasting = (
        "when: {all: [{metric: weight, above: 80}, {metric: heart_rate, above: 70}]}\nthen: {notify: {text: Rest}}"
    )
    put(api, "lasting", written("lasting", lasting))
    with wearer(api, "ruth") as watch:
        tell(hub, watch, [(START - DAY, 85)], "weight")
        tell(hub, watch, [(START + day * DAY, 60 + 3 * day) for day in range(6)])
    [first, *_] = eventually(lambda: fired(api, "rising", "ruth"))
    day = {"from": rfc3339(first[0] - 1), "to": rfc3339(first[0] + DAY)}
    assert [instant(each["observed_at"]) for each in replayed(api, "rising", **day)["decisions"]] == [first[0]]
    begun = replayed(api, "lasting", **{"from": rfc3339(START + 3 * DAY), "to": rfc3339(START + 5 * DAY)})
    assert [instant(each["observed_at"]) for each in begun["decisions"]] == [START + 4 * DAY]
    over = replayed(api, "lasting", **{"from": rfc3339(START + 5 * DAY), "to": rfc3339(START + 6 * DAY)})
    assert over["decisions"] == []


def test_a_replay_of_many_on_all_cores_finds_for_each_what_fired(api, hub) -> None:
    put(api, "spread", beat("spread", 100))
    names = [f"spread-{number}" for number in range(5)]
    for number, name in enumerate(names):
        with wearer(api, name) as watch:
            tell(hub, watch, [each for step in range(number) for each in episode(START + step * 10_000, 120)])
    live = {name: eventually(partial(_all_decided, api, name, 2 * number)) for number, name in enumerate(names)}
    job = replayed(api, "spread", scopes=names)
    assert (job["status"], job["done"], job["total"]) == ("done", 5, 5)
    found = {name: [each["id"] for each in job["decisions"] if each["scope"] == name] for name in names}
    assert found == {name: [id_ for id_, _, _ in decisions] for name, (_, decisions) in live.items()}


def _all_decided(api, name: str, count: int) -> Any:
    decisions = decided(api, "spread", name)
    return len(decisions) == count and (name, decisions)


def test_a_replay_can_be_cancelled(api, hub) -> None:
    put(api, "long", beat("long", 200))
    values = [(START + step * SECOND, 90 + step % 2 * 60) for step in range(3_000)]
    names = [f"runner-{number}" for number in range(10)]
    for name in names:
        with wearer(api, name) as watch:
            tell(hub, watch, values)
    text = beat("long", 120)
    span = {"from": rfc3339(START), "to": rfc3339(START + 10_000_000), "scopes": names, "text": text}
    job = ok(api.post("/v1/rules/long/replay", json=span))
    assert job["status"] == "running"
    ok(api.delete(f"/v1/rules/replays/{job['id']}"))
    found = eventually(partial(finished, api, job))
    assert (found["status"], found["total"], found["done"] < 10) == ("cancelled", 10, True)


# Inputs.


def test_a_tuned_input_changes_when_it_fires(api, hub) -> None:
    put(api, "tuned", beat("tuned", 150))
    with wearer(api, "tina") as watch, hub.api("tina", PASSWORD) as own:
        tell(hub, watch, episode(START, 120))
        assert fired(api, "tuned", "tina") == []
        ok(own.put("/v1/rules/tuned/inputs/limit", json={"value": 110}))
        tell(hub, watch, episode(START + 10_000, 120))
        eventually(lambda: fired(api, "tuned", "tina") == [(START + 11_000, "notice"), (START + 12_000, "clear")])
        assert traces(own, "tuned", "me")["fired"][-1]["clauses"][0]["limit"] == 110
        refused = own.put("/v1/rules/tuned/inputs/limit", json={"value": 300})
        assert (refused.status_code, refused.json()["detail"]) == (422, "limit is 40 to 220")
        assert own.put("/v1/rules/tuned/inputs/nothing", json={"value": 1}).status_code == 404
        assert own.put("/v1/rules/tuned/inputs/limit?scope=vera", json={"value": 60}).status_code == 403
        assert api.put("/v1/rules/tuned/inputs/limit?scope=ghost", json={"value": 100}).status_code == 404
        for value in ('{"value": NaN}', '{"value": Infinity}'):
            answer = own.put(
                "/v1/rules/tuned/inputs/limit", content=value, headers={"content-type": "application/json"}
            )
            assert answer.status_code == 422


# Packs.


def test_a_pack_goes_out_and_in_again(api, hub, tmp_path: Path) -> None:
    put(api, "packed-a", written("packed-a", "when: {event: workout.ended}\nthen: {event: {type: packed.done}}"))
    put(api, "packed-b", written("packed-b", "when: {event: packed.done}\nthen: {notify: {text: Done}}"))
    pack = api.get("/v1/rules/packs/own")
    assert pack.status_code == 200
    yaml = {"content-type": "application/yaml"}
    before = ok(api.get("/v1/rules/packed-b"))
    names = ok(api.post("/v1/rules/packs", content=pack.text, headers=yaml))["items"]
    assert {"packed-a", "packed-b"} <= set(names)
    assert ok(api.get("/v1/rules/packed-b"))["versions"] == before["versions"]
    with running(tmp_path) as second, second.api() as there:
        broken = pack.text + "---\n" + beat("broken").replace("heart_rate,", "hart_rate,")
        answer = there.post("/v1/rules/packs", content=broken, headers=yaml)
        assert (answer.status_code, len(answer.json()["errors"])) == (422, 1)
        assert there.get("/v1/rules/packed-a").status_code == 404
        assert ok(there.post("/v1/rules/packs", content=pack.text, headers=yaml))["items"] == names
        assert there.get("/v1/rules/packs/own").text == pack.text
        second.kill()
        second.start()
        with second.api() as again:
            assert again.get("/v1/rules/packs/own").text == pack.text
    assert api.get("/v1/rules/packs/none").status_code == 404


def test_a_pack_of_which_one_cannot_be_leaves_none_and_rules_in_it_hear_of_each_other(api) -> None:
    yaml = {"content-type": "application/yaml"}
    hears = written("mutual-b", "when: {event: mutual.done}\nthen: {notify: {text: Done}}")
    tells = written("mutual-c", "when: {event: workout.ended}\nthen: {event: {type: mutual.done}}")
    pack = f"{beat('mutual-a')}--- # the second\n{hears}---\n{tells}"
    twice = api.post("/v1/rules/packs", content=f"{pack}---\n{hears}", headers=yaml)
    assert (twice.status_code, "mutual-b" in twice.json()["detail"]) == (422, True)
    assert api.get("/v1/rules/mutual-a").status_code == 404
    taken = api.post("/v1/rules/packs", params={"pack": "mutual"}, content=pack, headers=yaml)
    assert ok(taken)["items"] == ["mutual-a", "mutual-b", "mutual-c"]
    assert ok(api.get("/v1/rules/mutual-b"))["pack"] == "mutual"
    for rule in ok(taken)["items"]:
        ok(api.post(f"/v1/rules/{rule}/switch-off"))


def test_versions_that_are_saved_at_once_are_numbered_one_after_the_other(api) -> None:
    savers = [threading.Thread(target=put, args=(api, "at-once", beat("at-once", 100 + n))) for n in range(6)]
    for saver in savers:
        saver.start()
    for saver in savers:
        saver.join()
    numbers = [version["number"] for version in ok(api.get("/v1/rules/at-once"))["versions"]]
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]


def test_what_was_over_before_a_version_was_put_on_is_over(api, hub) -> None:
    """Neither a change of a rule nor a new one answers to what is long past."""

    def taken_off(rule: str, within: str) -> str:
        body = f"when: {{missing: {{event: removed}}, after: {{event: worn}}, within: {within}}}"
        return written(rule, body + "\nthen: {notify: {text: Still on}}")

    put(api, "taken-off", taken_off("taken-off", "2s"))
    now = int(time.time() * 1000)
    with wearer(api, "vivian") as device:
        say_event(hub, device, "worn", now - 10_000)
        eventually(lambda: fired(api, "taken-off", "vivian") == [(now - 8_000, "notice")])
        put(api, "taken-off", taken_off("taken-off", "3s"))
        put(api, "taken-off-too", taken_off("taken-off-too", "2s"))
        later = int(time.time() * 1000)
        say_event(hub, device, "worn", later)
        eventually(lambda: fired(api, "taken-off-too", "vivian") == [(later + 2_000, "notice")])
        eventually(lambda: len(fired(api, "taken-off", "vivian")) > 1)
        assert fired(api, "taken-off", "vivian") == [(now - 8_000, "notice"), (later + 3_000, "notice")]


def test_a_rule_about_places_is_replayed_where_something_happened(api, hub) -> None:
    put(
        api,
        "busy-place",
        written("busy-place", "when: {event: tapped}\nthen: {event: {type: was.busy}}", scope="place"),
    )
    reader = add_device(api, "gate-reader", model="reader")
    now = int(time.time() * 1000)
    with TestDevice(reader) as device:
        before = hub.metric("hub_events_stored_total")
        for n in range(3):
            data = {"token": "t1", "purpose": "gate", "place": "north-gate"}
            device.say({"id": f"tap-{n}", "ts": now + n * 1_000, "type": "tapped", "data": data}, Channel.EVENT)
        eventually(lambda: hub.metric("hub_events_stored_total") >= before + 3)
    asked = {"from": rfc3339(now - 1_000), "to": rfc3339(now + 60_000)}
    job = ok(api.post("/v1/rules/busy-place/replay", json=asked))
    done = eventually(lambda: (j := ok(api.get(f"/v1/rules/replays/{job['id']}")))["status"] == "done" and j)
    [place] = {decision["scope"] for decision in done["decisions"]}
    assert "north-gate" in place
    live = eventually(lambda: len(at := fired(api, "busy-place", place)) == 3 and at)
    assert [instant(each["observed_at"]) for each in done["decisions"]] == [at for at, _ in live]


def test_somebody_is_at_a_place_where_their_token_was_tapped(api, hub) -> None:
    body = "when: {present: anyone, in: ride-one, for: 1s}\nthen: {notify: {text: Enjoy the ride}}"
    put(api, "at-the-ride", written("at-the-ride", body))
    add_device(api, "pia-band", model="wristband", owner=add_person(api, "pia"))
    add_person(api, "paul")
    reader = add_device(api, "ride-reader", model="reader")
    now = int(time.time() * 1000) - 60_000
    with TestDevice(reader) as device:
        for n, place in enumerate(("gate-one", "ride-one", "shop-one")):
            data = {"token": "pia-band", "purpose": "ride", "place": place}
            device.say({"id": f"stop-{n}", "ts": now + n * 10_000, "type": "tapped", "data": data}, Channel.EVENT)
        eventually(lambda: len(fired(api, "at-the-ride", "pia")) == 2)
    assert fired(api, "at-the-ride", "pia") == [(now + 11_000, "notice"), (now + 20_000, "clear")]
    assert fired(api, "at-the-ride", "paul") == []
    span = {"from": rfc3339(now - 1_000), "to": rfc3339(now + 60_000)}
    done = replayed(api, "at-the-ride", scopes=["pia"], **span)
    assert [instant(each["observed_at"]) for each in done["decisions"]] == [now + 11_000, now + 20_000]


def test_nobody_is_told_about_a_place(api) -> None:
    text = written("told-place", "when: {event: tapped}\nthen: {notify: {text: Hello}}", scope="place")
    answer = api.put("/v1/rules/told-place", json={"text": text})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "then.0.notify")


# What rules set off.


def say_event(hub: HubProcess, device: TestDevice, type_: str, at: int) -> None:
    before = hub.metric("hub_events_stored_total")
    device.say({"id": f"{type_}-{at}", "ts": at, "type": type_, "data": {}}, Channel.EVENT)
    eventually(lambda: hub.metric("hub_events_stored_total") > before)


def test_what_a_rule_publishes_sets_off_another(api, hub) -> None:
    put(api, "chain-a", written("chain-a", "when: {event: workout.ended}\nthen: {event: {type: chain.one}}"))
    put(api, "chain-b", written("chain-b", "when: {event: chain.one}\nthen: {event: {type: chain.two}}"))
    put(api, "chain-c", written("chain-c", "when: {event: chain.two}\nthen: {notify: {text: The end of it}}"))
    with wearer(api, "cho") as watch, hub.api("cho", PASSWORD) as own:
        say_event(hub, watch, "workout.ended", START)
        eventually(
            lambda: (
                [row["body"]["text"]["en"] for row in ok(own.get("/v1/people/me/notices"))["items"]]
                == ["The end of it"]
            )
        )
        for rule in ("chain-a", "chain-b", "chain-c"):
            assert fired(api, rule, "cho") == [(START, "notice")]
            assert_replay_finds_it_again(api, rule, "cho")


def test_a_rule_that_sets_itself_off_is_cut_and_the_hub_goes_on(api, hub) -> None:
    body = "when: {any: [{event: workout.started}, {event: round.again}]}\nthen: {event: {type: round.again}}"
    put(api, "rounds", written("rounds", body))
    with wearer(api, "lou") as watch:
        say_event(hub, watch, "workout.started", START)
        rounds = eventually(lambda: decided(api, "rounds", "lou"))
        assert 1 < len(rounds) <= 10
        assert len({id_ for id_, _, _ in rounds}) == len(rounds)
        assert len(replayed(api, "rounds", scopes=["lou"])["decisions"]) == len(rounds)
        assert "rule_loop_cut" in hub.log()
        [cut] = [each for each in traces(api, "rounds", "lou")["outcomes"] if each["outcome"] == "cut"]
        assert (instant(cut["at"]), cut["times"]) == (START, 1)
        say_event(hub, watch, "workout.started", START + SECOND)
        eventually(lambda: len(decided(api, "rounds", "lou")) == 2 * len(rounds))
    ok(api.post("/v1/rules/rounds/switch-off"))
    assert api.get("/ready").status_code == 200


def test_a_trait_that_one_rule_sets_is_heard_by_another(api, hub) -> None:
    body = "when: {metric: heart_rate, above: 170}\nthen: {trait: {name: exhausted, to: true}}"
    put(api, "sets-trait", written("sets-trait", body))
    body = 'when: {trait: exhausted, equals: "true"}\nthen: {notify: {text: Have a rest}}'
    put(api, "hears-trait", written("hears-trait", body))
    with wearer(api, "ted") as watch, hub.api("ted", PASSWORD) as own:
        tell(hub, watch, [(START, 60), (START + SECOND, 180)])
        eventually(
            lambda: (
                [row["body"]["text"]["en"] for row in ok(own.get("/v1/people/me/notices"))["items"]] == ["Have a rest"]
            )
        )
        assert fired(api, "hears-trait", "ted") == [(START + SECOND, "notice")]
    assert_replay_finds_it_again(api, "hears-trait", "ted")


def test_rules_start_and_stop_the_timer_of_another_and_points_are_given_once(api, hub) -> None:
    put(api, "long-effort", written("long-effort", "when: {timer: 1s}\nthen: {award: {points: 25, text: Well done}}"))
    start = "when: {event: workout.started}\nthen: {timer: {rule: long-effort, do: start}}"
    stop = "when: {event: workout.ended}\nthen: {timer: {rule: long-effort, do: stop}}"
    put(api, "effort-begins", written("effort-begins", start))
    put(api, "effort-ends", written("effort-ends", stop))
    now = int(time.time() * 1000)
    with wearer(api, "ivo") as watch, hub.api("ivo", PASSWORD) as own:
        assert ok(own.get("/v1/people/me/points")) == {"total": 0, "items": [], "next": None}
        ahead = now + 8 * SECOND  # time does not pass between the first and the second, however late it comes
        say_event(hub, watch, "workout.started", ahead)
        say_event(hub, watch, "workout.ended", ahead + SECOND // 2)
        say_event(hub, watch, "workout.started", ahead + SECOND)
        points = eventually(lambda: (told := ok(own.get("/v1/people/me/points")))["total"] and told, within=30)
        assert points["total"] == 25
        assert [each["body"]["text"]["ko"] for each in points["items"]] == ["Well done"]
        assert fired(api, "long-effort", "ivo") == [(ahead + 2 * SECOND, "notice")]
    assert api.get("/v1/people/me/points").status_code == 404


def test_a_notice_reaches_everybody_of_the_home_and_nobody_else(api, hub) -> None:
    add_home(api, "notice-home")
    add_person(api, "nell", "notice-home")
    add_person(api, "stranger")
    body = "when: {metric: door, of: fridge, equals: open}\nthen: {notify: {text: {en: Close it, ko: 닫아 주세요}}}"
    put(api, "noticed", written("noticed", body, scope="home"))
    fridge = add_device(api, "notice-fridge", "notice-home", model="food-styler")
    now = int(time.time() * 1000)
    with TestDevice(fridge) as device, hub.api("nell", PASSWORD) as own, hub.api("stranger", PASSWORD) as other:
        device.say(readings("door", [(now, "open")]))
        (told,) = eventually(lambda: ok(own.get("/v1/people/me/notices"))["items"])
        assert told["body"] == {"text": {"en": "Close it", "ko": "닫아 주세요"}, "level": "notice"}
        assert ok(other.get("/v1/people/me/notices"))["items"] == []
    assert api.get("/v1/people/me/notices").status_code == 404


def test_of_a_device_that_says_it_is_gone_nothing_is_known_any_more(api, hub) -> None:
    add_home(api, "gone-home")
    put(
        api,
        "stays-open",
        written(
            "stays-open",
            "when: {metric: door, of: fridge, equals: open, for: 2s}\nthen: {notify: {text: Close it}}",
            scope="device",
        ),
    )
    fridges = [add_device(api, f"gone-{n}", "gone-home", model="food-styler") for n in range(2)]
    now = int(time.time() * 1000)
    with TestDevice(fridges[0]) as gone, TestDevice(fridges[1]) as here:
        for device in (gone, here):
            device.say(readings("door", [(now, "open")]))
        gone.say("offline", Channel.STATUS)
        eventually(lambda: fired(api, "stays-open", "gone-1") == [(now + 2 * SECOND, "notice")])
        assert fired(api, "stays-open", "gone-0") == []
        outcomes = {each["outcome"] for each in traces(api, "stays-open", "gone-0")["outcomes"]}
        assert "unknown" in outcomes
        later = int(time.time() * 1000)
        gone.say(readings("door", [(later, "open"), (later + 2 * SECOND, "open")]))
        eventually(lambda: fired(api, "stays-open", "gone-0"))


def test_a_timer_fires_though_nothing_else_comes(api, hub) -> None:
    add_home(api, "timer-home")
    body = "when: {metric: door, of: fridge, equals: open, for: 2s}\nthen: {notify: {text: Close it}}"
    put(api, "left-open", written("left-open", body, scope="home"))
    fridge = add_device(api, "timer-fridge", "timer-home", model="food-styler")
    now = int(time.time() * 1000)
    with TestDevice(fridge) as device:
        device.say(readings("door", [(now, "open")]))
        eventually(lambda: fired(api, "left-open", "timer-home") == [(now + 2_000, "notice")])


# Services.


class Service(http.server.ThreadingHTTPServer):
    """Somebody else's server: answers as told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def signed(headers: dict[str, str], body: bytes, secret: str) -> bool:
    at, mac = (part.partition("=")[2] for part in headers["hub-signature"].split(","))
    return hmac.compare_digest(hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest(), mac)


def delivery(api, name: str, status: str) -> Any:
    rows = ok(api.get("/v1/deliveries", params={"status": status}))["items"]
    return next((row for row in rows if row["target"] == name), None)


def calling(name: str) -> str:
    body = f"when: {{metric: heart_rate, above: 150}}\nthen: {{service: {{name: {name}, body: {{colour: blue}}}}}}"
    return written(f"calls-{name}", body)


def test_a_service_is_called_with_a_signature_and_again_until_it_takes_it(api, hub, service) -> None:
    secret = ok(api.put("/v1/services/steady", json={"url": service.url}))["secret"]
    put(api, "calls-steady", calling("steady"))
    service.answers = [500, 503]
    with wearer(api, "sue") as watch:
        tell(hub, watch, [(START, 60), (START + SECOND, 160)])
        done = eventually(lambda: delivery(api, "steady", "delivered"))
    assert len(service.calls) == 3
    assert {headers["idempotency-key"] for headers, _ in service.calls} == {done["id"]}
    assert all(signed(headers, body, secret) for headers, body in service.calls)
    assert not signed(*service.calls[0], "another secret")
    told = json.loads(service.calls[0][1])
    assert (told["rule"], told["body"], told["scope"]) == ("calls-steady", {"colour": "blue"}, {"person": "sue"})
    assert told["decision"] == decided(api, "calls-steady", "sue")[0][0]
    assert done["attempts"] == 3
    assert all(row.get("secret") is None for row in ok(api.get("/v1/services"))["items"])


def test_a_call_that_is_refused_is_dead_until_it_is_sent_again(api, hub, service) -> None:
    ok(api.put("/v1/services/picky", json={"url": service.url}))
    put(api, "calls-picky", calling("picky"))
    service.answers = [422]
    with wearer(api, "sid") as watch:
        tell(hub, watch, [(START, 60), (START + SECOND, 160)])
        dead = eventually(lambda: delivery(api, "picky", "dead"))
    assert (dead["attempts"], dead["last_error"], len(service.calls)) == (1, "answered 422", 1)
    ok(api.post(f"/v1/deliveries/{dead['id']}/retry"))
    eventually(lambda: delivery(api, "picky", "delivered"))
    assert [headers["idempotency-key"] for headers, _ in service.calls] == [dead["id"]] * 2
    assert api.post(f"/v1/deliveries/{dead['id']}/retry").status_code == 409
    assert api.post("/v1/deliveries/none/retry").status_code == 404


def test_what_reaches_nobody_is_noted_with_the_decision(api, hub) -> None:
    then = "then: [{command: {to: fridge, type: show_menu, args: {title: Eat}}}, {notify: {text: Hello}}]"
    put(api, "no-fridge", written("no-fridge", f"when: {{metric: heart_rate, above: 150}}\n{then}"))
    with wearer(api, "nora") as watch:
        tell(hub, watch, episode(START, 160))
    told = eventually(lambda: [each for each in traces(api, "no-fridge", "nora")["fired"] if each["level"] == "notice"])
    assert [action.get("reached") for action in told[0]["actions"]] == [False, None]


def test_a_room_opens_for_whose_it_is_and_for_nobody_else(api, hub) -> None:
    for home in ("resort", "guests", "others"):
        add_home(api, home)
    for name, home in (("gwen", "guests"), ("gabe", "guests"), ("gary", "others")):
        add_device(api, f"{name}-band", home, model="wristband", owner=add_person(api, name, home))
    reader = add_device(api, "room-door", "resort", model="reader", owner="gwen")
    now = int(time.time() * 1000) - 60_000
    with TestDevice(reader) as door:
        door.subscribe()
        for n, token in enumerate(("gwen-band", "gabe-band", "gary-band", "no-band")):
            data = {"token": token, "purpose": "room", "place": "room-12"}
            door.say({"id": f"tap-{n}", "ts": now + n * 10_000, "type": "tapped", "data": data}, Channel.EVENT)
        assert [door.command(within=20)["type"] for _ in range(3)] == ["open", "open", "refuse"]
    opened = {name: fired(api, "room-opened", name) for name in ("gwen", "gabe", "gary")}
    assert opened == {"gwen": [(now, "notice")], "gabe": [(now + 10_000, "notice")], "gary": []}
    assert fired(api, "room-refused", "gary") == [(now + 20_000, "notice")]
