"""The simulated body: lag, recovery, ranges, determinism."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import models
from simulators.nights import stages
from simulators.physiology import RESTING, SITTING, WALKING, Body, Form, effort, energy_kcal, predicted_peak, run_at
from simulators.wearers import beginning, form_on, joon, minji, run_length_m

FORM = Form(resting=62, peak=183, weight_kg=60, oxygen_factor=12.11)
HARD = run_at(2.7, grade=0.07)
METRICS = models.load("health-watch").metrics


def _after(seconds: int, activity=HARD, *, heart: float = 70.0, seed: int = 1) -> Body:
    body = Body(FORM, seed=seed, heart=heart)
    for _ in range(seconds):
        body.advance(1, activity)
    return body


def test_the_highest_heart_rate_is_tanakas():
    assert predicted_peak(58) == pytest.approx(167.4)


def test_the_heart_lags_behind_effort_and_passes_the_limit_in_about_a_minute():
    assert _after(5).heart < 95
    passed = next(second for second in range(200) if _after(second).heart > predicted_peak(58))
    assert 45 <= passed <= 90


def test_the_heart_recovers_exponentially():
    body = Body(FORM, seed=1, heart=180)
    falls = []
    for _ in range(3):
        before = body.heart
        for _ in range(60):
            body.advance(1, RESTING)
        falls.append(before - body.heart)
    assert 12 < falls[0] < 70
    assert falls[0] > falls[1] > falls[2] > 0


def test_a_long_run_lifts_the_heart_rate():
    steady = run_at(2.3)
    early, late = _after(300, steady), _after(2_700, steady)
    assert 3 < late.heart - early.heart < 15


def test_time_in_one_step_or_in_many_is_the_same_for_the_heart():
    once = Body(FORM, seed=1, heart=70)
    once.advance(10, HARD)
    assert once.heart == pytest.approx(_after(10).heart, abs=1.0)


def test_effort_grows_with_speed_and_slope_and_ends_at_one():
    assert (
        effort(RESTING, FORM)
        < effort(WALKING, FORM)
        < effort(run_at(2.3), FORM)
        < effort(run_at(2.3, grade=0.03), FORM)
    )
    assert effort(run_at(6.0, grade=0.2), FORM) == 1.0


def test_running_takes_one_kcal_a_kg_and_km():
    assert energy_kcal(run_at(3.0), metres=5_000, weight_kg=60) == pytest.approx(300)
    assert energy_kcal(WALKING, metres=5_000, weight_kg=60) == pytest.approx(150)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(),
    steps=st.lists(
        st.tuples(st.floats(0.1, 3_600), st.sampled_from([RESTING, SITTING, WALKING, HARD, run_at(4.5)])), max_size=40
    ),
    resting=st.floats(45, 85),
)
def test_whatever_happens_values_stay_in_the_models_ranges(seed, steps, resting):
    body = Body(Form(resting, 190, 70), seed=seed)
    counters = (0.0, 0.0, 0.0)
    for seconds, activity in steps:
        body.advance(seconds, activity)
        values = {
            "heart_rate": body.heart_rate,
            "steps": int(body.steps),
            "speed": body.speed,
            "spo2": body.spo2,
            "skin_temperature": body.skin_temperature,
            "battery": body.battery,
        }
        assert {name: METRICS[name].refusal(value) for name, value in values.items()} == dict.fromkeys(values)
        assert (body.steps, body.metres, body.kcal) >= counters
        counters = (body.steps, body.metres, body.kcal)


def test_the_same_seed_is_the_same_body():
    first, second, other = (_after(120, seed=seed) for seed in (7, 7, 8))
    assert (first.heart_rate, first.steps, first.spo2) == (second.heart_rate, second.steps, second.spo2)
    assert first.steps != other.steps or first.spo2 != other.spo2 or first.metres != other.metres


def test_one_grows_fitter_and_the_other_stays_as_he_is():
    since = date(2026, 4, 1)
    before, after = date(2026, 6, 25), date(2026, 11, 22)
    assert form_on(minji(since), before).resting - form_on(minji(since), after).resting > 4
    assert form_on(minji(since), before).weight_kg - form_on(minji(since), after).weight_kg > 2
    assert run_length_m(minji(since), after) > 1.3 * run_length_m(minji(since), before)
    assert form_on(joon(since), before).resting - form_on(joon(since), after).resting < 1


@given(st.dates(date(2026, 1, 1), date(2036, 1, 1)))
def test_a_story_begins_five_to_eight_months_ago(today):
    assert 150 <= (today - beginning(today)).days <= 242
    assert beginning(today).day == 1


@given(minutes=st.integers(120, 700), seed=st.integers())
def test_a_night_has_stages_in_order_and_ends_awake(minutes, seed):
    from random import Random

    night = stages(minutes, Random(seed))
    assert [stage.minute for stage in night] == sorted({stage.minute for stage in night})
    assert night[0].minute == 0
    assert night[-1].name == "awake"
    assert night[-1].minute == minutes
    assert {stage.name for stage in night} <= {"awake", "light", "deep", "rem"}
