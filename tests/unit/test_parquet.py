"""Parquet files leave nothing behind, whatever happens, and take little memory."""

from __future__ import annotations

import pytest

from devices.errors import StoreUnavailable
from hub import parquet
from hub.views import Point


def left(data_dir):
    return [str(path) for path in (data_dir / parquet.DIRECTORY).rglob("*")]


def test_what_fails_in_the_middle_leaves_nothing(tmp_path):
    def failing():
        yield Point(0, 1.0)
        assert left(tmp_path)
        raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable, match="gone"):
        parquet.written(failing(), numeric=True, facts={"metric": "m"}, data_dir=tmp_path)
    assert left(tmp_path) == []


def test_a_file_that_is_not_read_leaves_nothing(tmp_path):
    with parquet.written([Point(0, 1.0)], numeric=True, facts={"metric": "m"}, data_dir=tmp_path) as file:
        assert left(tmp_path) == []
        assert file.read(4) == b"PAR1"


def test_a_place_that_cannot_be_written_is_a_store_that_is_not_available(tmp_path):
    (tmp_path / parquet.DIRECTORY).write_text("in the way")
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        parquet.written([Point(0, 1.0)], numeric=True, facts={"metric": "m"}, data_dir=tmp_path)


def test_what_a_crash_left_is_removed(tmp_path):
    (tmp_path / parquet.DIRECTORY / "tmp1").mkdir(parents=True)
    (tmp_path / parquet.DIRECTORY / "tmp1" / "points.duckdb").write_text("half")
    parquet.clear(tmp_path)
    assert not (tmp_path / parquet.DIRECTORY).exists()
    parquet.clear(tmp_path)
