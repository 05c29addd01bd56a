"""Imports: people, devices and days from elsewhere, taken in whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import httpx
import pytest

from tests.devices import TestDevice, series
from tests.harness import PASSWORD, ROOT, HubProcess, add_device, add_home, add_person, eventually, ok

CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"
PEOPLE = (
    "person,name,home,birth_year,sex,height_cm,region,timezone,consents\n"
    '{0}-1,"Kim, Ann",moved,1980,female,165.5,KR-11,Asia/Seoul,peers recommend\n'
    "{0}-2,Bo,,,,,,,\n"
)


@pytest.fixture
def api(hub: HubProcess):
    with hub.api() as client:
        if "moved" not in {home["id"] for home in client.get("/v1/homes").json()["items"]}:
            add_home(client, "moved", timezone="Asia/Seoul")
        yield client


def tell(api: httpx.Client, kind: str, content: str | bytes, media: str = CSV) -> httpx.Response:
    return api.post(f"/v1/imports/{kind}", content=content, headers={"Content-Type": media})


def counts(answer: httpx.Response) -> tuple[int, int, int]:
    taken = ok(answer)
    return taken["new"], taken["changed"], taken["unchanged"]


def wrong(answer: httpx.Response) -> list[tuple[int | None, int | None, str | None]]:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:experience-hub:problem:import-invalid"
    return [(each["row"], each["line"], each["column"]) for each in answer.json()["errors"]]


def left_over(hub: HubProcess) -> list[Path]:
    return list((hub.data_dir / "imports").iterdir())


def test_people_are_taken_in_once_with_what_they_allowed(hub: HubProcess, api) -> None:
    told = PEOPLE.format("once")
    assert counts(tell(api, "people", told)) == (2, 0, 0)
    assert counts(tell(api, "people", told)) == (0, 0, 2)
    assert counts(tell(api, "people", 'person,name\nonce-1,"Kim, Ann"\nonce-3,Cy\n')) == (1, 0, 1)
    ann = ok(api.get("/v1/people/once-1"))
    assert (ann["name"], ann["home"], ann["birth_year"], ann["height_cm"]) == ("Kim, Ann", "moved", 1980, 165.5)
    assert (ann["sex"], ann["region"]) == ("female", "KR-11")
    assert ok(api.get("/v1/people/once-1/timezone"))["items"] == [{"timezone": "Asia/Seoul", "since": None}]
    allowed = {each["purpose"]: each["granted"] for each in ok(api.get("/v1/people/once-1/consents"))["items"]}
    assert allowed == {"peers": True, "recommend": True, "community": False}
    assert not any(each["granted"] for each in ok(api.get("/v1/people/once-2/consents"))["items"])
    assert left_over(hub) == []


def test_what_somebody_took_back_is_not_allowed_again_by_telling_it_again(hub: HubProcess, api) -> None:
    told = PEOPLE.format("back")
    tell(api, "people", told)
    ok(api.post("/v1/people/back-1/login", json={"username": "back-1", "password": PASSWORD}))
    with hub.api("back-1", PASSWORD) as own:
        assert own.delete("/v1/people/me/consents/peers").status_code == 204
    assert counts(tell(api, "people", told)) == (0, 0, 2)
    allowed = {each["purpose"]: each["granted"] for each in ok(api.get("/v1/people/back-1/consents"))["items"]}
    assert allowed["peers"] is False


def test_who_came_without_a_login_gets_one_later(hub: HubProcess, api) -> None:
    ok(tell(api, "people", "person,name\nlate,Late\nlater,Later\n"))
    login = {"username": "late", "password": PASSWORD}
    assert httpx.post(hub.url + "/v1/auth/token", data=login).status_code == 401
    assert ok(api.post("/v1/people/late/login", json=login)) == {"username": "late", "person": "late"}
    with hub.api("late", PASSWORD) as own:
        assert ok(own.get("/v1/people/me"))["name"] == "Late"
        assert own.post("/v1/people/later/login", json={**login, "username": "x"}).status_code == 403
    assert api.post("/v1/people/late/login", json={**login, "username": "other"}).status_code == 409
    assert api.post("/v1/people/later/login", json=login).status_code == 409
    assert api.post("/v1/people/nobody/login", json={**login, "username": "y"}).status_code == 404


def test_devices_come_without_credentials_and_work_with_them(api) -> None:
    ok(tell(api, "people", PEOPLE.format("wears")))
    told = "device,home,model,owner,acquired_on\nwears-watch,moved,health-watch,wears-1,2026-05-01\nwears-fridge,moved,food-styler,,\n"
    assert counts(tell(api, "devices", told)) == (2, 0, 0)
    assert counts(tell(api, "devices", told)) == (0, 0, 2)
    watch = ok(api.get("/v1/devices/wears-watch"))
    assert (watch["owner"], watch["acquired_on"], watch["model"]) == ("wears-1", "2026-05-01", "health-watch")
    credentials = ok(api.post("/v1/devices/wears-watch/credentials"))
    with TestDevice({"home": "moved", **credentials}) as device:
        device.say({"heart_rate": 64})
        eventually(lambda: series(api, "wears-watch", "heart_rate"))


def test_days_are_taken_in_from_both_kinds_of_files(api, tmp_path: Path) -> None:
    ok(tell(api, "people", "person,name\ndays-1,A\ndays-2,B\n"))
    told = "day,person,steps,resting_heart_rate\n2026-05-01,days-1,8000,61.5\n2026-05-02,days-1,,60\n"
    assert counts(tell(api, "days", told)) == (2, 0, 0)
    assert counts(tell(api, "days", told.replace("8000", "8001"))) == (0, 1, 1)
    file = tmp_path / "days.parquet"
    rows = "('days-1', date '2026-05-01', 8001, 61.5), ('days-2', date '2026-05-01', 5000, null)"
    named = f"select * from (values {rows}) t(person, day, steps, resting_heart_rate)"
    duckdb.connect(":memory:").execute(f"copy ({named}) to '{file}' (format parquet)")
    assert counts(tell(api, "days", file.read_bytes(), PARQUET)) == (1, 0, 1)
    assert counts(tell(api, "days", file.read_bytes(), PARQUET)) == (0, 0, 2)


def test_people_come_from_parquet_too(api, tmp_path: Path) -> None:
    file = tmp_path / "people.parquet"
    named = "select * from (values ('pq-1', '김서연', 1990, 163.0), ('pq-2', 'B', null, null)) t(person, name, birth_year, height_cm)"
    duckdb.connect(":memory:").execute(f"copy ({named}) to '{file}' (format parquet)")
    assert counts(tell(api, "people", file.read_bytes(), PARQUET)) == (2, 0, 0)
    assert ok(api.get("/v1/people/pq-1"))["name"] == "김서연"


def test_everything_wrong_is_told_at_once_and_nothing_is_taken(hub: HubProcess, api) -> None:
    told = (
        "person,name,home,birth_year,sex,height_cm,region,timezone,consents\n"
        "bad-1,Good,,,,,,,\n"
        "Bad 2,,nowhere,1.5,x,9,korea,Mars/One,peers spam\n"
        'bad-1,"Two\nlines",,,,,,,\n'
        "\n"
        "bad-4,Four,,nineteen,,,,,\n"
    )
    answer = tell(api, "people", told)
    columns = ["birth_year", "consents", "height_cm", "home", "name", "person", "region", "sex", "timezone"]
    assert wrong(answer) == [*[(2, 3, name) for name in columns], (3, 4, "person"), (4, 7, "birth_year")]
    assert answer.json()["more"] == 0
    told_of = {each["column"]: each for each in answer.json()["errors"][:9]}
    assert told_of["home"]["value"] == "nowhere"
    assert told_of["name"]["reason"] == "is missing"
    assert api.get("/v1/people/bad-1").status_code == 404
    assert left_over(hub) == []


def test_what_is_there_already_and_differs_is_told_beside_the_rest(api) -> None:
    ok(tell(api, "people", PEOPLE.format("there")))
    add_person(api, "known", home="moved", birth_year=1970)
    told = "person,name,home,birth_year\nthere-1,Kim,moved,1981\nknown,known,,1970\nthere-9,Nine,nowhere,\n"
    assert wrong(tell(api, "people", told)) == [(1, 2, "birth_year"), (1, 2, "name"), (3, 4, "home")]
    assert api.get("/v1/people/there-9").status_code == 404
    add_device(api, "there-watch", home="moved", owner="known", acquired_on="2026-01-01")
    same = "device,home,model,owner,acquired_on\nthere-watch,moved,health-watch,known,2026-01-01\n"
    assert counts(tell(api, "devices", same)) == (0, 0, 1)
    told = same.replace("known", "there-1") + "there-2,nowhere,toaster,nobody,1.2.2026\n"
    found = wrong(tell(api, "devices", told))
    assert found == [(1, 2, "owner"), *[(2, 3, name) for name in ("acquired_on", "home", "model", "owner")]]


def test_days_are_held_against_the_catalogue_and_people(api) -> None:
    ok(tell(api, "people", "person,name\nheld,Held\n"))
    future = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    told = (
        "person,day,steps,sleep_minutes\n"
        f"held,2026-05-01,-1,\nheld,{future},100,\nheld,1.5.2026,100,\nnobody,2026-05-01,nan,2000\n"
        "held,2026-05-01,5,\nheld,2026-05-04,,\n"
    )
    assert wrong(tell(api, "days", told)) == [
        (1, 2, "steps"),
        (2, 3, "day"),
        (3, 4, "day"),
        (4, 5, "person"),
        (4, 5, "sleep_minutes"),
        (4, 5, "steps"),
        (5, 6, "person"),
        (6, 7, "day"),
    ]
    assert counts(tell(api, "days", "person,day,steps\nheld,2026-05-01,100\n")) == (1, 0, 0)


def test_of_many_faults_a_hundred_are_told_and_how_many_more_there_are(api) -> None:
    answer = tell(api, "people", "person,name\n" + "".join(f"Bad {row},x\n" for row in range(250)))
    assert len(wrong(answer)) == 100
    assert answer.json()["more"] == 150


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [(None, None, "person"), (None, None, "name")]),
        ("person,nick\nx,y\n", [(None, None, "nick"), (None, None, "name")]),
        ("person,name,name\nx,y,z\n", [(None, None, "name")]),
        ("person,name\nshape-1,a\nshape-2\nshape-3,b,c\n", [(None, 3, "name"), (None, 4, None)]),
        ("person,name\nshape-1,ä\n".encode("latin-1"), [(None, 2, "name")]),
    ],
)
def test_what_cannot_be_read_is_told_by_line(api, content, expected) -> None:
    assert wrong(tell(api, "people", content)) == expected
    assert api.get("/v1/people/shape-1").status_code == 404


def test_a_file_that_is_no_parquet_says_so(api) -> None:
    answer = tell(api, "people", b"person,name\nx,y\n", PARQUET)
    assert wrong(answer) == [(None, None, None)]
    assert "cannot be read as parquet" in answer.json()["detail"]


def test_imports_are_for_operators_and_of_two_kinds_and_not_too_large(hub: HubProcess, api) -> None:
    add_person(api, "curious", home="moved")
    with hub.api("curious", PASSWORD) as own:
        assert tell(own, "people", "person,name\nmine,Mine\n").status_code == 403
    assert httpx.post(hub.url + "/v1/imports/people", content=b"x", headers={"Content-Type": CSV}).status_code == 401
    assert tell(api, "people", "{}", "application/json").status_code == 415
    large = b"person,name\n" + b"x" * (33 * 1024 * 1024)
    assert tell(api, "people", large).status_code == 413
    chunked = api.post(
        "/v1/imports/people", content=iter([large[:20_000_000], large[20_000_000:]]), headers={"Content-Type": CSV}
    )
    assert chunked.status_code == 413
    assert counts(
        tell(api, "people", "person,name\n" + "".join(f"wide-{row},{'n' * 80}\n" for row in range(15_000)))
    ) == (15_000, 0, 0)
    eventually(lambda: left_over(hub) == [])  # the file goes when the answer is out


def test_what_was_taken_in_is_there_after_a_start(hub: HubProcess, api) -> None:
    ok(tell(api, "people", PEOPLE.format("stays")))
    ok(tell(api, "devices", "device,home,model,owner\nstays-watch,moved,health-watch,stays-1\n"))
    ok(tell(api, "days", "person,day,steps\nstays-1,2026-05-01,100\n"))
    hub.kill()
    (hub.data_dir / "imports" / "left.csv").write_text("by a crash")
    hub.start()
    with hub.api() as again:
        assert left_over(hub) == []
        assert ok(again.get("/v1/devices/stays-watch"))["owner"] == "stays-1"
        assert counts(tell(again, "people", PEOPLE.format("stays"))) == (0, 0, 2)
        assert counts(tell(again, "days", "person,day,steps\nstays-1,2026-05-01,100\n")) == (0, 0, 1)


def command_line(
    hub: HubProcess, directory: Path, *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hub", "import", *arguments, "--api", hub.url]
    named = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    environment = named | {"PYTHONPATH": str(ROOT), "HUB_DATA_DIR": str(hub.data_dir)} | settings
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_command_line_hands_files_over_and_tells_what_is_wrong_where(hub: HubProcess, api, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(PEOPLE.format("line"))
    (tmp_path / "bad.csv").write_text("person,name\nline-3,Good\nLine 4,Bad\n")
    done = command_line(hub, tmp_path, "people", "good.csv")
    assert (done.returncode, done.stdout) == (0, "good.csv: 2 new, 0 changed, 0 unchanged\n"), done.stderr
    done = command_line(hub, tmp_path, "people", "good.csv", "bad.csv")
    assert (done.returncode, done.stdout) == (1, "good.csv: 0 new, 0 changed, 2 unchanged\n")
    assert "bad.csv:3: person 'Line 4': holds others than a-z, 0-9 and -" in done.stderr
    for arguments, reason in (
        (("people", "none.csv"), "none.csv is no file that ends in"),
        (("people", "good.csv", "--password-file", "none"), "none cannot be read"),
    ):
        done = command_line(hub, tmp_path, *arguments)
        assert done.returncode == 1
        assert reason in done.stderr
        assert "Traceback" not in done.stderr
    done = command_line(hub, tmp_path, "people", "good.csv", HUB_OPERATOR_PASSWORD="wrong")
    assert "does not accept the operator's password" in done.stderr
