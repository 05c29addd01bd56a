"""What may be told together: nothing under the floor can be had from it, tried by another method."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.atoms import candidates, tally
from rules.cohorts import AGE_BANDS, Member
from rules.disclosure import Past, plan
from rules.floors import Floors

MAY = 2026 * 12 + 4
SMALL = Floors(cohort=10)


def planned(members, floors=SMALL, **more):
    atoms, people = tally(members)
    cohorts = candidates(atoms)
    return plan(cohorts, people, floors=floors, **more), cohorts, people


def row(cohort, people):
    indicator = np.zeros(len(people))
    indicator[cohort.atoms] = 1
    return indicator


def derivable(told, group):
    """Whether a group is a combination of rows, by least squares."""
    if not len(told):
        return False
    found, *_ = np.linalg.lstsq(told.T, group, rcond=None)
    return bool(np.abs(told.T @ found - group).max() < 1e-6)


def leaks(result, cohorts, people, floor):
    """Everything under the floor that can be had: told, left of another, or combined."""
    rows = {cohort.key: row(cohort, people) for cohort in cohorts}
    told = np.array([rows[key] for key in result.told]).reshape(-1, len(people))
    found = [key for key in result.told if people @ rows[key] < floor]
    for one, other in combinations(result.told, 2):
        for inner, outer in ((one, other), (other, one)):
            if (rows[inner] <= rows[outer]).all() and 0 < people @ (rows[outer] - rows[inner]) < floor:
                found.append((outer, "without", inner))
    targets = [(cohort.key, rows[cohort.key]) for cohort in cohorts if people @ rows[cohort.key] < floor]
    targets += [(at, np.eye(len(people))[at]) for at in np.flatnonzero(people < floor)]
    return found + [name for name, group in targets if derivable(told, group)]


def remainders(result, cohorts, people):
    """What is left of every told cohort without the told ones of one shape within it."""
    told = [cohort for cohort in cohorts if cohort.key in result.told]
    for parent in told:
        inside = {}
        for child in told:
            if child is not parent and set(child.atoms) <= set(parent.atoms):
                inside.setdefault(child.shape, []).append(int(people[child.atoms].sum()))
        for shape, sizes in inside.items():
            yield parent.key, shape, int(people[parent.atoms].sum()) - sum(sizes)


members = st.builds(
    Member,
    model=st.sampled_from(["watch", "band", "ring", None]),
    acquired=st.sampled_from([MAY, MAY + 1, MAY + 2, MAY + 3, MAY + 9, None]),
    age_band=st.sampled_from([*AGE_BANDS[:3], None]),
    sex=st.sampled_from(["female", "male", None]),
    region=st.sampled_from(["KR-11", "KR-26", None]),
)
SIZES = st.one_of(st.integers(1, 9), st.integers(8, 40))


@given(st.dictionaries(members, SIZES, min_size=1, max_size=25))
@settings(max_examples=120, deadline=None)
def test_nothing_under_the_floor_can_be_had(population):
    result, cohorts, people = planned(population)
    assert leaks(result, cohorts, people, SMALL.cohort) == []
    assert [each for each in remainders(result, cohorts, people) if 0 < each[2] < SMALL.cohort] == []


@given(st.dictionaries(members, SIZES, min_size=1, max_size=25), st.randoms())
@settings(max_examples=40, deadline=None)
def test_the_order_of_people_and_cohorts_changes_nothing(population, random):
    result, cohorts, people = planned(population)
    random.shuffle(cohorts)
    assert plan(cohorts, people, floors=SMALL) == result
    pairs = list(population.items())
    random.shuffle(pairs)
    assert planned(dict(pairs))[0] == result


@given(st.dictionaries(members, st.integers(10, 40), min_size=1, max_size=15))
@settings(max_examples=40, deadline=None)
def test_all_is_told_where_nobody_is_in_a_small_group(population):
    """Unknown values are no cohorts, so that everybody must be known here."""
    known = {each: people for each, people in population.items() if None not in vars_of(each)}
    assert planned(known)[0].held == {}


def vars_of(member):
    return (member.model, member.acquired, member.age_band, member.sex, member.region)


def test_an_overlap_that_leaves_five_over():
    """Everybody who bought a watch in May is female and 30 to 39, as are five others."""
    buyers = Member(model="watch", acquired=MAY, age_band="30-39", sex="female")
    others = Member(model="ring", acquired=MAY + 30, age_band="30-39", sex="female")
    rest = Member(model="ring", acquired=MAY + 30, age_band="60-69", sex="male")
    result, cohorts, people = planned({buyers: 200, others: 5, rest: 300}, Floors())
    assert leaks(result, cohorts, people, 100) == []
    assert not {"watch/2026-05", "30-39/female"} <= set(result.told)
    assert result.held["watch/2026-05/30-39/female"] == "remainder"
    without = planned({buyers: 200, rest: 300}, Floors())[0]
    assert {"30-39/female", "watch/2026-05", "watch/2026-05/30-39/female"} <= set(without.told)


def test_a_table_with_its_margins_tells_no_small_cell():
    """One small cell in a table of models by ages and sexes: its row and its column, and all the other cells, would tell it."""
    kinds = {
        Member(model=model, acquired=MAY, age_band=age, sex=sex): 300 + 10 * number
        for number, (model, age, sex) in enumerate(
            (model, age, sex)
            for model in ("watch", "ring", "band")
            for age in AGE_BANDS[:3]
            for sex in ("female", "male")
        )
    }
    small = Member(model="ring", acquired=MAY, age_band="30-39", sex="male")
    result, cohorts, people = planned(kinds | {small: 7}, Floors())
    assert leaks(result, cohorts, people, 100) == []
    assert result.held["ring/2026-05/30-39/male"] == "size"
    assert {"everybody", "ring", "30-39/male", "ring/2026-05"} <= set(result.told)
    inner = [key for key in result.told if key.count("/") == 3 and "2026-05" in key]
    assert len(inner) >= 9


def test_margins_that_overlap_in_no_nested_pair_are_audited():
    """Two of three by two add up to what the third leaves: only the combination of all comes to the few."""
    sizes = {("watch", "KR-11"): 300, ("watch", "KR-26"): 300, ("ring", "KR-11"): 300, ("ring", "KR-26"): 4}
    kinds = {Member(model=model, region=region): people for (model, region), people in sizes.items()}
    result, cohorts, people = planned(kinds, Floors())
    assert leaks(result, cohorts, people, 100) == []
    assert {"everybody", "watch", "ring", "region:KR-11", "region:KR-26"} == set(result.told)


def test_what_was_told_before_stays_and_what_is_new_gives_way():
    month = {Member(model="watch", acquired=MAY): 150, Member(model="watch", acquired=MAY + 1): 120}
    few = {Member(model="watch", acquired=MAY + 2): 20}
    fresh, *_ = planned(month | few, Floors())
    assert "watch/2026-05" in fresh.told
    assert fresh.held["watch/2026-06"] == "remainder"
    after, cohorts, people = planned(month | few, Floors(), past=Past(told=["watch/2026-06", "watch", "everybody"]))
    assert "watch/2026-06" in after.told
    assert after.held["watch/2026-05"] == "remainder"
    assert leaks(after, cohorts, people, 100) == []


def test_a_group_once_met_counts_as_if_somebody_were_still_there():
    stay, gone = Member(model="watch", region="KR-11"), Member(model="watch", region="KR-26")
    cohorts = candidates([stay, gone])
    people = np.array([200, 0])
    assert set(plan(cohorts, people).held) == {"region:KR-26"}
    assert plan(cohorts, people, past=Past(met=np.array([True, True]))).held["region:KR-11"] == "remainder"


def test_what_was_held_back_is_told_once_it_has_grown_by_as_many_as_the_floor():
    few, many = Member(region="KR-11"), Member(region="KR-26")
    cohorts = candidates([few, many])
    first = plan(cohorts, np.array([7, 300]))
    assert first.barred == {"region:KR-26": 300}
    gone = plan(cohorts, np.array([0, 399]), past=Past(barred=first.barred))
    assert (gone.held["region:KR-26"], gone.barred) == ("remainder", first.barred)
    fewer = plan(cohorts, np.array([0, 99]), past=Past(barred=first.barred))
    assert (fewer.held["region:KR-26"], fewer.barred) == ("size", first.barred)
    grown = plan(cohorts, np.array([0, 400]), past=Past(barred=first.barred))
    assert "region:KR-26" in grown.told
    again = plan(cohorts, np.array([7, 400]), past=Past(barred=first.barred))
    assert again.barred == {"region:KR-26": 400}


def test_the_finest_go_when_there_are_more_than_can_be_audited():
    kinds = {Member(model="watch", acquired=MAY + month, region="KR-11"): 200 for month in range(6)}
    result, *_ = planned(kinds, Floors(), limit=4)
    assert len(result.told) == 4
    assert {"everybody", "region:KR-11", "watch"} < set(result.told)
    assert set(result.held.values()) == {"limit"}


@pytest.mark.parametrize("seed", range(2))
def test_crowds_of_thousands(seed):
    """Skewed, with many small atoms, as real ones are."""
    rng = np.random.default_rng(seed)
    kinds = [
        Member(model=model, acquired=MAY + month, age_band=age, sex=sex, region=region)
        for model in ("watch", "ring")
        for month in range(3)
        for age in AGE_BANDS[:4]
        for sex in ("female", "male", "other")
        for region in ("KR-11", "KR-26")
        if sex != "other" or month < 2
    ]
    odds = rng.dirichlet(np.full(len(kinds), 0.5))
    drawn = np.bincount(rng.choice(len(kinds), 4_000, p=odds), minlength=len(kinds))
    population = {kind: int(people) for kind, people in zip(kinds, drawn, strict=True) if people}
    result, cohorts, people = planned(population, Floors())
    assert leaks(result, cohorts, people, 100) == []
    assert {"everybody", "watch", "ring"} <= set(result.told)
