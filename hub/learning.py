"""What the hub knows by heart, learnt from its stores when it starts."""

from __future__ import annotations

from hub.registry import Registry
from hub.store.accounts import Accounts
from hub.store.consents import Consents
from hub.store.fleet import Fleet
from hub.telemetry import TelemetryStore


def learn(
    registry: Registry, *, accounts: Accounts, consents: Consents, fleet: Fleet, telemetry: TelemetryStore
) -> None:
    """Fill the registry, and the twins with what was last reported."""
    for home in accounts.homes():
        registry.put_home(home)
    for stay in accounts.stays():
        registry.put_stay(stay.person_id, stay.timezone)
    registry.put_people(accounts.people())
    for consent in consents.standing():
        registry.grant(consent.person, consent.purpose, granted=consent.granted)
    owners = {ownership.device_id: ownership for ownership in fleet.ownerships() if ownership.until is None}
    for device in fleet.devices():
        registry.put_device(device, owners.get(device.id))
    for sample in telemetry.latest():
        if (twin := registry.twins.get(sample.source)) is not None:
            twin.reported[sample.metric] = sample
    for row in fleet.desired():
        if row.device_id in registry.twins:
            registry.twins[row.device_id].desired[row.metric] = row.value
