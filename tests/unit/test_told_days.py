"""Days that somebody else has found: what of them is news, and who hears of it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from hub.features.keeper import Keeper
from hub.features.store import FeatureStore, Told
from hub.registry import Registry
from rules.daily import KEPT

DAY = date(2026, 5, 1)
ORDINAL = DAY.toordinal()


@pytest.fixture
def store(tmp_path):
    opened = FeatureStore(tmp_path / "features.duckdb")
    yield opened
    opened.close()


def _rows(*rows: tuple[str, int, float]):
    """Rows of (person, days behind `DAY`, steps); `nan` for steps that nobody knows."""
    columns = {name: np.full(len(rows), np.nan) for name in KEPT}
    columns["steps"] = np.array([steps for *_, steps in rows])
    columns["weight"] = np.full(len(rows), 60.0)
    days = np.array([ORDINAL + behind for _, behind, _ in rows], np.int32)
    return [person for person, *_ in rows], days, columns


def _steps(store, person, count=4):
    return store.days(person, DAY, date.fromordinal(ORDINAL + count - 1))["steps"].tolist()


def test_what_is_new_and_what_differs_is_told_with_whom_it_is_about(store):
    first = store.tell(*_rows(("b", 2, 7.0), ("a", 0, 1.0), ("b", 0, 5.0), ("a", 1, np.nan)))
    assert first == Told(4, 0, {"a": (DAY, date(2026, 5, 2)), "b": (DAY, date(2026, 5, 3))})
    again = store.tell(*_rows(("b", 2, 7.0), ("a", 0, 2.0), ("b", 1, 6.0), ("a", 1, np.nan)))
    assert again == Told(1, 1, {"a": (DAY, DAY), "b": (date(2026, 5, 2), date(2026, 5, 2))})
    assert np.array_equal(_steps(store, "a"), [2.0, np.nan, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(_steps(store, "b"), [5.0, 6.0, 7.0, np.nan], equal_nan=True)
    assert store.tell(*_rows(("a", 1, 3.0))) == Told(0, 1, {"a": (date(2026, 5, 2), date(2026, 5, 2))})


def test_what_was_told_already_changes_nothing(store):
    rows = _rows(("a", 0, 1.0), ("a", 1, np.nan))
    store.tell(*rows)
    assert store.tell(*rows) == Told(0, 0, {})


def test_what_was_observed_counts_before_what_was_told(store):
    store.tell(*_rows(("a", 0, 1.0), ("a", 1, 2.0)))
    store.keep("a", DAY, {name: np.array([9.0 if name == "steps" else np.nan]) for name in KEPT})
    assert _steps(store, "a", 2) == [9.0, 2.0]


def test_everybody_of_whom_there_is_news_is_heard_of_once(store):
    heard = []
    keeper = Keeper(Registry({}), None, None, None, store)
    keeper.on_kept = lambda *kept: heard.append(kept)
    keeper.take_in(*_rows(("b", 2, 7.0), ("a", 0, 1.0), ("b", 0, 5.0)))
    assert heard == [(["b", "a"], DAY, date(2026, 5, 3))]
    keeper.take_in(*_rows(("b", 2, 7.0), ("a", 0, 1.0)))
    assert len(heard) == 1
