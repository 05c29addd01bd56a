"""The narrator: tells the feed what the pipeline, the outbox and the gatekeeper did."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from devices.sample import Event, Instant
from hub.feed import Feed
from hub.metrics import Metrics
from hub.pipeline import Observer
from hub.registry import Entry, Registry
from hub.store.ledger import Recorded
from hub.store.recommendations import OPEN
from hub.store.tables import CommandRow, RecommendationRow


class Narrator(Observer):
    """Twins change faster than anybody can look: they are told in `tell_twins`, each once, however often it changed."""

    def __init__(self, feed: Feed, registry: Registry, metrics: Metrics) -> None:
        self._feed, self._registry, self._metrics = feed, registry, metrics
        self._changed: set[str] = set()
        self._online: dict[str, bool] = {}
        self._lock = threading.Lock()

    def recorded(self, recorded: Recorded) -> None:
        for decision in recorded.decisions:
            if decision.shadow:
                continue
            self._metrics.decisions.labels(decision.level).inc()
            body = msgspec.to_builtins(decision)
            self._feed.publish(
                "decision", body, device=decision.source, person=decision.scope if decision.kind == "person" else None
            )
        for row in recorded.moved:
            self.command_moved(row)
        for offered in recorded.recommendations:
            told = asdict(offered) | {"status": OPEN}
            self._feed.publish("recommendation", told, device=None, person=told.pop("person"))

    def stored(self, events: Sequence[Event], touched: Iterable[str]) -> None:
        with self._lock:
            self._changed.update(touched)
        for event in events:
            self._tell("event", event.source, msgspec.to_builtins(event))

    def status_reported(self, entry: Entry, *, online: bool, at: Instant) -> None:
        if self._online.get(entry.id) is not online:
            self._online[entry.id] = online
            self._tell("presence", entry.id, {"online": online, "at": at})

    def command_moved(self, row: CommandRow) -> None:
        """A command has come further."""
        self._metrics.commands.labels(row.status).inc()
        body: dict[str, Any] = row.model_dump(include={"id", "type", "args", "status", "reason", "decision_id"})
        self._tell("command", row.device_id, body | {"updated_at": row.updated_at})

    def recommendations_moved(self, rows: Iterable[RecommendationRow]) -> None:
        """Recommendations were taken, dismissed, withdrawn, or have expired."""
        for row in rows:
            told = row.model_dump(include={"id", "rule", "catalogue", "item", "status", "updated_at"})
            self._feed.publish("recommendation", told, device=None, person=row.person_id)

    def tell_twins(self) -> None:
        """Tell the newest state of every twin that changed since the last time."""
        with self._lock:
            changed, self._changed = self._changed, set()
        if not self._feed.listened_to:
            return
        for device in changed:
            twin = self._registry.twins[device]
            reported = {
                name: {"value": sample.value, "at": sample.observed_at} for name, sample in list(twin.reported.items())
            }
            self._tell("twin", device, {"version": twin.version, "reported": reported}, numbered=False)

    def _tell(self, kind: str, device: str, body: dict[str, Any], *, numbered: bool = True) -> None:
        entry = self._registry.entries.get(device)
        self._feed.publish(kind, body, device=device, person=entry.owner if entry else None, numbered=numbered)
