"""From what watches observed to daily features: one pure function, so that what is kept as data arrives and what is found
anew from history are the same to the last digit.

Of two watches worn at once, the one that is trusted more counts, and the other where that one said nothing. Every figure of a
day follows from what was observed from `LOOK_BACK` before the day to `LOOK_AHEAD` after it, and from nothing else.

Sources: resting, the lowest half hour's mean of a day. Moderate and vigorous, from 40 and 60 % of the heart-rate reserve
(Garber 2011, Med Sci Sports Exerc 43(7):1334; Karvonen 1957), of the maximum by age (`rules/subject.py`) where the day's
resting rate is not known: from 50 and 70 % of it (CDC). Recovery in the first minute after exercise: Cole 1999, N Engl J Med
341:1351. Regularity: the sleep regularity index, Windred 2024, Sleep 47(1). None of it is medical advice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.sample import DAY, HOUR, MINUTE, SECOND, Instant
from rules.stays import EVENING, Dates, Stay, begins, dates
from rules.stretches import Instants, Numbers, Stretches, beside, cut, held, overlap
from rules.subject import highest_by_age

LISTENED: tuple[str, ...] = ("steps", "distance", "energy", "heart_rate", "sleep_stage", "weight")
WORKOUT = "workout.ended"
COUNTERS: tuple[str, ...] = ("steps", "distance", "energy")
KEPT: tuple[str, ...] = (
    *COUNTERS,
    "active_minutes",
    "vigorous_minutes",
    "workouts",
    "resting_heart_rate",
    "heart_rate_recovery",
    "sleep_minutes",
    "sleep_regularity",
    "weight",
)
"""The features of one day that follow from that day alone."""

LOOK_BACK, LOOK_AHEAD = 60 * HOUR, HOUR
HEART_HOLDS, ASLEEP_HOLDS, AWAKE_HOLDS = 5 * MINUTE, 4 * HOUR, 24 * HOUR
"""How long a heart rate and a stage of sleep are believed when nothing follows."""
COUNTER_COVERS, SILENCE = HOUR, DAY
"""Counts that are further apart cover no time; what a counter grew by over a silence longer than that belongs to no day."""
HALF_HOUR, ENOUGH_OF_IT, ENOUGH_OF_A_DAY = 30 * MINUTE, 10 * MINUTE, 4 * HOUR
COMPARED_AT_LEAST = 12 * 60
"""Minutes known on two days in a row, for the regularity of sleep."""
SAME_WORKOUT = 10 * MINUTE

Columns = dict[str, Numbers]


class Strand(NamedTuple):
    """One metric of one source, oldest first; stages of sleep as 1 (asleep) and 0 (awake)."""

    at: Instants
    value: Numbers


@dataclass(frozen=True, slots=True)
class Observed:
    """What a person's devices observed, the most trusted source first: strands by metric, and when workouts ended.

    `resets_daily` are the counters that start again from zero each day.
    """

    strands: Mapping[str, Sequence[Strand]]
    workouts: Sequence[Instants]
    resets_daily: frozenset[str]


@dataclass(frozen=True, slots=True)
class Wearer:
    """What must be known of a person: where they were (at least one stay), and their year of birth, if it is known."""

    stays: Sequence[Stay]
    birth_year: int | None


def needed(stays: Sequence[Stay], first: date, last: date) -> tuple[Instant, Instant]:
    """From when until when observations bear on the days `first` to `last`: the widest, in any of their zones."""
    zones = {stay.zone for stay in stays}
    since = min(begins(first, zone) for zone in zones) - LOOK_BACK
    return since, max(begins(last + timedelta(days=1), zone) for zone in zones) + LOOK_AHEAD


def features_of(observed: Observed, wearer: Wearer, *, first: date, last: date) -> Columns:
    """A column for each of `KEPT`, a value for each day from `first` to `last`, NaN where there is not enough data."""
    return _Days(observed, wearer, first, last).columns()


class _Days:
    def __init__(self, observed: Observed, wearer: Wearer, first: date, last: date) -> None:
        self._observed, self._wearer = observed, wearer
        self._first, self._count = first.toordinal(), last.toordinal() - first.toordinal() + 1
        since, until = needed(wearer.stays, first, last)
        self._dates = dates(wearer.stays, since=since - DAY, until=until + DAY)
        self._nights = dates(wearer.stays, since=since - DAY, until=until + DAY, hour=EVENING)

    def columns(self) -> Columns:
        heart = self._merged("heart_rate", HEART_HOLDS)
        resting = self._resting(heart)
        active, vigorous = self._efforts(heart, resting)
        asleep, regularity = self._sleep()
        found = {metric: self._grown(metric) for metric in COUNTERS}
        found |= {"active_minutes": active, "vigorous_minutes": vigorous, "resting_heart_rate": resting}
        found |= {"sleep_minutes": asleep, "sleep_regularity": regularity, "weight": self._weight()}
        ended = self._workouts()
        found["heart_rate_recovery"] = self._recovery(heart, ended)
        worn = ~np.isnan(found["steps"]) | ~np.isnan(active) | ~np.isnan(resting)
        counted = np.bincount(self._place(ended, self._dates), minlength=self._count + 1)[: self._count]
        found["workouts"] = np.where(worn | (counted > 0), counted.astype(np.float64), np.nan)
        return {name: found[name] for name in KEPT}

    def _place(self, at: Instants, cut_into: Dates) -> NDArray[np.int64]:
        """The place of each instant's day in the columns; one past the end for days that are not asked for."""
        place = cut_into.of(at) - self._first
        return np.where((place >= 0) & (place < self._count), place, self._count)

    def _sums(self, place: NDArray[np.int64], amounts: NDArray[np.float64 | np.int64]) -> Numbers:
        summed = np.bincount(place, weights=amounts, minlength=self._count + 1)[: self._count]
        return summed.astype(np.float64)

    def _merged(self, metric: str, most: Instant) -> Stretches:
        merged = held(np.zeros(0, np.int64), np.zeros(0), most)
        for strand in self._observed.strands.get(metric, ()):
            merged = beside(merged, held(strand.at, strand.value, most))
        return merged

    def _grown(self, metric: str) -> Numbers:
        """What a counter grew by on each day; what a less trusted source counted meanwhile counts in part."""
        grown, seen = np.zeros(self._count), np.zeros(self._count, np.bool_)
        covered = held(np.zeros(0, np.int64), np.zeros(0), 0)
        for strand in self._observed.strands.get(metric, ()):
            before = np.maximum(np.append(strand.at[:1] - SILENCE, strand.at[:-1]), strand.at - SILENCE)
            place = self._place(strand.at, self._dates)
            grew = self._growth(strand, metric in self._observed.resets_daily)
            apart = strand.at - before
            share = 1 - overlap(before, strand.at, covered) / apart
            grown += self._sums(place, grew * share)
            seen |= np.bincount(place, minlength=self._count + 1)[: self._count] > 0
            near = apart <= COUNTER_COVERS
            covered = beside(covered, Stretches(before[near], strand.at[near], strand.value[near]))
        return np.where(seen, grown, np.nan)

    def _growth(self, strand: Strand, resets_daily: bool) -> Numbers:
        """What each count added to the one before it: all of it when the counter has started again."""
        if not len(strand.at):
            return strand.value
        day = self._dates.of(strand.at)
        before = np.append(np.nan, strand.value[:-1])
        silent = np.append(True, np.diff(strand.at) > SILENCE)
        again = strand.value < before
        if resets_daily:
            again |= np.append(True, np.diff(day) != 0)
            silent &= ~again
        return np.where(silent, 0.0, np.where(again, strand.value, strand.value - np.nan_to_num(before)))

    def _resting(self, heart: Stretches) -> Numbers:
        """The lowest mean of a half hour, on days with enough of them."""
        edges = np.unique(np.concatenate([heart.start // HALF_HOUR, heart.end // HALF_HOUR])) * HALF_HOUR
        pieces = cut(heart, np.unique(np.concatenate([edges, self._dates.starts])))
        hours, which = np.unique(pieces.start // HALF_HOUR, return_inverse=True)
        known = np.bincount(which, weights=pieces.length, minlength=len(hours))
        total = np.bincount(which, weights=pieces.length * pieces.value, minlength=len(hours))
        enough = known >= ENOUGH_OF_IT
        lowest = np.full(self._count + 1, np.inf)
        place = self._place(hours[enough] * HALF_HOUR, self._dates) if enough.any() else np.zeros(0, np.int64)
        np.minimum.at(lowest, place, total[enough] / known[enough])
        worn = self._sums(self._place(pieces.start, self._dates), pieces.length)
        return np.where((worn >= ENOUGH_OF_A_DAY) & np.isfinite(lowest[: self._count]), lowest[: self._count], np.nan)

    def _efforts(self, heart: Stretches, resting: Numbers) -> tuple[Numbers, Numbers]:
        """Minutes of at least moderate, and of vigorous effort."""
        pieces = cut(heart, self._dates.starts)
        place = self._place(pieces.start, self._dates)
        moderate, vigorous = np.append(self._limits(resting), [[np.nan], [np.nan]], axis=1)
        worn = self._sums(self._place(heart.start, self._dates), np.ones(len(heart.start))) > 0

        def minutes(limits: Numbers) -> Numbers:
            spent = self._sums(place, np.where(pieces.value >= limits[place], pieces.length, 0)) / MINUTE
            return np.where(worn & ~np.isnan(limits[: self._count]), spent, np.nan)

        return minutes(moderate), minutes(vigorous)

    def _limits(self, resting: Numbers) -> Numbers:
        """Heart rates from which effort is moderate and vigorous, a column for each day."""
        years = np.array([date.fromordinal(self._first + place).year for place in range(self._count)])
        highest = highest_by_age(years - np.array(self._wearer.birth_year or np.nan))
        reserve = highest - resting
        by_reserve = np.array([resting + 0.4 * reserve, resting + 0.6 * reserve])
        return np.where(np.isnan(reserve), np.array([0.5 * highest, 0.7 * highest]), by_reserve)

    def _recovery(self, heart: Stretches, ended: Instants) -> Numbers:
        """How far the heart calmed in the first minute after exercise: the best of a day."""
        best = np.full(self._count + 1, -np.inf)
        for end in ended.tolist():
            last, after = (_between(heart, end + since, end + until) for since, until in _RECOVERY)
            if len(last) and len(after):
                place = int(self._place(np.array([end]), self._dates)[0])
                best[place] = max(best[place], float(last.max() - after.mean()))
        return np.where(best[: self._count] >= 0, best[: self._count], np.nan)

    def _workouts(self) -> Instants:
        """When workouts ended; what two watches told of counts once."""
        ended = np.zeros(0, np.int64)
        for told in self._observed.workouts:
            apart = np.abs(told[:, None] - ended[None, :]).min(axis=1, initial=DAY)
            ended = np.sort(np.concatenate([ended, told[apart > SAME_WORKOUT]]))
        return ended

    def _sleep(self) -> tuple[Numbers, Numbers]:
        """Minutes asleep in the night that ends on a day, and how regular, -100 to 100, against the day before."""
        merged = held(np.zeros(0, np.int64), np.zeros(0), 0)
        for strand in self._observed.strands.get("sleep_stage", ()):
            holds = np.where(strand.value > 0, ASLEEP_HOLDS, AWAKE_HOLDS)
            merged = beside(merged, held(strand.at, strand.value, holds))
        if not len(merged.start):
            return np.full(self._count, np.nan), np.full(self._count, np.nan)
        pieces = cut(merged, self._nights.starts)
        place = self._place(pieces.start, self._nights)
        slept = self._sums(place, np.where(pieces.value > 0, pieces.length, 0)) / MINUTE
        return np.where(slept > 0, slept, np.nan), self._regularity(merged)

    def _regularity(self, merged: Stretches) -> Numbers:
        """200 x the share of minutes in the same state as 24 hours before - 100."""
        first, last = int(merged.start[0]) // MINUTE, int(merged.end[-1]) // MINUTE
        minutes = np.arange(first, last + 1)
        place = np.searchsorted(merged.start, minutes * MINUTE, side="right") - 1
        known = (place >= 0) & (minutes * MINUTE < merged.end[place])
        state = np.where(known, merged.value[place], np.nan)
        now, before = state[DAY // MINUTE :], state[: -(DAY // MINUTE)]
        both = ~np.isnan(now) & ~np.isnan(before)
        where = self._place(minutes[DAY // MINUTE :][both] * MINUTE, self._nights)
        compared = self._sums(where, np.ones(len(where)))
        same = self._sums(where, (now[both] == before[both]).astype(np.float64))
        enough = compared >= COMPARED_AT_LEAST
        return np.where(enough, 200 * same / np.maximum(compared, 1) - 100, np.nan)

    def _weight(self) -> Numbers:
        """The mean of the day's weighings by the most trusted source that has any."""
        weight = np.full(self._count, np.nan)
        for strand in self._observed.strands.get("weight", ()):
            place = self._place(strand.at, self._dates)
            count = self._sums(place, np.ones(len(place)))
            mean = self._sums(place, strand.value) / np.maximum(count, 1)
            weight = np.where(np.isnan(weight) & (count > 0), mean, weight)
        return weight


_RECOVERY = ((-60 * SECOND, SECOND), (45 * SECOND, 90 * SECOND))
"""The last minute of a workout, and around a minute after it."""


def _between(stretches: Stretches, since: Instant, until: Instant) -> Numbers:
    """The values that began from `since` to `until`."""
    low, high = np.searchsorted(stretches.start, [since, until])
    return stretches.value[low:high]
