"""Boards over HTTP: by mutual consent only, nothing of a person but the name they chose, gone when consent is."""

from __future__ import annotations

import json
import sqlite3
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from simulators.boards import share_board
from simulators.console import Console
from tests.devices import TestDevice
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, eventually, ok

SEOUL = ZoneInfo("Asia/Seoul")
PEOPLE = ("pers-ann", "pers-bob", "pers-cleo", "pers-dan")
STEPS = {"pers-ann": [5_000, 6_000, 7_000], "pers-bob": [9_000, 9_000, 9_000, 9_000], "pers-cleo": [4_000, 4_000]}
COMMUNITY = "/v1/people/me/consents/community"


def monday_before(today: date) -> date:
    return today - timedelta(days=today.weekday() + 7)


LAST_MONDAY = monday_before(datetime.now(SEOUL).date())


@pytest.fixture(scope="module")
def world(hub: HubProcess):
    """Four people, signed in; three of them walked last week."""
    with hub.api() as operator, ExitStack() as stack:
        add_home(operator, timezone="Asia/Seoul")
        for person in PEOPLE:
            body = {"id": person, "username": person.removeprefix("pers-"), "password": PASSWORD, "home": "home-1"}
            ok(operator.post("/v1/people", json=body | {"name": f"Real {person}"}))
        for person, steps in STEPS.items():
            with TestDevice(add_device(operator, f"{person}-watch", owner=person)) as watch:
                for place, count in enumerate(steps):
                    walk(watch, LAST_MONDAY + timedelta(days=place), count)
        signed_in = {p: stack.enter_context(hub.api(p.removeprefix("pers-"), PASSWORD)) for p in PEOPLE}
        for person, steps in STEPS.items():
            eventually(lambda own=signed_in[person], days=steps: has_days(own, days))
        yield operator, *signed_in.values()


def has_days(own: httpx.Client, days: list[int]) -> bool:
    told = ok(own.get("/v1/people/me/progress", params={"metric": "steps"}))
    return [each["value"] for each in told["items"]] == days


def walk(watch: TestDevice, day: date, steps: int) -> None:
    """A day's steps, told at noon and an hour later."""
    noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=SEOUL).timestamp() * 1000)
    watch.say([{"ts": noon, "values": {"steps": 0}}, {"ts": noon + 3_600_000, "values": {"steps": steps}}])


@pytest.fixture
def board(world):
    """A board of Ann's that Bob has joined; everybody has left it in the end."""
    _, ann, bob, cleo, dan = world
    for each in (ann, bob):
        ok(each.put(COMMUNITY))
    made = ok(ann.post("/v1/boards", json={"title": "Steps this week", "metric": "steps", "name": "Ann A"}))
    path = f"/v1/boards/{made['id']}"
    assert ann.post(f"{path}/invitations", json={"username": "bob"}).status_code == 202
    ok(bob.put(f"{path}/membership", json={"name": "Bobby"}))
    yield path
    for each in (ann, bob, cleo, dan):
        ok(each.put(COMMUNITY))
        ok(each.delete(COMMUNITY))
    assert ok(ann.get("/v1/boards"))["items"] == []


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]


def last_week(answer) -> dict:
    [week] = [each for each in answer["weeks"] if each["start"] == LAST_MONDAY.isoformat()]
    return {place["name"]: (place["rank"], place["value"], place["mine"]) for place in week["places"]}


def test_who_joined_sees_how_everybody_stands(world, board) -> None:
    _, ann, bob, cleo, _ = world
    told = ok(ann.get(board, params={"weeks": 2}))
    assert (told["status"], told["name"], told["people"], told["better"]) == ("joined", "Ann A", 2, "up")
    assert told["metric_title"]["ko"] == "걸음"
    assert [week["running"] for week in told["weeks"]] == [True, False]
    assert [week["start"] for week in told["weeks"]] == [
        (LAST_MONDAY + timedelta(days=7)).isoformat(),
        LAST_MONDAY.isoformat(),
    ]
    assert last_week(told) == {"Bobby": (1, 9_000, False), "Ann A": (2, 6_000, True)}
    assert last_week(ok(bob.get(board)))["Bobby"] == (1, 9_000, True)
    assert len(ok(bob.get(board))["weeks"]) == 4
    ok(cleo.put(COMMUNITY))
    ok(bob.post(f"{board}/invitations", json={"username": "cleo"}))
    ok(cleo.put(f"{board}/membership", json={"name": "클레오"}))
    [week] = [each for each in ok(ann.get(board))["weeks"] if each["start"] == LAST_MONDAY.isoformat()]
    assert [place["name"] for place in week["places"]] == ["Bobby", "Ann A", "클레오"]
    assert week["places"][-1] == {
        "name": "클레오",
        "mine": False,
        "rank": None,
        "value": None,
        "insufficient": "3 days of data; there are 2",
    }


def test_without_a_direction_there_are_values_and_no_ranks(world, board) -> None:
    _, ann, *_ = world
    made = ok(ann.post("/v1/boards", json={"title": "Sleep", "metric": "sleep_minutes", "name": "A"}))
    told = ok(ann.get(f"/v1/boards/{made['id']}"))
    assert told["better"] is None
    assert {place["rank"] for week in told["weeks"] for place in week["places"]} == {None}
    titles = [(each["title"], each["people"]) for each in ok(ann.get("/v1/boards"))["items"]]
    assert titles == [("Sleep", 1), ("Steps this week", 2)]


def test_who_is_invited_sees_what_and_by_whom_and_no_values(world, board) -> None:
    _, ann, bob, _, dan = world
    assert problem(dan.get(board))[0] == 404
    ok(bob.post(f"{board}/invitations", json={"username": "dan"}))
    [listed] = ok(dan.get("/v1/boards"))["items"]
    told = ok(dan.get(board))
    assert told == listed | {"weeks": []}
    assert (told["title"], told["metric"], told["invited_by"]) == ("Steps this week", "steps", "Bobby")
    assert (told["status"], told["name"], told["people"]) == ("invited", None, None)
    assert "Ann" not in json.dumps(told)
    assert problem(dan.post(f"{board}/invitations", json={"username": "cleo"}))[0] == 403
    assert dan.delete(f"{board}/membership").status_code == 204
    assert ok(dan.get("/v1/boards"))["items"] == []
    assert problem(dan.put(f"{board}/membership", json={"name": "Dan"}))[0] == 404
    assert ok(ann.get(board))["people"] == 2


def test_who_has_not_allowed_it_is_on_no_board_and_is_told_why(world, board) -> None:
    _, ann, _, cleo, _ = world
    body = {"title": "Mine", "metric": "steps", "name": "Cleo"}
    status, reason = problem(cleo.post("/v1/boards", json=body))
    assert status == 403
    assert "allow community" in reason
    ok(ann.post(f"{board}/invitations", json={"username": "cleo"}))
    status, reason = problem(cleo.put(f"{board}/membership", json={"name": "Cleo"}))
    assert status == 403
    assert "allow community" in reason
    assert "Cleo" not in ann.get(board).text
    ok(cleo.put(COMMUNITY))
    ok(cleo.put(f"{board}/membership", json={"name": "Cleo"}))
    assert "Cleo" in ann.get(board).text


def test_who_takes_it_back_is_gone_at_once_and_stays_gone(world, board) -> None:
    _, ann, bob, _, dan = world
    ok(bob.post(f"{board}/invitations", json={"username": "dan"}))
    assert bob.delete(COMMUNITY).status_code == 204
    told = ann.get(board)
    assert "Bobby" not in told.text
    assert told.json()["people"] == 1
    assert problem(bob.get(board))[0] == 404
    assert ok(dan.get("/v1/boards"))["items"] == [], "nobody there invites them any more"
    ok(bob.put(COMMUNITY))
    assert ok(bob.get("/v1/boards"))["items"] == []
    assert "Bobby" not in ann.get(board).text
    assert ann.delete(COMMUNITY).status_code == 204
    assert ok(ann.get("/v1/boards"))["items"] == []


def test_nothing_tells_whether_there_is_a_user(world, board) -> None:
    _, ann, _, cleo, _ = world
    answers = [
        ann.post(f"{board}/invitations", json={"username": name}) for name in ("cleo", "cleo", "nobody at all", "bob")
    ]
    assert {(each.status_code, each.content) for each in answers} == {(202, b"")}
    before = ann.get(board).json()
    assert cleo.delete(f"{board}/membership").status_code == 204
    assert ann.get(board).json() == before
    full = [ann.post(f"{board}/invitations", json={"username": f"user-{number}"}) for number in range(18)]
    assert {each.status_code for each in full[:17]} == {202}
    assert problem(full[17])[0] == 409
    assert ann.post(f"{board}/invitations", json={"username": "cleo"}).status_code == 202


def test_nothing_of_a_person_is_told_but_the_name_they_chose(world, board) -> None:
    _, ann, bob, _, dan = world
    ok(ann.post(f"{board}/invitations", json={"username": "dan"}))
    answers = [each.get(path).text for each in (ann, bob, dan) for path in ("/v1/boards", f"{board}?weeks=12")]
    answers.append(bob.put(f"{board}/membership", json={"name": "Robin"}).text)
    answers.append(bob.put(f"{board}/membership", json={"name": "ann a"}).text)
    for answer in answers:
        for secret in ("pers-", '"ann"', '"bob"', "Real", "home-1", "watch"):
            assert secret not in answer


def test_a_look_at_others_days_is_on_record(hub: HubProcess, world, board) -> None:
    _, ann, *_ = world
    query = "select subject, purpose, path from usage where reader = 'ann' and path = ?"
    ok(ann.get(board))
    with sqlite3.connect(hub.data_dir / "hub.sqlite") as tables:
        assert tables.execute(query, [board]).fetchall() == [("pers-bob", "community", board)]


def test_what_cannot_be_is_a_problem(world, board) -> None:
    operator, ann, bob, _, _ = world
    body = {"title": "Mine", "metric": "steps", "name": "Ann"}
    refused = [
        (ann.post("/v1/boards", json=body | {"metric": "heart_rate"}), 422, "steps"),
        (ann.post("/v1/boards", json=body | {"title": "a\u0007b"}), 422, "control"),
        (ann.post("/v1/boards", json=body | {"name": "x" * 41}), 422, "1 to 40"),
        (ann.post("/v1/boards", json=body | {"owner": "bob"}), 422, "owner"),
        (bob.put(f"{board}/membership", json={"name": "ANN A"}), 409, "has that name"),
        (bob.put(f"{board}/membership", json={"name": "\u200b"}), 422, "cannot be seen"),
        (ann.get(board, params={"weeks": 13}), 422, "12"),
        (ann.get("/v1/boards/" + "0" * 16), 404, "no board"),
        (operator.get("/v1/boards"), 403, "operator"),
        (operator.get(board), 403, "operator"),
        (httpx.get(str(ann.base_url) + board), 401, "token"),
    ]
    for answer, status, word in refused:
        found, detail = problem(answer)
        assert (found, word in detail) == (status, True), (answer.url, detail)


def test_a_person_is_on_so_many_boards(world, board) -> None:
    _, ann, *_ = world
    bodies = [{"title": f"Board {number}", "metric": "steps", "name": "Ann"} for number in range(20)]
    answers = [ann.post("/v1/boards", json=body) for body in bodies]
    assert [each.status_code for each in answers] == [201] * 19 + [409]
    assert "20 boards" in answers[-1].json()["detail"]


def test_the_last_one_to_leave_ends_a_board(hub: HubProcess, world, board) -> None:
    _, ann, bob, _, dan = world
    ok(ann.post(f"{board}/invitations", json={"username": "dan"}))
    for each in (ann, bob):
        assert each.delete(f"{board}/membership").status_code == 204
    assert [problem(each.get(board))[0] for each in (ann, bob, dan)] == [404, 404, 404]
    with sqlite3.connect(hub.data_dir / "hub.sqlite") as tables:
        query = "select count(*) from board_invitation where board_id = ?"
        assert tables.execute(query, [board.rsplit("/", 1)[1]]).fetchone() == (0,)


def test_the_demo_s_two_people_share_a_board_unless_they_have_said_otherwise(hub: HubProcess, world) -> None:
    _, _, _, cleo, dan = world
    for each in (cleo, dan):
        ok(each.put(COMMUNITY))
        ok(each.delete(COMMUNITY))
    with hub.api() as operator, ExitStack() as stack:
        for person in ("minji", "joon"):
            add_person(operator, person)
        minji, joon, *others = (
            stack.enter_context(Console(hub.url, username=name, password=PASSWORD))
            for name in ("minji", "joon", "cleo", "dan")
        )
        assert share_board(minji, joon, names=("Minji", "Joon"), username="joon")
        assert not share_board(minji, joon, names=("Minji", "Joon"), username="joon")
        assert not share_board(*others, names=("Cleo", "Dan"), username="dan")
    with hub.api("joon", PASSWORD) as own:
        [board] = ok(own.get("/v1/boards"))["items"]
        told = ok(own.get(f"/v1/boards/{board['id']}"))
    assert (board["title"], board["name"], board["people"]) == ("Steps this week", "Joon", 2)
    assert {place["name"] for place in told["weeks"][0]["places"]} == {"Minji", "Joon"}
    assert ok(dan.get("/v1/boards"))["items"] == []


def test_consent_taken_back_just_before_the_hub_dies_holds_when_it_is_back(hub: HubProcess, world, board) -> None:
    _, ann, *_ = world
    hub.kill()
    with sqlite3.connect(hub.data_dir / "hub.sqlite") as tables:
        tables.execute(
            "insert into consent (person_id, purpose, granted, at, by) values ('pers-bob', 'community', 0, 1, 'bob')"
        )
    tables.close()
    hub.start()
    told = ann.get(board)
    assert "Bobby" not in told.text
    assert told.json()["people"] == 1
