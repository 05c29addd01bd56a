"""Counts: every person once in each family, built at once or one by one, never fewer than none, as if never joined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.errors import Conflict
from rules import counts as counts_file
from rules.bins import NO_BIN, bins
from rules.cohorts import AGE_BANDS, CHILD, Cohort, Member, Span
from rules.counts import Counts
from rules.families import FAMILIES, Cells, servable
from rules.features import COMPARED, FEATURES

MAY = 2026 * 12 + 4
FEW = tuple(FEATURES[name] for name in ("steps", "resting_heart_rate", "workouts"))

members = st.builds(
    Member,
    model=st.sampled_from(["watch", "band", None]),
    acquired=st.sampled_from([MAY, MAY + 1, MAY + 2, MAY + 8, None]),
    age_band=st.sampled_from([*AGE_BANDS[:2], None]),
    sex=st.sampled_from(["female", "male", "other", None]),
    region=st.sampled_from(["KR-11", None]),
)
people = st.lists(
    st.tuples(members, st.tuples(*(st.one_of(st.integers(0, bins(each) - 1), st.just(NO_BIN)) for each in FEW))),
    max_size=40,
)


def one_by_one(everybody, cells, counts=None, by=1):
    counts = counts or Counts()
    for member, where in everybody:
        for feature, at in zip(FEW, where, strict=True):
            if at != NO_BIN:
                counts.add(cells.of(member), feature.name, MAY, at, by)
    return counts


def at_once(everybody, cells, counts):
    numbers = np.array([cells.of(member) for member, _ in everybody], dtype=np.int32).reshape(-1, len(FAMILIES))
    binned = np.array([where for _, where in everybody], dtype=np.uint16).reshape(-1, len(FEW))
    counts.take_in(numbers, binned, FEW, MAY)


def contents(counts):
    """Everything that is counted; cells of which all have left are as if they had never been."""
    return {
        (feature.name, cell): counts.of([cell], feature.name, MAY).tolist()
        for feature in FEW
        for cell in counts.cells(feature.name, MAY)
        if counts.of([cell], feature.name, MAY).any()
    }


@given(people, st.integers(0, 40))
@settings(deadline=None)
def test_built_at_once_is_as_built_one_by_one(everybody, cut):
    cells, built = Cells(), Counts()
    for some in (everybody[:cut], everybody[cut:]):
        at_once(some, cells, built)
    assert contents(built) == contents(one_by_one(everybody, cells))


def test_built_in_many_small_pieces_is_as_built_one_by_one(monkeypatch):
    monkeypatch.setattr(counts_file, "_PIECE", 7)
    monkeypatch.setattr(counts_file, "_APART", 3)
    rng, cells, built = np.random.default_rng(5), Cells(), Counts()
    everybody = [
        (
            Member(model=f"watch-{rng.integers(20)}", acquired=MAY + int(rng.integers(9)), sex="female"),
            tuple(int(rng.choice([NO_BIN, 0, 3, bins(each) - 1])) for each in FEW),
        )
        for _ in range(400)
    ]
    at_once(everybody, cells, built)
    assert contents(built) == contents(one_by_one(everybody, cells))


def test_who_has_no_cell_is_not_counted():
    built = Counts()
    built.take_in(np.array([[-1, -1], [3, 4]]), np.array([[5], [5]], dtype=np.uint16), FEW[:1], MAY)
    assert built.cells("steps", MAY) == [3, 4]
    assert built.of([3], "steps", MAY).sum() == 1


@given(people)
@settings(deadline=None)
def test_each_family_adds_up_to_everybody_with_a_value(everybody):
    cells = Cells()
    counts = one_by_one(everybody, cells)
    for place, feature in enumerate(FEW):
        valued = sum(where[place] != NO_BIN for _, where in everybody)
        for family in FAMILIES:
            own = [number for number, cell in enumerate(cells.all) if cell.family == family]
            assert counts.of(own, feature.name, MAY).sum() == valued


@given(people, st.data())
@settings(deadline=None)
def test_cells_add_up_to_every_cohort_that_can_be_asked_for(everybody, data):
    cells = Cells()
    counts = one_by_one(everybody, cells)
    by = data.draw(st.sampled_from(servable()))
    drawn = data.draw(members.filter(lambda member: all(member.value(name) is not None for name in by)))
    facts = {name: drawn.value(name) for name in by if name != "acquired_month"}
    months = data.draw(st.sampled_from([1, 3, 12]))
    span = Span(drawn.acquired - drawn.acquired % months, months) if "acquired_month" in by else None
    cohort = Cohort(**facts, acquired=span)
    inside = [
        where[0]
        for member, where in everybody
        if where[0] != NO_BIN
        and all(member.value(name) == fact for name, fact in facts.items())
        and (span is None or (member.acquired is not None and span.first <= member.acquired < span.first + months))
    ]
    found = counts.of(cells.within(cohort), "steps", MAY)
    assert found.tolist() == np.bincount(np.array(inside, dtype=int), minlength=bins(FEW[0])).tolist()


@given(people, people, st.data())
@settings(deadline=None)
def test_who_left_has_never_joined(stay, leave, data):
    cells, numbered = Cells(), data.draw(st.permutations([(each, 0) for each in stay] + [(each, 1) for each in leave]))
    counts = Counts()
    one_by_one([each for each, _ in numbered], cells, counts)
    one_by_one([each for each, leaving in numbered if leaving], cells, counts, by=-1)
    assert contents(counts) == contents(one_by_one(stay, cells))


@given(people, members, st.integers(0, 10))
def test_nobody_leaves_who_was_not_there_and_nothing_is_changed_by_it(everybody, stranger, at):
    cells = Cells()
    there = [(member, (5, 5, 5)) for member, _ in everybody if member.region is None]
    counts = one_by_one(there, cells)
    before = contents(counts)
    stranger = Member(model=stranger.model, acquired=stranger.acquired, region="KR-26")
    with pytest.raises(Conflict):
        counts.add(cells.of(stranger), "steps", MAY, at, -1)
    assert contents(counts) == before


def test_late_values_move_a_person():
    counts = Counts()
    counts.add((0, 1), "steps", MAY, 10)
    counts.move((0, 1), "steps", MAY, old=10, new=12)
    assert np.flatnonzero(counts.of([0], "steps", MAY)).tolist() == [12]
    with pytest.raises(Conflict):
        counts.move((0, 1), "steps", MAY, old=10, new=11)


def test_months_are_apart_and_can_be_dropped():
    counts = Counts()
    counts.add((0,), "steps", MAY, 10)
    counts.add((0,), "steps", MAY + 1, 11)
    counts.forget(MAY)
    assert counts.periods() == {MAY + 1}
    assert not counts.of([0], "steps", MAY).any()


def test_children_are_in_no_cell():
    assert Cells().of(Member(model="watch", age_band=CHILD)) == ()


def test_numbers_of_cells_go_on_where_they_were():
    cells = Cells()
    first = [cells.of(Member(model=model)) for model in ("watch", "band")]
    again = Cells(known=cells.all)
    assert [again.of(Member(model=model)) for model in ("watch", "band")] == first
    assert len({*again.of(Member(model="ring"))} - {number for each in first for number in each}) == 2


def test_counts_of_any_feature_in_eight_hundred_cells_stay_within_a_hundred_megabytes():
    """They are counted a feature at a time."""
    for feature in COMPARED:
        counts = Counts()
        for cell in range(800):
            counts.add((cell,), feature.name, MAY, 0)
        assert counts.nbytes <= 100_000_000, feature.name
