"""Putting the hub together: the one place that builds its parts, starts them in order, and stops them in the other."""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Engine as Database

from devices.errors import HubError, StoreUnavailable
from hub import parquet
from hub.boards import Boards
from hub.bridge import Bridge, BrokerAddress
from hub.broker import BRIDGE_USER, EmbeddedBroker
from hub.catalogue import load_catalogues, load_models, load_packs
from hub.deliveries import Deliveries
from hub.desk import Desk
from hub.features.keeper import Keeper
from hub.features.store import FeatureStore
from hub.feed import Feed
from hub.gatekeeper import Gatekeeper
from hub.history import Histories
from hub.imports.intake import Intake
from hub.inbox import Inbox
from hub.learning import Stores, learn
from hub.metrics import Metrics
from hub.narrator import Narrator
from hub.outbox import Outbox
from hub.peers.members import Members
from hub.peers.peers import Peers
from hub.pipeline import Pipeline
from hub.presence import Presence
from hub.recommender import Recommender
from hub.records import Records
from hub.refusals import Refusals
from hub.registry import Registry
from hub.replays import Replays
from hub.rulebook import Rulebook
from hub.secret_files import kept, private_directory
from hub.settings import Settings
from hub.snapshots import Snapshots
from hub.store.accounts import Accounts
from hub.store.boards import BoardStore
from hub.store.consents import Consents
from hub.store.deliveries import DeliveryStore
from hub.store.engine import open_engine
from hub.store.enrolment import Enrolment
from hub.store.fleet import Fleet
from hub.store.goals import GoalStore
from hub.store.ledger import Ledger
from hub.store.recommendations import RecommendationStore
from hub.store.rules import RuleStore
from hub.telemetry import MetricKind, TelemetryStore
from hub.telemetry.duck import DuckStore
from hub.upkeep import Chore, Upkeep, expire, trim
from hub.views import Gate
from rules.engine import Engine

log = structlog.get_logger()

FEATURES_EVERY, PEERS_EVERY, DAILY_EVERY = 5.0, 2.0, 10.0
ROLL_EVERY, SNAPSHOT_EVERY, TRIM_EVERY, TELL_TWINS_EVERY, FLUSH_EVERY = 6.0, 10.0, 3600.0, 0.2, 0.5
PASS_TIME_EVERY, EXPIRE_EVERY = 0.25, 20.0


class StartFailed(HubError):
    """The hub cannot start, and why."""


class Busy(StartFailed):
    """Another hub has the data dir."""


@dataclass(frozen=True, slots=True)
class Hub:
    """The parts that the API answers from. `id` tells this hub from others, for good."""

    id: str
    settings: Settings
    registry: Registry
    accounts: Accounts
    fleet: Fleet
    ledger: Ledger
    consents: Consents
    keeper: Keeper
    peers: Peers
    gate: Gate
    desk: Desk
    recommendations: RecommendationStore

    intake: Intake
    rulebook: Rulebook
    replays: Replays
    deliveries: DeliveryStore
    goals: GoalStore
    boards: Boards
    feed: Feed
    metrics: Metrics
    pipeline: Pipeline
    bridge: Bridge
    broker: EmbeddedBroker | None

    @property
    def device_broker(self) -> tuple[str, int]:
        """Where devices connect to."""
        if self.broker is not None:
            return self.broker.host, self.broker.port
        address = _address(self.settings, None)
        return address.host, address.port

    def troubles(self) -> list[str]:
        """Why the hub is not ready; nothing if it is."""
        troubles = [] if self.bridge.connected else ["the broker is not connected"]
        return troubles + ([self.pipeline.trouble] if self.pipeline.trouble else [])


@contextlib.contextmanager
def open_hub(settings: Settings) -> Iterator[Hub]:
    """Build and start everything; stop it on the way out, inbox drained. Raises `HubError` in one clear line."""
    with contextlib.ExitStack() as stack:
        data_dir = _moved_in(settings.data_dir, stack)
        hub_id = kept(data_dir / "client-id", _new_id)
        stores = _open_stores(settings, stack)
        registry, ledger, telemetry, keeper = stores.registry, stores.ledger, stores.telemetry, stores.keeper
        metrics, feed, inbox = Metrics(), Feed(), Inbox()
        engine = Engine(grants=registry.grants)
        engine.on_loop = lambda decision: log.warning("rule_loop_cut", rule=decision.rule)
        stores.accounts.ensure_operator(_operator_password(settings))
        peers = _open_peers(data_dir, stores, stack)
        learn(stores)
        boards = Boards(BoardStore(stores.database), registry)
        boards.settle()
        recommendations = RecommendationStore(stores.database)
        pipeline = Pipeline(
            inbox=inbox,
            registry=registry,
            telemetry=telemetry,
            records=Records(ledger, stores.consents, Recommender(registry, recommendations, load_catalogues())),
            snapshots=Snapshots(data_dir / "rules.snapshot", engine),
            metrics=metrics,
        )
        histories = Histories(registry, stores.fleet, telemetry)
        rulebook = Rulebook(RuleStore(stores.database), engine, pipeline, registry, histories)
        rulebook.open(load_packs(registry.models, tested=False))
        if caught_up := pipeline.catch_up():
            log.info("rules_caught_up", changes=caught_up)
        rulebook.rebuild(pipeline.begun_anew)
        rulebook.begin(at=time.time_ns() // 1_000_000)
        registry.on_known = pipeline.begin
        narrator = Narrator(feed, registry, metrics)
        presence = Presence(registry, pipeline, narrator, embedded=settings.embedded_broker)
        refusals = Refusals(stores.fleet)

        broker = _start_broker(settings, refusals, stack)
        bridge = Bridge(_address(settings, broker), client_id=hub_id, inbox=inbox)
        outbox = Outbox(
            ledger, bridge, home_of=presence.home_of, is_here=presence.is_here, on_moved=narrator.command_moved
        )
        presence.on_return = outbox.device_returned
        presence.on_commands = lambda recorded: outbox.offer(recorded.commands)
        pipeline.observer = presence

        bridge.start()
        stack.callback(bridge.stop)
        stack.callback(_settle, telemetry, pipeline)
        pipeline.start(bridge)
        stack.callback(pipeline.stop)
        stack.callback(bridge.pause)
        outbox.start()
        stack.callback(outbox.stop)
        gatekeeper = _start_gatekeeper(broker, stores.fleet, refusals, presence, stack)
        delivery_store = _start_deliveries(stores.database, stack)
        upkeep = Upkeep(
            [
                Chore("roll", ROLL_EVERY, telemetry.roll),
                Chore("features", FEATURES_EVERY, keeper.keep_up),
                Chore("peers", PEERS_EVERY, peers.catch_up),
                Chore("peers_snapshot", DAILY_EVERY, peers.keep_daily),
                Chore("pass_time", PASS_TIME_EVERY, pipeline.let_time_pass),
                Chore("snapshot", SNAPSHOT_EVERY, pipeline.take_snapshot),
                Chore("keep_snapshot", FLUSH_EVERY, pipeline.keep_snapshot),
                Chore("expire", EXPIRE_EVERY, partial(expire, recommendations, narrator)),
                Chore("trim", TRIM_EVERY, partial(trim, telemetry, ledger, registry), at_once=True),
                Chore("tell_twins", TELL_TWINS_EVERY, narrator.tell_twins),
                Chore("refusals", FLUSH_EVERY, lambda: ledger.record_refusals(refusals.take())),
                Chore("gauges", FLUSH_EVERY, partial(_gauge, metrics, bridge, broker)),
            ]
        )
        upkeep.start()
        stack.callback(upkeep.stop)

        intake = Intake(
            data_dir / "imports",
            registry=registry,
            enrolment=stores.enrolment,
            telemetry=telemetry,
            pipeline=pipeline,
            keeper=keeper,
        )
        intake.on_placed = peers.recount
        yield Hub(
            id=hub_id,
            settings=settings,
            registry=registry,
            accounts=stores.accounts,
            fleet=stores.fleet,
            ledger=ledger,
            consents=stores.consents,
            keeper=keeper,
            peers=peers,
            gate=Gate(
                registry=registry, fleet=stores.fleet, ledger=ledger, telemetry=telemetry, keeper=keeper, peers=peers
            ),
            desk=Desk(
                registry=registry,
                accounts=stores.accounts,
                fleet=stores.fleet,
                ledger=ledger,
                recommendations=recommendations,
                telemetry=telemetry,
                pipeline=pipeline,
                outbox=outbox,
                gatekeeper=gatekeeper,
                on_moved=narrator.command_moved,
                on_placed=peers.recount,
                on_amended=(keeper.refind, lambda person: peers.recount([person])),
                on_decided=(
                    lambda decided: peers.decided(decided.consent),
                    lambda decided: boards.decided(decided.consent),
                    lambda decided: narrator.recommendations_moved(decided.withdrawn),
                ),
                on_settled=narrator.recommendations_moved,
            ),
            recommendations=recommendations,
            intake=intake,
            rulebook=rulebook,
            replays=Replays(rulebook),
            deliveries=delivery_store,
            goals=GoalStore(stores.database),
            boards=boards,
            feed=feed,
            metrics=metrics,
            pipeline=pipeline,
            bridge=bridge,
            broker=broker,
        )


@dataclass(frozen=True, slots=True)
class Past:
    """What is stored, for whoever only reads it."""

    registry: Registry
    histories: Histories
    keeper: Keeper


@contextlib.contextmanager
def open_past(settings: Settings) -> Iterator[Past]:
    """Open what a hub that does not run has stored; nothing is started. Raises `HubError` in one clear line."""
    with contextlib.ExitStack() as stack:
        if not settings.data_dir.is_dir():
            raise StartFailed(f"there is nothing stored in {settings.data_dir}: no hub has run there")
        stack.enter_context(_locked(settings.data_dir / "lock"))
        stores = _open_stores(settings, stack)
        learn(stores)
        stores.registry.tune(RuleStore(stores.database).tunings())
        yield Past(stores.registry, Histories(stores.registry, stores.fleet, stores.telemetry), stores.keeper)


def operator_password_file(settings: Settings) -> Path:
    """Where the first operator's password is kept, unless it is a setting."""
    return settings.data_dir / "operator-password"


def _operator_password(settings: Settings) -> str:
    if settings.operator_password is not None:
        return settings.operator_password.get_secret_value()
    return kept(operator_password_file(settings))


def _new_id() -> str:
    return f"hub-{secrets.token_hex(8)}"


def _moved_in(directory: Path, stack: contextlib.ExitStack) -> Path:
    """The data dir: this hub's alone, and without what a crash left of exports."""
    data_dir = private_directory(directory)
    stack.enter_context(_locked(data_dir / "lock"))
    parquet.clear(data_dir)
    return data_dir


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One hub at a time in a data dir."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"another hub is running in {path.parent}") from error
        yield


def _start_deliveries(database: Database, stack: contextlib.ExitStack) -> DeliveryStore:
    store = DeliveryStore(database)
    deliveries = Deliveries(store)
    deliveries.start()
    stack.callback(deliveries.stop)
    return store


def _open_telemetry(settings: Settings, registry: Registry) -> TelemetryStore:
    kinds = {
        name: MetricKind(name, resets_daily=metric.spec.kind == "counter" and metric.spec.resets == "daily")
        for model in registry.models.values()
        for name, metric in model.metrics.items()
    }
    return DuckStore(settings.telemetry_path, list(kinds.values()))


def _open_stores(settings: Settings, stack: contextlib.ExitStack) -> Stores:
    registry = Registry(load_models())
    database = open_engine(settings.database)
    stack.callback(database.dispose)
    telemetry = _open_telemetry(settings, registry)
    stack.callback(telemetry.close)
    features = FeatureStore(settings.data_dir / "features.duckdb")
    stack.callback(features.close)
    accounts, fleet = Accounts(database), Fleet(database)
    return Stores(
        registry,
        database,
        accounts,
        Enrolment(database),
        Consents(database),
        fleet,
        Ledger(database),
        telemetry,
        Keeper(registry, accounts, fleet, telemetry, features),
    )


def _open_peers(data_dir: Path, stores: Stores, stack: contextlib.ExitStack) -> Peers:
    members = Members(stores.registry, stores.accounts, stores.fleet)
    path = data_dir / "peers.duckdb"
    peers = Peers(path, members=members, keeper=stores.keeper, now=lambda: time.time_ns() // 1_000_000)
    stack.callback(peers.close)
    return peers


def _start_broker(settings: Settings, refusals: Refusals, stack: contextlib.ExitStack) -> EmbeddedBroker | None:
    if not settings.embedded_broker:
        return None
    broker = EmbeddedBroker(
        settings.data_dir / "broker",
        host=settings.mqtt_host,
        port=settings.mqtt_port,
        control_port=settings.broker_control_port,
    )
    broker.on_violation = refusals.violated
    broker.start()
    stack.callback(broker.stop)
    return broker


def _address(settings: Settings, broker: EmbeddedBroker | None) -> BrokerAddress:
    if broker is not None:
        return BrokerAddress(broker.host, broker.port, BRIDGE_USER, broker.keys.bridge)
    assert settings.broker_url is not None
    return BrokerAddress.parse(settings.broker_url.get_secret_value())


def _start_gatekeeper(
    broker: EmbeddedBroker | None,
    fleet: Fleet,
    refusals: Refusals,
    presence: Presence,
    stack: contextlib.ExitStack,
) -> Gatekeeper | None:
    """Only now are devices let in: the bridge is subscribed, so that nothing they say gets lost."""
    if broker is None:
        return None
    gatekeeper = Gatekeeper(
        broker.keys,
        control_port=broker.control_port,
        register=fleet,
        on_denied=refusals.denied,
        on_presence=presence.connection_changed,
    )
    gatekeeper.start()
    stack.callback(gatekeeper.stop)
    return gatekeeper


def _settle(telemetry: TelemetryStore, pipeline: Pipeline) -> None:
    """Leave everything so that the next start is quick."""
    with contextlib.suppress(StoreUnavailable):
        telemetry.roll()
        pipeline.save_last_snapshot()
        telemetry.checkpoint()


def _gauge(metrics: Metrics, bridge: Bridge, broker: EmbeddedBroker | None) -> None:
    metrics.bridge_up.set(bridge.connected)
    metrics.broker_restarts.set(broker.restarts if broker else 0)
