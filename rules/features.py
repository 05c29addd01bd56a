"""Daily features: what one day of a person comes to, in numbers that mean something to them.

Here is what there is, in which unit, and which direction is better; `rules/daily.py` finds them in what devices said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from devices.model import Category, Title

Better: TypeAlias = Literal["up", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One number a day.

    `unit` is a UCUM code. `better` is `None` where neither direction is. `low` to `high` is what a person's mean can be, and
    `step` the difference that still counts when people are compared: the same within a step is a tie. `shown` is how coarsely
    figures of many people are told. `compared` are those in which people may be compared with their peers.
    """

    name: str
    title: Title
    unit: str
    category: Category
    better: Better | None
    low: float
    high: float
    step: float
    shown: float
    digits: int = 0
    compared: bool = True


def _feature(name: str, en: str, ko: str, /, **facts: object) -> Feature:
    return Feature(name=name, title=Title(en=en, ko=ko), **facts)  # type: ignore[arg-type]


_ALL = (
    _feature(
        "steps", "Steps", "걸음", unit="{step}", category="activity", better="up", low=0, high=60_000, step=2, shown=100
    ),
    _feature(
        "distance", "Distance", "거리", unit="m", category="activity", better="up", low=0, high=60_000, step=2, shown=100
    ),
    _feature(
        "active_minutes", "Active minutes", "활동 시간",
        unit="min", category="activity", better="up", low=0, high=600, step=0.05, shown=1,
    ),
    _feature(
        "vigorous_minutes", "Vigorous minutes", "고강도 활동 시간",
        unit="min", category="activity", better="up", low=0, high=400, step=0.02, shown=1,
    ),
    _feature(
        "energy", "Active energy", "활동 에너지",
        unit="kcal", category="activity", better="up", low=0, high=6_000, step=0.25, shown=10,
    ),
    _feature(
        "workouts", "Workouts", "운동", unit="1", category="activity", better="up", low=0, high=5, step=0.001, shown=0.1, digits=1
    ),
    _feature(
        "resting_heart_rate", "Resting heart rate", "안정 시 심박수",
        unit="/min", category="heart", better="down", low=30, high=130, step=0.01, shown=1,
    ),
    _feature(
        "heart_rate_recovery", "Heart-rate recovery", "심박 회복",
        unit="/min", category="heart", better="up", low=0, high=120, step=0.01, shown=1,
    ),
    _feature(
        "vo2max", "VO₂max, estimated", "최대 산소 섭취량(추정)",
        unit="mL/kg/min", category="heart", better="up", low=10, high=100, step=0.01, shown=1, digits=1,
    ),
    _feature(
        "sleep_minutes", "Sleep", "수면 시간",
        unit="min", category="sleep", better=None, low=0, high=960, step=0.1, shown=5,
    ),
    _feature(
        "sleep_regularity", "Sleep regularity", "수면 규칙성",
        unit="1", category="sleep", better="up", low=-100, high=100, step=0.01, shown=1,
    ),
    _feature(
        "health_index", "Health index", "건강 지수",
        unit="1", category="heart", better="up", low=0, high=100, step=0.01, shown=1,
    ),
    _feature(
        "weight", "Weight", "몸무게",
        unit="kg", category="body", better=None, low=20, high=300, step=0.1, shown=1, digits=1, compared=False,
    ),
)  # fmt: skip

FEATURES: dict[str, Feature] = {feature.name: feature for feature in _ALL}
COMPARED: tuple[Feature, ...] = tuple(feature for feature in _ALL if feature.compared)
