"""Exports: what cannot be is refused before anything is sent, and file names tell what is in the file but not whose."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from api import exports, fhir
from devices.errors import Invalid, StoreUnavailable
from hub.catalogue import load_models
from hub.telemetry import Span
from hub.views import Point, Seen, View

METRICS = load_models()["health-watch"].metrics
JUNE, NOVEMBER = datetime(2026, 5, 31, 15, tzinfo=UTC), datetime(2026, 10, 31, 15, tzinfo=UTC)


class Store:
    """A telemetry store that has `count` samples, a second apart, or fails."""

    def __init__(self, count: int, failure: Exception | None = None) -> None:
        self.count, self.failure = count, failure

    def raw(self, spans, metric, window):
        if self.failure is not None:
            raise self.failure
        behind = window.after.at if window.after else -1
        times = [at * 1_000 for at in range(self.count) if window.since <= at * 1_000 < window.until]
        return [Point(at, 60.0, "ann-watch") for at in times if at > behind][: window.limit]


def answer(tmp_path, count=0, failure=None, metric="heart_rate", **query):
    registry = SimpleNamespace(entries={})
    hub = SimpleNamespace(id="hub-1", settings=SimpleNamespace(data_dir=tmp_path), registry=registry)
    view = View(Store(count, failure), lambda: Seen([Span("ann-watch")], METRICS))
    asked = exports.ExportQuery(**{"format_": "csv", "from_": None, "to": None, "every": "raw", "agg": None} | query)
    return exports.answer(hub, view, metric, asked, zone="Asia/Seoul", owner=exports.Owner("ann"))


def test_a_bundle_may_be_so_large_and_no_larger(tmp_path, monkeypatch):
    monkeypatch.setattr(fhir, "OBSERVATIONS_MOST", 12_000)
    answer(tmp_path, 12_000, format_="fhir")
    with pytest.raises(Invalid, match="more than 12,000 observations; ask for less time, or for steps like every=PT1M"):
        answer(tmp_path, 12_001, format_="fhir")


@pytest.mark.parametrize("format_", exports.MEDIA_TYPES)
def test_a_store_that_cannot_be_read_is_told_before_the_file_begins(tmp_path, format_):
    with pytest.raises(StoreUnavailable, match="disk"):
        answer(tmp_path, failure=StoreUnavailable("disk"), format_=format_)


@pytest.mark.parametrize(("from_", "to"), [(NOVEMBER, JUNE), (JUNE, JUNE)])
def test_a_time_that_ends_before_it_begins_is_refused(tmp_path, from_, to):
    with pytest.raises(Invalid, match="from comes before to"):
        answer(tmp_path, from_=from_, to=to)


@pytest.mark.parametrize(
    ("from_", "to", "format_", "name"),
    [
        (JUNE, NOVEMBER, "csv", "heart_rate-2026-06-01-2026-11-01.csv"),
        (JUNE, None, "parquet", "heart_rate-from-2026-06-01.parquet"),
        (None, NOVEMBER, "json", "heart_rate-until-2026-11-01.json"),
        (None, None, "fhir", "heart_rate.fhir.json"),
    ],
)
def test_a_file_is_named_by_what_is_in_it(tmp_path, from_, to, format_, name):
    headers = answer(tmp_path, 1, from_=from_, to=to, format_=format_).headers
    assert headers["content-disposition"] == f'attachment; filename="{name}"'
