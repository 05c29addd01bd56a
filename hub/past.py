"""The past: what is stored, for whoever only reads it, e.g. to replay rules without a hub."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from hub.data_dir import StartFailed, locked
from hub.features.keeper import Keeper
from hub.history import Histories
from hub.learning import learn, open_stores
from hub.registry import Registry
from hub.settings import Settings
from hub.store.rules import RuleStore


@dataclass(frozen=True, slots=True)
class Past:
    """What is stored, for whoever only reads it."""

    registry: Registry
    histories: Histories
    keeper: Keeper


@contextlib.contextmanager
def open_past(settings: Settings) -> Iterator[Past]:
    """Open what a hub that does not run has stored; nothing is started. Raises `HubError` in one clear line."""
    with contextlib.ExitStack() as stack:
        if not settings.data_dir.is_dir():
            raise StartFailed(f"there is nothing stored in {settings.data_dir}: no hub has run there")
        stack.enter_context(locked(settings.data_dir / "lock"))
        stores = open_stores(settings, stack)
        learn(stores)
        stores.registry.tune(RuleStore(stores.database).tunings())
        yield Past(
            stores.registry, Histories(stores.registry, stores.fleet, stores.telemetry, stores.ledger), stores.keeper
        )
