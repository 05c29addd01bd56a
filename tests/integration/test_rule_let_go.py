"""A rule that breaks while the hub runs: off, on record as the hub's doing, and off after the next start; the others go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from hub.catalogue import Shipped, load_models
from hub.registry import Registry
from hub.rulebook import HUB, Rulebook
from hub.store.engine import open_engine
from hub.store.rules import RuleStore
from rules import language
from rules.engine import Engine
from tests.property.stage import Sample, feed
from tests.rule_texts import NEW_YEAR_2026, about

NOBODY = cast(Any, None)
"""No pipeline and no history: they are not asked."""


def _started(directory: Path) -> tuple[Rulebook, Engine]:
    texts = [about("  {metric: heart_rate, above: 100}").replace("id: one", f"id: {name}") for name in ("bad", "good")]
    engine = Engine()
    store = RuleStore(open_engine(f"sqlite:///{directory / 'hub.sqlite'}"))
    book = Rulebook(store, engine, NOBODY, Registry(load_models()), NOBODY)
    book.open([Shipped("own", language.read(text, file="rule.yaml")) for text in texts])
    return book, engine


def _raise(*_: object) -> None:
    raise RuntimeError("it broke")


def test_a_rule_that_breaks_is_off_on_record_and_after_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, engine = _started(tmp_path)
    assert set(engine.running) == {"bad", "good"}
    monkeypatch.setattr(engine.running["bad"].program.root, "truth", _raise)
    decided = feed(engine, [Sample("watch1", "heart_rate", NEW_YEAR_2026, 120.0)])
    assert [each.rule for each in decided] == ["good"]
    assert book.store.rule("bad").active is None
    [last, *_] = book.store.switches("bad")
    assert (last.what, last.by) == ("switched_off", HUB)
    _, again = _started(tmp_path)
    assert set(again.running) == {"good"}
