"""What the hub did and what came of it: decisions, commands, refusals, and the time that passed for the rules."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, case, delete, func, insert, or_, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, SQLModel, col, select

from devices.command import UNDELIVERED, Command, Result, Status, may_follow
from devices.errors import NotFound, StoreUnavailable
from devices.sample import Instant
from hub.arrivals import KEPT as ARRIVALS_KEPT
from hub.arrivals import Arrival
from hub.effects import Delivery, TraitChange
from hub.recommender import Recommendation
from hub.store.prepared import AddNew
from hub.store.recommendations import OPEN
from hub.store.tables import (
    ArrivalRow,
    CommandRow,
    DecisionRow,
    DeliveryRow,
    QuarantineRow,
    RecommendationRow,
    TickRow,
    TraitRow,
    UsageRow,
)
from rules.chain import is_heard
from rules.decision import Decision

QUARANTINE_KEPT = 100_000

_COMMANDS, _DECISIONS, _REFUSALS, _ARRIVALS, _USAGE, _DELIVERIES, _TRAITS, _TICKS, _RECOMMENDATIONS = (
    SQLModel.metadata.tables[str(table.__tablename__)]
    for table in (
        CommandRow,
        DecisionRow,
        QuarantineRow,
        ArrivalRow,
        UsageRow,
        DeliveryRow,
        TraitRow,
        TickRow,
        RecommendationRow,
    )
)

_SYNC = {
    "sqlite": {True: "pragma synchronous = full", False: "pragma synchronous = normal"},
    "postgresql": {True: "set local synchronous_commit = on", False: "set local synchronous_commit = off"},
}
"""Whether a commit waits for the disk."""


class Tick(NamedTuple):
    """Time that passed for the rules, up to `until`, after the change `seq`; for a scope, that they began for it then; for a
    `consent`, that somebody decided then what they allow."""

    seq: int
    until: Instant
    kind: str = ""
    scope: str = ""
    consent: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of the pipeline came to; commands with the id of the decision behind them."""

    decisions: Sequence[Decision] = ()
    commands: Sequence[tuple[Command, str]] = ()
    results: Sequence[Result] = ()
    refusals: Sequence[QuarantineRow] = ()
    deliveries: Sequence[Delivery] = ()
    traits: Sequence[TraitChange] = ()
    recommendations: Sequence[Recommendation] = ()
    ticks: Sequence[Tick] = ()

    def __bool__(self) -> bool:
        return bool(self.decisions or self.commands or self.results or self.refusals or self.ticks)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What of a turn was new."""

    decisions: Sequence[Decision] = ()
    commands: Sequence[Command] = ()
    moved: Sequence[CommandRow] = ()
    deliveries: Sequence[Delivery] = ()
    recommendations: Sequence[Recommendation] = ()


class Ledger:
    """Decisions, commands, deliveries, ticks and quarantine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._add_decisions, self._add_commands = AddNew(_DECISIONS, engine), AddNew(_COMMANDS, engine)
        self._add_deliveries, self._add_recommendations = AddNew(_DELIVERIES, engine), AddNew(_RECOMMENDATIONS, engine)
        self._driver_error = engine.dialect.loaded_dbapi.Error
        self._sync = _SYNC[engine.dialect.name]
        self._lock = threading.Lock()
        """SQLite lets one write at a time, and has the others sleep and look again; waiting here, they lose no time."""

    def commit(self, turn: Turn, *, now: Instant) -> Recorded:
        """Put what one turn of the pipeline came to on record, in one transaction; answers with what is new.

        What is there already stays as it is, so that a turn that is taken again adds nothing. What only follows from stored
        telemetry is not waited for on the disk: were it lost with the power, catching up would come to it again.
        """
        derived = not (turn.results or turn.refusals)
        with self._writing(synced=not derived) as connection:
            decided = self._add_decisions(connection, [_decision_row(each) for each in turn.decisions])
            rows = [_command_row(command, decision_id=why, now=now) for command, why in turn.commands]
            queued = self._add_commands(connection, rows)
            due = self._add_deliveries(connection, [_delivery_row(each, now=now) for each in turn.deliveries])
            offered = [each for each in turn.recommendations if each.decision in decided]
            self._add_recommendations(connection, [_recommendation_row(each, now=now) for each in offered])
            moved = [row for each in turn.results for row in _settle(connection, each, now=now)]
            for trait in turn.traits:
                _set_trait(connection, trait)
            if turn.ticks:
                connection.execute(insert(_TICKS), [tick._asdict() for tick in turn.ticks])
            if turn.refusals:
                connection.execute(insert(_REFUSALS), [row.model_dump(exclude={"id"}) for row in turn.refusals])
        return Recorded(
            decisions=list({each.id: each for each in turn.decisions if each.id in decided}.values()),
            commands=list({command.id: command for command, _ in turn.commands if command.id in queued}.values()),
            moved=_as_rows(moved),
            deliveries=[each for each in turn.deliveries if each.id in due],
            recommendations=offered,
        )

    def queue(self, command: Command, *, now: Instant) -> bool:
        """Put one command on record; whether it is new."""
        with self._writing() as connection:
            return bool(self._add_commands(connection, [_command_row(command, decision_id=None, now=now)]))

    def advance(self, command_ids: Sequence[str], status: Status, *, now: Instant) -> list[CommandRow]:
        """Move commands forward, at `now` or when they came to be, whichever is later; those that moved."""
        with self._writing(synced=False) as connection:
            moved = _advance(connection, _COMMANDS.c.id.in_(command_ids), status, now=now)
        return _as_rows(moved)

    def expire(self, *, now: Instant) -> list[CommandRow]:
        """Let commands run out that were not delivered in time; which."""
        due = _COMMANDS.c.status.in_(UNDELIVERED) & (_COMMANDS.c.expires_at <= now)
        with Session(self._engine) as session:
            if session.exec(select(CommandRow.id).where(due).limit(1)).first() is None:
                return []
        with self._writing() as connection:
            moved = _advance(connection, due, Status.EXPIRED, now=now)
        return _as_rows(moved)

    def undelivered(self, device_id: str | None = None, *, sent_before: Instant | None = None) -> list[Command]:
        """Commands still to be delivered, as they were decided: queued, and, if `sent_before` is given, sent before it and not
        answered."""
        wanted: Any = CommandRow.status == Status.QUEUED
        if sent_before is not None:
            wanted = or_(wanted, (col(CommandRow.status) == Status.SENT) & (col(CommandRow.sent_at) < sent_before))
        query = select(CommandRow).where(wanted).outerjoin(DecisionRow, col(CommandRow.decision_id) == DecisionRow.id)
        query = query.order_by(col(CommandRow.created_at), col(DecisionRow.observed_at), CommandRow.id)
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
        query = select(DecisionRow).where(col(DecisionRow.scope).in_(scopes), col(DecisionRow.shadow).is_(False))
        return self._newest(query, DecisionRow, col(DecisionRow.observed_at), limit=limit, before=before)

    def fired(self, rule: str, scope: str, *, limit: int) -> list[DecisionRow]:
        """What a rule decided in a scope, and what a version in its shadow did, newest first."""
        query = select(DecisionRow).where(DecisionRow.rule == rule, DecisionRow.scope == scope)
        return self._newest(query, DecisionRow, col(DecisionRow.observed_at), limit=limit, before=None)

    def chained(self, *, since: Instant, until: Instant, scope: str | None = None) -> list[Decision]:
        """Decisions that rules heard of, of a scope or of all, oldest first; without how their conditions stood."""
        query = select(DecisionRow).where(col(DecisionRow.chained).is_(True), col(DecisionRow.shadow).is_(False))
        query = query.where(DecisionRow.observed_at >= since, DecisionRow.observed_at < until)
        if scope is not None:
            query = query.where(DecisionRow.scope == scope)
        with Session(self._engine) as session:
            rows = session.exec(query.order_by(col(DecisionRow.observed_at), col(DecisionRow.depth)))
            return [_chained(row) for row in rows]

    def last_fired(self, scopes: Sequence[str] | None = None) -> dict[str, Instant]:
        """When each rule last decided something for these scopes, or for anybody, by rule."""
        query = select(DecisionRow.rule, func.max(DecisionRow.observed_at)).where(col(DecisionRow.shadow).is_(False))
        if scopes is not None:
            query = query.where(col(DecisionRow.scope).in_(scopes))
        with Session(self._engine) as session:
            return dict(session.exec(query.group_by(DecisionRow.rule)).all())

    def record_refusals(self, refusals: Sequence[QuarantineRow]) -> None:
        """Put refusals at the gate on record, if there are any."""
        if refusals:
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
        with self._writing() as connection:
            connection.execute(insert(_ARRIVALS), [arrival._asdict() for arrival in arrivals])

    def arrivals(self) -> list[Arrival]:
        """The stamps on record, oldest first."""
        newest = select(ArrivalRow).order_by(col(ArrivalRow.id).desc()).limit(ARRIVALS_KEPT)
        with Session(self._engine) as session:
            return [Arrival(row.digest, row.mid, row.stamp) for row in reversed(session.exec(newest).all())]

    def trim(self) -> None:
        """Let go of the oldest refusals and stamps, so that nobody fills the disk with them."""
        with self._writing() as connection:
            for table, kept in ((_REFUSALS, QUARANTINE_KEPT), (_ARRIVALS, ARRIVALS_KEPT)):
                newest = connection.execute(select(func.max(table.c.id))).scalar() or 0
                connection.execute(delete(table).where(table.c.id <= newest - kept))

    def ticks(self, since: int) -> list[Tick]:
        """The time that passed for the rules after the change `since`, in order."""
        query = select(TickRow).where(col(TickRow.seq) >= since).order_by(col(TickRow.id))
        with Session(self._engine) as session:
            return [Tick(row.seq, row.until, row.kind, row.scope, row.consent) for row in session.exec(query)]

    def forget_ticks(self, before: int) -> None:
        """Let go of the ticks that a snapshot of place `before` has in it.

        Those of the same place may be in it or not: to take them again changes nothing.
        """
        with self._writing(synced=False) as connection:
            connection.execute(delete(_TICKS).where(_TICKS.c.seq < before))

    def record_usage(self, usage: UsageRow) -> None:
        """Put on record that somebody's data was read by somebody else."""
        with self._writing() as connection:
            connection.execute(insert(_USAGE), [usage.model_dump(exclude={"id"})])

    @contextlib.contextmanager
    def _writing(self, *, synced: bool = True) -> Iterator[Connection]:
        """A transaction. Written in SQLAlchemy's Core: making objects of rows that are only put away takes as long as the rest."""
        try:
            with self._lock, self._engine.begin() as connection:
                connection.connection.cursor().execute(self._sync[synced])
                yield connection
        except (SQLAlchemyError, self._driver_error) as error:
            raise StoreUnavailable(_reason(error)) from error

    def _newest(
        self, query: Any, table: Any, order: Any, *, limit: int, before: tuple[Instant, str] | None
    ) -> list[Any]:
        query = query.order_by(order.desc(), col(table.id).desc()).limit(limit)
        if before is not None:
            at, id_ = before
            query = query.where(or_(order < at, (order == at) & (col(table.id) < id_)))
        with Session(self._engine) as session:
            return list(session.exec(query))


def _settle(connection: Connection, result: Result, *, now: Instant) -> list[RowMapping]:
    """Take in what a device answered; only to a command of its own."""
    own = (_COMMANDS.c.id == result.id) & (_COMMANDS.c.device_id == result.source)
    return _advance(connection, own, result.status, now=now, reason=result.reason)


def _advance(
    connection: Connection, which: ColumnElement[bool], status: Status, *, now: Instant, reason: str | None = None
) -> list[RowMapping]:
    """Move commands forward, those that may, all in one statement; how they are now."""
    at = case((_COMMANDS.c.created_at > now, _COMMANDS.c.created_at), else_=now)
    moved: dict[str, Any] = {"status": status, "updated_at": at}
    if reason is not None:
        moved["reason"] = reason
    if status is Status.SENT:
        moved["sent_at"] = at
    may = _COMMANDS.c.status.in_([before for before in Status if may_follow(before, status)])
    return list(connection.execute(update(_COMMANDS).where(which & may).values(moved).returning(_COMMANDS)).mappings())


def _as_rows(rows: Sequence[RowMapping]) -> list[CommandRow]:
    """Made when nobody waits for the transaction any more: making them takes longer than that."""
    return [CommandRow(**row) for row in rows]


def _decision_row(decision: Decision) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(decision)
    return row | {"chained": is_heard(decision)}


def _chained(row: DecisionRow) -> Decision:
    known = row.model_dump(include=set(Decision.__struct_fields__))
    return Decision(**known | {"clauses": ()})


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


def _delivery_row(delivery: Delivery, *, now: Instant) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "decision_id": delivery.decision,
        "kind": delivery.kind,
        "target": delivery.target,
        "body": delivery.body,
        "status": "queued" if delivery.kind == "service" else "delivered",
        "attempts": 0,
        "next_at": now,
        "created_at": now,
        "updated_at": now,
    }


def _recommendation_row(offered: Recommendation, *, now: Instant) -> dict[str, Any]:
    row = asdict(offered)
    row["decision_id"], row["person_id"] = row.pop("decision"), row.pop("person")
    return row | {"status": OPEN, "updated_at": now}


def _set_trait(connection: Connection, trait: TraitChange) -> None:
    which = (_TRAITS.c.kind == trait.kind) & (_TRAITS.c.scope == trait.scope) & (_TRAITS.c.name == trait.name)
    values = {"value": trait.value, "set_at": trait.at, "decision_id": trait.decision}
    if not connection.execute(update(_TRAITS).where(which).values(values)).rowcount:
        key = {"kind": trait.kind, "scope": trait.scope, "name": trait.name}
        connection.execute(insert(_TRAITS), [key | values])


def _command(row: CommandRow) -> Command:
    return Command(row.id, row.device_id, row.type, row.args, row.expires_at)


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0]
