"""A wearer's day plan: when they sleep, work, walk and run. The same for the same seed, wearer and date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from simulators.nights import Stage, stages
from simulators.physiology import POTTERING, SITTING, WALKING, Activity, run_at
from simulators.wearers import Wearer, run_length_m, run_speed

HOUR = 60
LEADS_IN_MINUTES = 3


@dataclass(frozen=True, slots=True)
class Segment:
    """An activity between two minutes after local midnight; `sport` in workouts, `worn` while the watch is on."""

    start: int
    end: int
    activity: Activity
    sport: str | None = None
    worn: bool = True


@dataclass(frozen=True, slots=True)
class Night:
    """Sleep that ends on a date: minutes after that date's local midnight, the start being negative."""

    start: int
    end: int
    stages: tuple[Stage, ...]


def draw(seed: int, wearer: Wearer, day: date, what: str) -> Random:
    """A source of chance for one thing on one day, independent of every other."""
    return Random(f"{seed}/{wearer.id}/{day.isoformat()}/{what}")


def night(wearer: Wearer, day: date, seed: int) -> Night:
    """The sleep from which the wearer wakes on `day`."""
    chance = draw(seed, wearer, day, "night")
    late = 25 if day.weekday() >= 5 else 0
    start = round(min(max(chance.gauss(-55 + late, 14), -105), -8))
    end = round(chance.gauss(6 * HOUR + 35 + 2 * late, 14))
    return Night(start, end, stages(end - start, chance))


def waking_day(wearer: Wearer, day: date, seed: int) -> tuple[Segment, ...]:
    """The segments from waking to falling asleep, without gaps."""
    chance = draw(seed, wearer, day, "day")
    wakes = night(wearer, day, seed).end
    sleeps = 24 * HOUR + night(wearer, day + timedelta(days=1), seed).start
    diary = _Diary(wakes)
    run = _run(wearer, day, chance)
    early = chance.random() < 0.4
    diary.spend(20 + round(10 * chance.random()), POTTERING)
    if run and early:
        diary.run(run)
    (_work if day.weekday() < 5 else _leisure)(diary, chance)
    if run and not early:
        diary.until(19 * HOUR + round(chance.gauss(0, 12)), SITTING)
        diary.run(run)
    diary.until(20 * HOUR + 40, POTTERING)
    diary.until(21 * HOUR + 25, SITTING)
    diary.spend(35, POTTERING, worn=False)
    diary.until(sleeps, SITTING)
    return tuple(diary.segments)


def _run(wearer: Wearer, day: date, chance: Random) -> Segment | None:
    """A run of its length at its speed, at minute 0; on average `runs_a_week`."""
    if chance.random() >= wearer.runs_a_week / 7:
        return None
    metres = run_length_m(wearer, day) * chance.uniform(0.85, 1.15)
    speed = run_speed(wearer, day) * chance.uniform(0.97, 1.03)
    return Segment(0, max(5, round(metres / speed / 60)), run_at(speed), sport="running")


def _work(diary: _Diary, chance: Random) -> None:
    diary.until(8 * HOUR + round(chance.gauss(0, 6)), POTTERING)
    commute = round(min(max(chance.gauss(16, 3), 6), 30))
    diary.spend(commute, WALKING)
    diary.until(12 * HOUR, SITTING)
    diary.spend(round(min(max(chance.gauss(12, 3), 4), 25)), WALKING)
    diary.spend(35, SITTING)
    diary.until(17 * HOUR + 40 + round(chance.gauss(0, 10)), SITTING)
    diary.spend(commute, WALKING)


def _leisure(diary: _Diary, chance: Random) -> None:
    diary.until(11 * HOUR + round(chance.gauss(0, 20)), POTTERING)
    diary.spend(round(min(max(chance.gauss(45, 12), 15), 90)), WALKING)
    diary.until(14 * HOUR, SITTING)
    diary.until(16 * HOUR, POTTERING)
    diary.until(18 * HOUR, SITTING)


class _Diary:
    """Segments one after the other."""

    def __init__(self, minute: int) -> None:
        self.minute = minute
        self.segments: list[Segment] = []

    def spend(self, minutes: int, activity: Activity, *, sport: str | None = None, worn: bool = True) -> None:
        if minutes > 0:
            self.segments.append(Segment(self.minute, self.minute + minutes, activity, sport, worn))
            self.minute += minutes

    def until(self, minute: int, activity: Activity) -> None:
        self.spend(minute - self.minute, activity)

    def run(self, run: Segment) -> None:
        self.spend(LEADS_IN_MINUTES, WALKING)
        self.spend(run.end, run.activity, sport=run.sport)
        self.spend(LEADS_IN_MINUTES, WALKING)
