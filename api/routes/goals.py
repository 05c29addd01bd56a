"""Goals: what people want a day or a week of a metric to come to."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter

from api.deps import CallerDep, HubDep, PersonDep, now
from api.instants import to_rfc3339
from api.progress_schemas import GoalIn, GoalOut
from api.schemas import Page
from hub.store.tables import GoalRow
from rules.features import FEATURES
from rules.goals import Per, goal_of

router = APIRouter(prefix="/v1/people/{person_id}/goals", tags=["people"])


@router.get("")
def goals(person_id: PersonDep, hub: HubDep, _caller: CallerDep) -> Page[GoalOut]:
    """A person's goals, by metric."""
    return Page(items=[_out(row) for row in hub.goals.goals(person_id) if row.metric in FEATURES])


@router.put("/{metric}")
def put_goal(person_id: PersonDep, metric: str, goal: GoalIn, hub: HubDep, _caller: CallerDep) -> GoalOut:
    """Set a goal, in place of the one before."""
    return _out(hub.goals.put(person_id, goal_of(metric, goal.target, goal.per), now=now()))


@router.delete("/{metric}", status_code=204)
def drop_goal(person_id: PersonDep, metric: str, hub: HubDep, _caller: CallerDep) -> None:
    """Let go of a goal."""
    hub.goals.drop(person_id, metric)


def _out(row: GoalRow) -> GoalOut:
    feature = FEATURES[row.metric]
    return GoalOut(
        metric=row.metric,
        title=feature.title.model_dump(),
        unit=feature.unit,
        target=row.target,
        per=cast(Per, row.per),
        better=feature.better,
        set_at=to_rfc3339(row.set_at),
    )
