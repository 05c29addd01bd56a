"""Upkeep: when chores are done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from devices.errors import StoreUnavailable
from hub.metrics import Metrics
from hub.upkeep import Chore, Upkeep


@contextmanager
def doing(*chores: Chore) -> Iterator[None]:
    upkeep = Upkeep(list(chores), Metrics())
    upkeep.start()
    try:
        yield
    finally:
        upkeep.stop()


def test_a_chore_waits_its_time_unless_it_is_to_be_done_at_once():
    early, late = threading.Event(), threading.Event()
    with doing(Chore("late", 3600.0, late.set), Chore("early", 3600.0, early.set, at_once=True)):
        assert early.wait(10)
    assert not late.is_set()


def test_a_chore_that_finds_the_store_unavailable_is_done_again():
    tried, done = [], threading.Event()

    def do() -> None:
        tried.append(len(tried))
        if len(tried) == 1:
            raise StoreUnavailable("the disk is full")
        done.set()

    with doing(Chore("roll", 0.01, do)):
        assert done.wait(10)
