"""A fleet for the benchmarks: registered watches with their wearers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from simulators.credentials import Broker, Credential
from simulators.load import Load, Outcome, Pace
from tests.harness import HubProcess, add_device, add_home, add_person, ok

HOME = "bench-home"
BORN = 1990
"""The load's heart rates stay under the limit of somebody of that age."""


@dataclass(frozen=True)
class Fleet:
    """Watches at a hub's broker."""

    broker: Broker
    credentials: list[Credential]


GUARD = "ease-off"


def register(hub: HubProcess, devices: int, *, all_rules: bool = False) -> Fleet:
    """Register watches, each with a wearer of its own, so that the guard of their hearts is on for every one of them.

    Of the other rules that ship, only with `all_rules`.
    """
    with hub.api() as api:
        for rule in [] if all_rules else ok(api.get("/v1/rules"))["items"]:
            if rule["id"] != GUARD and not rule["id"].startswith("bench-"):
                ok(api.post(f"/v1/rules/{rule['id']}/switch-off"))
        add_home(api, HOME)
        credentials = []
        for number in range(devices):
            person = add_person(api, f"wearer-{number:04}", HOME, birth_year=BORN)
            mqtt = add_device(api, f"watch-{number:04}", HOME, owner=person)["mqtt"]
            credentials.append(Credential(HOME, mqtt["username"], mqtt["username"], mqtt["password"]))
    return Fleet(Broker("127.0.0.1", hub.mqtt_port), credentials)


@dataclass(frozen=True)
class Stored:
    """What a load came to: acknowledged by the broker, and stored by the hub."""

    outcome: Outcome
    samples: float
    seconds: float

    @property
    def messages_per_second(self) -> float:
        return self.outcome.acknowledged / self.seconds

    @property
    def samples_per_second(self) -> float:
        return self.samples / self.seconds


def store(hub: HubProcess, fleet: Fleet, pace: Pace, ledger: Path | None = None) -> Stored:
    """Publish, and wait until the hub has stored (and so acknowledged) all of it; seconds from the first publish on."""
    before = hub.metric("hub_samples_stored_total")
    load = Load(fleet.broker, fleet.credentials, pace=pace, ledger=ledger)
    began = time.monotonic()
    outcome = load.run()
    connected_s = time.monotonic() - began - outcome.seconds
    while (samples := hub.metric("hub_samples_stored_total") - before) < outcome.samples:
        assert time.monotonic() - began < 300, f"{samples} of {outcome.samples} samples stored"
        time.sleep(0.02)
    return Stored(outcome, samples, time.monotonic() - began - connected_s)
