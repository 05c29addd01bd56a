"""Files of imports: whatever a name holds arrives, and whatever is wrong is told where it is."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.importing import pieces
from hub.imports.columns import people
from hub.imports.faults import ImportInvalid
from hub.imports.sheet import opened

names = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t"), min_size=1, max_size=20)
quotings = st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
line_ends = st.sampled_from(["\n", "\r\n"])


def _write(path: Path, rows: list[tuple[str, str]], quoting: int, line_end: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=quoting, lineterminator=line_end)
        writer.writerows([("person", "name"), *rows])


def _fresh(path: Path) -> list[tuple[str, str]]:
    with opened(path, "csv", people()) as sheet:
        sheet.know(homes=[], zones=[])
        sheet.compare([])
        sheet.check()
        return [(row["person"], row["name"]) for row in sheet.fresh()]


@settings(max_examples=30)
@given(st.lists(names, min_size=1, max_size=8), quotings, line_ends)
def test_names_arrive_as_they_were_written(told, quoting, line_end):
    rows = [(f"p-{place}", name) for place, name in enumerate(told)]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "people.csv"
        _write(file, rows, quoting, line_end)
        assert _fresh(file) == rows


@settings(max_examples=30)
@given(st.lists(names, min_size=2, max_size=30), quotings, line_ends, st.integers(10, 200))
def test_files_cut_into_pieces_are_whole_again(told, quoting, line_end, limit):
    rows = [(f"p-{place}", name) for place, name in enumerate(told)]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "people.csv"
        _write(file, rows, quoting, line_end)
        found: list[tuple[str, str]] = []
        lines = file.read_bytes().split(b"\n")
        for piece in pieces(file, limit):
            assert piece.rows_before == len(found)
            body = piece.content.split(b"\n")[1:]
            assert lines[piece.lines_before + 1 :][: len(body) - 1] == body[:-1]
            header, *cut = csv.reader(io.StringIO(piece.content.decode(), newline=""))
            assert header == ["person", "name"]
            found += [(person, name) for person, name in cut]
        assert found == rows


@settings(max_examples=30)
@given(st.lists(names, min_size=1, max_size=8), st.data())
def test_what_is_wrong_is_told_by_row_and_line(told, data):
    place = data.draw(st.integers(0, len(told) - 1))
    rows = [(f"p-{each}", name) for each, name in enumerate(told)]
    rows[place] = ("Not An Id", rows[place][1])
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "people.csv"
        _write(file, rows, csv.QUOTE_ALL, "\n")
        before = file.read_bytes().split(b'"Not An Id"')[0]
        with pytest.raises(ImportInvalid) as caught:
            _fresh(file)
    assert [(each.row, each.column, each.value) for each in caught.value.faults] == [(place + 1, "person", "Not An Id")]
    assert caught.value.faults[0].line == before.count(b"\n") + 1
