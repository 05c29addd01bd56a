"""The ladder: with whom somebody is compared when those they asked for are too few.

Month, quarter, year, all who have the model, nothing; what else was asked for is kept all the way.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from rules.cohorts import DIMENSIONS, Cohort, Dimension, Member, span
from rules.disclosure import Held
from rules.families import FAMILIES, Family, family_for

Rung: TypeAlias = Literal["month", "quarter", "year", "all", "nothing"]
Why: TypeAlias = Held | Literal["unknown"]

_SPANS: tuple[tuple[Rung, int], ...] = (("month", 1), ("quarter", 3), ("year", 12))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """With whom somebody is compared, which rung that is, and what was passed over before, each with its reason.

    `cohort` is `None` on the rung `nothing`. `all` is whoever else is as they are, whenever they got it. A key `""` was
    passed over since something of the person is not known.
    """

    cohort: Cohort | None
    rung: Rung
    passed: tuple[tuple[str, Why], ...] = ()


def ladder(
    by: Iterable[Dimension], member: Member, *, families: Sequence[Family] = FAMILIES
) -> tuple[tuple[Rung, Cohort | None], ...]:
    """The cohorts to try, in this order; `None` where what it takes is not known of the member.

    Raises `Invalid` where people are not counted by what was asked for.
    """
    wanted = set(by)
    family_for(wanted, families)
    others = {name: member.value(name) for name in DIMENSIONS if name in wanted and name != "acquired_month"}
    known = member.compared and all(value is not None for value in others.values())
    base = Cohort(**others) if known else None  # type: ignore[arg-type]
    spans = _SPANS if "acquired_month" in wanted else ()
    at = member.acquired
    timed = [
        (rung, replace(base, acquired=span(at, size)) if base and at is not None else None) for rung, size in spans
    ]
    return (*timed, ("all", base))


def settle(
    by: Iterable[Dimension],
    member: Member,
    *,
    held: Mapping[str, Held],
    told: Container[str],
    families: Sequence[Family] = FAMILIES,
) -> Comparison:
    """The first rung of which there is a table: `told` are the keys of those there are, `held` why others are not told."""
    passed: list[tuple[str, Why]] = []
    for rung, cohort in ladder(by, member, families=families):
        if cohort is not None and cohort.key in told:
            return Comparison(cohort=cohort, rung=rung, passed=tuple(passed))
        why: Why = "unknown" if cohort is None else held.get(cohort.key, "size")
        passed.append((cohort.key if cohort else "", why))
    return Comparison(cohort=None, rung="nothing", passed=tuple(passed))
