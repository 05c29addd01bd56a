"""Whom rules are about: a person, a home, a device or a place, with what may be known of them, and the facts derived from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from numpy.typing import NDArray

from devices.sample import Instant

Years = TypeVar("Years", float, NDArray[Any])


class Subject(msgspec.Struct, frozen=True):
    """A scope of rules. `members` are the people of a home; `tuned` what a household set inputs to, by rule and input."""

    id: str
    birth_year: int | None = None
    zone: str = "UTC"
    members: tuple[str, ...] = ()
    tuned: Mapping[str, float] = {}


class Origin(msgspec.Struct, frozen=True):
    """Where a change comes from: a device, its role and model, the person it concerns, and whether the device is theirs, or of
    somebody they live with."""

    source: str
    role: str = ""
    model: str = ""
    person: str | None = None
    mine: bool = False

    def is_(self, wanted: str | None) -> bool:
        """Whether it is what a rule asks for by role, model or id; `None` asks for anything."""
        return wanted is None or wanted in (self.role, self.model, self.source)


def age(subject: Subject, at: Instant) -> int | None:
    """Years, by calendar year: what is known is the year of birth."""
    if subject.birth_year is None:
        return None
    return datetime.fromtimestamp(at / 1000, UTC).year - subject.birth_year


def recommended_max_heart_rate(subject: Subject, at: Instant) -> float | None:
    """Beats a minute: 208 - 0.7 x age, `None` without an age.

    Tanaka, Monahan, Seals 2001, J Am Coll Cardiol 37(1):153-156 (18,712 people); an average, from which a healthy
    heart may differ by some ten beats. Not medical advice.
    """
    years = age(subject, at)
    return None if years is None else highest_by_age(years)


def highest_by_age(years: Years) -> Years:
    """Tanaka's formula, of a number or of an array."""
    return 208 - 0.7 * years


def moderate_heart_rate(subject: Subject, at: Instant) -> float | None:
    """Beats a minute from which effort is at least moderate: half of the maximum, `None` without an age.

    Centers for Disease Control and Prevention, Target Heart Rate: moderate is 50-70 %, vigorous 70-85 % of the maximum.
    """
    highest = recommended_max_heart_rate(subject, at)
    return None if highest is None else 0.5 * highest


_FACTS = {
    "person.age": age,
    "person.heart_rate.max": recommended_max_heart_rate,
    "person.heart_rate.recommended_max": recommended_max_heart_rate,
    "person.heart_rate.moderate": moderate_heart_rate,
}


def fact(name: str, subject: Subject, at: Instant) -> float | None:
    """A named fact about a person at a time; `None` if it is not known."""
    return _FACTS[name](subject, at)
