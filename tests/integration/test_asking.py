"""Asking the pipeline: who asks waits for their turn, and is told when it does not come; chores do not wait for a full disk."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from devices.errors import NotFound, StoreUnavailable
from hub import pipeline as pipeline_module
from hub.inbox import Inbox
from hub.metrics import Metrics
from hub.pipeline import Pipeline
from hub.wire import Inbound
from tests.harness import eventually


@pytest.fixture
def pipeline():
    running = Pipeline(
        inbox=Inbox(),
        registry=SimpleNamespace(),
        telemetry=SimpleNamespace(sync=lambda: None, trouble=lambda: None),
        records=SimpleNamespace(ledger=SimpleNamespace(arrivals=list)),
        snapshots=SimpleNamespace(engine=None, taking=False),
        metrics=Metrics(),
    )
    running.start(SimpleNamespace(ack=lambda _: None))
    yield running
    running.stop()


def test_what_is_asked_is_done_in_the_pipelines_thread(pipeline):
    assert pipeline.ask(lambda: threading.current_thread().name) == "pipeline"


def test_what_it_raises_whoever_asked_has_raised(pipeline):
    def look_up():
        raise NotFound("nobody")

    with pytest.raises(NotFound):
        pipeline.ask(look_up)


def test_who_waits_too_long_is_told_and_it_is_done_in_its_turn(pipeline, monkeypatch):
    monkeypatch.setattr(pipeline_module, "PATIENCE", 0.05)
    free, done = threading.Event(), threading.Event()
    pipeline.wish(lambda: free.wait(10))
    with pytest.raises(StoreUnavailable, match="busy"):
        pipeline.ask(done.set)
    free.set()
    assert done.wait(10)


def test_nobody_waits_with_a_snapshot_for_a_store_that_cannot_be_written(pipeline, monkeypatch):
    full, kept = threading.Event(), []
    full.set()

    def sync():
        if full.is_set():
            raise StoreUnavailable("no space")

    monkeypatch.setattr(pipeline._acknowledger, "_sync", sync)
    monkeypatch.setattr(pipeline, "_snapshots", SimpleNamespace(taking=False, keep=kept.append))
    pipeline._acknowledger.owe([Inbound("t", b"{}", 1, 1, 1, False, 0)])
    assert eventually(lambda: pipeline.trouble) == "no space"
    pipeline.keep_snapshot()
    assert kept == []
    full.clear()
    eventually(lambda: pipeline.trouble is None)
    pipeline.keep_snapshot()
    assert len(kept) == 1
