"""Peers over HTTP: people move in, some say yes, the snapshot is taken, and whoever said yes is told where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from tests.harness import PASSWORD, HubProcess, eventually, ok, running

COUNT = 130
CSV = {"content-type": "text/csv"}
LAST_MONTH = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=1)
ACQUIRED = (LAST_MONTH - timedelta(days=40)).replace(day=1)
DAYS = [LAST_MONTH + timedelta(days=place) for place in range(20)]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with running(tmp_path_factory.mktemp("peers")) as started:
        with started.api() as api:
            move_in(api)
        yield started


@pytest.fixture
def api(hub: HubProcess) -> Iterator[httpx.Client]:
    with hub.api() as opened:
        yield opened


def tell(api: httpx.Client, kind: str, rows: list[str]) -> None:
    ok(api.post(f"/v1/imports/{kind}", content="\n".join(rows), headers=CSV))


def move_in(api: httpx.Client) -> None:
    """People in a row: the one with the highest number walks most. The last, `quiet`, does not want to be compared."""
    people = [f"p-{number:03}" for number in range(COUNT)]
    ok(api.post("/v1/homes", json={"id": "town", "timezone": "Asia/Seoul"}))
    facts = [f"{person},{person},town,1990,female,165,KR-11,peers" for person in people]
    tell(api, "people", ["person,name,home,birth_year,sex,height_cm,region,consents", *facts, "quiet,Q,town,1990,,,,"])
    devices = [f"w-{person},town,health-watch,{person},{ACQUIRED}" for person in [*people, "quiet"]]
    tell(api, "devices", ["device,home,model,owner,acquired_on", *devices])
    days = [
        f"{person},{day},{5000 + 50 * number},{80 - number / 10},450,60"
        for number, person in enumerate([*people, "quiet"])
        for day in DAYS
    ]
    tell(api, "days", ["person,day,steps,resting_heart_rate,sleep_minutes,weight", *days])
    for person in ("p-000", "p-100", "p-129", "quiet"):
        ok(api.post(f"/v1/people/{person}/login", json={"username": person, "password": PASSWORD}))
    ok(api.post("/v1/peers/snapshots"))


def asked(hub: HubProcess, person: str, **query: str) -> httpx.Response:
    with hub.api(person, PASSWORD) as own:
        return own.get("/v1/people/me/peers", params={"metric": "steps", **query})


def test_somebody_is_told_where_they_stand_and_among_whom(hub: HubProcess) -> None:
    best, low = ok(asked(hub, "p-129")), ok(asked(hub, "p-000"))
    assert best["band"] == 10  # of 130 people, fewer than eleven are in the first 5 %
    assert low["band"] == 100
    month = f"{ACQUIRED:%Y-%m}"
    told = best["cohort"]
    assert (told["id"], told["level"], told["people"]) == (f"health-watch/{month}", "month", 130)
    assert told["low_quartile"] < told["median"] < told["high_quartile"]
    assert abs(told["median"] - (5000 + 50 * 64.5)) <= 100
    assert abs(best["you"] - (5000 + 50 * 129)) <= 5
    assert best["month"] == f"{LAST_MONTH:%Y-%m}"
    since = {each["month"]: each["since_acquired"] for each in best["months"]}
    assert since[best["month"]] == (LAST_MONTH.year - ACQUIRED.year) * 12 + LAST_MONTH.month - ACQUIRED.month
    assert "10 %" in best["sentence"]["en"]
    assert "상위 10 %" in best["sentence"]["ko"]
    assert ok(asked(hub, "p-129", metric="resting_heart_rate"))["band"] == 10
    assert ok(asked(hub, "p-129", by="age_band,sex"))["cohort"]["id"].endswith("/female")


def test_where_no_direction_is_better_there_are_quartiles_and_no_band(hub: HubProcess) -> None:
    sleep = ok(asked(hub, "p-100", metric="sleep_minutes"))
    assert sleep["band"] is None
    assert sleep["cohort"]["median"] == 450


def test_who_did_not_say_yes_is_refused_and_so_is_what_people_are_not_compared_in(hub: HubProcess) -> None:
    refused = asked(hub, "quiet")
    assert refused.status_code == 403
    assert "consents" in refused.json()["detail"]
    assert asked(hub, "p-100", metric="weight").status_code == 404
    assert asked(hub, "p-100", by="region,sex").status_code == 422
    assert asked(hub, "p-100", by="shoe_size").status_code == 422
    with hub.api("p-100", PASSWORD) as own:
        assert own.get("/v1/people/p-000/peers", params={"metric": "steps"}).status_code == 403
        assert own.post("/v1/peers/snapshots").status_code == 403


def test_who_takes_it_back_is_refused_at_once_and_who_joins_is_told_at_once(hub: HubProcess, api: httpx.Client) -> None:
    with hub.api("p-100", PASSWORD) as own:
        assert own.delete("/v1/people/me/consents/peers").status_code == 204
        assert asked(hub, "p-100").status_code == 403
    with hub.api("quiet", PASSWORD) as own:
        ok(own.put("/v1/people/me/consents/peers"))
        eventually(lambda: ok(asked(hub, "quiet"))["band"] == 10)
    ok(api.post("/v1/peers/snapshots"))
    assert ok(asked(hub, "p-129"))["cohort"]["people"] == 130


def test_an_operator_who_looks_is_on_record_and_gets_no_more_than_the_person(
    hub: HubProcess, api: httpx.Client
) -> None:
    told = ok(api.get("/v1/people/p-129/peers", params={"metric": "steps"}))
    assert told == ok(asked(hub, "p-129"))


def test_derived_figures_say_how_they_are_found(hub: HubProcess) -> None:
    span = {"from": since(DAYS[0]), "to": since(DAYS[-1])}
    with hub.api("p-129", PASSWORD) as own:
        index = ok(own.get("/v1/people/me/progress", params={"metric": "health_index", **span}))
        assert (index["about"]["known"], index["about"]["of"]) == (2, 8)
        assert index["about"]["parts"] == {"sleep": 100, "body_mass_index": 100}
        oxygen = ok(own.get("/v1/people/me/progress", params={"metric": "vo2max", **span}))
        assert "Uth" in oxygen["about"]["method"]
        age = LAST_MONTH.year - 1990
        assert oxygen["items"][0]["value"] == pytest.approx(15.3 * (208 - 0.7 * age) / (80 - 12.9), abs=0.01)


def since(day: date) -> str:
    return f"{day}T00:00:00Z"
