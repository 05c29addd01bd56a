"""Rules on record: their versions, which are on, who put them on; and what inputs are tuned to."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from devices.errors import NotFound
from devices.sample import Instant
from hub.store.tables import RuleRow, RuleSwitchRow, RuleVersionRow, TraitRow, TuningRow

SHIPPED = "pack"
"""Who saved the versions that ship."""


class NewVersion(NamedTuple):
    """A version to be put on record."""

    rule: str
    version: str
    text: str
    pack: str
    by: str


class RuleStore:
    """Versions are added and never changed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._saving = threading.Lock()
        """Versions are numbered one after the other."""

    def ship(self, shipped: Sequence[NewVersion], *, now: Instant) -> None:
        """Put what ships on record; it is on, unless somebody has switched the rule off or saved a version of their own."""
        with Session(self._engine) as session, session.begin():
            for new in shipped:
                row = session.get(RuleRow, new.rule)
                fresh = self._add(session, new, now=now)
                own = row is not None and (row.active is None or self._saved_by(session, row) != SHIPPED)
                if fresh and not own:
                    self._switch(session, new.rule, now=now, by=SHIPPED, what="activated", version=new.version)

    def rules(self) -> list[RuleRow]:
        """All rules, by pack and id."""
        with Session(self._engine) as session:
            return list(session.exec(select(RuleRow).order_by(RuleRow.pack, RuleRow.id)))

    def rule(self, rule_id: str) -> RuleRow:
        """Raises `NotFound`."""
        with Session(self._engine) as session:
            if (row := session.get(RuleRow, rule_id)) is None:
                raise NotFound(f"there is no rule {rule_id}")
            return row

    def versions(self, rule_id: str) -> list[RuleVersionRow]:
        """All versions of a rule, newest first."""
        query = select(RuleVersionRow).where(RuleVersionRow.rule_id == rule_id)
        with Session(self._engine) as session:
            return list(session.exec(query.order_by(col(RuleVersionRow.number).desc())))

    def version(self, rule_id: str, version: str) -> RuleVersionRow:
        """Raises `NotFound`."""
        with Session(self._engine) as session:
            if (row := session.get(RuleVersionRow, (rule_id, version))) is None:
                raise NotFound(f"there is no version {version} of {rule_id}")
            return row

    def save(self, new: NewVersion, *, now: Instant) -> bool:
        """Put a version on record; whether it is new. It is not on yet."""
        return self.save_all([new], now=now) == [True]

    def save_all(self, new: Sequence[NewVersion], *, now: Instant) -> list[bool]:
        """The same of several, all or none."""
        with self._saving, Session(self._engine) as session, session.begin():
            return [self._add(session, each, now=now) for each in new]

    def switch(self, rule_id: str, *, what: str, version: str | None, by: str, now: Instant) -> RuleRow:
        """`activated`, `switched_off`, `shadowed` or `unshadowed`; on record with who did it. Raises `NotFound`."""
        if version is not None:
            self.version(rule_id, version)
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            return self._switch(session, rule_id, now=now, by=by, what=what, version=version)

    def switches(self, rule_id: str) -> list[RuleSwitchRow]:
        """Who put what on or off, newest first."""
        query = select(RuleSwitchRow).where(RuleSwitchRow.rule_id == rule_id)
        with Session(self._engine) as session:
            return list(session.exec(query.order_by(col(RuleSwitchRow.id).desc()).limit(100)))

    def tunings(self) -> list[TuningRow]:
        """What every input is set to, for whom."""
        with Session(self._engine) as session:
            return list(session.exec(select(TuningRow)))

    def tune(self, row: TuningRow) -> None:
        """Set an input of a rule for a person or home."""
        with Session(self._engine) as session, session.begin():
            session.merge(row)

    def traits(self, kind: str, scope: str) -> list[TraitRow]:
        """The traits of a scope, by name."""
        query = select(TraitRow).where(TraitRow.kind == kind, TraitRow.scope == scope).order_by(TraitRow.name)
        with Session(self._engine) as session:
            return list(session.exec(query))

    def _add(self, session: Session, new: NewVersion, *, now: Instant) -> bool:
        if session.get(RuleRow, new.rule) is None:
            session.add(RuleRow(id=new.rule, pack=new.pack, changed_at=now))
            session.flush()
        if session.get(RuleVersionRow, (new.rule, new.version)) is not None:
            return False
        count = select(func.count()).where(RuleVersionRow.rule_id == new.rule)
        number = session.exec(count).one() + 1
        version = RuleVersionRow(
            rule_id=new.rule, version=new.version, number=number, text=new.text, saved_at=now, saved_by=new.by
        )
        session.add(version)
        session.flush()
        return True

    def _switch(
        self, session: Session, rule_id: str, *, now: Instant, by: str, what: str, version: str | None
    ) -> RuleRow:
        row = session.get(RuleRow, rule_id)
        if row is None:
            raise NotFound(f"there is no rule {rule_id}")
        match what:
            case "activated" | "switched_off":
                row.active = version
            case _:
                row.shadow = version
        row.changed_at = now
        session.add(RuleSwitchRow(rule_id=rule_id, at=now, by=by, what=what, version=version))
        return row

    def _saved_by(self, session: Session, row: RuleRow) -> str | None:
        version = session.get(RuleVersionRow, (row.id, row.active))
        return version.saved_by if version is not None else None
