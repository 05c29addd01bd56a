"""What happened in a scope, read from the telemetry store for replay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from devices.sample import Event, Instant
from hub.registry import Registry
from hub.store.fleet import Fleet
from hub.store.ledger import Ledger
from hub.telemetry import FAR_FUTURE, Scan, Span, TelemetryStore, Window
from rules.chain import DEPTH_LIMIT, MADE_BY_RULE, Link, links
from rules.consent import SERVICE
from rules.decision import Decision
from rules.program import Program
from rules.replay import History
from rules.subject import Origin, Subject
from rules.view import OFFLINE, TraitSet

EVENTS_LIMIT = 1_000_000


class _Told(NamedTuple):
    """An event, or what another rule did, and how many had set each other off by then; 0 for what a device said."""

    link: Link
    origin: Origin
    depth: int = 0


class Histories:
    """Reads; keeps nothing. Any thread."""

    def __init__(self, registry: Registry, fleet: Fleet, telemetry: TelemetryStore, ledger: Ledger) -> None:
        self._registry, self._fleet, self._telemetry, self._ledger = registry, fleet, telemetry, ledger

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
                known = self._places(program)
        allowed = (each for each in known if each is not None and self._begins(program, each.id) is not None)
        return sorted(allowed, key=lambda subject: subject.id)

    def _places(self, program: Program) -> list[Subject]:
        """The places that show up in the events a rule listens to."""
        found = self._telemetry.events(
            [Span(device) for device in list(self._registry.entries)], Window(0, FAR_FUTURE, limit=EVENTS_LIMIT)
        )
        arounds = (self._registry.of_event(event) for event in found if event.type in program.events)
        return list(
            {each.id: each for around in arounds if around is not None for each in around.scopes("place")}.values()
        )

    def touched(self, program: Program, *, since: Instant, until: Instant) -> list[Subject]:
        """Those scopes of which anything may have been heard: where thousands are silent, few pasts need to be read."""
        heard = {sample.source for sample in self._telemetry.latest()}
        ids = self._about(program.rule.scope.each, heard)
        spans = [Span(device) for device in list(self._registry.entries)] if program.events else []
        for event in self._telemetry.events(spans, Window(since, until, limit=EVENTS_LIMIT)) if spans else ():
            around = self._registry.of_event(event) if event.type in program.events else None
            ids |= {each.id for each in around.scopes(program.rule.scope.each)} if around is not None else set()
        for decision in self._ledger.chained(since=since, until=until) if program.traits else ():
            ids.add(decision.scope)
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
        told = [_Told(event, self._origin(event)) for event in events]
        told += self._chained(program, subject, since=since, until=until)
        return replace(_joined(scan, told, metrics, self._registry), begins=begins)

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

    def _chained(self, program: Program, subject: Subject, *, since: Instant, until: Instant) -> list[_Told]:
        """What other rules did that this one heard of: what they did then, not what they would do today."""
        published = program.events - {OFFLINE}
        if not (program.traits or published):
            return []
        scope = None if published else subject.id
        return [
            _Told(link, self._source_of(decision), decision.depth + 1)
            for decision in self._ledger.chained(since=since, until=until, scope=scope)
            if decision.rule != program.id and decision.depth < DEPTH_LIMIT
            for link in links(decision)
            if program.hears(link) and self._concerns(decision, link, program.rule.scope.each, subject)
        ]

    def _concerns(self, decision: Decision, link: Link, kind: str, subject: Subject) -> bool:
        """Traits are of the scope that was decided about; events are about everything around whatever led to them."""
        if decision.kind == kind or isinstance(link, TraitSet):
            return (decision.kind, decision.scope) == (kind, subject.id)
        around = self._registry.of(decision.source)
        return around is not None and any(each.id == subject.id for each in around.scopes(kind))

    def _source_of(self, decision: Decision) -> Origin:
        return _origin(decision.source, self._registry) if decision.source else Origin("")

    def _origin(self, event: Event) -> Origin:
        around = self._registry.of_event(event)
        return around.origin if around is not None else Origin(event.source)


def _joined(scan: Scan, told: list[_Told], metrics: list[str], registry: Registry) -> History:
    """Samples and what else was told in one order of time; of the same instant the samples first."""
    origins = [_origin(source, registry) for source in scan.sources]
    first = len(scan.at)
    at = np.concatenate([scan.at, np.array([each.link.observed_at for each in told], dtype=np.int64)])
    order = np.argsort(at, kind="stable")
    source = np.concatenate([scan.source, np.arange(len(origins), len(origins) + len(told), dtype=np.int32)])
    metric = np.concatenate([scan.metric, np.full(len(told), -1, np.int16)])
    value = np.concatenate([scan.value, np.full(len(told), np.nan)])
    text = np.concatenate([scan.text, np.full(len(told), -1, np.int32)])
    placed = {new: told[int(old) - first] for new, old in enumerate(order) if old >= first} if told else {}
    return History(
        at[order],
        metric[order],
        source[order].astype(np.int32),
        value[order],
        text[order],
        tuple(metrics),
        (*origins, *(each.origin for each in told)),
        tuple(scan.texts),
        {row: each.link for row, each in placed.items() if isinstance(each.link, Event) and not each.depth},
        linked={row: (each.link, each.depth) for row, each in placed.items() if each.depth},
    )


def _origin(source: str, registry: Registry) -> Origin:
    around = registry.of(source)
    return around.origin if around is not None else Origin(source)
