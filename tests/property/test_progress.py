"""Progress against what must hold for every series: shifts and scales, order, gaps, and plain searches."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import accumulate, pairwise
from statistics import fmean, median

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.goals import SUMMED, goal_of, standing
from rules.periods import DayValue, Span, TooFew, periods, whole
from rules.progress import progress
from rules.records import ENOUGH_DAYS, records
from rules.streaks import streaks
from rules.trend import trend
from rules.turns import turns

FIRST = date(2025, 12, 20)
VALUES = st.integers(1, 20_000).map(float)


@st.composite
def series(draw, *, least=1, most=90, distinct=False):
    """Days with gaps between them."""
    gaps = draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 3, 12]), min_size=least, max_size=most))
    values = draw(st.lists(VALUES, min_size=len(gaps), max_size=len(gaps), unique=distinct))
    ends = accumulate(gaps)
    return [DayValue(FIRST + timedelta(days=end), value) for end, value in zip(ends, values, strict=True)]


def _moved(days, *, times=1.0, plus=0.0):
    return [DayValue(day, value * times + plus) for day, value in days]


# Trend and turns.


@given(
    series(least=14, distinct=True), st.sampled_from([-4.0, -1.0, 0.5, 8.0]), st.sampled_from([-1_000.0, 0.0, 4_096.0])
)
def test_a_shift_leaves_a_trend_and_a_scale_scales_it(days, times, plus):
    found, moved = trend(days), trend(_moved(days, times=times, plus=plus))
    low, high = sorted((found.low * times, found.high * times))
    expected = (found.slope * times, low, high, found.spread * abs(times))
    assert (moved.slope, moved.low, moved.high, moved.spread) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(series(least=56))
def test_a_trend_lies_within_its_interval(days):
    found = trend(days)
    assert found.low <= found.slope <= found.high


@given(series(least=14, distinct=True), st.integers(-2_000, 2_000))
def test_a_slope_that_is_added_is_in_the_trend(days, daily):
    found = trend([DayValue(day, value + daily * (day - FIRST).days) for day, value in days])
    assert found.slope == pytest.approx(trend(days).slope + 30 * daily, rel=1e-6, abs=1e-6)


@given(series(least=28), st.sampled_from([-4.0, 0.5, 8.0]), st.sampled_from([-1_024.0, 0.0, 4_096.0]))
def test_turns_are_where_they_are_in_whatever_unit(days, times, plus):
    found, moved = turns(days), turns(_moved(days, times=times, plus=plus))
    assert [turn.day for turn in moved] == [turn.day for turn in found]
    for turn, other in zip(found, moved, strict=True):
        assert other.after == pytest.approx(turn.after * times + plus)


@given(series(least=28))
def test_turns_are_days_with_data_a_week_of_them_apart(days):
    places = [0, *([day for day, _ in days].index(turn.day) for turn in turns(days)), len(days)]
    assert all(after - before >= 7 for before, after in pairwise(places))


# Order and gaps.


@given(series(), st.randoms(use_true_random=False), st.sampled_from(["up", "down", None]), st.booleans())
def test_the_order_of_days_means_nothing(days, shuffler, better, running):
    shuffled = list(days)
    shuffler.shuffle(shuffled)
    span = Span(days[0].day, days[-1].day, running=running)
    goal = goal_of("steps", 8_000, "week")
    assert progress(shuffled, span, better=better, goal=goal) == progress(days, span, better=better, goal=goal)


@given(series(least=28), st.sampled_from(["up", "down", None]))
def test_gaps_are_never_zeros(days, better):
    """Of values that are all at least 1 000, no figure is below it, however many days are missing."""
    days = _moved(days, plus=1_000)
    came = progress(days, Span(FIRST, days[-1].day + timedelta(days=60)), better=better)
    figures = [each.value for each in came.months]
    figures += [each.period.value for each in came.records]
    figures += [level for turn in came.turns for level in (turn.before, turn.after)]
    figures += [each.value for every in ("day", "week", "month") for each in periods(days, every)]
    assert min(figures) >= 1_000
    assert sum(each.days for each in came.months) == len(days)


@given(series(most=13))
def test_too_few_days_are_said_and_not_guessed(days):
    assert trend(days) == TooFew(14, len(days))


# Streaks, records and goals against plain searches.


def _longest(days, good):
    """The longest run, by trying every day as a beginning."""
    longest = 0
    for day in good:
        length = 1
        while day + timedelta(days=length) in good:
            length += 1
        longest = max(longest, length)
    return longest


@given(series(), st.sampled_from(["up", "down", None]), st.integers(0, 3))
def test_streaks_are_those_of_a_plain_search(days, better, silent):
    middle = median(value for _, value in days)
    good = {day for day, value in days if better is None or (value >= middle if better == "up" else value <= middle)}
    last = days[-1].day + timedelta(days=silent)
    found = streaks(days, better=better, goal=None, span=Span(FIRST, last))
    current = 0
    while last - timedelta(days=current) in good:
        current += 1
    assert found.longest.length == _longest(days, good)
    assert (found.current.length if found.current else 0) == current


@given(series(), st.integers(1, 20_000))
def test_a_goal_of_a_day_counts_the_days_that_met_it(days, target):
    goal = goal_of("steps", target, "day")
    stands = standing(days, goal, whole(days))
    good = {day for day, value in days if value >= target}
    assert (stands.met, stands.judged) == (len(good), len(days))
    longest = streaks(days, better="up", goal=goal, span=whole(days)).longest
    assert (longest.length if longest else 0) == _longest(days, good)


@given(series(), st.integers(1, 140_000))
def test_a_goal_of_a_week_counts_sums(days, target):
    assert "steps" in SUMMED
    weeks = {}
    for day, value in days:
        weeks.setdefault(day.isocalendar()[:2], []).append(value)
    met = sum(sum(values) >= target for values in weeks.values())
    missed = sum(sum(values) < target and len(values) == 7 for values in weeks.values())
    stands = standing(days, goal_of("steps", target, "week"), whole(days))
    assert (stands.met, stands.judged) == (met, met + missed)


@given(series(), st.sampled_from(["up", "down"]))
def test_records_are_those_of_a_plain_search(days, better):
    keys = {
        "day": lambda day: day,
        "week": lambda day: day.isocalendar()[:2],
        "month": lambda day: (day.year, day.month),
    }
    expected = {}
    for every, key in keys.items():
        groups = {}
        for day, value in days:
            groups.setdefault(key(day), []).append(value)
        means = [fmean(values) for values in groups.values() if len(values) >= ENOUGH_DAYS[every]]
        if means:
            expected[every] = max(means) if better == "up" else min(means)
    assert {each.every: each.period.value for each in records(days, better)} == expected


@given(series(least=2))
def test_a_better_day_is_a_new_record(days):
    best = records(days, "up")[0].period
    assume(best.value < 20_000)
    beaten = [*days, DayValue(days[-1].day + timedelta(days=1), 20_000.0)]
    assert records(beaten, "up")[0].period.start == beaten[-1].day
