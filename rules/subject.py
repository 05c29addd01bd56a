"""What rules may know of a person, and the facts derived from it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from devices.sample import Instant


class Subject(msgspec.Struct, frozen=True):
    """A person, as far as rules are concerned."""

    id: str
    birth_year: int | None = None


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
    return None if years is None else 208 - 0.7 * years


_FACTS = {"person.heart_rate.recommended_max": recommended_max_heart_rate}


def fact(name: str, subject: Subject, at: Instant) -> float | None:
    """A named fact about a person at a time; `None` if it is not known."""
    return _FACTS[name](subject, at)
