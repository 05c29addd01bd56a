"""Exports over HTTP: whole series as files, equal to the series that the API tells page by page."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from datetime import UTC, datetime

import duckdb
import pytest
from fhir.resources.R4B.bundle import Bundle

from tests.devices import TestDevice, series
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, eventually, ok

START = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp() * 1000)
COUNT = 12_000
OUTFITS = ['=HYPERLINK("http://x", 1)', "coat, ko: 코트"]
MONTHS = {"from": "2026-05-31T15:00:00Z", "to": "2026-10-31T15:00:00Z"}


@pytest.fixture(scope="module")
def told(hub: HubProcess):
    """Ann's watch has told a heart rate every second; the styler a text. The client is an operator's."""
    with hub.api() as api:
        add_home(api, timezone="Asia/Seoul")
        ann = add_person(api, "ann")
        add_person(api, "bob")
        registered = [add_device(api, "styler", model="clothing-styler"), add_device(api, "ann-watch", owner=ann)]
        eventually(lambda: api.get("/v1/devices/ann-watch").is_success)
        with TestDevice(registered[0]) as styler, TestDevice(registered[1]) as watch:
            styler.say([{"ts": START + at, "values": {"shown_outfit": text}} for at, text in enumerate(OUTFITS)])
            watch.say({"ts": START, "values": {"battery": 80}})
            for first in range(0, COUNT, 1_000):
                watch.say(
                    [
                        {"ts": START + at * 1_000, "values": {"heart_rate": rate(at)}}
                        for at in range(first, first + 1_000)
                    ]
                )
            eventually(lambda: len(series(api, "ann-watch", "heart_rate")) == COUNT)
        yield api


def rate(at: int) -> float:
    return 60 + at % 40 / 8


@pytest.fixture
def own(hub: HubProcess, told):
    with hub.api("ann", PASSWORD) as client:
        yield client


def export(client, path="people/me/telemetry/heart_rate", **query):
    answer = client.get(f"/v1/{path}/export", params=query)
    assert answer.status_code == 200, answer.text
    return answer


def test_csv_is_the_series(told, own) -> None:
    answer = export(own, format="csv", **MONTHS)
    assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="heart_rate-2026-06-01-2026-11-01.csv"'
    header, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == ["at", "value", "unit", "source"]
    assert {(unit, source) for _, _, unit, source in rows} == {("/min", "ann-watch")}
    assert [(at, float(value)) for at, value, *_ in rows] == series(told, "ann-watch", "heart_rate")
    _, *texts = csv.reader(io.StringIO(export(told, "devices/styler/telemetry/shown_outfit").text, newline=""))
    assert [value for _, value, *_ in texts] == ["'" + OUTFITS[0], OUTFITS[1]]


def test_json_is_the_series_also_in_steps(told, own) -> None:
    raw = export(own, format="json")
    assert raw.headers["content-disposition"] == 'attachment; filename="heart_rate.json"'
    items = raw.json()["items"]
    assert [(each["at"], each["value"]) for each in items] == series(told, "ann-watch", "heart_rate")
    assert {each["source"] for each in items} == {"ann-watch"}
    steps = {"every": "PT1M", "agg": "max"}
    stepped = export(own, format="json", **steps).json()
    assert [(each["at"], each["value"]) for each in stepped.pop("items")] == series(
        told, "ann-watch", "heart_rate", **steps
    )
    assert stepped == {"metric": "heart_rate", "unit": "/min", **steps}
    days = export(own, format="json", every="P1D", agg="count").json()["items"]
    assert days == [{"at": "2026-05-31T15:00:00.000Z", "value": COUNT}]


def test_parquet_is_the_series_and_leaves_nothing_behind(hub: HubProcess, told, own, tmp_path) -> None:
    answer = export(own, format="parquet", **MONTHS)
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    path = tmp_path / "read.parquet"
    path.write_bytes(answer.content)
    with duckdb.connect() as connection:
        rows = connection.execute(f"select epoch_ms(\"at\"), value, source from '{path}'").fetchall()
        types = connection.execute(f"select column_type from (describe from '{path}')").fetchall()
        facts = connection.execute("select key, value from parquet_kv_metadata($1)", [str(path)]).fetchall()
    assert rows == [(START + at * 1_000, rate(at), "ann-watch") for at in range(COUNT)]
    assert [type_ for (type_,) in types] == ["TIMESTAMP WITH TIME ZONE", "DOUBLE", "VARCHAR"]
    assert dict(facts) == {b"metric": b"heart_rate", b"unit": b"/min", b"every": b"raw"}
    assert list((hub.data_dir / "exports").iterdir()) == []


def test_fhir_is_a_bundle_of_the_series_with_the_same_ids_each_time(told, own) -> None:
    answer = export(own, format="fhir")
    assert answer.headers["content-type"].startswith("application/fhir+json")
    few = {"from": "2026-06-01T00:00:00Z", "to": "2026-06-01T00:01:00Z"}
    text = export(own, format="fhir", **few).text
    Bundle.model_validate_json(text)
    observations = [each["resource"] for each in answer.json()["entry"] if "status" in each["resource"]]
    points = [(each["effectiveDateTime"], each["valueQuantity"]["value"]) for each in observations]
    assert points == series(told, "ann-watch", "heart_rate")
    of_device = export(told, "devices/ann-watch/telemetry/heart_rate", format="fhir", **few)
    assert of_device.text == text == export(own, format="fhir", **few).text
    assert {each["resource"]["id"] for each in json.loads(text)["entry"]} <= {
        each["resource"]["id"] for each in answer.json()["entry"]
    }


def test_what_cannot_be_exported_is_a_problem(hub: HubProcess, told, own) -> None:
    mine = "/v1/people/me/telemetry"
    refused = [
        (own.get(f"{mine}/heart_rate/export", params={"format": "xlsx"}), 422, "csv"),
        (own.get(f"{mine}/colour/export"), 404, "heart_rate"),
        (own.get("/v1/people/bob/telemetry/heart_rate/export"), 403, "somebody else"),
        (
            own.get(f"{mine}/heart_rate/export", params={"from": MONTHS["to"], "to": MONTHS["from"]}),
            422,
            "from comes before",
        ),
        (own.get(f"{mine}/heart_rate/export", params={"every": "PT1M", "agg": "median"}), 422, "mean"),
        (own.get(f"{mine}/heart_rate/export", params={"purpose": "research"}), 403, "research"),
        (own.get(f"{mine}/battery/export", params={"format": "fhir"}), 422, "heart_rate"),
        (told.get("/v1/devices/styler/telemetry/humidity/export", params={"format": "fhir"}), 422, "nobody's"),
    ]
    for answer, status, word in refused:
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.url
        assert word in answer.json()["detail"]
        assert "content-disposition" not in answer.headers


def test_an_operators_export_is_told_apart_from_a_look_on_record(hub: HubProcess, told) -> None:
    ok(told.get("/v1/people/ann/telemetry/battery"))
    export(told, "people/ann/telemetry/battery")
    with sqlite3.connect(hub.data_dir / "hub.sqlite") as tables:
        rows = tables.execute("select reader, path from usage where path like '%/battery%' order by id").fetchall()
    path = "/v1/people/ann/telemetry/battery"
    assert rows == [("operator", path), ("operator", f"{path}/export")]
