"""What progress and goals look like over HTTP."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import SeriesItem
from rules.features import Better
from rules.goals import Per
from rules.periods import Every
from rules.records import Kind
from rules.streaks import Of
from rules.trend import Verdict


class PeriodItem(SeriesItem):
    """A day, week or month, at its beginning: the mean of those of its days that have data."""

    days: int = Field(description="days of data within it")


class MonthOut(BaseModel):
    """A calendar month of a progress."""

    month: str
    value: float
    days: int


class ChangeOut(BaseModel):
    """From the first month to the last."""

    first: float
    last: float
    difference: float
    percent: float | None
    better: bool | None = Field(description="null where neither direction is better")


class TrendOut(BaseModel):
    """A robust slope per 30 days, in the metric's unit."""

    slope: float
    low: float = Field(description="the lower end of the 95 % interval")
    high: float = Field(description="the upper end of the 95 % interval")
    days: int = Field(description="days of data it is drawn from")
    verdict: Verdict = Field(
        description="better, worse (rising, falling where neither direction is better): the interval leaves zero out; "
        "steady: it moves by next to nothing; unclear: it could be either way"
    )


class TurnOut(BaseModel):
    """A day from which on the metric stood at another level."""

    day: str
    before: float = Field(description="the mean of the days from the turn before")
    after: float = Field(description="the mean of the days up to the turn after")


class RunOut(BaseModel):
    """Days or weeks in a row; `first` and `last` are their first days."""

    first: str
    last: str
    length: int


class StreaksOut(BaseModel):
    """The longest run, and the one that still goes on. A day without data ends a run."""

    of: Of = Field(
        description="goal: what met the goal; median: without a goal, days at least as good as the person's own middle day; "
        "data: where neither direction is better, days with data"
    )
    per: Per
    threshold: float | None = Field(description="the goal or the median")
    longest: RunOut | None
    current: RunOut | None


class RecordOut(BaseModel):
    """A day, week or month that none was better than; weeks and months in means of a day."""

    kind: Kind
    every: Every
    start: str
    value: float
    days: int


class StandingOut(BaseModel):
    """How far a goal is."""

    target: float
    per: Per
    better: Better | None = Field(description="null: it is met near the target")
    value: float | None = Field(description="of the day or week that runs; null without data")
    percent: float | None
    met: int = Field(description="days or weeks of the span that met it")
    judged: int = Field(description="days or weeks that had the data for it")


class AboutOut(BaseModel):
    """How a derived figure is found: by which formula, and of how many parts it is made."""

    method: str
    known: int | None = Field(
        default=None, description="of the parts of the health index, so many are known on the last day"
    )
    of: int | None = None
    parts: dict[str, float] = Field(default={}, description="points of the parts that are known, 0 to 100")


class ProgressOut(BaseModel):
    """How a metric of a person came along. Days without data are not there; they are never zero."""

    metric: str
    title: dict[str, str]
    unit: str
    better: Better | None
    timezone: str
    every: Every
    items: list[PeriodItem]
    months: list[MonthOut]
    change: ChangeOut | None
    trend: TrendOut | None
    turns: list[TurnOut]
    streaks: StreaksOut
    records: list[RecordOut]
    goal: StandingOut | None
    insufficient: str | None = Field(description="what is missing for a comparison of months")
    missing: dict[str, str] = Field(description="what `change`, `trend` and `turns` need, where they cannot be told")
    sentence: dict[str, str]
    about: AboutOut | None = Field(default=None, description="for figures that are estimated or put together")
    next: None = None


class GoalIn(BaseModel):
    """What a day or a week is to come to."""

    model_config = ConfigDict(extra="forbid")
    target: float = Field(allow_inf_nan=False, examples=[8000])
    per: Per = "day"


class GoalOut(BaseModel):
    """A goal on record."""

    metric: str
    title: dict[str, str]
    unit: str
    target: float
    per: Per
    better: Better | None = Field(description="up: at least, down: at most, null: near the target")
    set_at: str
