"""Writers: what is written is read back as it was, by whoever reads such files; nothing in it is calculated by a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import writers
from hub import parquet
from hub.views import Point

INSTANTS = st.integers(0, 4_102_444_800_000)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["=1+1", "+1", "-1", "@sum(a1)", "\tx", "\r\n=x", "'", "'=x", 'a"b', "a,b", ""]
)
SOURCES = st.sampled_from(["", "ann-watch", "7"])
STEP = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def points(values):
    return st.lists(st.builds(Point, INSTANTS, values | st.none(), SOURCES), max_size=12)


ANY = points(NUMBERS) | points(TEXTS)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(writers, "LINES_AT_ONCE", 5)
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 5)


def instant(written: str) -> int:
    assert written.endswith("Z")
    return round(datetime.fromisoformat(written).timestamp() * 1000)


@STEP
@given(points(NUMBERS))
def test_numbers_come_back_from_csv(written):
    text = b"".join(writers.csv_pieces(iter(written), unit="/min")).decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header == ["at", "value", "unit", "source"]
    assert [Point(instant(at), float(value) if value else None, source) for at, value, _, source in rows] == written
    assert {unit for _, _, unit, _ in rows} <= {"/min"}


@STEP
@given(points(TEXTS.filter(bool)))
def test_texts_come_back_from_csv_and_none_of_them_is_a_formula(written):
    text = b"".join(writers.csv_pieces(iter(written), unit="1")).decode()
    _, *rows = csv.reader(io.StringIO(text, newline=""))
    assert not [value for _, value, *_ in rows if value[:1] in set("=+-@\t\r\n＝＋－＠")]
    told = [Point(instant(at), value.removeprefix("'") if value else None, source) for at, value, _, source in rows]
    assert told == written


def test_a_negative_number_stays_a_number_and_a_text_that_looks_like_one_does_not():
    text = b"".join(writers.csv_pieces([Point(0, -4.0), Point(0, "-4"), Point(0, 0.5)], unit="Cel")).decode()
    assert text == (
        "at,value,unit,source\r\n1970-01-01T00:00:00.000Z,-4,Cel,\r\n"
        "1970-01-01T00:00:00.000Z,'-4,Cel,\r\n1970-01-01T00:00:00.000Z,0.5,Cel,\r\n"
    )


@STEP
@given(ANY)
def test_json_is_one_document_with_every_point(written):
    document = json.loads(b"".join(writers.json_pieces(iter(written), about={"metric": "m", "unit": "1"})))
    assert (document["metric"], document["unit"]) == ("m", "1")
    told = [Point(instant(each["at"]), each["value"], each.get("source", "")) for each in document["items"]]
    assert told == written


@STEP
@given(points(NUMBERS).map(lambda written: (written, True)) | points(TEXTS).map(lambda written: (written, False)))
def test_parquet_has_typed_columns_and_says_what_it_holds(tmp_path, given_points):
    written, numeric = given_points
    facts = {"metric": "m'", "unit": "/min"}
    file = parquet.written(iter(written), numeric=numeric, facts=facts, data_dir=tmp_path)
    (tmp_path / "read.parquet").write_bytes(b"".join(parquet.blocks(file)))
    assert file.closed
    assert list((tmp_path / parquet.DIRECTORY).iterdir()) == []
    with duckdb.connect() as connection:
        connection.execute(f"create view file as from '{tmp_path / 'read.parquet'}'")
        types = connection.execute("select column_name, column_type from (describe file)").fetchall()
        rows = connection.execute("select epoch_ms(\"at\"), value, coalesce(source, '') from file").fetchall()
        told = connection.execute("select key, value from parquet_kv_metadata($1)", [str(tmp_path / "read.parquet")])
        assert {key.decode(): value.decode() for key, value in told.fetchall()} == facts
    assert types == [
        ("at", "TIMESTAMP WITH TIME ZONE"),
        ("value", "DOUBLE" if numeric else "VARCHAR"),
        ("source", "VARCHAR"),
    ]
    assert [Point(*row) for row in rows] == written


def test_nothing_is_read_before_it_is_asked_for():
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield Point(len(taken), 1.0)

    pieces = writers.csv_pieces(endless(), unit="1")
    next(pieces)
    assert len(taken) == 5
