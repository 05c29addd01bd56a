"""The telemetry store: what devices said, in the order the hub took it in.

`TelemetryStore` is the seam; `duck` is the implementation on one machine. Both the pipeline, which writes, and the API,
which reads, know only what is written here, and every implementation passes `tests/contract/test_telemetry.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from devices.sample import Event, Instant, Sample, Value

Change: TypeAlias = Sample | Event
"""What the store takes in, and what rules are stepped with."""

Agg: TypeAlias = Literal["mean", "min", "max", "sum", "count", "first", "last"]
AGGS: tuple[Agg, ...] = ("mean", "min", "max", "sum", "count", "first", "last")

FAR_FUTURE: Instant = 1 << 53


class Span(NamedTuple):
    """A source from `since` (inclusive) to `until` (exclusive): how long a device belonged to somebody."""

    source: str
    since: Instant = 0
    until: Instant = FAR_FUTURE


class Point(NamedTuple):
    """One item of a series; `source` is empty where several were put together."""

    at: Instant
    value: Value | None
    source: str = ""


class Stored(NamedTuple):
    """A change with its place in the order of arrival."""

    seq: int
    change: Change


class Scan(NamedTuple):
    """Samples as columns of one length, oldest first: ms, index into `sources`, index into the metrics asked for, number
    (NaN for a text), index into `texts` (-1 for a number)."""

    at: NDArray[np.int64]
    source: NDArray[np.int32]
    metric: NDArray[np.int16]
    value: NDArray[np.float64]
    text: NDArray[np.int32]
    sources: Sequence[str]
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a series asked for: `since` inclusive, `until` exclusive, at most `limit` points behind `after`."""

    since: Instant
    until: Instant
    limit: int = 1_000
    after: Point | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """The rollup of one metric of one source over one day of its time zone. `increase` is what a counter grew by."""

    source: str
    day: date
    count: int
    total: float
    low: float
    high: float
    first: float
    last: float
    increase: float


class Stale(NamedTuple):
    """A UTC day (number since 1970) of a source of which something came in, and the place of the newest of it."""

    source: str
    day: int
    seq: int


@dataclass(frozen=True, slots=True)
class MetricKind:
    """What the rollups must know of a metric: whether it `counts`, so that it is told by how much it grew, and whether it then
    starts again from zero each day."""

    name: str
    resets_daily: bool
    counts: bool = True


class TelemetryStore(Protocol):
    """Every method may raise `StoreUnavailable`; then nothing was changed, and the same call may be made again."""

    def append(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Take changes in; answers with those that were new, in the order given. They are durable once `sync` has returned.

        A sample is known by (source, metric, time) and an event by (source, id): what is already there stays as it
        is. Called by one thread only.
        """

    def sync(self) -> None:
        """Have durable what was appended before; another thread may append meanwhile."""

    def last_seq(self) -> int:
        """The place of the newest change ever taken in; 0 if there is none."""

    def since(self, seq: int) -> Iterator[Stored]:
        """Everything taken in after `seq`, in order."""

    def raw(self, spans: Sequence[Span], metric: str, window: Window) -> list[Point]:
        """Every sample, oldest first."""

    def buckets(self, spans: Sequence[Span], metric: str, window: Window, *, every: Instant, agg: Agg) -> list[Point]:
        """One point for each `every` milliseconds (counted from 1970) that has samples, at its beginning."""

    def days(self, spans: Sequence[Span], metric: str, first: date, last: date) -> list[Day]:
        """Daily rollups from `first` to `last`, inclusive, by day and source; late data is in them."""

    def latest(self, sources: Sequence[str] | None = None) -> list[Sample]:
        """The newest sample of every metric, of all sources or some."""

    def scan(self, spans: Sequence[Span], metrics: Sequence[str], *, since: Instant, until: Instant) -> Scan:
        """Every sample of some metrics from `since` (inclusive) to `until` (exclusive), as columns."""

    def events(self, spans: Sequence[Span], window: Window) -> list[Event]:
        """Events, newest first; `window.after` is not used."""

    def declare(self, source: str, zone: str) -> None:
        """Days of `source` are days of the time zone `zone` from here on (UTC until said otherwise)."""

    def declare_all(self, zones: Mapping[str, str]) -> None:
        """The same of many sources at once."""

    def tidy(self) -> None:
        """Do what whoever appends would have to do before long; called again and again, in another thread."""

    def trouble(self) -> str | None:
        """Why nothing can be written just now; `None` if it can."""

    def slim(self) -> None:
        """Give back memory that was needed for a while; what is read again afterwards may take longer."""

    def roll(self) -> int:
        """Bring the rollups up to the newest change; how many changes that took in."""

    def stale(self) -> list[Stale]:
        """Days of which something came in since they were settled, as far as the rollups have been brought up."""

    def settle(self, days: Sequence[Stale]) -> None:
        """The daily features have these; what came in meanwhile stays stale."""

    def prune(self, metric: str, before: Instant) -> int:
        """Remove samples of a metric observed before an instant; how many. Rollups stay."""

    def remove(self, source: str) -> int:
        """Remove everything of a source, rollups too; how many samples and events."""

    def checkpoint(self) -> None:
        """Move what was written into its final place, so that starting again is quick."""

    def close(self) -> None:
        """Let go of the files."""
