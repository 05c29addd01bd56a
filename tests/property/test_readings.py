"""A whole series, read piece by piece, is the series: nothing twice, nothing left out, whatever its gaps."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import series
from devices.sample import DAY, HOUR, MINUTE, Sample
from hub.catalogue import load_models
from hub.telemetry import MetricKind, Span, Window
from hub.telemetry.duck import DuckStore
from hub.views import Seen, View

KINDS = [MetricKind(name, resets_daily=name == "steps") for name in ("heart_rate", "sleep_stage", "steps")]
METRICS = load_models()["health-watch"].metrics
T0 = 1_767_225_600_000
GAPS = st.sampled_from([1, 1_000, MINUTE, 2 * HOUR, 2 * HOUR + 7, 3 * DAY, 400 * DAY])
BOUNDS = st.tuples(st.sampled_from([0, T0, T0 + 1_234_567]), st.sampled_from([T0 + 30 * DAY + 5, series.FOREVER]))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    opened = DuckStore(tmp_path_factory.mktemp("readings") / "telemetry.duckdb", KINDS)
    opened.fresh = iter(range(1_000_000))
    yield opened
    opened.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(gaps=st.lists(st.tuples(GAPS, st.integers(0, 1)), max_size=40), bounds=BOUNDS, piece=st.integers(1, 8))
@pytest.mark.parametrize(
    "steps",
    [
        ("heart_rate", "raw", None),
        ("heart_rate", "PT1M", "mean"),
        ("heart_rate", "PT5H", "count"),
        ("sleep_stage", "raw", None),
        ("sleep_stage", "P2D", "last"),
        ("steps", "P7D", "max"),
    ],
    ids=lambda steps: "-".join(map(str, steps)),
)
def test_a_whole_series_is_what_one_page_of_all_would_be(store, steps, gaps, bounds, piece):
    metric, every, agg = steps
    number = next(store.fresh)
    watches = [f"watch-{number}-a", f"watch-{number}-b"]
    at, samples = T0, {}
    for gap, which in gaps:
        at += gap * which + gap // 2
        value = f"{which}" if metric == "sleep_stage" else 60.0
        samples[watches[which], at] = Sample(watches[which], metric, at, value)
    store.append(list(samples.values()))
    view = View(store, lambda: Seen([Span(watch) for watch in watches], METRICS))
    asked = series.reading(view, metric, every=every, agg=agg, zone="Asia/Seoul")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(series, "PIECE", piece)
        assert list(asked.whole(*bounds)) == asked.page(Window(*bounds, limit=1_000_000))
