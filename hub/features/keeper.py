"""The keeper of daily features: finds those of days of which something came in, behind the pipeline's work.

What came in marks its day stale, in the telemetry store and with the rollups; the days that it bears on are found anew from
telemetry, as a whole and by the same function as a rebuild of everything. So what is kept is always what history says, and a
crash only means finding some days again. Days that go on are found once an hour, or when somebody asks.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np

from devices.sample import DAY, Instant
from hub.features.store import FeatureStore
from hub.registry import Registry
from hub.store.accounts import Accounts
from hub.store.fleet import Fleet
from hub.telemetry import FAR_FUTURE, Scan, Span, Stale, TelemetryStore, Window
from rules.daily import LISTENED, WORKOUT, Columns, Observed, Strand, Wearer, features_of, needed
from rules.derived import LOOK_BACK_DAYS, Body, derived
from rules.stays import Stay
from rules.subject import recommended_max_heart_rate

BEARS_ON = (-1, 4)
"""A UTC day bears on the days from one before to four after it: other zones, nights, and what a day looks back on."""
GO_ON_EVERY_S = 3600.0
KEPT_RAW_DAYS = 390
"""Of days longer ago the raw data may be gone; what was found of them stays as it is."""
AT_ONCE_DAYS = 200
"""So many days are found at a time, with their samples in memory."""
EVENTS_LIMIT = 100_000
ASLEEP = frozenset({"light", "deep", "rem"})
EPOCH = date(1970, 1, 1).toordinal()


class Keeper:
    """Any thread; finds one person's features at a time."""

    def __init__(
        self,
        registry: Registry,
        accounts: Accounts,
        fleet: Fleet,
        telemetry: TelemetryStore,
        store: FeatureStore,
        *,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        """`today` is the date in UTC."""
        self._registry, self._accounts, self._fleet = registry, accounts, fleet
        self._telemetry, self.store, self._today = telemetry, store, today
        self._keeping = threading.Lock()
        self._last_found: dict[str, float] = {}
        self.on_kept: Callable[[str, date, date], None] = lambda *_: None
        """Hears of whom, and of which days, there are new features."""

    def days(self, person: str, first: date, last: date, *, fresh: bool = True) -> Columns:
        """All features of a person, a value for each day from `first` to `last`, NaN where there is none.

        Up to date if `fresh`, which takes its time while data comes in; else what the last hour may still change is as it was.
        """
        if fresh:
            self.refresh(person)
        since = first - timedelta(days=LOOK_BACK_DAYS)
        found = derived(self.store.days(person, since, last), self.body(person), first=since)
        return {name: column[LOOK_BACK_DAYS:] for name, column in found.items()}

    def bounds(self, person: str) -> tuple[date, date] | None:
        """The first and the last day of which there are features; `None` where there are none."""
        self.refresh(person)
        return self.store.bounds(person)

    def refresh(self, person: str | None = None) -> int:
        """Find what is stale: of one person, or of everybody, their days that go on now and then; how many people that were."""
        with self._keeping:
            stale = self._by_person(self._telemetry.stale(), person)
            for each, days in stale.items():
                if each is not None:
                    self._find_stale(each, days)
                self._telemetry.settle(days)
            return len(stale)

    def refind(self, person: str) -> None:
        """Find everything of a person anew: what is known of them changed."""
        with self._keeping:
            self._rebuild(person)

    def rebuild(self, people: Iterable[str]) -> Iterator[tuple[str, int]]:
        """Find everything anew from history; person by person, and how many samples that took."""
        for person in people:
            with self._keeping:
                yield person, self._rebuild(person)

    def body(self, person: str) -> Body:
        """What derived features must know of a person."""
        known = self._accounts.person(person)
        return Body(np.array(known.birth_year or np.nan), np.array((known.height_cm or np.nan) / 100))

    def wearer(self, person: str) -> Wearer:
        """What features must know of a person."""
        stays = [Stay(stay.since, stay.timezone) for stay in self._accounts.stays(person)]
        home = self._accounts.person(person).home_id
        zone = self._accounts.home(home).timezone if home else "UTC"
        if not stays or stays[0].since > 0:
            stays.insert(0, Stay(0, zone))
        return Wearer(stays, self._highest(person))

    def _highest(self, person: str) -> Callable[[date], float | None]:
        subject = self._registry.subjects[person]
        return lambda day: recommended_max_heart_rate(subject, (day.toordinal() - EPOCH) * DAY)

    def _by_person(self, stale: Sequence[Stale], wanted: str | None) -> dict[str | None, list[Stale]]:
        """Stale days by the person whose device it is; those that go on only if asked for, or found long enough ago."""
        owners = {entry.id: entry.owner for entry in list(self._registry.entries.values())}
        today = self._today().toordinal() - EPOCH
        grouped: dict[str | None, list[Stale]] = defaultdict(list)
        for each in stale:
            owner = owners.get(each.source)
            if wanted is None and each.day >= today and time.monotonic() < self._last_found.get(owner or "", 0.0):
                continue
            if wanted in (None, owner):
                grouped[owner].append(each)
        return grouped

    def _find_stale(self, person: str, days: Sequence[Stale]) -> None:
        self._last_found[person] = time.monotonic() + GO_ON_EVERY_S
        oldest = self._today().toordinal() - KEPT_RAW_DAYS
        low, high = BEARS_ON
        wanted = {each.day + EPOCH + near for each in days for near in range(low, high + 1)}
        for first, last in _runs(sorted(day for day in wanted if day >= oldest)):
            self._find(person, date.fromordinal(first), date.fromordinal(last))

    def _rebuild(self, person: str) -> int:
        """Everything of which there still is raw data."""
        spans = self._spans(person)
        today = self._today()
        first = today - timedelta(days=KEPT_RAW_DAYS)
        known = [day.day for metric in LISTENED for day in self._telemetry.days(spans, metric, first, today)]
        if not known:
            return 0
        first, last = min(known) - timedelta(days=1), max(known) + timedelta(days=1)
        return sum(
            self._find(person, date.fromordinal(low), date.fromordinal(high))
            for low, high in _runs(list(range(first.toordinal(), last.toordinal() + 1)))
        )

    def _find(self, person: str, first: date, last: date) -> int:
        """Find and keep the features of some days; how many samples that took."""
        wearer = self.wearer(person)
        since, until = needed(wearer.stays, first, last)
        observed, count = self._observed(self._spans(person), since, until)
        self.store.keep(person, first, features_of(observed, wearer, first=first, last=last))
        self.on_kept(person, first, last)
        return count

    def _spans(self, person: str) -> list[Span]:
        """A person's devices, the most trusted first: the one acquired last."""
        owned = self._fleet.trusted(person)
        return [Span(each.device_id, each.since, FAR_FUTURE if each.until is None else each.until) for each in owned]

    def _observed(self, spans: Sequence[Span], since: Instant, until: Instant) -> tuple[Observed, int]:
        scan = self._telemetry.scan(spans, LISTENED, since=since, until=until)
        events = self._telemetry.events(spans, Window(since, until, limit=EVENTS_LIMIT))
        order = list(dict.fromkeys(span.source for span in spans))
        ended = [
            np.array(sorted(event.observed_at for event in events if event.source == source and event.type == WORKOUT))
            for source in order
        ]
        resets = frozenset(
            name
            for model in self._registry.models.values()
            for name, metric in model.metrics.items()
            if metric.spec.kind == "counter" and metric.spec.resets == "daily"
        )
        workouts = [each.astype(np.int64) for each in ended if len(each)]
        return Observed(_strands(scan, order), workouts, resets), len(scan.at)


def _strands(scan: Scan, order: Sequence[str]) -> dict[str, list[Strand]]:
    """A scan's samples by metric, then by source in the order of trust."""
    asleep = np.array([text in ASLEEP for text in scan.texts] + [False])
    value = np.where(scan.text >= 0, asleep[scan.text].astype(np.float64), scan.value)
    trusted = sorted(range(len(scan.sources)), key=lambda place: order.index(scan.sources[place]))
    strands: dict[str, list[Strand]] = {}
    for number, metric in enumerate(LISTENED):
        of_metric = scan.metric == number
        chosen = (of_metric & (scan.source == source) for source in trusted)
        strands[metric] = [Strand(scan.at[rows], value[rows]) for rows in chosen if rows.any()]
    return strands


def _runs(days: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Days in a row, as first and last, at most `AT_ONCE_DAYS` each."""
    first = last = None
    for day in days:
        if first is None or last is None or day != last + 1 or day - first >= AT_ONCE_DAYS:
            if first is not None and last is not None:
                yield first, last
            first = day
        last = day
    if first is not None and last is not None:
        yield first, last
