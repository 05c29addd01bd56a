"""What the hub did and what came of it: decisions, commands, refusals, and what the rules remembered."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Engine, delete, func, insert, or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, SQLModel, col, select

from devices.command import UNDELIVERED, Command, Result, Status, may_follow
from devices.errors import NotFound, StoreUnavailable
from devices.sample import Instant
from hub.arrivals import KEPT as ARRIVALS_KEPT
from hub.arrivals import Arrival
from hub.store.tables import ArrivalRow, CommandRow, DecisionRow, QuarantineRow, SnapshotRow, UsageRow
from rules.decision import Decision

QUARANTINE_KEPT = 100_000
RULES = "rules"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of the pipeline came to; commands with the id of the decision behind them."""

    decisions: Sequence[Decision] = ()
    commands: Sequence[tuple[Command, str]] = ()
    results: Sequence[Result] = ()
    refusals: Sequence[QuarantineRow] = ()

    def __bool__(self) -> bool:
        return bool(self.decisions or self.commands or self.results or self.refusals)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What of a turn was new."""

    decisions: Sequence[Decision] = ()
    commands: Sequence[Command] = ()
    moved: Sequence[CommandRow] = ()


class Ledger:
    """Decisions, commands, quarantine and snapshots."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = threading.Lock()
        """SQLite lets one write at a time, and has the others sleep and look again; waiting here, they lose no time."""

    def commit(self, turn: Turn, *, now: Instant) -> Recorded:
        """Put what one turn of the pipeline came to on record, in one transaction; answers with what is new.

        What is there already stays as it is, so that a turn that is taken again adds nothing.
        """
        try:
            with self._writing, Session(self._engine, expire_on_commit=False) as session, session.begin():
                decided = set(self._add_new(session, DecisionRow, [_decision_row(each) for each in turn.decisions]))
                rows = [_command_row(command, decision_id=why, now=now) for command, why in turn.commands]
                queued = set(self._add_new(session, CommandRow, rows))
                moved = [row.model_copy() for each in turn.results if (row := _settle(session, each, now=now))]
                if turn.refusals:
                    session.execute(insert(QuarantineRow), [row.model_dump(exclude={"id"}) for row in turn.refusals])
        except SQLAlchemyError as error:
            raise StoreUnavailable(_reason(error)) from error
        return Recorded(
            decisions=list({each.id: each for each in turn.decisions if each.id in decided}.values()),
            commands=list({command.id: command for command, _ in turn.commands if command.id in queued}.values()),
            moved=moved,
        )

    def queue(self, command: Command, *, now: Instant) -> bool:
        """Put one command on record; whether it is new."""
        with Session(self._engine) as session, session.begin():
            return bool(self._add_new(session, CommandRow, [_command_row(command, decision_id=None, now=now)]))

    def advance(self, command_ids: Sequence[str], status: Status, *, now: Instant) -> list[CommandRow]:
        """Move commands forward; those that moved, not those that are as far already."""
        try:
            with self._writing, Session(self._engine, expire_on_commit=False) as session, session.begin():
                rows = session.exec(select(CommandRow).where(col(CommandRow.id).in_(command_ids)))
                return [moved for row in rows if (moved := _advance(row, status, reason=None, now=now))]
        except SQLAlchemyError as error:
            raise StoreUnavailable(_reason(error)) from error

    def expire(self, *, now: Instant) -> list[CommandRow]:
        """Let commands run out that were not delivered in time; which."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            due = col(CommandRow.status).in_(UNDELIVERED) & (col(CommandRow.expires_at) <= now)
            rows = list(session.exec(select(CommandRow).where(due)))
            if rows:
                session.execute(update(CommandRow).where(due).values(status=Status.EXPIRED, updated_at=now))
            for row in rows:
                row.status, row.updated_at = Status.EXPIRED, now
                session.expunge(row)
            return rows

    def undelivered(self, device_id: str | None = None, *, sent_before: Instant | None = None) -> list[Command]:
        """Commands still to be delivered: queued, and, if `sent_before` is given, sent before it and not answered."""
        wanted: Any = CommandRow.status == Status.QUEUED
        if sent_before is not None:
            wanted = or_(wanted, (col(CommandRow.status) == Status.SENT) & (col(CommandRow.sent_at) < sent_before))
        query = select(CommandRow).where(wanted).order_by(col(CommandRow.created_at), CommandRow.id)
        if device_id is not None:
            query = query.where(CommandRow.device_id == device_id)
        with Session(self._engine) as session:
            return [_command(row) for row in session.exec(query)]

    def command(self, device_id: str, command_id: str) -> CommandRow:
        """Raises `NotFound`."""
        with Session(self._engine) as session:
            row = session.get(CommandRow, command_id)
            if row is None or row.device_id != device_id:
                raise NotFound(f"{device_id} has no command {command_id}")
            return row

    def commands(self, device_id: str, *, limit: int, before: tuple[Instant, str] | None = None) -> list[CommandRow]:
        """Commands of a device, newest first."""
        query = select(CommandRow).where(CommandRow.device_id == device_id)
        return self._newest(query, CommandRow, col(CommandRow.created_at), limit=limit, before=before)

    def decisions(
        self, scopes: Sequence[str], *, limit: int, before: tuple[Instant, str] | None = None
    ) -> list[DecisionRow]:
        """Decisions about people, newest first."""
        query = select(DecisionRow).where(col(DecisionRow.scope).in_(scopes))
        return self._newest(query, DecisionRow, col(DecisionRow.observed_at), limit=limit, before=before)

    def record_refusals(self, refusals: Sequence[QuarantineRow]) -> None:
        """Put refusals at the gate on record."""
        self.commit(Turn(refusals=refusals), now=0)

    def quarantined(
        self, *, limit: int, before: int | None = None, kind: str | None = None, device: str | None = None
    ) -> list[QuarantineRow]:
        """Refusals, newest first."""
        query = select(QuarantineRow).order_by(col(QuarantineRow.id).desc()).limit(limit)
        if before is not None:
            query = query.where(col(QuarantineRow.id) < before)
        if kind is not None:
            query = query.where(QuarantineRow.kind == kind)
        if device is not None:
            query = query.where(QuarantineRow.device_id == device)
        with Session(self._engine) as session:
            return list(session.exec(query))

    def record_arrivals(self, arrivals: Sequence[Arrival]) -> None:
        """Put stamps on record, before what they were given to is stored."""
        try:
            with self._writing, Session(self._engine) as session, session.begin():
                session.execute(insert(ArrivalRow), [arrival._asdict() for arrival in arrivals])
        except SQLAlchemyError as error:
            raise StoreUnavailable(_reason(error)) from error

    def arrivals(self) -> list[Arrival]:
        """The stamps on record, oldest first."""
        newest = select(ArrivalRow).order_by(col(ArrivalRow.id).desc()).limit(ARRIVALS_KEPT)
        with Session(self._engine) as session:
            return [Arrival(row.digest, row.mid, row.stamp) for row in reversed(session.exec(newest).all())]

    def trim(self) -> None:
        """Let go of the oldest refusals and stamps, so that nobody fills the disk with them."""
        with Session(self._engine) as session, session.begin():
            for table, kept in ((QuarantineRow, QUARANTINE_KEPT), (ArrivalRow, ARRIVALS_KEPT)):
                newest = session.exec(select(func.max(table.id))).one() or 0
                session.execute(delete(table).where(col(table.id) <= newest - kept))

    def save_snapshot(self, *, seq: int, state: bytes) -> None:
        """Keep what the rules remember at this place of the telemetry store."""
        with Session(self._engine) as session, session.begin():
            session.merge(SnapshotRow(name=RULES, seq=seq, state=state))

    def snapshot(self) -> tuple[int, bytes] | None:
        """What the rules remembered, and at which place."""
        with Session(self._engine) as session:
            row = session.get(SnapshotRow, RULES)
            return (row.seq, row.state) if row is not None else None

    def record_usage(self, usage: UsageRow) -> None:
        """Put on record that somebody's data was read by somebody else."""
        with Session(self._engine) as session, session.begin():
            session.add(usage)

    def _add_new(self, session: Session, table: type[SQLModel], rows: list[dict[str, Any]]) -> list[str]:
        """Insert rows whose id is not there yet; their ids."""
        rows = list({row["id"]: row for row in reversed(rows)}.values())[::-1]
        if not rows:
            return []
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        statement: Any = dialect.insert(table).on_conflict_do_nothing().returning(table.__table__.c.id)  # type: ignore[attr-defined]
        return [id_ for (id_,) in session.execute(statement, rows).all()]

    def _newest(
        self, query: Any, table: Any, order: Any, *, limit: int, before: tuple[Instant, str] | None
    ) -> list[Any]:
        query = query.order_by(order.desc(), col(table.id).desc()).limit(limit)
        if before is not None:
            at, id_ = before
            query = query.where(or_(order < at, (order == at) & (col(table.id) < id_)))
        with Session(self._engine) as session:
            return list(session.exec(query))


def _settle(session: Session, result: Result, *, now: Instant) -> CommandRow | None:
    """Take in what a device answered; only to commands of its own."""
    row = session.get(CommandRow, result.id)
    if row is None or row.device_id != result.source:
        return None
    return _advance(row, result.status, reason=result.reason, now=now)


def _advance(row: CommandRow, status: Status, *, reason: str | None, now: Instant) -> CommandRow | None:
    if not may_follow(Status(row.status), status):
        return None
    row.status, row.updated_at = status, now
    row.reason = reason or row.reason
    row.sent_at = now if status is Status.SENT else row.sent_at
    return row


def _decision_row(decision: Decision) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(decision)
    del row["actions"]
    return row


def _command_row(command: Command, *, decision_id: str | None, now: Instant) -> dict[str, Any]:
    return {
        "id": command.id,
        "device_id": command.device,
        "type": command.type,
        "args": json.loads(msgspec.json.encode(command.args)),
        "status": Status.QUEUED,
        "decision_id": decision_id,
        "created_at": now,
        "expires_at": command.expires_at,
        "updated_at": now,
    }


def _command(row: CommandRow) -> Command:
    return Command(row.id, row.device_id, row.type, row.args, row.expires_at)


def _reason(error: SQLAlchemyError) -> str:
    return str(error).splitlines()[0]
