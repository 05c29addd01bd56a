"""Whom somebody is compared with: keys, ages, what can be asked for, and the ladder down from it."""

from __future__ import annotations

import pytest

from devices.errors import Invalid
from rules.cohorts import CHILD, Cohort, Member, Span, age_band, month, span
from rules.families import family_for, servable
from rules.ladder import ladder, settle

MAY = month(2026, 5)
SHE = Member(model="health-watch", acquired=MAY, age_band="30-39", sex="female", region="KR-11")


@pytest.mark.parametrize(
    ("cohort", "key"),
    [
        (Cohort(model="health-watch", acquired=span(MAY, 1)), "health-watch/2026-05"),
        (Cohort(model="health-watch", acquired=span(MAY, 3)), "health-watch/2026-Q2"),
        (Cohort(model="health-watch", acquired=span(MAY, 12)), "health-watch/2026"),
        (Cohort(model="health-watch"), "health-watch"),
        (Cohort(age_band="30-39", sex="female"), "30-39/female"),
        (Cohort(region="KR-11"), "region:KR-11"),
        (Cohort(), "everybody"),
        (Cohort(model="2026"), "model:2026"),
        (Cohort(model="female"), "model:female"),
    ],
)
def test_keys_are_readable_and_never_the_same_for_two(cohort, key):
    assert cohort.key == key


@pytest.mark.parametrize(
    ("age", "band"),
    [(0, CHILD), (17, CHILD), (18, "18-29"), (29, "18-29"), (30, "30-39"), (79, "70-79"), (80, "80+"), (111, "80+")],
)
def test_ages(age, band):
    assert age_band(age) == band


def test_spans_hold_their_months():
    assert span(month(2026, 12), 3) == Span(month(2026, 10), 3)
    assert [span(MAY, 12).holds(at) for at in (month(2025, 12), month(2026, 1), month(2026, 12), month(2027, 1))] == [
        False, True, True, False,
    ]  # fmt: skip


def test_what_the_families_cannot_serve_is_refused_with_what_there_is():
    assert family_for(["model"]) == ("model", "acquired_month")
    assert family_for(["sex"]) == ("age_band", "sex")
    assert family_for(["sex", "model"]) == ("model", "acquired_month", "age_band", "sex")
    with pytest.raises(Invalid, match=r"region, sex together.*There is.*age_band, sex; region"):
        family_for(["region", "sex"])
    assert ("region", "sex") not in servable()
    assert ("model", "age_band", "sex") in servable()


def test_the_ladder_goes_from_month_to_all_who_have_the_model_and_keeps_the_rest():
    rungs = [(rung, cohort.key) for rung, cohort in ladder(["acquired_month", "model", "sex"], SHE)]
    assert rungs == [
        ("month", "health-watch/2026-05/female"),
        ("quarter", "health-watch/2026-Q2/female"),
        ("year", "health-watch/2026/female"),
        ("all", "health-watch/female"),
    ]
    assert [rung for rung, _ in ladder(["sex"], SHE)] == ["all"]


def test_the_first_rung_that_is_told_of_is_taken_and_why_not_the_others_is_said():
    found = settle(
        ["model", "acquired_month"],
        SHE,
        held={"health-watch/2026-05": "size", "health-watch/2026-Q2": "remainder"},
        told=["health-watch/2026", "health-watch"],
    )
    assert (found.cohort.key, found.rung) == ("health-watch/2026", "year")
    assert found.passed == (("health-watch/2026-05", "size"), ("health-watch/2026-Q2", "remainder"))


def test_nothing_is_the_last_rung():
    found = settle(["region"], SHE, held={}, told=["health-watch"])
    assert (found.cohort, found.rung, found.passed) == (None, "nothing", (("region:KR-11", "size"),))


def test_who_said_nothing_of_when_is_compared_with_all_who_have_the_model():
    found = settle(["model", "acquired_month"], Member(model="health-watch"), held={}, told=["health-watch"])
    assert (found.cohort.key, found.rung, found.passed) == ("health-watch", "all", (("", "unknown"),) * 3)


@pytest.mark.parametrize("member", [Member(model="health-watch", acquired=MAY), Member(age_band=CHILD, sex="male")])
def test_who_is_not_known_enough_or_a_child_is_compared_with_nobody(member):
    found = settle(["age_band", "sex"], member, held={}, told=["30-39/female", "male", "everybody"])
    assert (found.rung, found.passed) == ("nothing", (("", "unknown"),))
