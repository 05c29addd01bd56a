"""Cohorts: who is compared with whom."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

Dimension: TypeAlias = Literal["model", "acquired_month", "age_band", "sex", "region"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

CHILD = "0-17"
"""The band of those who are never compared."""

AGE_BANDS = ("18-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80+")

_MISTAKABLE = re.compile(r"\d.*|female|male|other|everybody|.*[:/].*")
"""Models that could be taken for something else in a key."""


def age_band(age: int) -> str:
    """The band an age in years belongs to."""
    if age < 18:
        return CHILD
    return AGE_BANDS[min(max(age // 10 - 2, 0), len(AGE_BANDS) - 1)]


def month(year: int, number: int) -> int:
    """A calendar month (1 to 12) as months since the year 0."""
    return year * 12 + number - 1


class Span(NamedTuple):
    """A calendar month, quarter or year: its first month, since the year 0, and how many months it has (1, 3, 12)."""

    first: int
    months: int

    @property
    def text(self) -> str:
        """As people write it: 2026-05, 2026-Q2, 2026."""
        year, at = divmod(self.first, 12)
        return {1: f"{year:04}-{at + 1:02}", 3: f"{year:04}-Q{at // 3 + 1}", 12: f"{year:04}"}[self.months]

    def holds(self, at: int) -> bool:
        """Whether a month is in it."""
        return self.first <= at < self.first + self.months


def span(at: int, months: int) -> Span:
    """The month, quarter or year (1, 3, 12) that a month is in."""
    return Span(at - at % months, months)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What somebody is compared by; `None` is what is not known. `acquired` is in months since the year 0."""

    model: str | None = None
    acquired: int | None = None
    age_band: str | None = None
    sex: str | None = None
    region: str | None = None

    @property
    def compared(self) -> bool:
        """Whether they are compared at all: children are not."""
        return self.age_band != CHILD

    def value(self, dimension: Dimension) -> str | int | None:
        """What they are in a dimension."""
        value: str | int | None = getattr(self, "acquired" if dimension == "acquired_month" else dimension)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """People who have in common what is said of them; `None` is whatever it may be, unknown included."""

    model: str | None = None
    acquired: Span | None = None
    age_band: str | None = None
    sex: str | None = None
    region: str | None = None

    @property
    def key(self) -> str:
        """Short, stable, and readable: health-watch/2026-Q2, 30-39/female, region:KR-11, everybody."""
        model = f"model:{self.model}" if self.model and _MISTAKABLE.fullmatch(self.model) else self.model
        region = self.region and f"region:{self.region}"
        parts = (model, self.acquired and self.acquired.text, self.age_band, self.sex, region)
        return "/".join(part for part in parts if part) or "everybody"

    @property
    def by(self) -> tuple[Dimension, ...]:
        """The dimensions it says something about."""
        values = (self.model, self.acquired, self.age_band, self.sex, self.region)
        return tuple(name for name, value in zip(DIMENSIONS, values, strict=True) if value is not None)

    @property
    def shape(self) -> str:
        """The same for cohorts of which nobody can be in two: what it is by, and the length of its span."""
        return ",".join(self.by) + (f":{self.acquired.months}" if self.acquired else "")

    def has(self, dimension: Dimension, value: str | int | None) -> bool:
        """Whether somebody who is `value` in a dimension may be in it."""
        wanted = getattr(self, "acquired" if dimension == "acquired_month" else dimension)
        if isinstance(wanted, Span):
            return isinstance(value, int) and wanted.holds(value)
        return wanted is None or wanted == value
