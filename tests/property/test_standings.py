"""Standings against a count done by hand, names that are shown, for everything that may come."""

from __future__ import annotations

import unicodedata
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import Invalid
from rules.boards import BoardConflict, chosen_name, feature_of, likeness
from rules.features import FEATURES
from rules.periods import DayValue, TooFew
from rules.standings import ENOUGH_DAYS, places, weekly

MONDAY = date(2026, 11, 16)
names = st.text("abcdef", min_size=1, max_size=2)
coarse = st.integers(0, 6).map(lambda number: 40 + number * 5.0)
boards = st.dictionaries(names, st.lists(coarse, max_size=7), max_size=8)
features = st.sampled_from([FEATURES[name] for name in ("steps", "resting_heart_rate", "sleep_minutes")])


def steps_of(mean, feature):
    return int((mean - feature.low) / feature.step + 1e-9)


@given(boards, features)
def test_a_rank_is_one_more_than_how_many_are_better(values, feature):
    found = {place.name: place for place in places(values, feature)}
    assert found.keys() == values.keys()
    enough = {name: sum(days) / len(days) for name, days in values.items() if len(days) >= ENOUGH_DAYS}
    for name, days in values.items():
        place = found[name]
        if name not in enough:
            assert (place.rank, place.mean) == (None, TooFew(ENOUGH_DAYS, len(days)))
            continue
        assert place.mean == pytest.approx(enough[name])
        own = steps_of(enough[name], feature)
        above = sum(steps_of(mean, feature) > own for mean in enough.values())
        below = sum(steps_of(mean, feature) < own for mean in enough.values())
        assert place.rank == {"up": above + 1, "down": below + 1, None: None}[feature.better]


@given(boards, features)
def test_the_best_come_first_and_who_has_too_little_last(values, feature):
    found = places(values, feature)
    ranks = [place.rank for place in found if place.rank is not None]
    assert ranks == sorted(ranks)
    without = [isinstance(place.mean, TooFew) for place in found]
    assert without == sorted(without)
    for one, other in pairwise(found):
        if one.rank == other.rank and isinstance(one.mean, TooFew) == isinstance(other.mean, TooFew):
            assert one.name < other.name


@given(boards, features, st.randoms(use_true_random=False))
def test_the_order_in_which_people_come_changes_nothing(values, feature, chance):
    shuffled = list(values.items())
    chance.shuffle(shuffled)
    assert places(dict(shuffled), feature) == places(values, feature)


series = st.dictionaries(st.integers(0, 27), coarse).map(
    lambda found: [DayValue(MONDAY + timedelta(days=place), value) for place, value in found.items()]
)


@given(st.dictionaries(names, series, max_size=5))
def test_a_week_is_the_days_from_its_monday_that_have_data(board):
    feature = FEATURES["steps"]
    mondays = [MONDAY + timedelta(days=7 * week) for week in (3, 2, 1, 0)]
    found = weekly(board, mondays, feature)
    assert list(found) == mondays
    for monday, there in found.items():
        within = {
            name: [value for day, value in sorted(each) if monday <= day <= monday + timedelta(days=6)]
            for name, each in board.items()
        }
        assert there == places(within, feature)


def test_ties_share_the_better_rank_and_the_next_is_left_out():
    values = {"a": [100.0] * 3, "b": [101.0] * 3, "c": [300.0] * 3, "d": [20.0] * 7, "e": [900.0] * 2}
    ranks = {place.name: place.rank for place in places(values, FEATURES["steps"])}
    assert ranks == {"c": 1, "a": 2, "b": 2, "d": 4, "e": None}
    beats = {"a": [60.0] * 3, "b": [50.0] * 3}
    assert [place.name for place in places(beats, FEATURES["resting_heart_rate"])] == ["b", "a"]


@given(st.text(max_size=60))
def test_a_name_that_is_taken_can_be_seen_and_taken_again(written):
    try:
        name = chosen_name(written)
    except Invalid:
        return
    assert 1 <= len(name) <= 40
    assert name == name.strip() == chosen_name(name)
    assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in name)
    assert likeness(name) == likeness(likeness(name))


@pytest.mark.parametrize("written", ["", "   ", "a" * 41, "a\nb", "a\u202eb", "\u200b", "a\x00", "\ud800"])
def test_what_is_no_name(written):
    with pytest.raises(Invalid):
        chosen_name(written)


def test_names_that_look_alike_are_alike():
    for one, other in (("Minji", "MINJI"), ("Minji", "Ｍinji"), ("é", "e\u0301"), ("민지", "민지"), ("ß", "SS")):
        assert likeness(one) == likeness(other)
    assert chosen_name("  Min   ji ") == "Min ji"


def test_boards_are_about_features():
    assert feature_of("weight").better is None
    with pytest.raises(Invalid, match="steps"):
        feature_of("heart_rate")
    assert "name" in str(BoardConflict("name_taken"))
