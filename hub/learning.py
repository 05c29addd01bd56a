"""What the hub knows by heart, learnt from its stores when it starts."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine as Database

from hub.features.keeper import Keeper
from hub.registry import Registry
from hub.store.accounts import Accounts
from hub.store.consents import Consents
from hub.store.enrolment import Enrolment
from hub.store.fleet import Fleet
from hub.store.ledger import Ledger
from hub.telemetry import TelemetryStore


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
