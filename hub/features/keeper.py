"""The keeper of daily features: finds those of days of which something came in, behind the pipeline's work.

What came in marks its day stale, in the telemetry store and with the rollups; the days that it bears on are found anew from
telemetry, as a whole and by the same function as a rebuild of everything. So what is kept is always what history says, and a
crash only means finding some days again. Days that go on are found when somebody asks.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from hub.features.observations import Observations, Part
from hub.features.store import FeatureStore, Told
from hub.registry import Registry
from hub.store.accounts import Accounts
from hub.store.fleet import Fleet
from hub.telemetry import Stale, TelemetryStore
from hub.workers import spread
from rules.daily import KEPT, Columns, features_of
from rules.derived import LOOK_BACK_DAYS, Body, components, derived

BEARS_ON = (-1, 4)
"""A UTC day bears on the days from one before to four after it: other zones, nights, and what a day looks back on."""
AT_ONCE_PEOPLE = 10
"""So many people's samples are read at a time."""
KEPT_RAW_DAYS = 390
"""Of days longer ago the raw data may be gone; what was found of them stays as it is."""
AT_ONCE_DAYS = 200
"""So many days are found at a time, with their samples in memory."""
EARLIEST = date(2000, 1, 1)
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
        self._registry, self._accounts = registry, accounts
        self._telemetry, self.store, self._today = telemetry, store, today
        self._observations = Observations(registry, accounts, fleet, telemetry)
        self._keeping = threading.Lock()
        self.on_kept: Callable[[Sequence[str], date, date], None] = lambda *_: None
        """Hears of whom, and of which days, there are new features."""

    def days(self, person: str, first: date, last: date, *, fresh: bool = True) -> Columns:
        """All features of a person, a value for each day from `first` to `last`, NaN where there is none.

        Up to date if `fresh`; else without the day that goes on, and what came in of others lately.
        """
        if fresh:
            self.refresh(person)
        found = self.kept([person], first - timedelta(days=LOOK_BACK_DAYS), last)
        return {name: column[0, LOOK_BACK_DAYS:] for name, column in found.items()}

    def kept(self, people: Sequence[str], first: date, last: date) -> Columns:
        """All features of people as they are kept [people, days]; derived ones are right from `LOOK_BACK_DAYS` on."""
        return derived(self.store.days_of(people, first, last), self._body(people), first=first)

    def index_parts(self, person: str, day: date) -> dict[str, float]:
        """The parts of the health index on a day, 0 to 100 points, as far as they are known."""
        since = day - timedelta(days=LOOK_BACK_DAYS)
        parts = components(self.store.days_of([person], since, day), self._body([person]))
        return {name: float(points[0, -1]) for name, points in parts.items() if not np.isnan(points[0, -1])}

    def bounds(self, person: str) -> tuple[date, date] | None:
        """The first and the last day of which there are features; `None` where there are none."""
        self.refresh(person)
        return self.store.bounds(person)

    def refresh(self, person: str) -> None:
        """Find what is stale of a person, the day that goes on too."""
        self._telemetry.roll()
        with self._keeping:
            self._settle(person, self._by_owner(self._telemetry.stale()).get(person, []))

    def keep_up(self) -> int:
        """Find what is stale of days that are over, of some people at a time; how many are left."""
        today = self._today().toordinal() - EPOCH
        over = self._by_owner([each for each in self._telemetry.stale() if each.day < today])
        for person, days in list(over.items())[:AT_ONCE_PEOPLE]:
            with self._keeping:
                self._settle(person, days)
        return max(len(over) - AT_ONCE_PEOPLE, 0)

    def refind(self, person: str) -> None:
        """Find everything of a person anew: what is known of them changed."""
        for _ in self.rebuild([person]):
            pass

    def rebuild(self, people: Sequence[str], *, cores: int | None = 1) -> Iterator[tuple[str, int]]:
        """Find everything anew, on so many cores, `None` for all.

        Answers person by person, for as many days as are found at a time, with how many samples that took.
        """
        work = ((_found, (part,)) for part in self._parts(people))
        for person, first, columns, samples in spread(work, cores=cores, count=len(people)):
            with self._keeping:
                self._keep(person, first, columns)
            yield person, samples

    def take_in(
        self, people: Sequence[str], days: NDArray[np.int32], columns: Mapping[str, NDArray[np.float64]]
    ) -> Told:
        """Take in days that somebody else has found: a row each, of a person and day (ordinal)."""
        with self._keeping:
            told = self.store.tell(people, days, columns)
            if told.people:
                first, last = (
                    min(each[0] for each in told.people.values()),
                    max(each[1] for each in told.people.values()),
                )
                self.on_kept(list(told.people), first, last)
            return told

    def _body(self, people: Sequence[str]) -> Body:
        known = self._accounts.people_of(people)
        years = np.array([[known[person].birth_year or np.nan] for person in people])
        return Body(years, np.array([[known[person].height_cm or np.nan] for person in people]) / 100)

    def _by_owner(self, stale: Sequence[Stale]) -> dict[str | None, list[Stale]]:
        """Stale days by the person whose device it is, those of nobody among them."""
        entries = self._registry.entries
        grouped: dict[str | None, list[Stale]] = defaultdict(list)
        for each in stale:
            entry = entries.get(each.source)
            grouped[entry.owner if entry is not None else None].append(each)
        return grouped

    def _settle(self, person: str | None, days: Sequence[Stale]) -> None:
        if person is not None:
            for first, last in self._borne_on(days):
                for part in self._observations.of([person], first, last):
                    self._keep(*_found(part)[:3])
        if days:
            self._telemetry.settle(days)

    def _borne_on(self, days: Sequence[Stale]) -> Iterator[tuple[date, date]]:
        """The days on which stale ones bear, as first and last of several in a row."""
        today = self._today().toordinal()
        low, high = BEARS_ON
        wanted = {each.day + EPOCH + near for each in days for near in range(low, high + 1)}
        return _runs(sorted(day for day in wanted if day <= today + 1))

    def _keep(self, person: str, first: date, columns: Columns) -> None:
        last = first + timedelta(days=len(columns[KEPT[0]]) - 1)
        if first < (oldest := self._today() - timedelta(days=KEPT_RAW_DAYS)):
            columns = self._beside_old(person, first, columns, days=(oldest - first).days)
        self.store.keep(person, first, columns)
        self.on_kept([person], first, last)

    def _beside_old(self, person: str, first: date, columns: Columns, *, days: int) -> Columns:
        """Of the first `days`, what was found before stays."""
        last = first + timedelta(days=len(columns[KEPT[0]]) - 1)
        before = self.store.observed(person, first, last)
        old = np.arange(len(columns[KEPT[0]])) < days
        return {name: np.where(old & ~np.isnan(before[name]), before[name], columns[name]) for name in KEPT}

    def _parts(self, people: Sequence[str]) -> Iterator[Part]:
        today = self._today()
        for start in range(0, len(people), AT_ONCE_PEOPLE):
            group = people[start : start + AT_ONCE_PEOPLE]
            if (known := self._observations.known(group, EARLIEST, today)) is not None:
                for first, last in _runs(range(known[0].toordinal() - 1, known[1].toordinal() + 2)):
                    yield from self._observations.of(group, first, last)


def _found(part: Part) -> tuple[str, date, Columns, int]:
    """Whose features, from which day on, which, and of how many samples: what another process answers."""
    found = features_of(part.observed, part.wearer, first=part.first, last=part.last)
    return part.person, part.first, found, part.samples


def _runs(days: Sequence[int]) -> Iterator[tuple[date, date]]:
    """Days (ordinals, rising) in a row, as first and last, at most `AT_ONCE_DAYS` each."""
    start = 0
    for place in range(1, len(days) + 1):
        if place == len(days) or days[place] != days[place - 1] + 1 or place - start >= AT_ONCE_DAYS:
            yield date.fromordinal(days[start]), date.fromordinal(days[place - 1])
            start = place
