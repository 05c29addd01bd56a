"""Presence: which devices are there to be sent something.

With the embedded broker the hub sees every connection. With another broker it knows what devices say of themselves, and where
they say nothing it sends, and the broker keeps it for those with a session.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from devices.sample import Event, Instant
from hub.pipeline import Observer, Pipeline
from hub.registry import Entry, Registry
from hub.store.ledger import Recorded


class Presence(Observer):
    """Follows connections and status messages; tells `on_return(device, since, settle)` when a device comes back.

    Hears the pipeline for itself and hands everything on to `audience`.
    """

    def __init__(self, registry: Registry, pipeline: Pipeline, audience: Observer, *, embedded: bool) -> None:
        self._registry, self._pipeline, self._audience = registry, pipeline, audience
        self._embedded = embedded
        self._connected: set[str] = set()
        self.on_return: Callable[[str, Instant, bool], None] = lambda *_: None
        self.on_commands: Callable[[Recorded], None] = lambda _: None

    def home_of(self, device: str) -> str | None:
        """Where a device stands; `None` if it is not registered."""
        entry = self._registry.entries.get(device)
        return entry.home if entry else None

    def is_here(self, device: str) -> bool:
        """Whether sending to the device now makes sense."""
        if self._embedded:
            return device in self._connected
        twin = self._registry.twins.get(device)
        return twin is not None and twin.online is not False

    def connection_changed(self, device: str, connected: bool) -> None:
        """The broker saw a device come or go. Called in the gatekeeper's thread."""
        if connected:
            self.on_return(
                device, _now(), True
            )  # before it is here: what is decided meanwhile waits until it has settled
            self._connected.add(device)
        else:
            self._connected.discard(device)
        self._pipeline.wish(lambda: self._note(device, connected))

    def recorded(self, recorded: Recorded) -> None:
        self.on_commands(recorded)
        self._audience.recorded(recorded)

    def stored(self, events: Sequence[Event], touched: Iterable[str]) -> None:
        self._audience.stored(events, touched)

    def status_reported(self, entry: Entry, *, online: bool, at: Instant) -> None:
        if online:
            self.on_return(entry.id, at, False)
        self._audience.status_reported(entry, online=online, at=at)

    def may_be_online(self, entry: Entry) -> bool:
        return not self._embedded or entry.id in self._connected

    def _note(self, device: str, connected: bool) -> None:
        """Keep the twin in line, and say so if that is news."""
        entry, twin = self._registry.entries.get(device), self._registry.twins.get(device)
        if entry is not None and twin is not None and twin.report_status(online=connected):
            if connected:
                twin.seen(_now())
            self._audience.status_reported(entry, online=connected, at=_now())


def _now() -> Instant:
    return time.time_ns() // 1_000_000
