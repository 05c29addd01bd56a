"""The operator's console, the command line, and faults done on purpose."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.__main__ import main
from simulators.console import Console, operator_password
from simulators.credentials import Broker, Credential
from simulators.crowd import crowd
from simulators.crowding import is_told, tell
from simulators.errors import ApiRefused, SignInRefused, SimulatorError, Unreachable
from simulators.faults import Faults, Message, disturb
from simulators.registration import NOTHING, known_to_hub, register_household, register_load
from simulators.wearers import joon, minji

MQTT = {"host": "127.0.0.1", "port": 1883, "username": "w1", "password": "token"}


class Api:
    """The hub's API, as far as the console uses it."""

    def __init__(self) -> None:
        self.made: dict[tuple[str, str], dict[str, object]] = {}
        self.asked: list[str] = []
        self.token = "t0"
        self.who = ""
        self.allowed: list[tuple[str, str]] = []
        self.files: list[tuple[str, str, bytes]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(f"{request.method} {path}")
        if path == "/v1/auth/token":
            form = dict(part.split("=") for part in request.content.decode().split("&"))
            good = form["password"] == "right"
            self.who = form["username"]
            return httpx.Response(200, json={"access_token": self.token}) if good else _problem(401, "Not you")
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _problem(401, "Sign in")
        if path.endswith("/credentials"):
            return httpx.Response(200, json={"mqtt": {**MQTT, "password": "rotated"}})
        if request.method == "PUT" and path.startswith("/v1/people/me/consents/"):
            self.allowed.append((self.who, path.rsplit("/", 1)[1]))
            return httpx.Response(200, json={})
        if path == "/v1/devices" and request.method == "GET":
            behind = sorted(id_ for kind, id_ in self.made if kind == path and id_ > request.url.params["cursor"])
            return httpx.Response(200, json={"items": [{"id": id_} for id_ in behind[:1]]})
        if path.startswith("/v1/imports/"):
            self.files.append((path.rsplit("/", 1)[1], request.headers["content-type"], request.content))
            return httpx.Response(200, json={"new": 1, "changed": 0, "unchanged": 0})
        if path == "/v1/peers/snapshots":
            self.files.append(("snapshot", "", b""))
            return httpx.Response(201, json={"taken_at": "x", "tables": 1})
        if request.method == "GET" and "/telemetry/" in path:
            last = request.url.params.get("cursor") == "2"
            return httpx.Response(200, json={"items": [{"at": "x", "value": 1}], "next": None if last else "2"})
        if request.method == "GET":
            return httpx.Response(200, json={"home": "their-home"})
        wanted = json.loads(request.content)
        if (path, wanted["id"]) in self.made:
            return _problem(409, "Exists")
        if wanted["id"] == "bad":
            return _problem(422, "Unusable")
        self.made[path, wanted["id"]] = wanted
        return httpx.Response(201, json={"id": wanted["id"], "home": wanted.get("home"), "mqtt": MQTT})


def _problem(status: int, title: str) -> httpx.Response:
    return httpx.Response(status, json={"title": title, "detail": "because"})


def _console(api, password: str = "right") -> Console:
    console = Console("http://hub.test", password=password, transport=httpx.MockTransport(api))
    console.sign_in()
    return console


def test_what_is_new_is_made_and_what_exists_is_left_alone():
    api = Api()
    console = _console(api)
    for _ in range(2):
        console.ensure_home("home-1", timezone="Asia/Seoul")
    assert console.ensure_person("minji", password="p", home="home-1", birth_year=1968) is True
    assert console.ensure_person("minji", password="p", home="home-1") is False
    assert api.made["/v1/people", "minji"]["birth_year"] == 1968
    assert api.made["/v1/homes", "home-1"] == {"id": "home-1", "name": "home-1", "timezone": "Asia/Seoul"}


def test_a_known_device_gets_a_fresh_token_and_stays_in_its_home():
    console = _console(Api())
    first = console.ensure_device("w1", home="home-1", model="health-watch")
    assert first == (Broker("127.0.0.1", 1883), Credential("home-1", "w1", "w1", "token"))
    again = console.ensure_device("w1", home="home-1", model="health-watch")
    assert (again.credential.home, again.credential.password) == ("their-home", "rotated")


def test_a_token_that_ran_out_is_replaced():
    api = Api()
    console = _console(api)
    api.token = "t1"
    console.ensure_home("home-1")
    assert ("/v1/homes", "home-1") in api.made


def test_all_pages_of_a_series_are_read():
    assert len(_console(Api()).series("minji", "steps", every="P1D")) == 2


def test_a_wrong_password_is_said_without_it():
    with pytest.raises(SignInRefused) as caught:
        _console(Api(), "wrong-secret")
    assert "wrong-secret" not in str(caught.value)


def test_a_problem_is_told_with_its_title_and_detail():
    with pytest.raises(ApiRefused, match="Unusable: because"):
        _console(Api()).ensure_home("bad")


def test_nobody_there_is_unreachable():
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(Unreachable, match=r"hub\.test"):
        _console(silent)


@pytest.mark.parametrize(
    "answer", [httpx.Response(200, text="<html>"), httpx.Response(200, json={"mqtt": {"host": 1}})]
)
def test_what_is_not_the_hub_is_told_so(answer):
    def other(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"access_token": "t"}) if "token" in request.url.path else answer

    with pytest.raises(SimulatorError):
        _console(other).ensure_device("w1", home="h", model="health-watch")


def test_the_family_says_itself_that_it_may_be_compared_and_only_when_it_is_new():
    api = Api()
    wearers, secret = (minji(date(2026, 4, 1)), joon(date(2026, 4, 1))), {"minji": "right", "joon": "right"}
    for _ in range(2):
        register_household(_console(api), wearers, secret=secret, acquired_on=date(2026, 4, 1), timezone="Asia/Seoul")
    assert api.allowed == [("minji", "peers"), ("joon", "peers")]


def test_a_crowd_is_told_with_its_watches_last_and_known_by_the_last_of_them(tmp_path):
    api = Api()
    console, wearers, heard = _console(api), crowd(700, seed=7, today=date(2026, 11, 22)), []
    rows = tell(console, wearers, last=date(2026, 11, 21), days=3, rest_s=0, told=heard.append)
    assert [kind for kind, *_ in api.files] == ["people", "days", "days", "devices", "snapshot"]
    assert heard == [500, 700]
    counts = []
    for place, (_, media, content) in enumerate(api.files[:-1]):
        assert media == "application/vnd.apache.parquet"
        (tmp_path / f"{place}.parquet").write_bytes(content)
        counted = f"select count(*) from '{tmp_path / f'{place}.parquet'}'"
        counts.append(duckdb.connect(":memory:").execute(counted).fetchall()[0][0])
    assert (counts[0], counts[3]) == (700, 700)
    assert rows == counts[1] + counts[2] > 700
    assert is_told(console, 700) is False
    api.made["/v1/devices", "crowd-00699-watch"] = {}
    assert is_told(console, 700) is False
    api.made["/v1/devices", "crowd-00700-watch"] = {}
    assert is_told(console, 700) is True


def test_a_load_has_an_owner_for_each_watch():
    api = Api()
    told: list[None] = []
    registrations = register_load(_console(api), 12, home="load-home", owners=True, done=lambda: told.append(None))
    assert [each.credential.device for each in registrations] == [f"load-{number:05}" for number in range(1, 13)]
    assert api.made["/v1/devices", "load-00007"]["owner"] == "load-person-00007"
    assert api.made["/v1/people", "load-person-00007"]["birth_year"] == 1990
    assert len(told) == 12


def test_a_load_that_is_refused_ends_before_the_rest_is_tried():
    api = Api()

    def unhurried(request: httpx.Request) -> httpx.Response:
        time.sleep(0.01)
        return _problem(422, "Unusable") if b"load-00002" in request.content else api(request)

    with pytest.raises(ApiRefused, match="Unusable"):
        register_load(_console(unhurried), 2_000, home="load-home", owners=False, done=lambda: None)
    assert len(api.made) < 1_000


def test_the_environment_goes_before_the_file(tmp_path, monkeypatch):
    file = tmp_path / "operator-password"
    file.write_text("from file\n")
    monkeypatch.delenv("HUB_OPERATOR_PASSWORD", raising=False)
    assert operator_password(file) == "from file"
    monkeypatch.setenv("HUB_OPERATOR_PASSWORD", "from environment")
    assert operator_password(file) == "from environment"


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["load", "--api", "http://127.0.0.1:1"], 1, "no hub answers"),
        (["history", "--api", "http://127.0.0.1:1", "--model", "toaster"], 1, "no device model"),
        (["history", "--api", "http://127.0.0.1:1", "--model", "washer"], 1, "only watches"),
        (["replay", "/nonexistent/run.fit"], 2, "No such file"),
        (["home", "--api", "http://127.0.0.1:1", "--history-days", "0"], 1, "no hub answers"),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(arguments, code, line, capsys, monkeypatch):
    monkeypatch.setenv("HUB_OPERATOR_PASSWORD", "x")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main(arguments) == code
    told = [each for each in capsys.readouterr().err.splitlines() if each.strip()]
    assert len(told) == 1
    assert line in told[0]


@pytest.mark.parametrize(
    "arguments",
    [[], ["fly"], ["load", "--devices", "0"], ["history", "--timezone", "Moon/Sea"], ["home", "--speed", "nan"]],
)
def test_bad_options_end_with_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


MESSAGES = [Message("t", b'{"n":%d}' % number) for number in range(300)]
RATE = st.floats(0, 1)


@given(seed=st.integers(), drop=RATE, duplicate=RATE, reorder=RATE, delay=RATE, corrupt=RATE)
def test_faults_lose_nothing_but_what_they_corrupt(seed, drop, duplicate, reorder, delay, corrupt):
    faults = Faults(drop, duplicate, reorder, delay, corrupt)
    disturbed = disturb(MESSAGES, faults, seed=seed)
    assert disturb(MESSAGES, faults, seed=seed) == disturbed
    assert set(MESSAGES) - set(disturbed.messages) == set(disturbed.corrupted)
    for message in set(disturbed.messages) - set(MESSAGES):
        with pytest.raises(ValueError):  # noqa: PT011 - JSON or UTF-8, whichever is broken first
            json.loads(message.payload)


def test_each_fault_does_what_it_says():
    def arrived(**rates: float) -> list[Message]:
        return list(disturb(MESSAGES, Faults(**rates), seed=1).messages)

    assert arrived() == MESSAGES
    assert Counter(arrived(duplicate=1.0)) == Counter(MESSAGES * 2)
    for late in (arrived(drop=0.3), arrived(delay=0.3), arrived(reorder=0.3)):
        assert late != MESSAGES
        assert Counter(late) == Counter(MESSAGES)
    assert set(arrived(corrupt=1.0)).isdisjoint(MESSAGES)


def test_what_the_hub_knows_of_a_wearer_is_asked_day_by_day():
    answers = {
        "steps": [{"at": "2026-11-18T15:00:00Z", "value": 900}, {"at": "2026-11-19T15:00:00Z", "value": 4_000}],
        "distance": [{"at": "2026-11-19T15:00:00Z", "value": 3_000.5}],
        "energy": [{"at": "2026-11-19T15:00:00Z", "value": None}],
    }
    asked: list[dict[str, str]] = []

    def hub(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/auth/token":
            return httpx.Response(200, json={"access_token": "t"})
        asked.append(dict(request.url.params))
        return httpx.Response(200, json={"items": answers[request.url.path.rsplit("/", 1)[1]], "next": None})

    seoul = ZoneInfo("Asia/Seoul")
    now = datetime(2026, 11, 20, 9, tzinfo=seoul)
    console = Console("http://hub.test", username="minji", password="p", transport=httpx.MockTransport(hub))
    today = now.replace(hour=0)
    known = known_to_hub(console, "minji", since=today - timedelta(days=9), today=today, now=now)
    assert known.days == {date(2026, 11, 19), date(2026, 11, 20)}
    assert known.today == (4_000, 3_000.5, 0.0)
    assert {query["every"] for query in asked} == {"P1D"}


def test_a_hub_that_does_not_let_the_wearer_in_knows_nothing():
    console = Console("http://hub.test", password="wrong", transport=httpx.MockTransport(Api()))
    now = datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert known_to_hub(console, "minji", since=now, today=now, now=now) == NOTHING
