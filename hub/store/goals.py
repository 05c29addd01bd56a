"""Goals on record: one for each person and metric."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlmodel import Session, select

from devices.errors import NotFound
from devices.sample import Instant
from hub.store.tables import GoalRow, Person
from rules.goals import Goal


class GoalStore:
    """What people have set themselves."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def goals(self, person_id: str) -> list[GoalRow]:
        """A person's goals, by metric. Raises `NotFound`."""
        query = select(GoalRow).where(GoalRow.person_id == person_id).order_by(GoalRow.metric)
        with Session(self._engine) as session:
            _must_be_there(session, person_id)
            return list(session.exec(query))

    def goal(self, person_id: str, metric: str) -> GoalRow | None:
        """A person's goal for a metric, if they have one."""
        with Session(self._engine) as session:
            return session.get(GoalRow, (person_id, metric))

    def put(self, person_id: str, goal: Goal, *, now: Instant) -> GoalRow:
        """Set a goal, in place of the one before. Raises `NotFound`."""
        row = GoalRow(person_id=person_id, metric=goal.metric, target=goal.target, per=goal.per, set_at=now)
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            _must_be_there(session, person_id)
            return session.merge(row)

    def drop(self, person_id: str, metric: str) -> None:
        """Let go of a goal. Raises `NotFound`."""
        with Session(self._engine) as session, session.begin():
            row = session.get(GoalRow, (person_id, metric))
            if row is None:
                raise NotFound(f"{person_id} has no goal for {metric}")
            session.delete(row)


def _must_be_there(session: Session, person_id: str) -> None:
    if session.get(Person, person_id) is None:
        raise NotFound(f"there is no person {person_id}")
