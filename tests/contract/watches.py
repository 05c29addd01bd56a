"""What the contracts of telemetry are tried with: kinds of metrics, and what two watches say."""

from __future__ import annotations

from datetime import date

from hypothesis import HealthCheck, settings

from devices.sample import Event, Sample
from hub.telemetry import MetricKind, Span, Window

KINDS = [MetricKind("steps", resets_daily=True), MetricKind("distance", resets_daily=False)]
KINDS += [MetricKind("heart_rate", resets_daily=False, counts=False), MetricKind("sleep_stage", resets_daily=False)]
RESETS = {kind.name: kind.resets_daily for kind in KINDS}
COUNTS = {kind.name: kind.counts for kind in KINDS}
ROLLED = ("steps", "distance", "heart_rate")
T0 = 1_767_225_600_000
EVER = Window(0, 1 << 50, limit=1_000_000)
FIRST, LAST = date(2000, 1, 1), date(2100, 1, 1)
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def a_sample(at, value=1.0, *, source="watch1", metric="heart_rate"):
    return Sample(source, metric, T0 + at, value)


def an_event(id_, at=0, *, source="watch1", **data):
    return Event(source, id_, "worn", T0 + at, data)


def raw_of(store, metric="heart_rate", *spans, window=EVER):
    return store.raw(spans or [Span("watch1")], metric, window)


def days_of(store, metric="distance", *spans):
    return store.days(spans or [Span("watch1")], metric, FIRST, LAST)
