"""Goals: what a person wants a day or a week to come to, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from devices.errors import Invalid, NotFound
from rules.features import FEATURES, Better, Feature
from rules.periods import DayValue, Span, members, start_of

Per: TypeAlias = Literal["day", "week"]

SUMMED = frozenset(
    {"steps", "distance", "active_minutes", "vigorous_minutes", "energy", "workouts", "sleep_minutes"}
)  # fmt: skip
"""Of these a week is the sum of its days; of all others it is their mean."""
WEEK = 7
ENOUGH_DAYS = 5
"""A mean of fewer days does not stand for a week."""
NEAR = 0.03
"""Where neither direction is better, a goal is met within this part of it."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A target in the metric's unit; met at or above it, at or below it, or near it, as `better` says."""

    metric: str
    target: float
    per: Per
    better: Better | None

    @property
    def is_summed(self) -> bool:
        """Whether its period is the sum of days."""
        return self.per == "week" and self.metric in SUMMED

    def reached(self, value: float) -> bool:
        """Whether a value is as good as the target."""
        match self.better:
            case "up":
                return value >= self.target
            case "down":
                return value <= self.target
            case None:
                return abs(value - self.target) <= NEAR * abs(self.target)

    def percent(self, value: float) -> float | None:
        """How far a value is, 100 and more being there; `None` where a share has no meaning."""
        if value <= 0 or self.target <= 0:
            return None
        match self.better:
            case "up":
                return 100 * value / self.target
            case "down":
                return 100 * self.target / value
            case None:
                return 100 * min(value / self.target, self.target / value)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a goal is: `value` and `percent` of the period that runs, `met` of the `judged` periods of the span.

    A period is judged when it has the data for it: a day without any is neither met nor missed, nor is a week with a sum too
    small that a missing day could have filled.
    """

    goal: Goal
    value: float | None
    percent: float | None
    met: int
    judged: int


def goal_of(metric: str, target: float, per: Per) -> Goal:
    """A goal for a feature of the catalogue. Raises `NotFound`, and `Invalid` for what nobody's day or week can be."""
    feature = FEATURES.get(metric)
    if feature is None:
        raise NotFound(f"there are no goals for {metric}; there are for {', '.join(FEATURES)}")
    goal = Goal(metric, target, per, feature.better)
    low, high = bounds(feature, goal)
    if not (low <= target <= high and target != 0):
        raise Invalid(f"a goal for {metric} per {per} is from {low:g} to {high:g} {feature.unit}, and not 0")
    return goal


def bounds(feature: Feature, goal: Goal) -> tuple[float, float]:
    """The least and the most that a goal can be."""
    times = WEEK if goal.is_summed else 1
    return feature.low * times, feature.high * times


def standing(days: Sequence[DayValue], goal: Goal, span: Span) -> Standing:
    """How far a goal is within a span."""
    judged = marks(days, goal, span)
    now = [each.value for each in span.seen(days) if start_of(each.day, goal.per) == start_of(span.last, goal.per)]
    value = _value(now, goal) if now else None
    return Standing(
        goal=goal,
        value=value,
        percent=None if value is None else goal.percent(value),
        met=sum(judged.values()),
        judged=len(judged),
    )


def marks(days: Sequence[DayValue], goal: Goal, span: Span) -> dict[date, bool]:
    """Of each day or week that can be judged, by its first day, whether it met the goal."""
    told = {}
    for start, within in members(span.seen(days), goal.per).items():
        unfinished = span.running and start == start_of(span.last, goal.per)
        met = _met([value for _, value in within], goal, unfinished=unfinished)
        if met is not None:
            told[start] = met
    return told


def _met(values: list[float], goal: Goal, *, unfinished: bool) -> bool | None:
    """What only grows may be met before its period is over; everything else is known when it is."""
    reached = goal.reached(_value(values, goal))
    if goal.better == "up" and goal.metric in SUMMED and reached:
        return True
    needed = 1 if goal.per == "day" else WEEK if goal.is_summed else ENOUGH_DAYS
    return reached if len(values) >= needed and not unfinished else None


def _value(values: list[float], goal: Goal) -> float:
    return sum(values) if goal.is_summed else sum(values) / len(values)
