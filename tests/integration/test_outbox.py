"""The outbox over a real ledger: a command goes out once to who is there, and again to who comes back without having answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from devices.command import Command, Status
from devices.errors import StoreUnavailable
from hub import outbox as outbox_module
from hub.outbox import Outbox
from hub.store.accounts import Accounts
from hub.store.engine import open_engine
from hub.store.fleet import Fleet
from hub.store.ledger import Ledger
from tests.harness import eventually

HOUR = 3_600_000


def now() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Broker:
    """Takes commands, and says so at once or when it is told to."""

    slow: bool = False
    published: list[str] = field(default_factory=list)
    _untold: list[Callable[[], None]] = field(default_factory=list)

    def publish(self, topic: str, payload: bytes, on_delivered: Callable[[], None]) -> None:
        self.published.append(topic.split("/")[3])
        self._untold.append(on_delivered)
        if not self.slow:
            self.confirm()

    def confirm(self) -> None:
        while self._untold:
            self._untold.pop()()


class World:
    def __init__(self, directory, broker: Broker) -> None:
        self.broker, self.here = broker, {"watch", "washer"}
        engine = open_engine(f"sqlite:///{directory / 'hub.sqlite'}")
        fleet = Fleet(engine)
        Accounts(engine).add_home(home_id="home", name="Home", timezone="Asia/Seoul", now=1)
        for device in sorted(self.here):
            fleet.register(
                device_id=device, home="home", model="health-watch", owner=None, acquired_on="2026-01-02", now=1
            )
        self.ledger = Ledger(engine)
        self.moved: list[tuple[str, str]] = []
        self.outbox = Outbox(
            self.ledger,
            broker,
            home_of=lambda _: "home",
            is_here=self.here.__contains__,
            on_moved=lambda row: self.moved.append((row.id, row.status)),
        )

    def decide(self, id_: str, device: str = "watch") -> None:
        """As the pipeline does: on record first, then offered."""
        command = Command(id_, device, "vibrate", {}, now() + HOUR)
        self.ledger.queue(command, now=now())
        self.outbox.offer([command])

    def serve_others(self) -> None:
        """Until the outbox has served somebody who returned after everybody else."""
        self.broker.slow = False
        self.ledger.queue(Command("last", "washer", "start", {}, now() + HOUR), now=now())
        self.outbox.device_returned("washer", now(), settle=False)
        eventually(lambda: "washer" in self.broker.published)

    def sent(self, id_: str):
        eventually(lambda: (id_, Status.SENT) in self.moved)
        return self.ledger.command("watch", id_)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, Broker())
    yield made
    made.outbox.stop()


def test_what_is_decided_while_a_device_settles_goes_out_once_it_has(world) -> None:
    world.outbox.device_returned("watch", now(), settle=True)
    world.decide("c1")
    assert world.broker.published == []
    world.outbox.start()
    row = world.sent("c1")
    assert row.sent_at >= row.created_at
    world.serve_others()
    assert world.broker.published.count("watch") == 1


def test_who_says_that_it_is_there_has_settled_no_sooner(world, monkeypatch) -> None:
    monkeypatch.setattr(outbox_module, "SETTLING", 60.0)
    world.outbox.device_returned("watch", now(), settle=True)
    world.outbox.device_returned("watch", now(), settle=False)
    world.decide("c1")
    world.outbox.start()
    world.serve_others()
    assert "watch" not in world.broker.published


@pytest.mark.parametrize("confirmed", [True, False])
def test_what_went_out_since_a_device_is_there_is_not_sent_again(world, confirmed) -> None:
    world.broker.slow = not confirmed
    since = now()
    world.decide("c1")
    world.outbox.device_returned("watch", since, settle=False)
    world.outbox.start()
    world.serve_others()
    assert world.broker.published.count("watch") == 1


@pytest.mark.parametrize("confirmed", [True, False])
def test_what_went_out_before_it_came_back_is_sent_again(world, confirmed) -> None:
    """However late the broker says that it has it, and however late that is noted."""
    world.broker.slow = not confirmed
    world.decide("c1")
    world.outbox.device_returned("watch", now() + 1, settle=False)
    world.outbox.start()
    world.serve_others()
    assert world.broker.published.count("watch") == 2
    world.broker.confirm()
    world.sent("c1")


def test_sent_is_when_it_went_out(world) -> None:
    world.broker.slow = True
    world.decide("c1")
    went_out = now()
    eventually(lambda: now() > went_out + 20)
    world.broker.confirm()
    world.outbox.start()
    assert world.sent("c1").sent_at <= went_out


def test_what_cannot_be_noted_is_noted_later(world, monkeypatch) -> None:
    advance, failures = world.ledger.advance, iter([StoreUnavailable("no space")])

    def failing(*args, **more):
        if error := next(failures, None):
            raise error
        return advance(*args, **more)

    monkeypatch.setattr(world.ledger, "advance", failing)
    world.decide("c1")
    world.outbox.start()
    assert world.sent("c1").status == Status.SENT


def test_who_returns_while_the_store_cannot_be_read_is_served_later(world, monkeypatch) -> None:
    undelivered, failures = world.ledger.undelivered, iter([StoreUnavailable("locked")])

    def failing(*args, **more):
        if error := next(failures, None):
            raise error
        return undelivered(*args, **more)

    monkeypatch.setattr(world.ledger, "undelivered", failing)
    world.here.discard("watch")
    world.decide("c1")
    assert world.broker.published == []
    world.here.add("watch")
    world.outbox.device_returned("watch", now(), settle=False)
    world.outbox.start()
    world.sent("c1")
    assert world.broker.published == ["watch"]
