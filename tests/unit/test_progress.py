"""Progress: months, trend, turns, streaks, records, goals, and the sentence."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import date, timedelta
from math import sin, tau
from time import process_time

import pytest

from devices.errors import Invalid, NotFound
from rules import progress_words
from rules.features import FEATURES
from rules.goals import goal_of, standing
from rules.months import Change, Month, TooFewMonths, changed, months
from rules.periods import DayValue, Period, Span, TooFew, periods, start_of, whole
from rules.progress import progress
from rules.records import records
from rules.streaks import Run, streaks
from rules.trend import trend
from rules.turns import turns

MONDAY = date(2026, 3, 2)
TITLES = {"en": "Steps", "ko": "걸음"}


def _series(values, *, first=MONDAY):
    """Days in a row; `None` is a day without data."""
    return [
        DayValue(first + timedelta(days=place), float(value)) for place, value in enumerate(values) if value is not None
    ]


def _month(month, values):
    return _series(values, first=date.fromisoformat(f"{month}-01"))


def _noise(count, *, seed=1, size=1.0):
    drawn = random.Random(seed)
    return [drawn.gauss(0, size) for _ in range(count)]


def _sticky(count, *, seed, alike):
    """Noise in which a day resembles the next."""
    past, made = 0.0, []
    for each in _noise(count, seed=seed):
        past = alike * past + (1 - alike**2) ** 0.5 * each
        made.append(past)
    return made


# Periods and months.


def test_weeks_begin_on_monday_and_months_on_their_first():
    assert start_of(date(2026, 3, 8), "week") == MONDAY
    assert start_of(date(2026, 3, 8), "month") == date(2026, 3, 1)
    days = _series([1, None, 3, None, None, None, None, 10])
    assert periods(days, "week") == [Period(MONDAY, 2, 2), Period(MONDAY + timedelta(days=7), 10, 1)]
    assert periods(days, "day") == [Period(day, value, 1) for day, value in days]


def test_a_week_without_data_is_not_there():
    assert len(periods(_series([1] + [None] * 20 + [2]), "week")) == 2


def test_months_are_means_of_their_days():
    assert months(_month("2026-01", [1, 2, 3]) + _month("2026-02", [10])) == [
        Month("2026-01", 2, 3),
        Month("2026-02", 10, 1),
    ]


def test_gaps_are_no_zeros_and_thin_months_are_not_compared():
    days = _month("2026-01", [9] * 4) + _month("2026-02", [10] * 5) + _month("2026-05", [20] * 5)
    change = changed(months(days + _month("2026-06", [1])))
    assert (change.first.month, change.last.month) == ("2026-02", "2026-05")
    assert (change.difference, change.percent) == (10, 100)


@pytest.mark.parametrize(
    "days", [[], _month("2026-01", [1] * 31), _month("2026-01", [1] * 5) + _month("2026-02", [1] * 4)]
)
def test_without_two_full_months_it_says_what_is_missing(days):
    change = changed(months(days))
    assert isinstance(change, TooFewMonths)
    assert "two months with at least 5 days" in str(change)


def _change(first, last):
    return changed(months(_month("2026-01", [first] * 5) + _month("2026-02", [last] * 5)))


def test_from_zero_there_is_no_percentage_and_from_below_zero_up_is_up():
    assert _change(0, 5).percent is None
    assert _change(-10, -5).percent == 50


@pytest.mark.parametrize(
    ("metric", "first", "last", "better"),
    [
        ("steps", 5, 6, True),
        ("steps", 6, 5, False),
        ("resting_heart_rate", 60, 55, True),
        ("resting_heart_rate", 55, 60, False),
        ("weight", 60, 55, None),
    ],
)
def test_better_is_up_or_down_or_neither(metric, first, last, better):
    assert _change(first, last).is_better(FEATURES[metric].better) is better


# Trend.


def test_a_straight_line_has_its_slope_for_thirty_days():
    found = trend(_series([100 + 2 * n for n in range(40)]))
    assert (found.slope, found.low, found.high) == pytest.approx((60, 60, 60))
    assert found.days == 40


def test_a_fortnight_is_needed():
    assert trend(_series([1] * 13)) == TooFew(14, 13)
    assert str(TooFew(14, 13)) == "14 days of data; there are 13"
    assert trend(_series([1] * 14)).slope == 0


def test_some_days_far_off_do_not_bend_a_trend():
    line = [10 + 0.1 * n + each for n, each in enumerate(_noise(100))]
    bent = [1_000 if n % 10 == 9 else value for n, value in enumerate(line)]
    assert trend(_series(bent)).slope == pytest.approx(3, abs=0.5)


@pytest.mark.parametrize(
    ("better", "slope", "verdict"),
    [
        ("up", 0.1, "better"),
        ("up", -0.1, "worse"),
        ("down", 0.1, "worse"),
        ("down", -0.1, "better"),
        (None, 0.1, "rising"),
        (None, -0.1, "falling"),
        ("up", 0, "steady"),
    ],
)
def test_a_verdict_goes_by_the_interval_and_the_direction(better, slope, verdict):
    values = [50 + slope * n + each for n, each in enumerate(_noise(150, seed=3))]
    assert trend(_series(values)).verdict(better) == verdict


def test_little_data_is_unclear_rather_than_steady():
    assert trend(_series(_noise(20, seed=2))).verdict("up") == "unclear"
    assert trend(_series([7] * 20)).verdict("up") == "steady"


@pytest.mark.parametrize("alike", [0, 0.5])
def test_noise_seldom_has_a_trend_even_where_a_day_resembles_the_next(alike):
    sure = sum(trend(_series(_sticky(100, seed=seed, alike=alike))).is_sure for seed in range(100))
    assert sure <= 12


def test_days_that_are_mostly_alike_have_a_trend_by_week():
    drawn = random.Random(5)
    often = _series([drawn.random() < 0.2 + 0.6 * n / 150 for n in range(150)])
    assert trend(often).verdict("up") == "better"
    assert trend(often).slope == pytest.approx(0.12, abs=0.05)
    assert trend(_series([n % 2 for n in range(55)])) == TooFew(56, 55)


def test_ten_years_are_quick_and_by_week_as_good():
    days = _series([5_000 + 0.5 * n + each for n, each in enumerate(_noise(3_650, size=1_000))])
    trend(days)
    began = process_time()
    found = trend(days)
    assert process_time() - began < 0.3
    assert found.slope == pytest.approx(15, rel=0.2)
    assert found.low < 15 < found.high


# Turns.


def _places(found):
    return [(turn.day - MONDAY).days for turn in found]


@pytest.mark.parametrize("count", [60, 150, 400])
def test_noise_has_no_turns(count):
    assert sum(bool(turns(_series(_noise(count, seed=seed)))) for seed in range(100)) <= 2


@pytest.mark.parametrize("seed", range(20))
def test_a_clear_step_is_found_within_a_few_days(seed):
    values = [value + (3 if n >= 80 else 0) for n, value in enumerate(_noise(150, seed=seed))]
    [turn] = turns(_series(values))
    assert abs((turn.day - MONDAY).days - 80) <= 4
    assert turn.before == pytest.approx(0, abs=0.5)
    assert turn.after == pytest.approx(3, abs=0.5)


def test_two_steps_are_two_turns():
    values = [value + (6 if 50 <= n < 110 else 0) for n, value in enumerate(_noise(160))]
    assert _places(turns(_series(values))) == pytest.approx([50, 110], abs=2)


@pytest.mark.parametrize("slope", [0.02, 0.05, 0.2])
def test_a_steady_slope_is_a_trend_and_no_turn(slope):
    slopes = [_series([slope * n + each for n, each in enumerate(_noise(150, seed=seed))]) for seed in range(30)]
    assert sum(bool(turns(days)) for days in slopes) <= 1


def test_a_step_on_a_slope_is_found():
    values = [0.03 * n + value + (4 if n >= 90 else 0) for n, value in enumerate(_noise(150, seed=4))]
    assert _places(turns(_series(values))) == pytest.approx([90], abs=3)


def test_one_extraordinary_day_is_no_turn():
    values = _noise(150)
    values[70] = 40
    assert turns(_series(values)) == []


def test_weekends_are_no_turns():
    values = [value + (2 if n % 7 >= 5 else 0) for n, value in enumerate(_noise(150))]
    assert turns(_series(values)) == []


def test_a_gap_is_no_turn_and_one_behind_it_begins_after_it():
    values = _noise(150)
    assert turns(_series([*values[:60], *[None] * 30, *values[90:]])) == []
    behind = [*values[:60], *[None] * 30, *[value + 4 for value in values[90:]]]
    assert _places(turns(_series(behind))) == [90]


def test_what_never_moves_has_no_turns_and_four_weeks_are_needed():
    assert turns(_series([5] * 60)) == []
    assert turns(_series([5] * 20 + [6] * 20))[0].day == MONDAY + timedelta(days=20)
    assert turns(_series([5] * 27)) == TooFew(28, 27)


def test_turns_of_ten_years_are_quick():
    days = _series([value + 3 * sin(n / 365 * tau) for n, value in enumerate(_noise(3_650))])
    turns(days)
    began = process_time()
    assert turns(days)
    assert process_time() - began < 2


# Goals.


@pytest.mark.parametrize(
    ("metric", "target", "per"),
    [("steps", 60_001, "day"), ("steps", 0, "day"), ("steps", 420_001, "week"), ("resting_heart_rate", 400, "week")],
)
def test_goals_that_nobody_can_have_are_invalid(metric, target, per):
    with pytest.raises(Invalid, match=f"a goal for {metric} per {per} is from"):
        goal_of(metric, target, per)


def test_goals_are_for_features_of_the_catalogue():
    with pytest.raises(NotFound, match="there are no goals for colour; there are for steps"):
        goal_of("colour", 1, "day")
    assert goal_of("steps", 60_001, "week").is_summed
    assert not goal_of("resting_heart_rate", 60, "week").is_summed


@pytest.mark.parametrize(
    ("metric", "target", "value", "reached", "percent"),
    [
        ("steps", 8_000, 8_000, True, 100),
        ("steps", 8_000, 6_000, False, 75),
        ("resting_heart_rate", 60, 58, True, 100 * 60 / 58),
        ("resting_heart_rate", 60, 80, False, 75),
        ("weight", 70, 71, True, 100 * 70 / 71),
        ("weight", 70, 80, False, 87.5),
        ("weight", 70, 66, False, 100 * 66 / 70),
    ],
)
def test_a_goal_is_reached_from_the_side_that_is_better(metric, target, value, reached, percent):
    goal = goal_of(metric, target, "day")
    assert (goal.reached(value), goal.percent(value)) == (reached, pytest.approx(percent))


def test_days_without_data_neither_meet_nor_miss_a_goal():
    days = _series([9_000, None, 7_000, None, 8_000])
    stands = standing(days, goal_of("steps", 8_000, "day"), whole(days))
    assert (stands.met, stands.judged, stands.value, stands.percent) == (2, 3, 8_000, 100)


def test_the_running_day_counts_as_met_but_never_as_missed():
    goal = goal_of("steps", 8_000, "day")
    early, late = (
        standing(_series([9_000, now]), goal, Span(MONDAY, MONDAY + timedelta(days=1), running=True))
        for now in (2_000, 8_500)
    )
    assert (early.met, early.judged, early.value, early.percent) == (1, 1, 2_000, 25)
    assert (late.met, late.judged) == (2, 2)
    lower = goal_of("resting_heart_rate", 60, "day")
    assert standing(_series([58, 50]), lower, Span(MONDAY, MONDAY + timedelta(days=1), running=True)).judged == 1


def test_a_period_without_data_yet_has_no_value():
    stands = standing(_series([9_000]), goal_of("steps", 8_000, "day"), Span(MONDAY, MONDAY + timedelta(days=1)))
    assert (stands.value, stands.percent, stands.judged) == (None, None, 1)


def test_a_week_is_a_sum_and_is_missed_only_if_all_its_days_are_known():
    goal = goal_of("steps", 70_000, "week")
    days = _series([10_000] * 7 + [9_000] * 7 + [9_000] * 6 + [None] + [20_000] * 4)
    stands = standing(days, goal, Span(MONDAY, MONDAY + timedelta(days=27)))
    assert (stands.met, stands.judged, stands.value) == (2, 3, 80_000)


def test_a_week_of_a_level_is_a_mean_of_enough_days():
    goal = goal_of("resting_heart_rate", 60, "week")
    days = _series([58] * 5 + [None] * 2 + [50] * 4 + [None] * 3 + [70] * 7)
    stands = standing(days, goal, whole(days))
    assert (stands.met, stands.judged, stands.value) == (1, 2, 70)


# Streaks.


def _runs(values, **asked):
    days = _series(values)
    span = asked.pop("span", None) or Span(MONDAY, MONDAY + timedelta(days=len(values) - 1))
    found = streaks(days, better=asked.get("better", "up"), goal=asked.get("goal"), span=span)
    lengths = tuple(run and run.length for run in (found.longest, found.current))
    return found.of, found.threshold, lengths


def test_a_streak_is_of_days_that_met_the_goal_and_a_gap_ends_it():
    goal = goal_of("steps", 8_000, "day")
    assert _runs([9e3] * 4 + [None] + [9e3] * 3, goal=goal) == ("goal", 8_000, (4, 3))
    assert _runs([9e3] * 4 + [1e3], goal=goal) == ("goal", 8_000, (4, None))
    assert _runs([9e3] * 4 + [None], goal=goal) == ("goal", 8_000, (4, None))


@pytest.mark.parametrize("now", [None, 1e3, 9e3])
def test_a_day_that_is_not_over_ends_no_streak(now):
    span = Span(MONDAY, MONDAY + timedelta(days=4), running=True)
    _, _, (_, current) = _runs([9e3] * 4 + [now], goal=goal_of("steps", 8_000, "day"), span=span)
    assert current == (5 if now == 9e3 else 4)


def test_without_a_goal_it_is_days_as_good_as_the_middle_one_or_days_with_data():
    assert _runs([1, 5, 6, 7, 1, 2, 5]) == ("median", 5, (3, 1))
    assert _runs([1, 5, 6, 7, 1, 2, 5], better="down") == ("median", 5, (3, 3))
    assert _runs([1, 5, None, 7, 1, 2], better=None) == ("data", None, (3, 3))
    assert _runs([None], better="up") == ("data", None, (None, None))


def test_a_weekly_goal_has_streaks_of_weeks():
    goal = goal_of("steps", 70_000, "week")
    assert _runs([10_000] * 14 + [1] * 7 + [10_000] * 21, goal=goal)[2] == (3, 3)
    assert _runs([10_000] * 14 + [1, 1], goal=goal)[2] == (2, 2)
    assert _runs([10_000] * 14 + [1] * 7, goal=goal)[2] == (2, None)


def test_of_equal_streaks_the_latest_is_told():
    days = _series([1, 1, None, 1, 1])
    found = streaks(days, better=None, goal=None, span=whole(days))
    assert found.longest == Run(MONDAY + timedelta(days=3), MONDAY + timedelta(days=4), 2)


# Records.


def test_records_are_the_best_of_periods_with_enough_days():
    days = _series([10] * 7 + [99] * 4 + [None] * 3 + [20] * 7)
    best = {each.every: each.period for each in records(days, "up")}
    assert best["day"] == Period(MONDAY + timedelta(days=7), 99, 1)
    assert best["week"] == Period(MONDAY + timedelta(days=14), 20, 7)
    assert best["month"].days == 18
    assert {each.every: each.period.value for each in records(days, "down")}["week"] == 10


def test_where_neither_is_better_there_are_highest_and_lowest():
    days = _series([3, 1, 2])
    assert [(each.kind, each.every, each.period.value) for each in records(days, None)] == [
        ("highest", "day", 3),
        ("lowest", "day", 1),
    ]


def test_a_record_stands_until_it_is_beaten():
    assert records(_series([5, 7, 7]), "up")[0].period.start == MONDAY + timedelta(days=1)


def test_without_days_there_are_none():
    assert records([], "up") == []


# All of it.


def test_the_running_day_is_judged_by_nothing_that_compares():
    days = _series([100] * 40)
    span = Span(MONDAY, MONDAY + timedelta(days=40), running=True)
    started = [*days, DayValue(span.last, 1)]
    told, before = progress(started, span, better="up"), progress(days, span, better="up")
    assert told == before
    assert told.streaks.current.length == 40


def test_what_is_missing_is_said_of_every_part():
    came = progress(_series([5] * 10), whole(_series([5] * 10)), better="up")
    assert came.missing == {
        "change": "two months with at least 5 days of data; there are 1",
        "trend": "14 days of data; there are 10",
        "turns": "28 days of data; there are 10",
    }


def test_the_libraries_that_are_slow_to_load_wait_until_they_are_needed():
    code = "import sys, rules.progress; sys.exit(bool({'scipy', 'ruptures'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# The sentence.


def _said(values, *, better="up", goal=None, unit="{step}", first=date(2026, 1, 1)):
    days = _series(values, first=first)
    span = whole(days) if days else Span(first, first)
    return progress_words.sentence(progress(days, span, better=better, goal=goal), titles=TITLES, unit=unit)


def test_the_trend_comes_first_and_the_goal_last():
    rising = [5_000 + 20 * n + each for n, each in enumerate(_noise(140, size=300))]
    said = _said(rising, goal=goal_of("steps", 6_000, "day"))
    assert said["en"].startswith("Steps: clearly rising, by about 5")
    assert "a month, for the better. Went up by " in said["en"]
    assert "since January 2026 (5," in said["en"]
    assert said["en"].endswith(" of 140 days.")
    assert said["ko"].startswith("걸음: 한 달에 약 5")
    assert "좋은 쪽으로 뚜렷하게 늘고 있어요. 2026년 1월보다" in said["ko"]
    assert said["ko"].endswith("일 달성했어요.")


def test_a_turn_is_told_with_both_levels():
    said = _said([value + (9_000 if n >= 80 else 5_000) for n, value in enumerate(_noise(150, size=300))])
    assert "A turn around 22 March: 5,0" in said["en"] or "A turn around 22 March: 4,9" in said["en"]
    assert "3월 22일 무렵부터 달라졌어요: 하루 평균" in said["ko"]


def test_a_new_record_is_told_and_an_old_one_is_not():
    values = [5_000 + each for each in _noise(100, size=100)]
    fresh = _said([*values[:95], 9_000, *values[95:]])
    assert "The best day of all was 6 April, with 9,000 steps." in fresh["en"]
    assert "가장 좋은 날은 4월 6일이었어요(9,000걸음)." in fresh["ko"]
    assert "the best" not in _said([9_000, *values])["en"].lower()


def test_a_fall_of_what_should_rise_is_said_plainly():
    said = _said([9_000 - 20 * n + each for n, each in enumerate(_noise(100, size=300))])
    assert "falling" in said["en"]
    assert "not for the better" in said["en"]
    assert "줄고" in said["ko"]


def test_where_neither_is_better_nothing_is_called_so():
    said = _said([90 - 0.05 * n + each for n, each in enumerate(_noise(100, size=0.3))], better=None, unit="kg")
    assert said["en"].startswith("Steps: clearly falling, by about 1.5 kg a month. Went")


def test_a_difference_of_months_without_a_trend_is_not_made_much_of():
    said = _said([400 + each for each in _noise(70, size=60, seed=8)], unit="kcal")
    assert said["en"].startswith("Steps: no clear trend. January 2026 to March 2026: ")
    assert "kcal, within the usual ups and downs." in said["en"]
    assert "평소의 오르내림" in said["ko"]


def test_where_a_level_was_left_and_regained_the_turn_is_told_in_place_of_a_trend():
    said = _said([5_000 + each + (3_000 if 50 <= n < 100 else 0) for n, each in enumerate(_noise(150, size=300))])
    assert "trend" not in said["en"]
    assert "ups and downs" not in said["en"]
    assert "A turn around 11 April: 8,0" in said["en"] or "A turn around 11 April: 7,9" in said["en"]


def test_goals_are_said_by_the_day_and_by_the_week():
    values = [60 + each for each in _noise(70)]
    by_week = _said(values, better="down", goal=goal_of("resting_heart_rate", 60, "week"), unit="/min")
    assert "Goal of 60 bpm on average a week: met in " in by_week["en"]
    assert "한 주 평균 목표 60 bpm: " in by_week["ko"]
    early = _said([5_000], goal=goal_of("steps", 60_000, "week"))
    assert early["en"].endswith("Goal of 60,000 steps a week: too early to tell.")


@pytest.mark.parametrize(
    ("count", "en", "ko"),
    [
        (0, "Steps: not enough data yet. A trend needs 14 days of data; there are 0.", "지금은 0일이 있어요."),
        (1, "Steps: not enough data yet. A trend needs 14 days of data; there is 1.", "지금은 1일이 있어요."),
    ],
)
def test_too_little_data_says_how_much_is_missing(count, en, ko):
    said = _said([5_000] * count)
    assert said["en"] == en
    assert said["ko"].endswith(ko)


@pytest.mark.parametrize(
    ("first", "last", "en", "ko"),
    [
        (8_000, 10_000, "went up by 25 % since January 2026 (8,000 → 10,000 steps)", "2026년 1월보다 25 % 늘었어요"),
        (10_000, 8_000, "went down by 20 % since January", "2026년 1월보다 20 % 줄었어요"),
        (10_000, 10_050, "about the same since January 2026: 10,050 steps", "비슷하게"),
        (0, 9_000, "went up by 9,000 steps since January 2026 (0 → 9,000 steps)", "9,000걸음 늘었어요"),
    ],
)
def test_months_alone_are_said_in_both_languages(first, last, en, ko):
    said = progress_words.change_sentence(_change(first, last), titles=TITLES, unit="{step}")
    assert isinstance(_change(first, last), Change)
    assert said["en"].startswith("Steps: ")
    assert en in said["en"]
    assert ko in said["ko"]


def test_too_few_months_are_said():
    said = progress_words.change_sentence(TooFewMonths(0), titles=TITLES, unit="{step}")
    assert "not enough data" in said["en"]
    assert "아직" in said["ko"]
