"""What is told of a cohort, against counting everybody by hand: bins, quartiles, bands, floors."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.bins import NO_BIN, bin_of, bins, bins_of, edge, middle
from rules.features import COMPARED, FEATURES
from rules.floors import FLOORS, Floors
from rules.published import BANDS, band_of, table

RATE, STEPS, SLEEP = FEATURES["resting_heart_rate"], FEATURES["steps"], FEATURES["sleep_minutes"]
LOOSE = Floors(cohort=1, band=1)


def counted(feature, where):
    return np.bincount(where, minlength=bins(feature)).astype(np.int64)


def by_hand(where, at, better):
    """The band of somebody in a bin, straight from the definition."""
    stricter = sum(other > at if better == "up" else other < at for other in where)
    return next(band for band in BANDS if math.ceil(100 * (stricter + 1) / len(where)) <= band)


def crowds(feature, least, most):
    """Bins of people: all over, a few ties, all but one the same, at the ends."""
    last = bins(feature) - 1
    anywhere = st.lists(st.integers(0, last), min_size=least, max_size=most)
    ties = st.lists(st.sampled_from([0, 1, last // 2, last - 1, last]), min_size=least, max_size=most)
    same = st.tuples(st.integers(0, last), st.integers(0, last), st.integers(least, most)).map(
        lambda drawn: [drawn[0]] * (drawn[2] - 1) + [drawn[1]]
    )
    return st.one_of(anywhere, ties, same)


@pytest.mark.parametrize("feature", COMPARED, ids=lambda feature: feature.name)
def test_bins_cover_the_domain_and_never_more(feature):
    count = bins(feature)
    edges = [edge(feature, at) for at in range(count)]
    assert bins_of(feature, edges).tolist() == list(range(count))
    assert bins_of(feature, [middle(feature, at) for at in range(count)]).tolist() == list(range(count))
    outside = [-math.inf, feature.low - 1, feature.high, feature.high + 1, math.inf, math.nan]
    assert bins_of(feature, outside).tolist() == [0, 0, count - 1, count - 1, count - 1, NO_BIN]
    assert edge(feature, count) == pytest.approx(feature.high)
    assert count < NO_BIN


@given(st.sampled_from(COMPARED), st.lists(st.floats(width=64), max_size=50))
def test_values_are_binned_the_same_one_by_one_and_together(feature, values):
    assert bins_of(feature, values).tolist() == [bin_of(feature, value) for value in values]


@given(st.sampled_from([RATE, STEPS]), st.data())
@settings(max_examples=200)
def test_bands_are_those_counted_by_hand_where_enough_are_in_each(feature, data):
    where = data.draw(crowds(feature, 1, 300))
    told = table(feature, counted(feature, where), LOOSE)
    for at in set(where):
        assert band_of(told, at) == by_hand(where, at, feature.better)


@given(st.sampled_from([RATE, STEPS]), st.data())
@settings(max_examples=200)
def test_nobody_is_in_a_band_of_fewer_than_eleven_nor_told_better_than_they_are(feature, data):
    where = data.draw(crowds(feature, 100, 400))
    told = table(feature, counted(feature, where))
    bands = {at: band_of(told, at) for at in set(where)}
    assert min(Counter(bands[at] for at in where).values()) >= FLOORS.band
    assert all(bands[at] >= by_hand(where, at, feature.better) for at in bands)


@given(st.integers(0, 2**32 - 1), st.integers(100, 5_000), st.sampled_from([RATE, STEPS]))
@settings(max_examples=60, deadline=None)
def test_a_band_is_merged_into_the_next_wider_one_only_where_it_must_be(seed, people, feature):
    """Where every band that anybody is in has enough people, nothing is merged."""
    values = np.random.default_rng(seed).normal(90, 15, people) * (100 if feature is STEPS else 1)
    where = bins_of(feature, values).tolist()
    hand = {at: by_hand(where, at, feature.better) for at in set(where)}
    if min(Counter(hand[at] for at in where).values()) >= FLOORS.band:
        told = table(feature, counted(feature, where))
        assert {at: band_of(told, at) for at in hand} == hand


def test_every_band_is_exact_among_two_thousand():
    where = bins_of(STEPS, np.linspace(2_000, 22_000, 2_000)).tolist()
    told = table(STEPS, counted(STEPS, where))
    assert [band for band, _ in told.thresholds] == list(BANDS[:-1])
    assert all(band_of(told, at) == by_hand(where, at, "up") for at in set(where))


def test_the_narrowest_bands_of_a_small_cohort_are_told_as_wider_ones():
    told = table(STEPS, counted(STEPS, list(range(150))))
    assert [band for band, _ in told.thresholds] == [10, 25, 50, 75]
    assert band_of(told, 149) == 10
    assert band_of(told, bins(STEPS) - 1) == 10
    assert band_of(told, 0) == 100


def test_few_at_the_bottom_are_told_with_those_above_them():
    told = table(STEPS, counted(STEPS, [0] * 3 + [50] * 30 + [90] * 70))
    assert {band_of(told, at) for at in (0, 50)} == {100}
    assert band_of(told, 90) == 1


def test_all_equal_share_the_best_rank():
    at = bin_of(RATE, 60)
    told = table(RATE, counted(RATE, [at] * 100))
    assert band_of(told, at) == 1
    assert band_of(told, at + 1) == 100
    assert (told.low, told.median, told.high) == (60, 60, 60)


@given(st.sampled_from(COMPARED), st.data())
@settings(max_examples=200)
def test_quartiles_are_nearest_ranks_as_coarse_as_they_are_shown(feature, data):
    where = sorted(data.draw(crowds(feature, 100, 300)))
    told = table(feature, counted(feature, where))
    for quarter, found in zip((1, 2, 3), (told.low, told.median, told.high), strict=True):
        exact = middle(feature, where[math.ceil(quarter * len(where) / 4) - 1])
        assert abs(found - exact) <= feature.shown / 2 + 1e-9
        assert found / feature.shown == pytest.approx(round(found / feature.shown), abs=1e-6)


@given(st.integers(100, 10_000_000))
def test_sizes_are_told_to_two_digits(people):
    counts = np.zeros(bins(RATE), dtype=np.int64)
    counts[5] = people
    size = table(RATE, counts).size
    assert len(str(size).rstrip("0")) <= 2
    assert abs(size - people) <= people / 20


@given(st.sampled_from(COMPARED), st.integers(0, 99))
def test_nothing_is_told_of_fewer_than_a_hundred(feature, people):
    counts = np.zeros(bins(feature), dtype=np.int64)
    counts[3] = people
    assert table(feature, counts) is None
    counts[3] = 100
    assert table(feature, counts) is not None


def test_nobody_is_ranked_where_neither_direction_is_better():
    told = table(SLEEP, counted(SLEEP, list(range(500))))
    assert told.thresholds == ()
    assert band_of(told, 7) is None


@given(st.data())
@settings(max_examples=50)
def test_better_down_is_better_up_in_a_mirror(data):
    where = data.draw(crowds(RATE, 100, 300))
    last = bins(RATE) - 1
    down = table(RATE, counted(RATE, where))
    up = table(replace(RATE, better="up"), counted(RATE, [last - at for at in where]))
    assert all(band_of(down, at) == band_of(up, last - at) for at in set(where))
