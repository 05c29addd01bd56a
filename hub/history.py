"""What happened in a scope, read from the telemetry store for replay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from devices.sample import Event, Instant
from hub.registry import Registry
from hub.store.fleet import Fleet
from hub.telemetry import FAR_FUTURE, Scan, Span, TelemetryStore, Window
from rules.consent import SERVICE
from rules.engine import MADE_BY_RULE
from rules.program import Program
from rules.replay import History
from rules.subject import Origin, Subject
from rules.view import OFFLINE

EVENTS_LIMIT = 1_000_000


class Histories:
    """Reads; keeps nothing. Any thread."""

    def __init__(self, registry: Registry, fleet: Fleet, telemetry: TelemetryStore) -> None:
        self._registry, self._fleet, self._telemetry = registry, fleet, telemetry

    def scopes(self, program: Program) -> list[Subject]:
        """Every scope that a rule may be about, by id; places only as they show up in events."""
        known: Iterable[Subject | None]
        match program.rule.scope.each:
            case "person":
                known = list(self._registry.subjects.values())
            case "home":
                known = list(self._registry.homes.values())
            case "device":
                known = [self._registry.subject("device", device) for device in list(self._registry.entries)]
            case _:
                known = []
        allowed = (each for each in known if each is not None and self._begins(program, each.id) is not None)
        return sorted(allowed, key=lambda subject: subject.id)

    def touched(self, program: Program, *, since: Instant, until: Instant) -> list[Subject]:
        """Those scopes of which anything may have been heard: where thousands are silent, few pasts need to be read."""
        heard = {sample.source for sample in self._telemetry.latest()}
        ids = self._about(program.rule.scope.each, heard)
        spans = [Span(device) for device in list(self._registry.entries)] if program.events else []
        for event in self._telemetry.events(spans, Window(since, until, limit=EVENTS_LIMIT)) if spans else ():
            around = self._registry.of_event(event) if event.type in program.events else None
            ids |= {each.id for each in around.scopes(program.rule.scope.each)} if around is not None else set()
        return [each for each in self.scopes(program) if each.id in ids]

    def _about(self, kind: str, sources: set[str]) -> set[str]:
        """The scopes that samples of some devices may be about, ever."""
        if kind == "device":
            return sources
        owners = {each.person_id for each in self._fleet.ownerships() if each.device_id in sources}
        if kind == "person":
            return owners
        stand_in = {entry.home for source in sources if (entry := self._registry.entries.get(source)) is not None}
        return stand_in | {home.id for home in list(self._registry.homes.values()) if owners.intersection(home.members)}

    def of(self, program: Program, subject: Subject, *, since: Instant, until: Instant) -> History:
        """Everything the rule listens to, of one scope, for as long as it may."""
        begins = self._begins(program, subject.id)
        begins = until if begins is None else begins
        since = max(since, begins)
        metrics = sorted(program.metrics)
        spans = self._spans(program.rule.scope.each, subject.id)
        scan = self._telemetry.scan(spans, metrics, since=since, until=until)
        events = self._events(program, subject, since=since, until=until) if program.events else []
        return replace(_joined(scan, events, metrics, self._registry), begins=begins)

    def _begins(self, program: Program, scope: str) -> Instant | None:
        """Since when a rule may look at a scope; `None` if it may not."""
        purpose = program.rule.purpose
        return 0 if purpose == SERVICE else self._registry.grants.get((scope, purpose))

    def _spans(self, kind: str, scope: str) -> list[Span]:
        match kind:
            case "person":
                owned = self._fleet.ownerships(scope)
                return [
                    Span(each.device_id, each.since, FAR_FUTURE if each.until is None else each.until) for each in owned
                ]
            case "device":
                return [Span(scope)]
            case "home":
                home = self._registry.homes.get(scope)
                members = frozenset(home.members if home is not None else ())
                entries = list(self._registry.entries.values())
                return [Span(each.id) for each in entries if each.home == scope or each.owner in members]
            case _:
                return []

    def _events(self, program: Program, subject: Subject, *, since: Instant, until: Instant) -> list[Event]:
        """Events are about whom they say they are about, whichever device they come from."""
        kind = program.rule.scope.each
        own = program.events <= {OFFLINE}
        spans = self._spans(kind, subject.id) if own else [Span(device) for device in list(self._registry.entries)]
        found = self._telemetry.events(spans, Window(since, until, limit=EVENTS_LIMIT))
        return [
            event
            for event in reversed(found)
            if event.type in program.events
            and not event.id.startswith(MADE_BY_RULE)
            and (around := self._registry.of_event(event)) is not None
            and any(each.id == subject.id for each in around.scopes(kind))
        ]


def _joined(scan: Scan, events: list[Event], metrics: list[str], registry: Registry) -> History:
    """Samples and events in one order of time; of the same instant the samples first."""
    origins = [_origin(source, registry) for source in scan.sources]
    count = len(scan.at) + len(events)
    at = np.concatenate([scan.at, np.array([event.observed_at for event in events], dtype=np.int64)])
    order = np.argsort(at, kind="stable")
    places: dict[int, Event] = {}
    source = np.zeros(count, np.int32)
    source[: len(scan.at)] = scan.source
    for number, event in enumerate(events, start=len(scan.at)):
        around = registry.of_event(event)
        origins.append(around.origin if around is not None else Origin(event.source))
        source[number] = len(origins) - 1
        places[number] = event
    metric = np.concatenate([scan.metric, np.full(len(events), -1, np.int16)])
    value = np.concatenate([scan.value, np.full(len(events), np.nan)])
    text = np.concatenate([scan.text, np.full(len(events), -1, np.int32)])
    moved = {int(old): new for new, old in enumerate(order) if old >= len(scan.at)}
    return History(
        at[order],
        metric[order],
        source[order],
        value[order],
        text[order],
        tuple(metrics),
        tuple(origins),
        tuple(scan.texts),
        {moved[old]: event for old, event in places.items()},
    )


def _origin(source: str, registry: Registry) -> Origin:
    around = registry.of(source)
    return around.origin if around is not None else Origin(source)
