"""Who wears a watch, and how months of wearing it change them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from simulators.physiology import Form, predicted_peak, speed_for

GROWN_AFTER_DAYS = 300
"""How long somebody who grows fitter does so."""
HISTORY_DAYS = 150


class Course(StrEnum):
    """Where months of wearing a watch lead."""

    FITTER = "fitter"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class Wearer:
    """A person as they were on the day `since`. `peak_excess` is how far their highest heart rate differs from the one
    that age predicts, /min (some 10 either way is usual)."""

    id: str
    birth_year: int
    sex: str = "female"
    height_cm: float = 165.0
    weight_kg: float = 62.0
    resting: float = 64.0
    peak_excess: float = 0.0
    run_km: float = 4.0
    runs_a_week: float = 3.0
    course: Course = Course.FITTER
    since: date = date(2026, 1, 1)


def minji(since: date) -> Wearer:
    """She began to run with the watch on, and it shows."""
    return Wearer("minji", 1968, "female", 161, 63.5, 71, 16, 3.0, 3.5, Course.FITTER, since)


def joon(since: date) -> Wearer:
    """He has run for years and stays as he is."""
    return Wearer("joon", 1990, "male", 176, 74, 57, 4, 6.5, 2.5, Course.STEADY, since)


def beginning(today: date) -> date:
    """A day from which to tell a story: the first of a quarter, `HISTORY_DAYS` or more ago.

    It stays the same for months, so that a past told again is the same past.
    """
    enough = today - timedelta(days=HISTORY_DAYS)
    return date(enough.year, (enough.month - 1) // 3 * 3 + 1, 1)


def progress(wearer: Wearer, day: date) -> float:
    """How far somebody has come, 0 to 1."""
    share = min(max((day - wearer.since).days / GROWN_AFTER_DAYS, 0.0), 1.0)
    return share if wearer.course is Course.FITTER else 0.04 * share


def form_on(wearer: Wearer, day: date) -> Form:
    """The body's form on a day: the fully grown have a resting heart rate 18 % lower and weigh 9 % less."""
    come = progress(wearer, day)
    age = day.year - wearer.birth_year
    return Form(
        resting=wearer.resting * (1 - 0.18 * come),
        peak=min(predicted_peak(age) + wearer.peak_excess, 220.0),
        weight_kg=wearer.weight_kg * (1 - 0.09 * come),
        oxygen_factor=12.11 if age >= 50 else 15.3,
    )


def run_length_m(wearer: Wearer, day: date) -> float:
    """How far a usual run goes: the fully grown run two and a half times as far."""
    return 1_000 * wearer.run_km * (1 + 1.5 * progress(wearer, day))


def run_speed(wearer: Wearer, day: date) -> float:
    """The speed in m/s of a usual run, at 72 % of the oxygen reserve: the fitter run faster at the same effort."""
    return max(1.5, speed_for(0.72, form_on(wearer, day)))
