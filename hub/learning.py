"""Everything that is kept, opened; and what the hub knows by heart of it, learnt when it starts."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from sqlalchemy import Engine as Database

from hub.catalogue import load_models
from hub.features.keeper import Keeper
from hub.features.store import FeatureStore
from hub.registry import Registry
from hub.settings import Settings
from hub.store.accounts import Accounts
from hub.store.consents import Consents
from hub.store.engine import open_engine
from hub.store.enrolment import Enrolment
from hub.store.fleet import Fleet
from hub.store.ledger import Ledger
from hub.telemetry import MetricKind, TelemetryStore
from hub.telemetry.duck import DuckStore


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that is kept, and what is known by heart of it."""

    registry: Registry
    database: Database
    accounts: Accounts
    enrolment: Enrolment
    consents: Consents
    fleet: Fleet
    ledger: Ledger
    telemetry: TelemetryStore
    keeper: Keeper


def open_stores(settings: Settings, stack: contextlib.ExitStack) -> Stores:
    """Open them, to be closed with the stack. Raises `StoreUnavailable`."""
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


def learn(stores: Stores) -> None:
    """Fill the registry, and the twins with what was last reported."""
    registry = stores.registry
    for home in stores.accounts.homes():
        registry.put_home(home)
    for stay in stores.accounts.stays():
        registry.put_stay(stay.person_id, stay.timezone)
    registry.put_people(stores.enrolment.residents())
    registry.put_consents(stores.consents.standing())
    for device in stores.enrolment.placed():
        registry.put_device(device)
    for sample in stores.telemetry.latest():
        if (twin := registry.twins.get(sample.source)) is not None:
            twin.reported[sample.metric] = sample
    for row in stores.fleet.desired():
        if row.device_id in registry.twins:
            registry.twins[row.device_id].desired[row.metric] = row.value


def _open_telemetry(settings: Settings, registry: Registry) -> TelemetryStore:
    kinds = {
        name: MetricKind(name, resets_daily=counts and metric.spec.resets == "daily", counts=counts)
        for model in registry.models.values()
        for name, metric in model.metrics.items()
        for counts in [metric.spec.kind == "counter"]
    }
    return DuckStore(settings.telemetry_path, list(kinds.values()))
