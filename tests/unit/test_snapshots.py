"""Snapshots of what the rules remember: written once all that they know of is durable."""

from __future__ import annotations

import pytest

from hub.insistence import Stopped
from hub.snapshots import Snapshots
from rules.engine import Engine


@pytest.fixture
def snapshots(tmp_path):
    return Snapshots(tmp_path / "rules.snapshot", Engine())


def take(snapshots, seq):
    snapshots.begin(seq)
    while snapshots.taking:
        snapshots.advance(seq)


def test_what_a_snapshot_knows_of_is_durable_before_it_is_written(snapshots, tmp_path):
    written = []
    take(snapshots, 7)
    assert snapshots.keep(lambda: written.append((tmp_path / "rules.snapshot").exists())) == 7
    assert written == [False]
    assert snapshots.load(9).since == 7


def test_without_it_nothing_is_written(snapshots, tmp_path):
    def stop():
        raise Stopped

    take(snapshots, 7)
    with pytest.raises(Stopped):
        snapshots.keep(stop)
    assert not (tmp_path / "rules.snapshot").exists()


def test_nothing_taken_asks_for_nothing(snapshots):
    asked = []
    assert snapshots.keep(lambda: asked.append(1)) is None
    assert asked == []
