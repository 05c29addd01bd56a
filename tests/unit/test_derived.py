"""Features that follow from others: the health index by the published tables, VO2max by its formula."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from rules import essential8
from rules.daily import KEPT
from rules.derived import Body, components, derived

FIRST = date(2026, 1, 1)
ANN = Body(np.array(1986.0), np.array(1.70))


def _days(count, **values):
    columns = {name: np.full(count, np.nan) for name in KEPT}
    return columns | {
        name: np.broadcast_to(np.asarray(value, float), (count,)).copy() for name, value in values.items()
    }


@pytest.mark.parametrize(
    ("minutes", "points"),
    [
        (0, 0),
        (1, 20),
        (29, 20),
        (30, 40),
        (59, 40),
        (60, 60),
        (89, 60),
        (90, 80),
        (119, 80),
        (120, 90),
        (149, 90),
        (150, 100),
    ],
)
def test_points_for_activity(minutes, points):
    assert essential8.activity(np.array([float(minutes)])) == [points]


@pytest.mark.parametrize(
    ("hours", "points"),
    [(3.9, 0), (4, 20), (5, 40), (6, 70), (7, 100), (8.9, 100), (9, 90), (9.9, 90), (10, 40), (12, 40)],
)
def test_points_for_sleep(hours, points):
    assert essential8.sleep(np.array([hours])) == [points]


@pytest.mark.parametrize(("index", "points"), [(18, 100), (24.9, 100), (25, 70), (30, 30), (35, 15), (40, 0), (55, 0)])
def test_points_for_the_body_mass_index(index, points):
    assert essential8.body_mass_index(np.array([index])) == [points]


def test_the_health_index_is_the_mean_of_what_is_known():
    kept = _days(30, active_minutes=15, vigorous_minutes=5, sleep_minutes=390, weight=80)
    parts = components(kept, ANN)
    assert {name: points[-1] for name, points in parts.items()} == {"activity": 90, "sleep": 70, "body_mass_index": 70}
    assert derived(kept, ANN, first=FIRST)["health_index"][-1] == pytest.approx((90 + 70 + 70) / 3)
    tall = Body(np.array(1986.0), np.array(np.nan))
    assert derived(kept, tall, first=FIRST)["health_index"][-1] == (90 + 70) / 2
    nothing = derived(_days(30), ANN, first=FIRST)["health_index"]
    assert np.isnan(nothing).all()


def test_five_of_seven_days_are_enough_and_four_are_not():
    sleep = np.full(20, np.nan)
    sleep[[3, 4, 5, 6, 7]] = 450
    points = components(_days(20, sleep_minutes=sleep), ANN)["sleep"]
    assert np.flatnonzero(~np.isnan(points)).tolist() == [7, 8, 9]


def test_a_weight_is_believed_for_a_month():
    weight = np.full(60, np.nan)
    weight[5] = 60
    points = components(_days(60, weight=weight), ANN)["body_mass_index"]
    assert np.flatnonzero(~np.isnan(points)).tolist() == list(range(5, 35))


def test_vo2max_by_uth_and_tanaka():
    kept = _days(2, resting_heart_rate=[60, np.nan])
    found = derived(kept, ANN, first=FIRST)["vo2max"]
    assert found[0] == pytest.approx(15.3 * (208 - 0.7 * 40) / 60)
    assert np.isnan(found[1])


def test_many_people_at_once_are_what_each_is_alone():
    chance = np.random.default_rng(4)
    kept = {name: np.where(chance.random((3, 50)) < 0.2, np.nan, chance.uniform(1, 400, (3, 50))) for name in KEPT}
    bodies = Body(np.array([[1950.0], [1980.0], [np.nan]]), np.array([[1.6], [np.nan], [1.8]]))
    together = derived(kept, bodies, first=FIRST)
    for place in range(3):
        body = Body(bodies.birth_year[place, 0], bodies.height_m[place, 0])
        alone = derived({name: column[place] for name, column in kept.items()}, body, first=FIRST)
        for name, column in alone.items():
            assert np.array_equal(together[name][place], column, equal_nan=True), name
