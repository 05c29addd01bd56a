"""The made-up crowd: always the same, plausible, and of one piece."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import duckdb
import numpy as np
import pytest

from rules.daily import KEPT
from rules.features import FEATURES
from simulators.crowd import ABROAD, EPOCH, MONTHS, crowd, days_of
from simulators.crowding import write_parquet

TODAY = date(2026, 11, 22)
FIRST, LAST = TODAY - timedelta(days=60), TODAY - timedelta(days=1)


@pytest.fixture(scope="module")
def many():
    return crowd(5_000, seed=7, today=TODAY)


@pytest.fixture(scope="module")
def lived(many):
    return days_of(many, FIRST, LAST)


def _means(lived, name, count):
    """A mean for each person, NaN where there is nothing."""
    known = ~np.isnan(lived[name])
    counts = np.bincount(lived["who"][known], minlength=count)
    sums = np.bincount(lived["who"][known], weights=lived[name][known], minlength=count)
    return np.where(counts > 5, sums / np.maximum(counts, 1), np.nan)


def _correlation(one, other):
    both = ~np.isnan(one) & ~np.isnan(other)
    return np.corrcoef(one[both], other[both])[0, 1]


def test_the_same_seed_makes_the_same_people_and_another_makes_others(many):
    again, others = crowd(5_000, seed=7, today=TODAY), crowd(5_000, seed=8, today=TODAY)
    assert again.table == many.table
    assert again.devices() == many.devices()
    assert others.table["name"] != many.table["name"]


def test_a_day_is_the_same_whichever_days_are_asked_for(many, lived):
    middle = FIRST + timedelta(days=20)
    alone = days_of(many, middle, middle)
    there = lived["day"] == middle.isoformat()
    assert len(alone["day"]) == there.sum() > 3_000
    for name in ("who", *KEPT):
        assert np.array_equal(alone[name], lived[name][there], equal_nan=True), name


def test_nobody_has_days_before_their_watch_and_the_last_are_new(many, lived):
    day = np.array([date.fromisoformat(each).toordinal() - EPOCH for each in lived["day"].tolist()])
    assert (day >= many.acquired[lived["who"]]).all()
    assert many.acquired.max() < TODAY.toordinal() - EPOCH
    assert not np.any(day > many.stops[lived["who"]])


@pytest.mark.parametrize("today", [date(2026, 3, 1), date(2026, 12, 31), date(2027, 1, 2)])
def test_watches_were_bought_in_some_months_by_many_and_in_some_by_few(today):
    bought = Counter(day[:7] for day in crowd(5_000, seed=7, today=today).devices()["acquired_on"])
    month = today.year * 12 + today.month - 1
    found = [bought[f"{(month - ago) // 12}-{(month - ago) % 12 + 1:02}"] for ago in range(len(MONTHS))]
    assert sum(found) == 5_000
    assert sum(count < 25 for count in found) >= 3
    assert sum(count > 200 for count in found) >= 8


def test_features_stay_in_what_the_catalogue_allows(lived):
    for name in KEPT:
        known = lived[name][~np.isnan(lived[name])]
        assert len(known), name
        assert known.min() >= FEATURES[name].low, name
        assert known.max() <= FEATURES[name].high, name
    assert 4_500 < np.median(lived["steps"]) < 9_000
    assert 60 < np.nanmedian(lived["resting_heart_rate"]) < 70
    assert 390 < np.nanmedian(lived["sleep_minutes"]) < 450


def test_what_belongs_together_goes_together(many, lived):
    count = len(many)
    mean = {name: _means(lived, name, count) for name in KEPT}
    assert _correlation(mean["steps"], mean["distance"]) > 0.8
    assert _correlation(mean["workouts"], mean["vigorous_minutes"]) > 0.6
    assert _correlation(mean["resting_heart_rate"], mean["heart_rate_recovery"]) < -0.6
    assert _correlation(mean["resting_heart_rate"], mean["steps"]) < -0.15
    assert (lived["vigorous_minutes"] <= lived["active_minutes"] + 1).all()
    assert np.isnan(lived["heart_rate_recovery"][lived["workouts"] == 0]).all()
    assert (np.isnan(lived["sleep_minutes"]) == np.isnan(lived["sleep_regularity"])).all()
    known = many.height_cm[lived["who"]]
    assert (np.abs(lived["weight"] - many.weight_kg[lived["who"]]) < 12)[~np.isnan(lived["weight"])].all()
    assert ((known > 130) & (known < 210)).all()


def test_who_has_worn_a_watch_for_longer_is_fitter_for_it(many, lived):
    resting = _means(lived, "resting_heart_rate", len(many))
    worn = LAST.toordinal() - EPOCH - many.acquired
    old, new = resting[(worn > 300)], resting[(worn > 60) & (worn < 150)]
    assert np.nanmean(old) < np.nanmean(new) - 0.2


def test_some_leave_something_out_and_most_agree_to_be_compared(many):
    table = many.table
    for name, least in (("birth_year", 0.9), ("sex", 0.9), ("height_cm", 0.85), ("region", 0.9)):
        told = sum(value is not None for value in table[name]) / len(many)
        assert least < told < 1, name
    assert 0.83 < sum(bool(value) for value in table["consents"]) / len(many) < 0.87
    assert Counter(table["region"])["KR-11"] > 500
    assert set(filter(None, table["timezone"])) == set(ABROAD.values())


def test_files_hold_what_they_were_told(tmp_path):
    file = tmp_path / "rows.parquet"
    write_parquet(
        file,
        {"person": ["a", "b"], "name": ["김서연", None], "birth_year": [None, 1980], "steps": np.array([1.5, np.nan])},
    )
    found = duckdb.connect(":memory:").execute(f"from '{file}'").fetchall()
    assert found == [("a", "김서연", None, 1.5), ("b", None, 1980.0, None)]
