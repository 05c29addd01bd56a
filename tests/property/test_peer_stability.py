"""One person's leaving, coming, or moving shows in nothing that is told, but for what is withdrawn when too few are left."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.atoms import candidates, tally
from rules.bins import bin_of, bins
from rules.cohorts import Member
from rules.counts import Counts
from rules.families import FAMILIES, Cells
from rules.features import FEATURES
from rules.floors import FLOORS, Floors
from rules.publication import Crowd, publish
from rules.published import band_of
from rules.standing import basis, renewed

MAY = 2026 * 12 + 4
STEPS = FEATURES["steps"]
SMALL = Floors(cohort=12, band=3, changed=4)


def counted(where):
    return np.bincount(np.asarray(where, dtype=int), minlength=bins(STEPS)).astype(np.int64)


def published(everybody, before=None, floors=SMALL):
    """What is told of people: (member, bin) each."""
    cells, counts = Cells(), Counts()
    numbers = np.array([cells.of(member) for member, _ in everybody], dtype=np.int32).reshape(-1, len(FAMILIES))
    counts.take_in(numbers, np.array([[at] for _, at in everybody], dtype=np.uint16).reshape(-1, 1), [STEPS], MAY)
    atoms, people = tally(Counter(member for member, _ in everybody), met=before.met if before else ())
    crowd = Crowd(cells=cells, counts=counts, atoms=atoms, candidates=candidates(atoms), people=people)
    return publish("steps", MAY, crowd=crowd, before=before, floors=floors)


members = st.builds(
    Member,
    model=st.sampled_from(["watch", "band"]),
    acquired=st.sampled_from([MAY, MAY + 1, MAY + 5]),
    age_band=st.sampled_from(["18-29", "30-39"]),
    sex=st.sampled_from(["female", "male"]),
    region=st.sampled_from(["KR-11", "KR-26", None]),
)
crowds = st.integers(0, 2**32 - 1).flatmap(
    lambda seed: st.tuples(st.just(seed), st.lists(members, min_size=1, max_size=6), st.integers(5, 150))
)


def drawn_crowd(drawn):
    """People of a few kinds, some kinds of which there are few."""
    seed, kinds, people = drawn
    rng = np.random.default_rng(seed)
    odds = rng.dirichlet(np.full(len(kinds), 0.6))
    return [(kinds[int(rng.choice(len(kinds), p=odds))], int(rng.integers(0, 60))) for _ in range(people)]


@given(crowds, st.data())
@settings(max_examples=150, deadline=None)
def test_one_leaving_changes_no_table_and_adds_none(drawn, data):
    everybody = drawn_crowd(drawn)
    assert_leaving_shows_in_nothing(everybody, data.draw(st.integers(0, len(everybody) - 1)))


def test_of_two_regions_at_the_floor_both_are_held_back_once_one_of_the_people_leaves():
    """The one for its size, the other because everybody without it would be the first."""
    one, other = (Member(model="watch", acquired=MAY, region=region) for region in ("KR-11", "KR-26"))
    everybody = [(one, at) for at in range(SMALL.cohort)] + [(other, at) for at in range(SMALL.cohort)]
    assert_leaving_shows_in_nothing(everybody, 0)


def assert_leaving_shows_in_nothing(everybody, gone):
    """But in what is withdrawn: who are too few now, and others by whom they could be found."""
    left = everybody[:gone] + everybody[gone + 1 :]
    first = published(everybody)
    second = published(left, first)
    assert second.tables.items() <= first.tables.items()
    for key in first.tables.keys() - second.tables.keys():
        assert second.held[key] == ("size" if sized(left, key) < SMALL.cohort else "remainder")


def sized(everybody, key):
    atoms, people = tally(Counter(member for member, _ in everybody))
    return next(int(people[each.atoms].sum()) for each in candidates(atoms) if each.key == key)


@given(crowds, st.data())
@settings(max_examples=100, deadline=None)
def test_fewer_than_so_many_moving_change_nothing_at_all(drawn, data):
    everybody = drawn_crowd(drawn)
    first = published(everybody)
    moved = list(everybody)
    for at in data.draw(st.sets(st.integers(0, len(everybody) - 1), max_size=SMALL.changed - 1)):
        moved[at] = (moved[at][0], data.draw(st.integers(0, bins(STEPS) - 1)))
    second = published(moved, first)
    assert (second.tables, second.held) == (first.tables, first.held)


def test_the_table_is_another_once_enough_have_changed():
    where = list(range(200))
    standing = renewed(None, STEPS, counted(where))
    ten = where[10:]
    assert renewed(standing, STEPS, counted(ten)) is standing
    eleven = renewed(standing, STEPS, counted(where[11:]))
    assert eleven is not standing
    assert eleven.table == renewed(None, STEPS, counted(where[11:])).table


def test_one_going_back_and_forth_adds_nothing_up():
    where = list(range(200))
    standing = first = renewed(None, STEPS, counted(where))
    for turn in range(50):
        where[7] = 5_000 if turn % 2 else 7
        standing = renewed(standing, STEPS, counted(where))
    assert standing is first


def test_changes_add_up_over_snapshots():
    where = list(range(200))
    first = standing = renewed(None, STEPS, counted(where))
    renewals = 0
    for at in range(22):
        where[at] += 1_000
        after = renewed(standing, STEPS, counted(where))
        renewals += after is not standing
        standing = after
    assert renewals == 2
    assert standing is not first


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.data())
def test_no_more_are_taken_to_have_changed_than_did(where, data):
    made_of = basis(counted(where))
    moved = data.draw(st.sets(st.integers(0, len(where) - 1)))
    left = data.draw(st.sets(st.integers(0, len(where) - 1)))
    joined = data.draw(st.lists(st.integers(0, 30), max_size=20))
    now = [data.draw(st.integers(0, 30)) if at in moved else was for at, was in enumerate(where) if at not in left]
    assert made_of.changed(counted(now + joined)) <= len(moved | left) + len(joined)
    assert made_of.changed(counted(where)) == 0
    assert made_of.changed(counted([])) == len(where)


def test_a_table_that_comes_back_is_the_one_that_went():
    """Or the day before and the day after would differ by the one who left and the one who joined."""
    kind = Member(model="watch", acquired=MAY)
    everybody = [(kind, at) for at in range(100)]
    first = published(everybody, floors=FLOORS)
    second = published(everybody[1:], first, floors=FLOORS)
    third = published([*everybody[1:], (kind, 500)], second, floors=FLOORS)
    assert first.tables
    assert second.tables == {}
    assert set(second.held.values()) == {"size"}
    assert third.tables == first.tables


def test_when_the_last_of_a_remainder_leaves_what_was_held_back_for_it_is_not_told():
    """What was told of all, with them, and what would be told of the rest, without, would differ by them alone."""
    woman, man = (Member(age_band="30-39", sex=sex) for sex in ("female", "male"))
    everybody = [(woman, at) for at in range(200)] + [(man, 4_000)]
    first = published(everybody, floors=FLOORS)
    second = published(everybody[:-1], first, floors=FLOORS)
    assert set(first.tables) == {"everybody", "30-39"}
    assert first.held["female"] == "remainder"
    assert second.tables == first.tables


@given(crowds, st.data())
@settings(max_examples=60, deadline=None)
def test_over_many_days_of_leaving_nothing_new_is_told(drawn, data):
    """Every table of a later day is one of the first, or of the same cohort made anew after enough had left."""
    everybody = drawn_crowd(drawn)
    today = first = published(everybody)
    while len(everybody) > 3 and today.tables:
        yesterday, was = today, len(everybody)
        for _ in range(data.draw(st.integers(1, 6))):
            everybody.pop(data.draw(st.integers(0, len(everybody) - 1)))
            if not everybody:
                break
        today = published(everybody, yesterday)
        assert today.tables.keys() <= first.tables.keys()
        if was - len(everybody) < SMALL.changed:
            replaced = [key for key in today.tables if today.tables[key] != yesterday.tables.get(key)]
            assert all(
                yesterday.standing[key].basis.people.sum() - sized(everybody, key) >= SMALL.changed for key in replaced
            )


# What trust.md measured: with live exact percentages one leaving tells on which side of a threshold they were.

THRESHOLDS = np.linspace(3_000, 15_000, 64)


def live(where, threshold):
    """The exact percentage of people above a threshold."""
    return sum(at > threshold for at in where) / len(where)


def told_side(before, after, threshold, people):
    """The side the one who left was on, as two exact answers tell it: how many were above before, and after."""
    above = round(live(before, threshold) * people), round(live(after, threshold) * (people - 1))
    return above[0] - above[1] == 1


@pytest.mark.parametrize("people", [150, 1_000])
def test_live_exact_percentages_tell_the_side_of_who_leaves_at_every_threshold(people):
    values = np.random.default_rng(11).normal(9_000, 2_500, people)
    where = [bin_of(STEPS, value) for value in values]
    bars = [bin_of(STEPS, each) for each in THRESHOLDS]
    guessed = [told_side(where, where[1:], bar, people) == (where[0] > bar) for bar in bars]
    assert sum(guessed) == 64
    assert any(where[0] > bar for bar in bars)
    assert not all(where[0] > bar for bar in bars)


@pytest.mark.parametrize("people", [150, 1_000])
def test_tables_tell_nothing_of_who_leaves_at_any_threshold(people):
    values = np.random.default_rng(11).normal(9_000, 2_500, people)
    everybody = [(Member(model="watch", acquired=MAY), bin_of(STEPS, value)) for value in values]
    first = published(everybody, floors=FLOORS)
    for gone in range(0, people, max(people // 25, 1)):
        second = published(everybody[:gone] + everybody[gone + 1 :], first, floors=FLOORS)
        assert second.tables == first.tables
        for table in second.tables:
            bands = [band_of(second.tables[table], bin_of(STEPS, each)) for each in THRESHOLDS]
            assert bands == [band_of(first.tables[table], bin_of(STEPS, each)) for each in THRESHOLDS]


def test_without_what_stands_one_leaving_would_show():
    """The stability is what holds it: tables made anew each day do tell something."""
    rng = np.random.default_rng(3)
    where = sorted(rng.integers(0, 4_000, 150).tolist())
    made = [renewed(None, STEPS, counted([at for at in where if at != gone])).table for gone in where]
    assert any(one != other for one, other in pairwise(made))
