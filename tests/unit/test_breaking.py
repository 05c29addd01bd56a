"""A rule that cannot be run is let go, on record, and the others go on."""

from __future__ import annotations

import pytest

from devices.sample import Sample
from rules.cell import Running
from rules.engine import Engine
from tests.property.stage import START, begun, feed, pairs, rule, tick


class Broken(Exception):
    """What no rule should ever raise."""


def _raise(*_: object) -> None:
    raise Broken


def _beats(*values: float) -> list[Sample]:
    return [Sample("watch1", "heart_rate", START + place * 1_000, value) for place, value in enumerate(values)]


@pytest.fixture
def engine() -> Engine:
    bad, good = rule("{metric: heart_rate, above: 100, for: 3s}", id_="bad"), rule("{metric: heart_rate, above: 150}")
    engine = begun(bad, good)
    feed(engine, _beats(90.0))
    return engine


@pytest.mark.parametrize("how", ["truth", "due"])
def test_the_others_go_on_without_it(engine: Engine, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    let_go: list[tuple[str, str]] = []
    engine.on_break = lambda running, error: let_go.append((running.program.id, type(error).__name__))
    monkeypatch.setattr(engine.running["bad"].program.root, how, _raise)
    decided = feed(engine, _beats(90.0, 120.0, 160.0)) + tick(engine, START + 60_000)
    assert let_go == [("bad", "Broken")]
    assert pairs(decided) == [(2_000, "notice")]
    assert list(engine.running) == ["one"]


def test_where_nobody_hears_of_it_it_is_an_error(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    running: Running = engine.running["bad"]
    monkeypatch.setattr(running.program.root, "truth", _raise)
    with pytest.raises(Broken):
        feed(engine, _beats(90.0, 120.0))
