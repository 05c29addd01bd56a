"""The desk: what operators and apps ask of the hub, done on record first and then made known to the pipeline."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devices.access import RESERVED
from devices.command import Command
from devices.errors import Conflict, Invalid, NotFound
from devices.sample import DAY, HOUR, Instant
from hub.gatekeeper import Gatekeeper
from hub.outbox import Outbox
from hub.pipeline import Pipeline
from hub.registry import Registry
from hub.store.accounts import Accounts, NewPerson
from hub.store.consents import Consent, Decided
from hub.store.enrolment import Placed
from hub.store.fleet import Fleet
from hub.store.ledger import Ledger
from hub.store.recommendations import RecommendationStore
from hub.store.tables import CommandRow, Device, Home, Person, RecommendationRow
from hub.telemetry import TelemetryStore

COMMAND_LIFE: Instant = HOUR
LONGEST_LIFE: Instant = 400 * DAY


@dataclass(frozen=True, slots=True)
class NewDevice:
    """What is told when a device is registered."""

    id: str
    home: str
    model: str
    owner: str | None = None
    acquired_on: str | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """Does what is asked. `gatekeeper` is `None` with a broker of one's own, which then keeps its own gate."""

    registry: Registry
    accounts: Accounts
    fleet: Fleet
    ledger: Ledger
    recommendations: RecommendationStore
    telemetry: TelemetryStore
    pipeline: Pipeline
    outbox: Outbox
    gatekeeper: Gatekeeper | None
    on_moved: Callable[[CommandRow], None]
    on_placed: Callable[[Sequence[str]], None]
    on_amended: Sequence[Callable[[str], None]]
    on_decided: Sequence[Callable[[Decided], None]]
    on_settled: Callable[[Sequence[RecommendationRow]], None]

    def add_home(self, home_id: str, *, name: str, timezone: str) -> Home:
        """Raises `Conflict`."""
        home = self.accounts.add_home(home_id=home_id, name=name, timezone=timezone, now=_now())
        self.pipeline.ask(lambda: self.registry.put_home(home))
        return home

    def add_person(self, new: NewPerson) -> Person:
        """Raises `NotFound` or `Conflict`."""
        person = self.accounts.add_person(new, now=_now())
        self.pipeline.ask(lambda: self._make_person_known(person, new.timezone))
        return person

    def amend_person(self, person: str, changed: Mapping[str, Any]) -> Person:
        """Change a profile. Raises `NotFound`."""
        amended = self.accounts.amend(person, changed)
        self.pipeline.ask(lambda: self.registry.put_person(amended))
        self._tell_amended(person)
        return amended

    def stay(self, person: str, *, timezone: str, since: Instant | None) -> None:
        """A person is in a time zone, from now on unless said otherwise. Raises `NotFound`."""
        self.accounts.stay(person, timezone=timezone, since=_now() if since is None else since)
        newest = self.accounts.stays(person)[-1].timezone
        self.pipeline.ask(lambda: self.registry.put_stay(person, newest))
        self._tell_amended(person)

    def decide(self, person: str, purpose: str, *, granted: bool, by: str) -> None:
        """A person allows a purpose or takes it back: on record, and in force when this returns. Raises `NotFound`."""
        decided = self.pipeline.ask(lambda: self.pipeline.decide(Consent(person, purpose, granted, _now(), by)))
        if decided is not None:
            for hear in self.on_decided:
                hear(decided)

    def settle(self, recommendation: str, person: str, status: str) -> RecommendationRow:
        """A person takes or dismisses what was offered to them. Raises `NotFound` or `Conflict`."""
        row = self.recommendations.settle(recommendation, person, status, now=_now())
        self.on_settled([row])
        return row

    def register(self, new: NewDevice) -> tuple[Device, str]:
        """Register a device; it, and its token. Raises `NotFound`, `Invalid` or `Conflict`."""
        if new.id.startswith(RESERVED):
            raise Invalid(f"ids that begin with {RESERVED} are the hub's own")
        if new.model not in self.registry.models:
            raise NotFound(f"there is no device model {new.model}; there are {', '.join(sorted(self.registry.models))}")
        device, token = self.fleet.register(
            device_id=new.id,
            home=new.home,
            model=new.model,
            owner=new.owner,
            acquired_on=new.acquired_on,
            now=_now(),
        )
        self.telemetry.declare(new.id, self.accounts.home(new.home).timezone)
        self.pipeline.ask(lambda: self._make_known(Placed(new.id, new.home, new.model, new.owner)))
        self.on_placed([new.owner] if new.owner is not None else [])
        return device, token

    def rotate(self, device_id: str) -> str:
        """A new token for a device; whoever is connected with the old one is cut off. Raises `NotFound`."""
        token = self.fleet.rotate(device_id)
        self._cut_off(device_id)
        return token

    def revoke(self, device_id: str) -> None:
        """No token for a device any more; it is cut off. Raises `NotFound`."""
        self.fleet.revoke(device_id)
        self._cut_off(device_id)

    def command(
        self, device_id: str, *, command_id: str | None, type_: str, args: dict[str, Any], expires_at: Instant | None
    ) -> CommandRow:
        """Send a command; asked again with the same id, it is the same command. Raises `NotFound`, `Invalid`, `Conflict`."""
        entry = self.registry.entries.get(device_id)
        if entry is None:
            raise NotFound(f"there is no device {device_id}")
        if refusal := entry.model.command_refusal(type_, args):
            raise Invalid(refusal)
        now = _now()
        expires_at = now + COMMAND_LIFE if expires_at is None else expires_at
        if not now < expires_at <= now + LONGEST_LIFE:
            raise Invalid(f"a command expires later than now, and within {LONGEST_LIFE // DAY} days")
        command_id = command_id or secrets.token_hex(12)
        command = Command(command_id, device_id, type_, args, expires_at)
        if self.ledger.queue(command, now=_now()):
            self.on_moved(self.ledger.command(device_id, command_id))
            self.outbox.offer([command])
        try:
            row = self.ledger.command(device_id, command_id)
        except NotFound as error:
            raise Conflict(f"there is another command {command_id}") from error
        if (row.type, row.args) != (type_, args):
            raise Conflict(f"there is another command {command_id}")
        return row

    def _tell_amended(self, person: str) -> None:
        for hear in self.on_amended:
            hear(person)

    def _make_person_known(self, person: Person, timezone: str | None) -> None:
        if timezone is not None:
            self.registry.put_stay(person.id, timezone)
        self.registry.put_person(person)

    def _make_known(self, device: Placed) -> None:
        self.registry.put_device(device)
        self.pipeline.forget_routes()

    def _cut_off(self, device_id: str) -> None:
        if self.gatekeeper is not None:
            self.gatekeeper.cut_off(device_id)


def _now() -> Instant:
    return time.time_ns() // 1_000_000
