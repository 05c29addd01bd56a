"""Months of a wearer's past, published in batches, as by a watch that comes back into reach."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from devices.sample import Instant
from simulators import messages
from simulators.messages import Moment, Reading
from simulators.past import local_date, observed_on
from simulators.publisher import Publisher
from simulators.wearers import Wearer

WINDOW = 32

DayDone = Callable[[date], None]


@dataclass(frozen=True, slots=True)
class Past:
    """What a watch has observed. The same day is the same, whatever else is asked for."""

    wearer: Wearer
    device: str
    seed: int
    zone: ZoneInfo

    def day(self, day: date, *, until: Instant) -> list[Moment]:
        """What was observed on a local day, up to and with `until`."""
        moments = observed_on(self.wearer, day, device=self.device, seed=self.seed, zone=self.zone)
        return [moment for moment in moments if messages.instant(moment) <= until]

    def counters(self, now: Instant) -> tuple[float, float, float]:
        """Steps, metres and kcal of the local day, as they stand."""
        steps = metres = kcal = 0.0
        for moment in self.day(local_date(now, self.zone), until=now):
            if isinstance(moment, Reading) and "steps" in moment.values:
                steps, metres, kcal = (_number(moment.values[name]) for name in ("steps", "distance", "energy"))
        return steps, metres, kcal


@dataclass(slots=True)
class Tally:
    """What was published."""

    messages: int = 0
    samples: int = 0
    events: int = 0


def days_back(now: Instant, days: int, zone: ZoneInfo) -> Iterator[date]:
    """Today, as far as it has come, and the `days` before it; oldest first."""
    today = local_date(now, zone)
    return (today - timedelta(days=back) for back in range(days, -1, -1))


def publish_day(publisher: Publisher, moments: list[Moment], *, window: int = WINDOW) -> Tally:
    """Publish a day in batches, events in their places."""
    tally = Tally()
    for part in messages.batches(moments):
        tally.messages += 1
        if isinstance(part, list):
            tally.samples += sum(len(reading.values) for reading in part)
            publisher.say_batch(part, window=window)
        else:
            tally.events += 1
            publisher.say(part, window=window)
    return tally


def publish_past(
    publisher: Publisher, past: Past, *, days: Iterator[date], now: Instant, done: DayDone, skip: Container[date] = ()
) -> Tally:
    """Publish days up to `now`, telling `done` after each; `skip` those that the hub has."""
    total = Tally()
    for day in days:
        if day not in skip:
            tally = publish_day(publisher, past.day(day, until=now))
            total.messages += tally.messages
            total.samples += tally.samples
            total.events += tally.events
        done(day)
    return total


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
