"""Peers: from where somebody stands to what is answered, in words too."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, Field

from api.instants import to_rfc3339
from devices.errors import Invalid, NotFound
from hub.views import Among
from rules.cohorts import DIMENSIONS, Dimension
from rules.features import COMPARED, FEATURES, Better, Feature
from rules.ladder import Rung, Why
from rules.peer_words import sentence
from rules.published import Table

MISSING: dict[str, dict[str, str]] = {
    "days": {
        "en": "There is no month with enough days of data to compare yet: it takes seven.",
        "ko": "아직 비교할 만한 달이 없어요. 한 달에 7일 이상의 기록이 필요해요.",
    },
    "snapshot": {
        "en": "The first comparison is made as soon as there are enough people; look again tomorrow.",
        "ko": "비교할 사람이 충분히 모이면 첫 비교를 만들어요. 내일 다시 확인해 주세요.",
    },
    "cohort": {
        "en": "There are too few people like you to compare without telling on anyone.",
        "ko": "누구도 드러나지 않게 비교하기에는 비슷한 분이 아직 적어요.",
    },
}


class PassedOut(BaseModel):
    """A group that was asked for and could not be told of."""

    cohort: str
    why: Why = Field(
        description="size: fewer than 100 people; remainder: others could be found by it; unknown: something of you is not "
        "known; limit: there are too many groups"
    )


class CohortOut(BaseModel):
    """The group somebody is compared with; figures are rounded, and frozen until the next snapshot."""

    id: str
    level: Rung = Field(description="month, quarter, year of acquiring the device; all: whenever that was")
    people: int = Field(description="about so many: two digits")
    low_quartile: float
    median: float
    high_quartile: float
    epsilon: float | None = Field(
        description="set where there is noise in these figures and in the band: the ε of them all; less is more noise"
    )


class MonthAmongOut(BaseModel):
    """A calendar month of you and of the group."""

    month: str
    since_acquired: int | None = Field(description="months since the device was acquired")
    you: float | None
    low_quartile: float | None
    median: float | None
    high_quartile: float | None
    people: int | None


class PeersOut(BaseModel):
    """Where somebody stands among people like them."""

    metric: str
    title: dict[str, str]
    unit: str
    better: Better | None
    by: list[Dimension]
    month: str | None = Field(description="the calendar month that is compared")
    you: float | None = Field(description="your mean a day in that month")
    band: int | None = Field(description="among the best so many per cent: 1, 2, 5, 10, 25, 50, 75 or 100")
    cohort: CohortOut | None
    passed_over: list[PassedOut]
    months: list[MonthAmongOut]
    insufficient: Literal["days", "snapshot", "cohort"] | None = Field(description="what is missing for a comparison")
    sentence: dict[str, str]
    taken_at: str | None = Field(description="when the snapshot was taken that this comes from")


def compared(name: str) -> Feature:
    """A feature in which people are compared. Raises `NotFound`."""
    feature = FEATURES.get(name)
    if feature is None or not feature.compared:
        raise NotFound(f"people are not compared in {name}; they are in {', '.join(each.name for each in COMPARED)}")
    return feature


def dimensions(text: str) -> tuple[Dimension, ...]:
    """What people are compared by, as it was asked for. Raises `Invalid`."""
    asked = [part.strip() for part in text.split(",") if part.strip()]
    if wrong := sorted({part for part in asked if part not in get_args(Dimension)}):
        raise Invalid(f"by: there is no {', '.join(wrong)}; there are {', '.join(DIMENSIONS)}")
    return tuple(name for name in DIMENSIONS if name in asked)


def answer(among: Among, feature: Feature, by: tuple[Dimension, ...]) -> PeersOut:
    """What is told of where somebody stands."""
    told, comparison = among.table, among.comparison
    cohort = comparison.cohort if comparison else None
    words = MISSING[among.missing] if among.missing else sentence(feature, told, cohort, band=among.band)
    return PeersOut(
        metric=feature.name,
        title=feature.title.model_dump(),
        unit=feature.unit,
        better=feature.better,
        by=list(by),
        month=_month(among.period),
        you=_short(among.mine),
        band=among.band,
        cohort=_cohort(told, cohort.key, comparison.rung) if told and cohort and comparison else None,
        passed_over=[PassedOut(cohort=key, why=why) for key, why in comparison.passed] if comparison else [],
        months=[
            MonthAmongOut(
                month=_month(each.period) or "",
                since_acquired=each.since,
                you=_short(each.mine),
                low_quartile=each.table.low if each.table else None,
                median=each.table.median if each.table else None,
                high_quartile=each.table.high if each.table else None,
                people=each.table.size if each.table else None,
            )
            for each in among.months
        ],
        insufficient=among.missing,
        sentence=words,
        taken_at=to_rfc3339(among.taken_at) if among.taken_at else None,
    )


def _cohort(table: Table, key: str, rung: Rung) -> CohortOut:
    return CohortOut(
        id=key,
        level=rung,
        people=table.size,
        low_quartile=table.low,
        median=table.median,
        high_quartile=table.high,
        epsilon=table.epsilon,
    )


def _month(period: int | None) -> str | None:
    return None if period is None else f"{period // 12:04}-{period % 12 + 1:02}"


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")
