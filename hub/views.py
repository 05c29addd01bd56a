"""Views: the one way to read what devices said, through the gate of consent.

The API gets at telemetry only by asking `Gate.use` for a purpose; what it gets back is a `View` of one person or device, or
`Denied`. Reading somebody else's data is put on record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple

from devices.errors import NotFound
from devices.model import Metric
from devices.sample import Event, Instant
from hub.features.keeper import Keeper
from hub.peers.peers import Among, MonthAmong, Peers
from hub.registry import Registry
from hub.store.fleet import Fleet
from hub.store.ledger import Ledger
from hub.store.tables import UsageRow
from hub.telemetry import AGGS, FAR_FUTURE, Agg, Day, Point, Span, TelemetryStore, Window
from rules.cohorts import Dimension
from rules.consent import permit
from rules.daily import Columns
from rules.features import FEATURES, Feature

__all__ = ["AGGS", "Agg", "Among", "Day", "Denied", "Gate", "MonthAmong", "Point", "Reader", "View", "Window"]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who wants to read, for what, and where they asked."""

    name: str
    person: str | None
    purpose: str
    path: str


@dataclass(frozen=True, slots=True)
class Denied:
    """The gate does not open, and why."""

    reason: str


class Kept(NamedTuple):
    """Whose features may be seen, of which categories."""

    keeper: Keeper
    peers: Peers
    person: str
    categories: frozenset[str]


class Seen(NamedTuple):
    """Which metrics may be seen, of which sources and when."""

    spans: Sequence[Span]
    metrics: dict[str, Metric]


class View:
    """What may be seen of some sources; those are found when they are asked for."""

    def __init__(self, telemetry: TelemetryStore, look: Callable[[], Seen], kept: Kept | None = None) -> None:
        self._telemetry, self._look, self._kept = telemetry, look, kept

    @property
    def metrics(self) -> dict[str, Metric]:
        """The metrics that may be seen, by name."""
        return self._seen.metrics

    @property
    def _spans(self) -> Sequence[Span]:
        return self._seen.spans

    @cached_property
    def _seen(self) -> Seen:
        return self._look()

    def raw(self, metric: str, window: Window) -> list[Point]:
        """Every sample, oldest first."""
        return self._telemetry.raw(self._spans, metric, window)

    def buckets(self, metric: str, window: Window, *, every: Instant, agg: Agg) -> list[Point]:
        """One point for each `every` milliseconds that has samples."""
        return self._telemetry.buckets(self._spans, metric, window, every=every, agg=agg)

    def days(self, metric: str, first: date, last: date) -> list[Day]:
        """Daily rollups, by day and source."""
        return self._telemetry.days(self._spans, metric, first, last)

    def features(self, first: date, last: date, *, fresh: bool = True) -> Columns:
        """Daily features of a person, a value for each day, NaN where there is none; none at all of a device.

        Where many people are looked at, not `fresh` spares the wait: the day that goes on is then left out.
        """
        if self._kept is None:
            return {}
        found = self._kept.keeper.days(self._kept.person, first, last, fresh=fresh)
        return {name: found[name] for name in found if FEATURES[name].category in self._kept.categories}

    def among(self, feature: Feature, by: Iterable[Dimension]) -> Among:
        """Where a person stands among people like them. Raises `Invalid`."""
        if self._kept is None or feature.category not in self._kept.categories:
            return Among(None, missing="days")
        return self._kept.peers.among(self._kept.person, feature, by)

    def index_parts(self, day: date) -> dict[str, float]:
        """The parts of a person's health index on a day, as far as they are known."""
        return self._kept.keeper.index_parts(self._kept.person, day) if self._kept else {}

    def first_day(self) -> date | None:
        """The first day of which there are features."""
        bounds = self._kept.keeper.bounds(self._kept.person) if self._kept else None
        return bounds[0] if bounds else None

    def events(self, window: Window) -> list[Event]:
        """Events, newest first."""
        return self._telemetry.events(self._spans, window)


class Gate:
    """Opens views. What is not known, or not allowed for the purpose, is not shown."""

    def __init__(
        self,
        *,
        registry: Registry,
        fleet: Fleet,
        ledger: Ledger,
        telemetry: TelemetryStore,
        keeper: Keeper,
        peers: Peers,
    ) -> None:
        self._registry, self._fleet, self._ledger, self._telemetry = registry, fleet, ledger, telemetry
        self._keeper, self._peers = keeper, peers

    def person(self, person: str, reader: Reader) -> View | Denied:
        """All devices of a person, each for as long as it was theirs."""
        if person not in self._registry.subjects:
            raise NotFound(f"there is no person {person}")
        return self._open(lambda: self._owned(person), reader, subject=person, featured=True)

    def device(self, device: str, reader: Reader) -> View | Denied:
        """One device. Raises `NotFound`."""
        entry = self._registry.entries.get(device)
        if entry is None:
            raise NotFound(f"there is no device {device}")
        return self._open(lambda: [Span(device)], reader, subject=entry.owner)

    def _open(
        self, spans: Callable[[], Sequence[Span]], reader: Reader, *, subject: str | None, featured: bool = False
    ) -> View | Denied:
        granted = self._registry.granted.get(subject or "", frozenset())
        categories = permit(reader.purpose, registered=True, granted=granted)
        if not categories:
            return Denied(f"the purpose {reader.purpose!r} is not allowed; people allow it themselves: PUT …/consents")
        kept = Kept(self._keeper, self._peers, subject, categories) if featured and subject is not None else None
        view = View(self._telemetry, lambda: self._seen(spans(), categories), kept)
        if subject is not None and subject != reader.person:
            self._record(reader, subject, sorted({metric.spec.category for metric in view.metrics.values()}))
        return view

    def _seen(self, spans: Sequence[Span], categories: frozenset[str]) -> Seen:
        entries = [self._registry.entries[span.source] for span in spans if span.source in self._registry.entries]
        metrics = {
            name: metric
            for entry in entries
            for name, metric in entry.model.metrics.items()
            if metric.spec.category in categories
        }
        return Seen(spans, metrics)

    def _owned(self, person: str) -> list[Span]:
        return [
            Span(device, since, FAR_FUTURE if until is None else until)
            for device, since, until in self._fleet.owned(person)
        ]

    def _record(self, reader: Reader, subject: str, categories: Sequence[str]) -> None:
        usage = UsageRow(
            at=time.time_ns() // 1_000_000,
            reader=reader.name,
            subject=subject,
            purpose=reader.purpose,
            categories=" ".join(categories),
            path=reader.path,
        )
        self._ledger.record_usage(usage)
