"""What the store of goals keeps to, on every database it runs on."""

from __future__ import annotations

import pytest

from devices.errors import NotFound
from hub.store.accounts import Accounts, NewPerson
from hub.store.goals import GoalStore
from rules.goals import goal_of

NOW = 1_795_332_706_496


@pytest.fixture
def goals(engine):
    accounts = Accounts(engine)
    for name in ("minji", "joon"):
        accounts.add_person(NewPerson(name, name, "correct horse battery", name.title(), home=None), now=NOW)
    return GoalStore(engine)


def test_a_goal_is_read_back(goals):
    goals.put("minji", goal_of("steps", 8_000.5, "week"), now=NOW)
    row = goals.goal("minji", "steps")
    assert (row.target, row.per, row.set_at) == (8_000.5, "week", NOW)
    assert goals.goal("joon", "steps") is None


def test_a_new_goal_takes_the_place_of_the_one_before(goals):
    goals.put("minji", goal_of("steps", 8_000, "week"), now=NOW)
    told = goals.put("minji", goal_of("steps", 9_000, "day"), now=NOW + 1)
    assert (told.target, told.per, told.set_at) == (9_000, "day", NOW + 1)
    assert [(row.target, row.per) for row in goals.goals("minji")] == [(9_000, "day")]


def test_goals_are_listed_by_metric_and_are_a_person_s_own(goals):
    for metric, target in (("weight", 70), ("energy", 500), ("steps", 8_000)):
        goals.put("minji", goal_of(metric, target, "day"), now=NOW)
    goals.put("joon", goal_of("steps", 5_000, "day"), now=NOW)
    assert [row.metric for row in goals.goals("minji")] == ["energy", "steps", "weight"]
    assert [row.target for row in goals.goals("joon")] == [5_000]


def test_a_goal_that_was_let_go_of_is_gone(goals):
    goals.put("minji", goal_of("steps", 8_000, "day"), now=NOW)
    goals.put("joon", goal_of("steps", 8_000, "day"), now=NOW)
    goals.drop("minji", "steps")
    assert goals.goals("minji") == []
    assert len(goals.goals("joon")) == 1
    with pytest.raises(NotFound, match="minji has no goal for steps"):
        goals.drop("minji", "steps")


def test_nobody_has_no_goals(goals):
    with pytest.raises(NotFound, match="there is no person nobody"):
        goals.goals("nobody")
    with pytest.raises(NotFound, match="there is no person nobody"):
        goals.put("nobody", goal_of("steps", 8_000, "day"), now=NOW)
