"""What people's devices observed, read from the telemetry store for daily features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.sample import Event
from hub.registry import Registry
from hub.store.accounts import Accounts
from hub.store.fleet import Fleet
from hub.telemetry import FAR_FUTURE, Scan, Span, TelemetryStore, Window
from rules.daily import LISTENED, WORKOUT, Observed, Strand, Wearer, needed
from rules.stays import Stay

EVENTS_LIMIT = 1_000_000
ASLEEP = frozenset({"light", "deep", "rem"})


class Part(NamedTuple):
    """What bears on the days from `first` to `last` of a person."""

    person: str
    observed: Observed
    wearer: Wearer
    first: date
    last: date

    @property
    def samples(self) -> int:
        """How many samples that are."""
        return sum(len(strand.at) for strands in self.observed.strands.values() for strand in strands)


class Observations:
    """Reads; keeps nothing. Any thread."""

    def __init__(self, registry: Registry, accounts: Accounts, fleet: Fleet, telemetry: TelemetryStore) -> None:
        self._registry, self._accounts, self._fleet, self._telemetry = registry, accounts, fleet, telemetry
        self._resets = frozenset(
            name
            for model in registry.models.values()
            for name, metric in model.metrics.items()
            if metric.spec.kind == "counter" and metric.spec.resets == "daily"
        )

    def of(self, people: Sequence[str], first: date, last: date) -> Iterator[Part]:
        """What bears on some days of people: read at once for all of them, since the store has them side by side."""
        wearers = {person: self._wearer(person) for person in people}
        spans = {person: self._spans(person) for person in people}
        borne = [needed(wearer.stays, first, last) for wearer in wearers.values()]
        since, until = min(begin for begin, _ in borne), max(end for _, end in borne)
        everything = [span for several in spans.values() for span in several]
        scan = self._telemetry.scan(everything, LISTENED, since=since, until=until)
        events = self._telemetry.events(everything, Window(since, until, limit=EVENTS_LIMIT))
        for person in people:
            yield Part(person, self._observed(scan, events, spans[person]), wearers[person], first, last)

    def known(self, people: Sequence[str], oldest: date, newest: date) -> tuple[date, date] | None:
        """The first and the last day of which devices of people said anything."""
        spans = [span for person in people for span in self._spans(person)]
        days = [day.day for metric in LISTENED for day in self._telemetry.days(spans, metric, oldest, newest)]
        return (min(days), max(days)) if days else None

    def _wearer(self, person: str) -> Wearer:
        stays = [Stay(stay.since, stay.timezone) for stay in self._accounts.stays(person)]
        if not stays or stays[0].since > 0:
            home = self._accounts.person(person).home_id
            stays.insert(0, Stay(0, self._accounts.home(home).timezone if home else "UTC"))
        return Wearer(stays, self._registry.subjects[person].birth_year)

    def _spans(self, person: str) -> list[Span]:
        """A person's devices, the most trusted first: the one acquired last."""
        owned = self._fleet.trusted(person)
        return [Span(each.device_id, each.since, FAR_FUTURE if each.until is None else each.until) for each in owned]

    def _observed(self, scan: Scan, events: Sequence[Event], spans: Sequence[Span]) -> Observed:
        places = {source: place for place, source in enumerate(scan.sources)}
        strands: dict[str, list[Strand]] = {metric: [] for metric in LISTENED}
        for span in spans:
            if span.source in places:
                rows = np.flatnonzero(scan.source == places[span.source])
                rows = rows[(scan.at[rows] >= span.since) & (scan.at[rows] < span.until)]
                _unravel(scan, rows, strands)
        ended = [
            sorted(each.observed_at for each in events if each.type == WORKOUT and _within(each, span))
            for span in spans
        ]
        return Observed(strands, [np.array(each, np.int64) for each in ended if each], self._resets)


def _unravel(scan: Scan, rows: NDArray[np.intp], strands: dict[str, list[Strand]]) -> None:
    """Put some rows of a scan into a strand for each metric, behind those of more trusted sources."""
    at, metric, text = scan.at[rows], scan.metric[rows], scan.text[rows]
    asleep = np.array([each in ASLEEP for each in scan.texts] + [False], np.float64)
    value = np.where(text >= 0, asleep[text], scan.value[rows])
    for number, name in enumerate(LISTENED):
        if (chosen := metric == number).any():
            strands[name].append(Strand(at[chosen], value[chosen]))


def _within(event: Event, span: Span) -> bool:
    return event.source == span.source and span.since <= event.observed_at < span.until
