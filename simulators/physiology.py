"""A wearer's body under effort: heart, steps, energy, oxygen, skin, and the watch's battery. Pure and seeded.

Effort is the share of the oxygen reserve in use, which is about the share of the heart rate reserve (Swain & Leutholtz
1997); the heart follows it with a lag, drifts up in long efforts, and recovers slower than it rises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

HEART_RISE_S = 32.0
"""Time constant of the heart's answer to more effort."""
HEART_FALL_S = 95.0
"""Time constant of recovery: some 35 /min in the first minute after a hard run (under 12 is abnormal, Cole 1999)."""
DRIFT_LIMIT = 12.0
"""How far a long effort lifts the heart rate, /min."""
DRIFT_RISE_S = 1_500.0
DRIFT_FALL_S = 600.0
RUNNING_FROM = 134.0 / 60
"""Above this speed in m/s people run (ACSM)."""
STROLL_SPEED = 1.25
STROLL_CADENCE = 104.0
SKIN_TIME_S = 420.0
KM = 1_000.0


@dataclass(frozen=True, slots=True)
class Form:
    """What a body can do on a day: heart rates in /min, weight in kg."""

    resting: float
    peak: float
    weight_kg: float
    oxygen_factor: float = 15.3

    @property
    def vo2max(self) -> float:
        """Oxygen uptake in mL/kg/min: 15.3 · peak / resting (Uth 2004); 12.11 instead suits middle age."""
        return self.oxygen_factor * self.peak / self.resting


@dataclass(frozen=True, slots=True)
class Activity:
    """What a body is doing. `strolling` is the share of the time spent on foot; `speed` (m/s) is for walks and runs."""

    name: str
    base_effort: float = 0.03
    strolling: float = 0.0
    speed: float = 0.0
    grade: float = 0.0
    skin: float = 33.2
    asleep: bool = False

    @property
    def running(self) -> bool:
        return self.speed >= RUNNING_FROM or self.name == "running"


RESTING = Activity("resting", 0.02)
SITTING = Activity("sitting", 0.07, strolling=0.02)
POTTERING = Activity("pottering", 0.11, strolling=0.16)
WALKING = Activity("walking", 0.03, speed=1.35, skin=32.6)


def predicted_peak(age: float) -> float:
    """Highest heart rate in /min: 208 − 0.7·age (Tanaka, Monahan, Seals 2001)."""
    return 208 - 0.7 * age


def run_at(speed: float, *, grade: float = 0.0) -> Activity:
    """A run at `speed` m/s up a slope of `grade`."""
    return Activity("running", 0.03, speed=speed, grade=grade, skin=31.0)


def effort(activity: Activity, form: Form) -> float:
    """Share of the oxygen reserve: ACSM's walking and running equations (S in m/min), above rest."""
    pace = (activity.speed + activity.strolling * STROLL_SPEED) * 60
    level, climb = (0.2, 0.9) if activity.running else (0.1, 1.8)
    demand = level * pace + climb * pace * activity.grade
    return min(1.0, activity.base_effort + demand / (form.vo2max - 3.5))


def speed_for(share: float, form: Form) -> float:
    """The level running speed in m/s that takes `share` of the oxygen reserve."""
    return (share - 0.03) * (form.vo2max - 3.5) / 0.2 / 60


def energy_kcal(activity: Activity, *, metres: float, weight_kg: float) -> float:
    """Energy above rest: running 1 kcal/kg/km, walking half of it, climbing as ACSM has it."""
    per_km = 1 + 4.5 * activity.grade if activity.running else 0.5 + 9 * activity.grade
    return per_km * weight_kg * metres / KM


def cadence(activity: Activity) -> float:
    """Steps a minute at the activity's speed: walking about 110 at 1.35 m/s, running 150 to 185."""
    if activity.speed <= 0:
        return 0.0
    if activity.running:
        return min(185.0, 146 + 8 * activity.speed)
    return 62 + 36 * activity.speed


class Body:
    """A body in time. `advance` it, then read its values; counters (steps, metres, kcal) are of the day."""

    __slots__ = ("_drift", "_noise", "_random", "battery", "form", "heart", "kcal", "metres", "skin", "speed", "steps")

    def __init__(self, form: Form, *, seed: int | str, heart: float | None = None) -> None:
        self._random = Random(seed)
        self.form = form
        self.heart = form.resting + 6 if heart is None else heart
        self.skin = 33.2
        self.battery = 97.0
        self.speed = 0.0
        self.restart_counters()
        self._drift = 0.0
        self._noise = 0.0

    def restart_counters(self, *, steps: float = 0.0, metres: float = 0.0, kcal: float = 0.0) -> None:
        """Set the day's counters, to zero at local midnight."""
        self.steps, self.metres, self.kcal = steps, metres, kcal

    def advance(self, seconds: float, activity: Activity) -> None:
        """Let `seconds` pass in one activity."""
        if seconds <= 0:
            return
        strain = effort(activity, self.form)
        self._beat(seconds, strain)
        self._move(seconds, activity)
        self.skin += (activity.skin - self.skin) * -math.expm1(-seconds / SKIN_TIME_S)
        self.battery -= seconds * (0.0016 if strain > 0.5 else 0.00026)
        if self.battery < 3:
            self.battery = 100.0

    @property
    def heart_rate(self) -> int:
        """What the watch shows, /min: the heart, and the sensor's noise."""
        return round(min(max(self.heart + self._noise, 32.0), self.form.peak))

    @property
    def spo2(self) -> float:
        """Blood oxygen in %, as noisy as a wrist sensor has it."""
        return round(min(max(self._random.gauss(97.2, 0.7), 92.0), 100.0), 1)

    @property
    def skin_temperature(self) -> float:
        return round(self.skin + self._random.gauss(0, 0.08), 1)

    def _beat(self, seconds: float, strain: float) -> None:
        form = self.form
        hard = strain > 0.5
        goal, pace = (DRIFT_LIMIT * strain, DRIFT_RISE_S) if hard else (0.0, DRIFT_FALL_S)
        self._drift += (goal - self._drift) * -math.expm1(-seconds / pace)
        target = min(form.resting + strain * (form.peak - form.resting) + self._drift, form.peak)
        lag = HEART_RISE_S if target > self.heart else HEART_FALL_S
        self.heart += (target - self.heart) * -math.expm1(-seconds / lag)
        kept = math.exp(-seconds / 20)
        self._noise = self._noise * kept + self._random.gauss(0, 1.3) * math.sqrt(1 - kept * kept)

    def _move(self, seconds: float, activity: Activity) -> None:
        if activity.speed > 0:
            self.speed = activity.speed * self._random.uniform(0.96, 1.04)
            rate = cadence(activity)
        else:
            share = min(1.0, activity.strolling * 2 * self._random.random())
            self.speed = STROLL_SPEED * share
            rate = STROLL_CADENCE * share
        metres = self.speed * seconds
        self.steps += rate * seconds / 60
        self.metres += metres
        self.kcal += energy_kcal(activity, metres=metres, weight_kg=self.form.weight_kg)
