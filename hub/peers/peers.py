"""Peers: keeps the ledger in step with features and consents, takes the daily snapshot, and answers from it alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from devices.sample import Instant
from hub.features.keeper import Keeper
from hub.peers import snapshot
from hub.peers.ledger import Due, Entry, PeerLedger, Rows
from hub.peers.members import Members, month_of
from hub.peers.snapshot import Snapshot
from hub.store.consents import Consent
from rules.bins import NO_BIN, bins_of, middle
from rules.blur import Noise
from rules.cohorts import Dimension, Member
from rules.consent import PEERS
from rules.derived import LOOK_BACK_DAYS
from rules.families import offered_for
from rules.features import COMPARED, Feature
from rules.floors import FLOORS, Floors
from rules.ladder import Comparison, settle
from rules.monthly import monthly, months_of
from rules.publication import Publication
from rules.published import Table, band_of
from rules.stretches import Numbers

AT_ONCE = 1_000
"""People whose months are found at a time."""
MONTHS_TOLD = 24
"""So many calendar months are published, the one that runs among them."""


@dataclass(frozen=True, slots=True)
class MonthAmong:
    """A calendar month (since the year 0) of somebody and of their cohort; how many months they had had their device."""

    period: int
    since: int | None
    mine: float | None
    table: Table | None


Missing: TypeAlias = Literal["days", "snapshot", "cohort"]


@dataclass(frozen=True, slots=True)
class Among:
    """Where somebody stands in `period`, or what is missing; `band` in %, of the cohort that `comparison` came to."""

    taken_at: Instant | None
    period: int | None = None
    comparison: Comparison | None = None
    table: Table | None = None
    band: int | None = None
    mine: float | None = None
    months: tuple[MonthAmong, ...] = ()
    missing: Missing | None = None


class Peers:
    """Any thread may ask; one at a time finds months, and one takes a snapshot, for which nobody else waits."""

    def __init__(
        self,
        path: Path,
        *,
        members: Members,
        keeper: Keeper,
        now: Callable[[], Instant],
        floors: Floors = FLOORS,
        noise: Noise | None = None,
    ) -> None:
        """`path` is the ledger's; the snapshot lies beside it. `floors` are others than the default in tests alone; with
        `noise` there is some in the tables of large cohorts."""
        self.ledger = PeerLedger(path)
        self._members, self._keeper = members, keeper
        self._path, self._now = path.with_suffix(".snapshot"), now
        self._floors, self._noise = floors, noise
        self._counting, self._telling = threading.Lock(), threading.Lock()
        self._snapshot = snapshot.read(self._path)
        keeper.on_kept = self.changed

    def close(self) -> None:
        """Let go of the file."""
        self.ledger.close()

    def changed(self, people: Sequence[str], first: date, last: date) -> None:
        """There are new features of people, from `first` to `last`."""
        counted = [person for person in people if self._members.counts(person)]
        if counted:
            self.ledger.note(counted, first=first.toordinal(), last=last.toordinal())

    def recount(self, people: Sequence[str]) -> None:
        """What people are compared by has changed, or that they are."""
        today = _day(self._now())
        self.changed(people, today - timedelta(days=31 * MONTHS_TOLD), today)

    def decided(self, consent: Consent) -> None:
        """Somebody joined, and is counted from now on, or left, and is counted no longer."""
        if consent.purpose != PEERS:
            return
        with self._counting:
            if not consent.granted:
                self.ledger.remove(consent.person)
            else:
                self.recount([consent.person])

    def catch_up(self) -> int:
        """Count those anew of whom something changed, some at a time; how many that were."""
        with self._counting:
            due = self.ledger.due(AT_ONCE)
            if due:
                self.ledger.enter(self._rows([each for each in due if self._members.counts(each.person)]), due)
            return len(due)

    def keep_daily(self) -> None:
        """Take the day's snapshot if there is none yet: once a day (UTC); the first as soon as there are people enough."""
        if self._telling.acquire(blocking=False):  # or one is being taken just now
            try:
                if self._wanting() and not self.ledger.due(1):
                    self._take()
            finally:
                self._telling.release()

    def _wanting(self) -> bool:
        """Whether there is no snapshot of today, and could be."""
        if self._snapshot is not None:
            return _day(self._snapshot.taken_at) != _day(self._now())
        return max(self.ledger.periods().values(), default=0) >= self._floors.cohort

    def take_snapshot(self) -> Snapshot:
        """Freeze what is told from now on. Who comes or goes meanwhile is in it or not, and in the next as they should be."""
        with self._telling:
            return self._take()

    def _take(self) -> Snapshot:
        self._reconcile()
        self.ledger.tidy()
        now = self._now()
        since = month_of(_day(now)) - MONTHS_TOLD + 1
        told = dict(snapshot.take(self.ledger, self._snapshot, since=since, floors=self._floors, noise=self._noise))
        taken = Snapshot(now, told)
        snapshot.write(self._path, taken)
        self._snapshot = taken
        return taken

    def _reconcile(self) -> None:
        """What a crash kept from being noted: nobody is counted who does not allow it, and everybody is who does."""
        counted = self.ledger.counted()
        for person in counted:
            if not self._members.counts(person):
                self.ledger.remove(person)
        if missing := [person for person in self._members.all() if person not in counted]:
            self.recount(missing)

    def among(self, person: str, feature: Feature, by: Iterable[Dimension]) -> Among:
        """Where somebody stands among people like them. Raises `Invalid` where people are not counted by that."""
        taken, by = self._snapshot, offered_for(by)
        entries = {entry.period: entry for entry in self.ledger.entries(person, feature.name)}
        at = self._headline(entries)
        if taken is None or at is None:
            return Among(taken.taken_at if taken else None, missing="snapshot" if at is not None else "days")
        told = taken.publications.get((feature.name, at), _NOTHING)
        entry = entries[at]
        comparison = settle(by, entry.member, held=told.held, told=told.tables)
        key = comparison.cohort.key if comparison.cohort else None
        table = told.tables.get(key or "")
        mine = {period: middle(feature, entry.bin) for period, entry in entries.items()}
        return Among(
            taken.taken_at,
            at,
            comparison,
            table,
            band_of(table, entry.bin) if table else None,
            mine.get(at),
            tuple(self._months(taken, feature, key, entry.member, mine)),
            None if table else "cohort",
        )

    def _months(
        self, taken: Snapshot, feature: Feature, key: str | None, member: Member, mine: dict[int, float]
    ) -> list[MonthAmong]:
        begun = member.acquired
        periods = sorted(period for name, period in taken.publications if name == feature.name)
        return [
            MonthAmong(
                period,
                None if begun is None else period - begun,
                mine.get(period),
                taken.publications[(feature.name, period)].tables.get(key or ""),
            )
            for period in periods
            if begun is None or period >= begun
        ]

    def _headline(self, entries: dict[int, Entry]) -> int | None:
        """The newest month that is over, or else the one that runs."""
        running = month_of(_day(self._now()))
        over = [period for period in entries if period < running]
        return max(over, default=max(entries, default=None))

    def _rows(self, due: Sequence[Due]) -> Rows:
        """The months that the days bear on which changed, of people who are counted."""
        if not due:
            return _no_rows()
        first = _first_of_month(min(each.first for each in due))
        last = _last_of_month(max(each.last for each in due) + LOOK_BACK_DAYS)
        since = first - timedelta(days=LOOK_BACK_DAYS)
        people = [each.person for each in due]
        found = self._keeper.kept(people, since, last)
        months = months_of(first, last.toordinal() - first.toordinal() + 1)
        periods, _ = monthly(np.zeros((1, len(months))), months)
        bins = np.stack([_binned(found[each.name][:, LOOK_BACK_DAYS:], months, each) for each in COMPARED], axis=-1)
        atoms = self._atoms(people, periods.tolist(), (bins != NO_BIN).any(axis=-1))
        bins[atoms < 0] = NO_BIN
        return Rows(
            [person for person in people for _ in periods],
            np.tile(periods.astype(np.int32), len(people)),
            np.maximum(atoms, 0).reshape(-1),
            bins.reshape(-1, len(COMPARED)),
        )

    def _atoms(self, people: Sequence[str], periods: Sequence[int], known: NDArray[np.bool_]) -> NDArray[np.int32]:
        """The atoms of people in months [people, months] of which something is known; -1 where they are not counted."""
        found = self._members.in_months(people, periods)
        places = [(row, column) for row, column in np.argwhere(known).tolist() if found[row][column] is not None]
        atoms = np.full(known.shape, -1, np.int32)
        members = (member for row, column in places if (member := found[row][column]) is not None)
        for place, atom in zip(places, self.ledger.atoms(members), strict=True):
            atoms[place] = atom
        return atoms


def _binned(days: Numbers, months: NDArray[np.int64], feature: Feature) -> NDArray[np.uint16]:
    """The bin of each person's months [people, months]."""
    return bins_of(feature, monthly(days, months)[1])


def _no_rows() -> Rows:
    empty = np.zeros(0, np.int32)
    return Rows([], empty, empty, np.zeros((0, len(COMPARED)), np.uint16))


def _day(at: Instant) -> date:
    return datetime.fromtimestamp(at / 1000, UTC).date()


def _first_of_month(ordinal: int) -> date:
    return date.fromordinal(ordinal).replace(day=1)


def _last_of_month(ordinal: int) -> date:
    day = date.fromordinal(ordinal)
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following - timedelta(days=1)


_NOTHING = Publication()
