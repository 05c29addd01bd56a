"""Noise in large cohorts: how much one person can move, what the library says of it, and that no floor falls for it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.peers.chance import Chance, ChanceMissing
from hub.settings import SettingInvalid, load
from rules.bins import bins
from rules.blur import CANDIDATES, NOISY_FROM
from rules.features import FEATURES
from rules.floors import FLOORS
from rules.published import BANDS, band_of, table

FEATURES_EITHER_WAY = tuple(FEATURES[name] for name in ("steps", "resting_heart_rate", "sleep_minutes"))
STEPS = FEATURES["steps"]


class Drawn:
    """Noise that does as it is told, and notes what it was asked."""

    def __init__(self, places, epsilon=1.0):
        self.epsilon, self._places = epsilon, iter(places)
        self.asked, self.spent = [], 0.0

    def people(self, count, *, epsilon):
        self.spent += epsilon
        return count

    def nearest(self, errors, *, epsilon):
        self.spent += epsilon
        self.asked.append(errors)
        return next(self._places) % len(errors) if self._places else int(errors.argmin())


class Exact(Drawn):
    """No noise at all."""

    def __init__(self, epsilon=1.0):
        super().__init__((), epsilon)
        self._places = None


def crowd(feature, people, seed=1):
    where = np.random.default_rng(seed).normal(bins(feature) / 3, bins(feature) / 12, people)
    return np.bincount(where.clip(0, bins(feature) - 1).astype(int), minlength=bins(feature)).astype(np.int64)


@pytest.mark.parametrize("feature", FEATURES_EITHER_WAY, ids=lambda each: each.name)
def test_in_small_cohorts_there_is_none(feature):
    counts = crowd(feature, NOISY_FROM - 1)
    assert table(feature, counts, noise=Exact()) == table(feature, counts)


@pytest.mark.parametrize("feature", FEATURES_EITHER_WAY, ids=lambda each: each.name)
def test_without_chance_it_comes_to_about_the_same(feature):
    counts = crowd(feature, 200_000)
    plain, blurred = table(feature, counts), table(feature, counts, noise=Exact(epsilon=100))
    assert blurred.epsilon == 100
    assert plain.epsilon is None
    assert [blurred.low, blurred.median, blurred.high] == pytest.approx(
        [plain.low, plain.median, plain.high],
        abs=max(2 * feature.step * -(-bins(feature) // CANDIDATES), 2 * feature.shown),
    )
    assert [band for band, _ in blurred.thresholds] == [band for band, _ in plain.thresholds]
    for (_, exact), (_, near) in zip(plain.thresholds, blurred.thresholds, strict=True):
        assert abs(exact - near) <= 2 * -(-bins(feature) // CANDIDATES)


@given(st.integers(NOISY_FROM, 5_000), st.lists(st.integers(0, 1 << 16), min_size=10, max_size=10), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_whatever_chance_says_every_band_that_is_told_has_enough_people(people, places, seed):
    for feature in FEATURES_EITHER_WAY:
        counts = crowd(feature, people, seed)
        told = table(feature, counts, noise=Drawn(places, epsilon=100))
        assert told.low <= told.median <= told.high
        found = [band_of(told, at) for at in range(bins(feature))]
        sizes = {band: int(counts[[each == band for each in found]].sum()) for band in {*found} - {None}}
        assert all(size >= FLOORS.band for size in sizes.values()), sizes
        best_first = [band for band in (found if feature.better == "down" else found[::-1]) if band is not None]
        assert best_first == sorted(best_first)


@given(st.integers(NOISY_FROM, 3_000), st.integers(0, 10**6), st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_one_person_more_moves_every_error_by_one_at_most(people, place, seed):
    for feature in FEATURES_EITHER_WAY:
        counts = crowd(feature, people, seed)
        more = counts.copy()
        more[place % len(counts)] += 1
        before, after = Exact(epsilon=1e6), Exact(epsilon=1e6)
        table(feature, counts, noise=before)
        table(feature, more, noise=after)
        for one, other in zip(before.asked, after.asked, strict=True):
            assert np.abs(one - other).max() <= 1


@pytest.mark.parametrize("feature", FEATURES_EITHER_WAY, ids=lambda each: each.name)
def test_a_table_spends_no_more_than_its_share(feature):
    noise = Exact(epsilon=2.0)
    table(feature, crowd(feature, 500_000), noise=noise)
    assert noise.spent <= 2.0 + 1e-9


def test_bands_that_noise_could_move_altogether_are_not_told():
    narrow = table(STEPS, crowd(STEPS, 1_000), noise=Exact(epsilon=1.0))
    assert [band for band, _ in narrow.thresholds] == [25, 50, 75]  # chance reaches some 170 people far
    wide = table(STEPS, crowd(STEPS, 1_000_000), noise=Exact(epsilon=1.0))
    assert [band for band, _ in wide.thresholds] == list(BANDS[:-1])


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1.0])
def test_the_library_promises_what_is_asked_of_it(epsilon):
    """For errors, or a count, that differ by one."""
    chance = Chance(1.0)
    assert chance.choosing(epsilon).map(1) <= epsilon * (1 + 1e-9)
    assert chance.counting(epsilon).map(1) <= epsilon * (1 + 1e-9)


def test_chance_is_seldom_further_off_than_its_reach():
    counts = crowd(STEPS, 100_000)
    told = table(STEPS, counts, noise=Chance(2.0))
    reach = 2 / (2.0 / 11) * np.log(CANDIDATES)
    best_first = np.cumsum(counts[::-1])
    for band, worst in told.thresholds:
        within = best_first[len(counts) - 1 - worst]
        assert abs(within - band * 1_000) <= 3 * reach
    assert abs(told.size - 100_000) <= 1_000
    assert told.thresholds


def test_noise_is_a_setting_with_sense(monkeypatch, tmp_path):
    assert load({"HUB_PEERS_EPSILON": "0.5"}, tmp_path).peers_epsilon == 0.5
    for wrong in ("0", "-1", "much"):
        with pytest.raises(SettingInvalid, match="HUB_PEERS_EPSILON"):
            load({"HUB_PEERS_EPSILON": wrong}, tmp_path)
    monkeypatch.setitem(sys.modules, "opendp.prelude", None)
    with pytest.raises(ChanceMissing, match="pip install opendp"):
        Chance(1.0)
