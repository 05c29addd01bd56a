"""Members: what people are compared by, from what is known of them and of their device."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from hub.registry import Registry
from hub.store.accounts import Accounts
from hub.store.fleet import Fleet
from hub.store.tables import Device, Person
from rules.cohorts import Member, age_band
from rules.consent import PEERS


def month_of(day: date) -> int:
    """A calendar month as months since the year 0."""
    return day.year * 12 + day.month - 1


class Members:
    """Reads; keeps nothing. Any thread."""

    def __init__(self, registry: Registry, accounts: Accounts, fleet: Fleet) -> None:
        self._registry, self._accounts, self._fleet = registry, accounts, fleet

    def counts(self, person: str) -> bool:
        """Whether somebody is counted among peers: they said so."""
        return PEERS in self._registry.granted.get(person, ()) and person in self._registry.subjects

    def all(self) -> list[str]:
        """Everybody who is counted among peers."""
        return [person for person, purposes in list(self._registry.granted.items()) if PEERS in purposes]

    def in_months(self, people: Sequence[str], periods: Sequence[int]) -> list[list[Member | None]]:
        """What some hundreds of people are compared by in calendar months; none for children, and before they had their device."""
        known, devices = self._accounts.people_of(people), self._fleet.trusted_devices(people)
        return [
            [_if_counted(_member(known[person], period, self._device(devices[person])), period) for period in periods]
            for person in people
        ]

    def _device(self, devices: Sequence[Device]) -> tuple[str | None, int | None]:
        """The model, and the month in which it was acquired, of the device that a person's features come from."""
        for device in devices:
            model = self._registry.models.get(device.model)
            if model is not None and model.belongs_to == "person" and "heart_rate" in model.metrics:
                acquired = month_of(date.fromisoformat(device.acquired_on)) if device.acquired_on else None
                return device.model, acquired
        return None, None


def _member(known: Person, period: int, device: tuple[str | None, int | None]) -> Member:
    model, acquired = device
    band = age_band(period // 12 - known.birth_year) if known.birth_year is not None else None
    return Member(model=model, acquired=acquired, age_band=band, sex=known.sex, region=known.region)


def _if_counted(member: Member, period: int) -> Member | None:
    return member if member.compared and (member.acquired is None or period >= member.acquired) else None
