"""Counts: every person once in each family, in pieces or whole, and cells that add up to cohorts."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

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


def one_by_one(everybody, cells):
    """How many there are of each feature, cell and bin, where there is anybody."""
    return Counter(
        (feature.name, cell, at)
        for member, where in everybody
        for feature, at in zip(FEW, where, strict=True)
        if at != NO_BIN
        for cell in cells.of(member)
    )


def at_once(everybody, cells, counts=None):
    counts = counts or Counts()
    numbers = np.array([cells.of(member) for member, _ in everybody], dtype=np.int32).reshape(-1, len(FAMILIES))
    binned = np.array([where for _, where in everybody], dtype=np.uint16).reshape(-1, len(FEW))
    counts.take_in(numbers, binned, FEW, MAY)
    return counts


def contents(counts, cells):
    """The same of counts."""
    return {
        (feature.name, cell, at): people
        for feature in FEW
        for cell in range(len(cells.all))
        for at, people in enumerate(counts.of([cell], feature.name, MAY).tolist())
        if people
    }


@given(people, st.integers(0, 40))
@settings(deadline=None)
def test_built_at_once_is_as_built_one_by_one(everybody, cut):
    cells, built = Cells(), Counts()
    for some in (everybody[:cut], everybody[cut:]):
        at_once(some, cells, built)
    assert contents(built, cells) == one_by_one(everybody, cells)


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
    assert contents(built, cells) == one_by_one(everybody, cells)


def test_who_has_no_cell_is_not_counted():
    built = Counts()
    built.take_in(np.array([[-1, -1], [3, 4]]), np.array([[5], [5]], dtype=np.uint16), FEW[:1], MAY)
    assert [built.of([cell], "steps", MAY).sum() for cell in (-1, 0, 3, 4)] == [0, 0, 1, 1]


@given(people)
@settings(deadline=None)
def test_each_family_adds_up_to_everybody_with_a_value(everybody):
    cells = Cells()
    counts = at_once(everybody, cells)
    for place, feature in enumerate(FEW):
        valued = sum(where[place] != NO_BIN for _, where in everybody)
        for family in FAMILIES:
            own = [number for number, cell in enumerate(cells.all) if cell.family == family]
            assert counts.of(own, feature.name, MAY).sum() == valued


@given(people, st.data())
@settings(deadline=None)
def test_cells_add_up_to_every_cohort_that_can_be_asked_for(everybody, data):
    cells = Cells()
    counts = at_once(everybody, cells)
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


def test_months_are_apart():
    counts = Counts()
    for month, at in ((MAY, 10), (MAY + 1, 11)):
        counts.take_in(np.array([[0]]), np.array([[at]], dtype=np.uint16), FEW[:1], month)
    assert [np.flatnonzero(counts.of([0], "steps", month)).tolist() for month in (MAY, MAY + 1)] == [[10], [11]]


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
        counts.take_in(np.arange(800)[:, None], np.zeros((800, 1), dtype=np.uint16), [feature], MAY)
        assert counts.nbytes <= 100_000_000, feature.name
