"""Files that the command line cuts into pieces, and what it says of faults in them."""

from __future__ import annotations

import duckdb
import httpx
import pytest

from hub.importing import ImportFailed, Piece, pieces, told


def test_parquet_is_cut_into_pieces_that_are_whole_again(tmp_path):
    file, part = tmp_path / "days.parquet", tmp_path / "part.parquet"
    connection = duckdb.connect(":memory:")
    connection.execute(
        f"copy (select 'p-' || range as person, range as steps from range(10000)) to '{file}' (format parquet)"
    )
    found, cut = [], list(pieces(file, limit=file.stat().st_size // 4))
    assert len(cut) >= 4
    for piece in cut:
        assert piece.rows_before == len(found)
        part.write_bytes(piece.content)
        found += connection.execute(f"from '{part}'").fetchall()
    assert found == [(f"p-{row}", row) for row in range(10_000)]


def test_a_small_file_is_one_piece(tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("person,name\na,A\n")
    assert list(pieces(file)) == [Piece(b"person,name\na,A\n", 16)]


def test_a_large_file_that_is_no_parquet_is_told(tmp_path):
    file = tmp_path / "days.parquet"
    file.write_bytes(b"x" * 100)
    with pytest.raises(ImportFailed, match="cannot be read as Parquet"):
        list(pieces(file, limit=10))


def test_faults_are_told_with_the_rows_and_lines_of_the_whole_file(tmp_path):
    faults = [
        {"row": 2, "line": 3, "column": "sex", "value": "x", "reason": "is odd"},
        {"row": 4, "line": None, "column": "name", "value": None, "reason": "is missing"},
        {"row": None, "line": None, "column": None, "value": None, "reason": "is too much"},
    ]
    answer = httpx.Response(422, json={"errors": faults, "more": 7, "detail": "…"})
    said = told(answer, tmp_path / "f.csv", Piece(b"", 0, rows_before=100, lines_before=120)).splitlines()
    assert said[1:] == [
        f"{tmp_path / 'f.csv'}:123: sex 'x': is odd",
        f"{tmp_path / 'f.csv'} row 104: name: is missing",
        f"{tmp_path / 'f.csv'}: is too much",
        "and 7 more",
    ]
    assert told(httpx.Response(502, text="<html>"), tmp_path / "f.csv", Piece(b"", 0)).endswith("f.csv: HTTP 502")
