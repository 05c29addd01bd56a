"""A crowd of wearers who do not exist, with their days as features: enough of them that people can be compared with peers.

Everything about somebody follows from the seed, their number and the day, so that the same days are told the same whenever the
crowd is told of. What belongs together goes together: who is fitter has a lower resting heart rate, recovers faster and moves
more; who has worn a watch for longer is fitter for it; who is young and well has it easier. The figures are made up around
those of grown-ups: some 7,000 steps a day (Althoff 2017, Nature 547:336), a resting heart rate of 65 ± 8/min (Quer 2020, PLoS ONE
15:e0227709), seven hours of sleep.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators.names import full_names

HOME = "crowd"
EPOCH = date(1970, 1, 1).toordinal()
MODEL = "health-watch"
MONTHS = (0.3, 6, 8, 5, 0.2, 10, 12, 12, 9, 6, 0.3, 5, 8, 10, 4, 0.2, 3, 1)
"""How many bought their watch this month, a month ago, ...: in some so few that they are no peers of anybody."""
REGIONS = {
    "KR-11": 18.0, "KR-26": 6.4, "KR-27": 4.6, "KR-28": 5.8, "KR-29": 2.8, "KR-30": 2.8, "KR-31": 2.1, "KR-41": 26.5,
    "KR-42": 3.0, "KR-43": 3.1, "KR-44": 4.1, "KR-45": 3.4, "KR-46": 3.5, "KR-47": 5.0, "KR-48": 6.3, "KR-49": 1.3,
    "KR-50": 0.8, "JP-13": 0.9, "US-CA": 0.6,
}  # fmt: skip
"""Millions, or so, who live there."""
ABROAD = {"JP-13": "Asia/Tokyo", "US-CA": "America/Los_Angeles"}
AGREE = 0.85
"""The share that allows being compared."""
MIDDLE_YEAR = 1986

Numbers = NDArray[np.float64]
Table = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who there is, as columns: a place for each. Times are days since 1970; NaN where something is unknown or never happens.

    `fitness`, `drive` and `sleeper` are standard scores; `grows` is how much fitter somebody gets in the end; `stops` is when
    somebody lays the watch aside.
    """

    seed: int
    people: list[str]
    birth_year: NDArray[np.int64]
    female: NDArray[np.bool_]
    height_cm: Numbers
    weight_kg: Numbers
    acquired: NDArray[np.int64]
    stops: Numbers
    fitness: Numbers
    drive: Numbers
    sleeper: Numbers
    grows: Numbers
    table: Table

    def __len__(self) -> int:
        return len(self.people)

    def devices(self) -> Table:
        """Their watches, as columns of an import."""
        return {
            "device": [f"{person}-watch" for person in self.people],
            "home": [HOME] * len(self),
            "model": [MODEL] * len(self),
            "owner": self.people,
            "acquired_on": [date.fromordinal(EPOCH + int(day)).isoformat() for day in self.acquired],
        }


def crowd(count: int, *, seed: int, today: date) -> Crowd:
    """So many people; their watches were bought in the months up to `today`."""
    rng = np.random.default_rng([seed, count])
    female = rng.random(count) < 0.5
    age = np.clip(18 + rng.gamma(4.2, 6.2, count), 18, 84)
    birth_year = (MIDDLE_YEAR + 40 - age).astype(np.int64)
    height = np.where(female, 161.5, 174.0) - 0.08 * (age - 40) + rng.normal(0, 5.6, count)
    fitness = rng.normal(0, 1, count) - 0.02 * (age - 40)
    bulk = 23.6 - 0.9 * fitness + 0.02 * (age - 40) + rng.normal(0, 2.4, count)
    acquired = _acquired(rng, count, today)
    return Crowd(
        seed=seed,
        people=[f"crowd-{number:05}" for number in range(1, count + 1)],
        birth_year=birth_year,
        female=female,
        height_cm=np.round(height, 0),
        weight_kg=np.clip(bulk, 16, 42) * (height / 100) ** 2,
        acquired=acquired,
        stops=np.where(rng.random(count) < 0.05, acquired + rng.integers(20, 500, count), np.nan),
        fitness=fitness,
        drive=0.6 * fitness + 0.8 * rng.normal(0, 1, count),
        sleeper=rng.normal(0, 1, count),
        grows=rng.normal(0.45, 0.4, count),
        table=_profiles(rng, female, birth_year, height),
    )


def _acquired(rng: np.random.Generator, count: int, today: date) -> NDArray[np.int64]:
    """The day that each got their watch, before today."""
    ago = rng.choice(len(MONTHS), count, p=np.array(MONTHS) / sum(MONTHS))
    months = today.year * 12 + today.month - 1 - ago
    first = np.array([date(month // 12, month % 12 + 1, 1).toordinal() for month in months.tolist()])
    length = np.minimum(28, np.maximum(today.toordinal() - first, 1))
    return np.asarray(first + (rng.random(count) * length).astype(np.int64) - EPOCH)


def _profiles(
    rng: np.random.Generator, female: NDArray[np.bool_], birth_year: NDArray[np.int64], height: Numbers
) -> Table:
    """What people told of themselves, as columns of an import; some left something out."""
    count = len(female)
    regions = rng.choice(list(REGIONS), count, p=np.array([*REGIONS.values()]) / sum(REGIONS.values())).tolist()
    sex = np.where(rng.random(count) < 0.01, "other", np.where(female, "female", "male")).tolist()
    return {
        "person": [f"crowd-{number:05}" for number in range(1, count + 1)],
        "name": full_names(rng, female),
        "home": [HOME] * count,
        "birth_year": _some(rng, birth_year.tolist(), 0.96),
        "sex": _some(rng, sex, 0.95),
        "height_cm": _some(rng, np.round(height).tolist(), 0.92),
        "region": _some(rng, regions, 0.95),
        "timezone": [ABROAD.get(region) for region in regions],
        "consents": ["peers" if agrees else None for agrees in (rng.random(count) < AGREE).tolist()],
    }


def _some(rng: np.random.Generator, values: list[Any], share: float) -> list[Any]:
    return [
        value if told else None for value, told in zip(values, (rng.random(len(values)) < share).tolist(), strict=True)
    ]


def days_of(crowd: Crowd, first: date, last: date) -> dict[str, NDArray[Any]]:
    """The days of everybody from `first` to `last`, since they had their watches, as columns by person and day.

    `who` is the place of the person in the crowd.
    """
    ordinals = range(first.toordinal(), last.toordinal() + 1)
    lived = [_day(crowd, date.fromordinal(ordinal)) for ordinal in ordinals]
    worn = np.array([day.pop("worn") for day in lived]).T.astype(np.bool_)
    who, when = np.nonzero(worn)
    columns: dict[str, NDArray[Any]] = {
        "who": who,
        "day": np.array([date.fromordinal(ordinal).isoformat() for ordinal in ordinals], object)[when],
    }
    for name in lived[0]:
        columns[name] = np.array([day[name] for day in lived]).T[worn]
    return columns


def _day(crowd: Crowd, day: date) -> dict[str, Numbers]:
    """One day of everybody. `worn` is whether there is anything to tell."""
    rng = np.random.default_rng([crowd.seed, day.toordinal()])
    count, since = len(crowd), day.toordinal() - EPOCH - crowd.acquired
    chance = rng.random((2, count))
    come = crowd.grows * (1 - np.exp(-np.maximum(since, 0) / 150))
    fit = crowd.fitness + come
    weekend = float(day.weekday() >= 5)
    worn = (since >= 0) & ~(since + crowd.acquired > crowd.stops) & (chance[0] > 0.06)
    found = _effort(crowd, rng, fit, weekend) | _night(crowd, rng, fit, weekend)
    found |= _heart(crowd, rng, fit, found["workouts"])
    weighs = (chance[1] < 0.35) & (crowd.sleeper > -0.2)
    weight = crowd.weight_kg * (1 - 0.03 * come) + rng.normal(0, 0.4, count)
    found["weight"] = np.where(weighs, _rounded(weight, 38, 180, digits=1), np.nan)
    return found | {"worn": worn.astype(np.float64)}


def _effort(crowd: Crowd, rng: np.random.Generator, fit: Numbers, weekend: float) -> dict[str, Numbers]:
    """What somebody moved: workouts give minutes, steps, metres and energy, and so does the day around them."""
    count, stride_m = len(crowd), 0.414 * crowd.height_cm / 100
    eager = 0.5 * crowd.drive + 0.5 * (fit - crowd.fitness) + 0.25 * weekend
    workouts = np.minimum(rng.poisson(np.clip(0.28 * np.exp(0.7 * eager), 0.01, 1.2)), 3).astype(np.float64)
    trained = workouts * np.clip(rng.normal(38, 9, count) + 4 * fit, 12, 90)
    vigorous = trained * np.clip(0.45 + 0.1 * fit + rng.normal(0, 0.12, count), 0.05, 0.95)
    strolled = np.exp(8.55 + 0.22 * eager + 0.3 * rng.normal(0, 1, count))
    steps = np.clip(strolled + 95 * trained, 150, 42_000)
    metres = stride_m * (steps + 0.35 * 95 * trained)
    kcal = crowd.weight_kg * metres / 1000 * 0.72 + 0.045 * crowd.weight_kg * vigorous
    return {
        "steps": np.round(steps),
        "distance": np.round(metres),
        "energy": np.round(kcal),
        "active_minutes": _rounded(trained + strolled / 340, 0, 500),
        "vigorous_minutes": _rounded(vigorous, 0, 300),
        "workouts": workouts,
    }


def _heart(crowd: Crowd, rng: np.random.Generator, fit: Numbers, workouts: Numbers) -> dict[str, Numbers]:
    """Resting, and after workouts how far the heart calms in a minute; a few wear their watch too loosely for that."""
    count = len(crowd)
    loose = rng.random(count) < 0.05
    resting = 65 + 2.5 * crowd.female - 4.6 * fit + rng.normal(0, 1.6, count)
    recovery = 27 + 5.5 * fit + rng.normal(0, 3, count)
    return {
        "resting_heart_rate": np.where(loose, np.nan, _rounded(resting, 38, 105, digits=1)),
        "heart_rate_recovery": np.where(loose | (workouts == 0), np.nan, _rounded(recovery, 4, 75, digits=1)),
    }


def _night(crowd: Crowd, rng: np.random.Generator, fit: Numbers, weekend: float) -> dict[str, Numbers]:
    """How long and how regularly somebody slept; some take the watch off at night."""
    count = len(crowd)
    off = (rng.random(count) < 0.08) | (crowd.sleeper < -1.6)
    minutes = 408 + 22 * crowd.sleeper + 28 * weekend + rng.normal(0, 42, count)
    regular = 66 + 9 * crowd.sleeper + 4 * fit - 7 * weekend + rng.normal(0, 7, count)
    return {
        "sleep_minutes": np.where(off, np.nan, _rounded(minutes, 150, 780)),
        "sleep_regularity": np.where(off, np.nan, _rounded(regular, -20, 99, digits=1)),
    }


def _rounded(values: Numbers, low: float, high: float, *, digits: int = 0) -> Numbers:
    return np.asarray(np.round(np.clip(values, low, high), digits), np.float64)
