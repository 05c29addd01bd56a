"""The acknowledger: nothing is acknowledged before it is durable, and then all of it is, once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import StoreUnavailable
from hub.acknowledger import Acknowledger
from hub.insistence import Insistence, Stopped
from hub.metrics import Metrics
from hub.wire import Inbound


def message(mid, *, qos=1):
    return Inbound("t", b"{}", qos, mid, 1, False, 0)


@dataclass
class Store:
    """Knows what is durable; cannot be written for the next `failures` times."""

    stored: list = field(default_factory=list)
    durable: set = field(default_factory=set)
    syncs: int = 0
    failures: int = 0

    def sync(self):
        self.syncs += 1
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("no space")
        self.durable.update(self.stored)


@dataclass
class Broker:
    """Hears acknowledgements, and looks whether they are true."""

    store: Store
    acknowledged: list = field(default_factory=list)
    defects: int = 0
    heard: threading.Event = field(default_factory=threading.Event)

    def ack(self, messages):
        assert {each.mid for each in messages} <= self.store.durable
        if self.defects:
            self.defects -= 1
            raise LookupError("a defect")
        self.acknowledged += [each.mid for each in messages]
        self.heard.set()


@pytest.fixture
def world():
    store = Store()
    stopping = threading.Event()
    acknowledger = Acknowledger(store.sync, Insistence(Metrics(), stopping))
    broker = Broker(store)
    acknowledger.start(broker)
    yield acknowledger, store, broker, stopping
    stopping.set()
    acknowledger.stop()


def store_and_owe(acknowledger, store, *messages):
    store.stored += [each.mid for each in messages]
    acknowledger.owe(messages)


def test_what_is_owed_is_acknowledged_by_itself(world):
    acknowledger, store, broker, _ = world
    store_and_owe(acknowledger, store, message(1), message(2, qos=0))
    assert broker.heard.wait(10)
    assert broker.acknowledged == [1]


def test_a_sync_serves_all_that_came_before_it(world):
    acknowledger, store, broker, _ = world
    for mid in range(100):
        store_and_owe(acknowledger, store, message(mid))
    acknowledger.settle()
    assert broker.acknowledged == list(range(100))
    assert store.syncs < 100


def test_what_needs_no_acknowledgement_is_made_durable_too(world):
    acknowledger, store, _, _ = world
    store_and_owe(acknowledger, store, message(1, qos=0))
    acknowledger.settle()
    assert store.durable == {1}


def test_nothing_owed_costs_nothing(world):
    acknowledger, store, _, _ = world
    acknowledger.settle()
    assert store.syncs == 0


def test_a_store_that_cannot_be_written_is_asked_until_it_can(world):
    acknowledger, store, broker, _ = world
    store.failures = 2
    store_and_owe(acknowledger, store, message(1))
    acknowledger.settle()
    assert broker.acknowledged == [1]
    assert store.syncs >= 3


def test_who_stops_meanwhile_leaves_it_unacknowledged(world):
    acknowledger, store, broker, stopping = world
    store.failures = 1_000
    stopping.set()
    store_and_owe(acknowledger, store, message(1))
    with pytest.raises(Stopped):
        acknowledger.settle()
    acknowledger.stop()
    assert broker.acknowledged == []


def test_the_end_acknowledges_what_is_owed(world):
    acknowledger, store, broker, _ = world
    store_and_owe(acknowledger, store, message(1))
    acknowledger.stop()
    assert broker.acknowledged == [1]


def test_what_a_defect_kept_from_being_acknowledged_is_acknowledged_later(world, monkeypatch):
    monkeypatch.setattr("hub.acknowledger.RETRY", 0.01)
    acknowledger, store, broker, _ = world
    broker.defects = 2
    store_and_owe(acknowledger, store, message(1), message(2))
    assert broker.heard.wait(10)
    assert broker.acknowledged == [1, 2]


def test_a_defect_that_stays_does_not_keep_the_hub_from_ending(world):
    acknowledger, store, broker, _ = world
    broker.defects = 1_000_000
    store_and_owe(acknowledger, store, message(1))
    acknowledger.stop()
    assert not any(thread.name == "acknowledger" for thread in threading.enumerate())


@given(turns=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20))
def test_each_is_acknowledged_once_and_in_order_whoever_settles(turns):
    store = Store()
    broker = Broker(store)
    acknowledger = Acknowledger(store.sync, Insistence(Metrics(), threading.Event()))
    acknowledger.start(broker)
    given_out = 0
    for count, settles in turns:
        messages = [message(given_out + number) for number in range(count)]
        given_out += count
        store_and_owe(acknowledger, store, *messages)
        if settles:
            acknowledger.settle()
            assert len(broker.acknowledged) == given_out
    acknowledger.stop()
    assert broker.acknowledged == list(range(given_out))
