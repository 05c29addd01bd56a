"""Putting the hub together: the one place that builds its parts, starts them in order, and stops them in the other."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog
from sqlalchemy import Engine as Database

from devices.errors import StoreUnavailable
from hub.boards import Boards
from hub.bridge import Bridge, BrokerAddress
from hub.broker import BRIDGE_USER, EmbeddedBroker
from hub.catalogue import load_catalogues, load_packs
from hub.data_dir import moved_in, operator_password, own_id
from hub.deliveries import Deliveries
from hub.desk import Desk
from hub.features.keeper import Keeper
from hub.feed import Feed
from hub.gatekeeper import Gatekeeper
from hub.history import Histories
from hub.imports.intake import Intake
from hub.inbox import Inbox
from hub.insistence import Stopped
from hub.learning import Stores, learn, open_stores
from hub.metrics import Metrics
from hub.narrator import Narrator
from hub.outbox import Outbox
from hub.peers.chance import Chance
from hub.peers.members import Members
from hub.peers.peers import Peers
from hub.pipeline import Pipeline
from hub.presence import Presence
from hub.recommender import Recommender
from hub.records import Records
from hub.refusals import Refusals
from hub.registry import Registry
from hub.replays import Replays
from hub.rolls import Rolls
from hub.rulebook import Rulebook
from hub.settings import Settings
from hub.snapshots import Snapshots
from hub.store.accounts import Accounts
from hub.store.boards import BoardStore
from hub.store.consents import Consents
from hub.store.deliveries import DeliveryStore
from hub.store.engine import checkpoint
from hub.store.fleet import Fleet
from hub.store.goals import GoalStore
from hub.store.ledger import Ledger
from hub.store.recommendations import RecommendationStore
from hub.store.rules import RuleStore
from hub.telemetry import TelemetryStore
from hub.upkeep import Chore, Upkeep, expire, trim
from hub.views import Gate
from rules.engine import Engine

log = structlog.get_logger()

FEATURES_EVERY, PEERS_EVERY, DAILY_EVERY = 5.0, 2.0, 10.0
ROLL_EVERY, SNAPSHOT_EVERY, TRIM_EVERY, TELL_TWINS_EVERY, FLUSH_EVERY = 0.5, 10.0, 3600.0, 0.2, 0.5
PASS_TIME_EVERY, EXPIRE_EVERY, CHECKPOINT_EVERY = 0.25, 20.0, 5.0


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
        unwell = (self.broker.trouble if self.broker else None, self.pipeline.trouble)
        unconnected = [] if self.bridge.connected else ["the broker is not connected"]
        return list(dict.fromkeys([*unconnected, *(each for each in unwell if each)]))


class _Mind(NamedTuple):
    """What thinks: rules, and the pipeline that feeds them."""

    metrics: Metrics
    recommendations: RecommendationStore
    inbox: Inbox
    pipeline: Pipeline
    rulebook: Rulebook


class _Doors(NamedTuple):
    """What listens and speaks: to devices, and to whoever follows what happens."""

    feed: Feed
    narrator: Narrator
    refusals: Refusals
    bridge: Bridge
    outbox: Outbox
    gatekeeper: Gatekeeper | None
    broker: EmbeddedBroker | None
    deliveries: DeliveryStore


@contextlib.contextmanager
def open_hub(settings: Settings) -> Iterator[Hub]:
    """Build and start everything; stop it on the way out, inbox drained. Raises `HubError` in one clear line."""
    with contextlib.ExitStack() as stack:
        data_dir = moved_in(settings.data_dir, stack)
        broker = _start_broker(settings, stack)  # first: it lets nobody in yet, and gets ready while the stores open
        stores = open_stores(settings, stack)
        stores.accounts.ensure_operator(operator_password(settings))
        peers = _open_peers(settings, stores, stack)
        learn(stores)
        boards = _settled_boards(stores)
        mind = _wake(data_dir, stores)
        doors = _open_doors(settings, broker, stores, mind, stack)
        hub = _hub(settings, stores, peers, boards, mind, doors)
        for chores in (_chores(hub, stores, doors), _long_chores(hub, stores)):
            upkeep = Upkeep(chores, mind.metrics)
            upkeep.start()
            stack.callback(upkeep.stop)
        yield hub


def _wake(data_dir: Path, stores: Stores) -> _Mind:
    """Rules as they were when the hub stopped, and then up to now."""
    registry, telemetry = stores.registry, stores.telemetry
    metrics, inbox, recommendations = Metrics(), Inbox(), RecommendationStore(stores.database)
    engine = Engine(grants=registry.grants)
    engine.on_loop = lambda decision: log.warning("rule_loop_cut", rule=decision.rule)
    pipeline = Pipeline(
        inbox=inbox,
        registry=registry,
        telemetry=telemetry,
        records=Records(stores.ledger, stores.consents, Recommender(registry, recommendations, load_catalogues())),
        snapshots=Snapshots(data_dir / "rules.snapshot", engine),
        metrics=metrics,
    )
    histories = Histories(registry, stores.fleet, telemetry, stores.ledger)
    rulebook = Rulebook(RuleStore(stores.database), engine, pipeline, registry, histories)
    rulebook.open(load_packs(registry.models, tested=False))
    if caught_up := pipeline.catch_up():
        log.info("rules_caught_up", changes=caught_up)
    rulebook.rebuild(pipeline.begun_anew)
    rulebook.begin(at=time.time_ns() // 1_000_000)
    registry.on_known = pipeline.begin
    return _Mind(metrics, recommendations, inbox, pipeline, rulebook)


def _open_doors(
    settings: Settings, broker: EmbeddedBroker | None, stores: Stores, mind: _Mind, stack: contextlib.ExitStack
) -> _Doors:
    """The bridge first and the gatekeeper last, so that nothing gets lost that devices say when they are let in."""
    feed, refusals, pipeline = Feed(), Refusals(stores.fleet), mind.pipeline
    narrator = Narrator(feed, stores.registry, mind.metrics)
    presence = Presence(stores.registry, pipeline, narrator, embedded=settings.embedded_broker)
    bridge = Bridge(_address(settings, broker), client_id=own_id(settings), inbox=mind.inbox)
    outbox = Outbox(
        stores.ledger, bridge, home_of=presence.home_of, is_here=presence.is_here, on_moved=narrator.command_moved
    )
    presence.on_return = outbox.device_returned
    presence.on_commands = lambda recorded: outbox.offer(recorded.commands)
    pipeline.observer = presence
    bridge.start()
    stack.callback(bridge.stop)
    stack.callback(_settle, stores.telemetry, pipeline)
    pipeline.start(bridge)
    stack.callback(pipeline.stop)
    stack.callback(bridge.pause)
    outbox.start()
    stack.callback(outbox.stop)
    gatekeeper = _start_gatekeeper(broker, stores.fleet, refusals, presence, stack)
    deliveries = _start_deliveries(stores.database, stack)
    return _Doors(feed, narrator, refusals, bridge, outbox, gatekeeper, broker, deliveries)


def _settled_boards(stores: Stores) -> Boards:
    boards = Boards(BoardStore(stores.database), stores.registry)
    boards.settle()
    return boards


def _hub(settings: Settings, stores: Stores, peers: Peers, boards: Boards, mind: _Mind, doors: _Doors) -> Hub:
    return Hub(
        id=own_id(settings),
        settings=settings,
        registry=stores.registry,
        accounts=stores.accounts,
        fleet=stores.fleet,
        ledger=stores.ledger,
        consents=stores.consents,
        keeper=stores.keeper,
        peers=peers,
        gate=Gate(
            registry=stores.registry,
            fleet=stores.fleet,
            ledger=stores.ledger,
            telemetry=stores.telemetry,
            keeper=stores.keeper,
            peers=peers,
        ),
        desk=_desk(stores, peers, boards, mind, doors),
        recommendations=mind.recommendations,
        intake=_intake(settings, stores, peers, mind),
        rulebook=mind.rulebook,
        replays=Replays(mind.rulebook),
        deliveries=doors.deliveries,
        goals=GoalStore(stores.database),
        boards=boards,
        feed=doors.feed,
        metrics=mind.metrics,
        pipeline=mind.pipeline,
        bridge=doors.bridge,
        broker=doors.broker,
    )


def _desk(stores: Stores, peers: Peers, boards: Boards, mind: _Mind, doors: _Doors) -> Desk:
    return Desk(
        registry=stores.registry,
        accounts=stores.accounts,
        fleet=stores.fleet,
        ledger=stores.ledger,
        recommendations=mind.recommendations,
        telemetry=stores.telemetry,
        pipeline=mind.pipeline,
        outbox=doors.outbox,
        gatekeeper=doors.gatekeeper,
        on_moved=doors.narrator.command_moved,
        on_placed=peers.recount,
        on_amended=(stores.keeper.refind, lambda person: peers.recount([person])),
        on_decided=(
            lambda decided: peers.decided(decided.consent),
            lambda decided: boards.decided(decided.consent),
            lambda decided: doors.narrator.recommendations_moved(decided.withdrawn),
        ),
        on_settled=doors.narrator.recommendations_moved,
    )


def _intake(settings: Settings, stores: Stores, peers: Peers, mind: _Mind) -> Intake:
    intake = Intake(
        settings.data_dir / "imports",
        registry=stores.registry,
        enrolment=stores.enrolment,
        telemetry=stores.telemetry,
        pipeline=mind.pipeline,
        keeper=stores.keeper,
    )
    intake.on_placed = peers.recount
    return intake


def _chores(hub: Hub, stores: Stores, doors: _Doors) -> list[Chore]:
    pipeline, telemetry, narrator = hub.pipeline, stores.telemetry, doors.narrator
    return [
        Chore("roll", ROLL_EVERY, Rolls(telemetry).keep_up, rests=False),
        Chore("pass_time", PASS_TIME_EVERY, pipeline.let_time_pass),
        Chore("snapshot", SNAPSHOT_EVERY, pipeline.take_snapshot),
        Chore("keep_snapshot", FLUSH_EVERY, pipeline.keep_snapshot),
        Chore("expire", EXPIRE_EVERY, partial(expire, hub.recommendations, narrator)),
        Chore("tell_twins", TELL_TWINS_EVERY, narrator.tell_twins),
        Chore("checkpoint", CHECKPOINT_EVERY, partial(checkpoint, stores.database)),
        Chore("refusals", FLUSH_EVERY, lambda: hub.ledger.record_refusals(doors.refusals.take())),
        Chore("gauges", FLUSH_EVERY, partial(_gauge, hub.metrics, hub.bridge, hub.broker)),
    ]


def _long_chores(hub: Hub, stores: Stores) -> list[Chore]:
    """What may take a while: time does not wait for it to pass."""
    return [
        Chore("features", FEATURES_EVERY, hub.keeper.keep_up),
        Chore("peers", PEERS_EVERY, hub.peers.catch_up),
        Chore("peers_snapshot", DAILY_EVERY, hub.peers.keep_daily),
        Chore("trim", TRIM_EVERY, partial(trim, stores.telemetry, hub.ledger, hub.registry), at_once=True),
    ]


def _start_deliveries(database: Database, stack: contextlib.ExitStack) -> DeliveryStore:
    store = DeliveryStore(database)
    deliveries = Deliveries(store)
    deliveries.start()
    stack.callback(deliveries.stop)
    return store


def _open_peers(settings: Settings, stores: Stores, stack: contextlib.ExitStack) -> Peers:
    members = Members(stores.registry, stores.accounts, stores.fleet)
    path = settings.data_dir / "peers.duckdb"
    noise = Chance(settings.peers_epsilon) if settings.peers_epsilon is not None else None
    peers = Peers(path, members=members, keeper=stores.keeper, now=lambda: time.time_ns() // 1_000_000, noise=noise)
    stack.callback(peers.close)
    return peers


def _start_broker(settings: Settings, stack: contextlib.ExitStack) -> EmbeddedBroker | None:
    if not settings.embedded_broker:
        return None
    broker = EmbeddedBroker(
        settings.data_dir / "broker",
        host=settings.mqtt_host,
        port=settings.mqtt_port,
        control_port=settings.broker_control_port,
    )
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
    broker.on_violation = refusals.violated
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
    with contextlib.suppress(StoreUnavailable, Stopped):
        telemetry.roll()
        pipeline.save_last_snapshot()
        telemetry.checkpoint()


def _gauge(metrics: Metrics, bridge: Bridge, broker: EmbeddedBroker | None) -> None:
    metrics.bridge_up.set(bridge.connected)
    metrics.broker_restarts.set(broker.restarts if broker else 0)
