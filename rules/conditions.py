"""The conditions of the rule language, as written.

Some hold for a while (a threshold, a presence, a time of day); others are moments (an event, an edge, a time on a schedule).
`for`, `not` and `count` are only for what holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from rules.durations import Duration
from rules.terms import Clock, Cron, EventName, Expression, Limit, MetricName, RoleName, Term, Window
from rules.words import Words

PARTS_LIMIT = 12
Agg: TypeAlias = Literal["mean", "min", "max", "sum", "count", "rate", "delta", "percentile"]
DayAgg: TypeAlias = Literal["mean", "min", "max", "sum", "count", "last", "low", "first_at"]


def _unsaid(said: Any) -> bool:
    """Whether something is left out of what a version is made of, so that versions of before it was there stay the same."""
    return said is None


class Part(BaseModel):
    """A part of a rule: nothing unknown in it, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Gap(Part):
    """What to make of a pause between samples: `hold` lets it pass uncounted, `reset` starts over."""

    longer_than: Duration
    then: Literal["hold", "reset"] = "hold"


class Lasting(Part):
    """A condition that holds for a while; `for` asks that it has held that long."""

    for_: Duration | None = Field(default=None, alias="for")


class Bounds(Part):
    """What a value is held against: exactly one of these. The `clear` limits are where it stops being true (hysteresis)."""

    above: Limit | None = None
    below: Limit | None = None
    between: tuple[Limit, Limit] | None = None
    equals: Limit | str | list[str] | None = None
    clear_below: Limit | None = None
    clear_above: Limit | None = None

    @model_validator(mode="after")
    def _one(self) -> Bounds:
        given = [name for name in self._bounds() if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(self._bounds())}")
        if self.clear_below is not None and given != ["above"]:
            raise ValueError("clear_below belongs to above")
        if self.clear_above is not None and given != ["below"]:
            raise ValueError("clear_above belongs to below")
        return self

    def _bounds(self) -> tuple[str, ...]:
        return ("above", "below", "between", "equals")

    def terms(self) -> Iterator[tuple[str, Term]]:
        """Every limit with the name it has here."""
        for name in ("above", "below", "clear_below", "clear_above", "equals"):
            if isinstance(term := getattr(self, name), Term):
                yield name, term
        for term in self.between or ():
            yield "between", term


class Threshold(Lasting, Bounds):
    """A metric held against a limit; with `window` and `agg`, what it came to over a while."""

    metric: MetricName
    of: RoleName | None = None
    across: Literal["any", "all"] = "any"
    where: Expression | None = None
    says: Words | None = Field(default=None, exclude_if=_unsaid)
    window: Window | None = None
    agg: Agg | None = None
    percentile: Annotated[float, Field(gt=0, lt=100)] | None = None
    on_gap: Gap | None = None

    @model_validator(mode="after")
    def _complete(self) -> Threshold:
        if (self.window is None) != (self.agg is None):
            raise ValueError("window and agg belong together")
        if (self.agg == "percentile") != (self.percentile is not None):
            raise ValueError("percentile wants agg: percentile, and the other way round")
        if self.agg is not None and self.on_gap is not None:
            raise ValueError("a window has no on_gap: what is not there is not counted")
        if self.agg is not None and (self.where is not None or isinstance(self.equals, (str, list))):
            raise ValueError("what a window comes to is a number; hold it against above, below or between")
        return self

    def _bounds(self) -> tuple[str, ...]:
        return (*super()._bounds(), "where")


class Counted(Lasting, Bounds):
    """How many times something happened over a while."""

    count_of: EventName
    of: RoleName | None = None
    where: Expression | None = None
    says: Words | None = Field(default=None, exclude_if=_unsaid)
    window: Window


class Daily(Lasting):
    """What a metric came to day by day, on the person's own calendar: over complete days only.

    `low` is the fifth percentile of a day, `first_at` the minute of the day, counted from noon, at which the metric first was
    `equals`, not looking before the time of day `from`. `rises` and `falls` count days in a row; `drifts_by` holds the last
    three days against the ten before them.
    """

    daily: MetricName
    agg: DayAgg
    equals: list[str] | None = None
    from_: Clock | None = Field(default=None, alias="from", exclude_if=_unsaid)
    rises: Annotated[int, Field(ge=1, le=14)] | None = None
    falls: Annotated[int, Field(ge=1, le=14)] | None = None
    drifts_by: Limit | None = None
    above: Limit | None = None
    below: Limit | None = None

    @model_validator(mode="after")
    def _one(self) -> Daily:
        if sum(each is not None for each in (self.rises, self.falls, self.drifts_by, self.above, self.below)) != 1:
            raise ValueError("give exactly one of rises, falls, drifts_by, above, below")
        if (self.agg == "first_at") != (self.equals is not None):
            raise ValueError("first_at wants equals, and the other way round")
        if self.from_ is not None and self.agg != "first_at":
            raise ValueError("from belongs to first_at")
        return self


class Edge(Part):
    """The moment a metric goes over a limit, or under one; the next time only after it has been back at `rearm`."""

    metric: MetricName
    of: RoleName | None = None
    rises_above: Limit | None = None
    falls_below: Limit | None = None
    rearm_below: Limit | None = None
    rearm_above: Limit | None = None

    @model_validator(mode="after")
    def _one(self) -> Edge:
        if (self.rises_above is None) == (self.falls_below is None):
            raise ValueError("give exactly one of rises_above, falls_below")
        if (self.rearm_below and self.rises_above is None) or (self.rearm_above and self.falls_below is None):
            raise ValueError("rearm_below belongs to rises_above, rearm_above to falls_below")
        return self


class Changed(Part):
    """The moment a metric has another value than before."""

    changed: MetricName
    of: RoleName | None = None
    from_: str | list[str] | None = Field(default=None, alias="from")
    to: str | list[str] | None = None


class Happened(Part):
    """The moment of an event."""

    event: EventName
    of: RoleName | None = None
    where: Expression | None = None
    says: Words | None = Field(default=None, exclude_if=_unsaid)


class Absent(Part):
    """No sample of a metric, or no event, for a while; unknown until there was one."""

    absent: MetricName | EventName
    of: RoleName | None = None
    for_: Duration = Field(alias="for", gt=0)


class Sequence(Part):
    """The moment the last of several moments comes, each after the one before, all `within` a while, `without` another."""

    sequence: list[Condition] = Field(min_length=2, max_length=6)
    within: Duration
    without: Condition | None = None


class Missing(Part):
    """The moment at which something that should have followed `within` a while has not."""

    missing: Condition
    after: Condition
    within: Duration


class Timer(Part):
    """The moment at which this rule's timer, which other rules start and stop, has run for so long."""

    timer: Annotated[Duration, Field(ge=1)]


class Schedule(Part):
    """A time on a schedule: cron's five fields, in the local time of the home."""

    schedule: Cron


class Span(Part):
    """A part of the day, over midnight too."""

    from_: Clock = Field(alias="from")
    to: Clock
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None = None


class During(Lasting):
    """While the clock of the home is in a part of the day."""

    during: Span


class Present(Lasting):
    """Who of a home is where; `apart`: two of them are in different places."""

    present: Literal["anyone", "everyone", "nobody", "apart"]
    in_: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] | None = Field(default=None, alias="in")

    @model_validator(mode="after")
    def _where(self) -> Present:
        if (self.present == "apart") == (self.in_ is not None):
            raise ValueError("say in which place, except for apart")
        return self


class TraitIs(Lasting, Bounds):
    """A trait of the person or home held against a limit; a yes-or-no trait equals "true" or "false"."""

    trait: MetricName


class Segment(Lasting):
    """Whether the person or home is in a segment."""

    segment: MetricName


class Total(Lasting):
    """For how long, this day or week, a condition has held."""

    total: Condition
    per: Literal["day", "week"]
    above: Duration


class AllOf(Lasting):
    """All of these."""

    all: list[Condition] = Field(min_length=1, max_length=PARTS_LIMIT)


class AnyOf(Lasting):
    """One of these at least."""

    any: list[Condition] = Field(min_length=1, max_length=PARTS_LIMIT)


class Not(Lasting):
    """Not this; not unknown is unknown."""

    not_: Condition = Field(alias="not")


class Count(Lasting):
    """At least so many of these."""

    count: list[Condition] = Field(min_length=2, max_length=PARTS_LIMIT)
    at_least: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _possible(self) -> Count:
        if self.at_least > len(self.count):
            raise ValueError(f"at_least {self.at_least} of {len(self.count)} can never be")
        return self


_KEYS = {
    "daily": Daily,
    "count_of": Counted,
    "changed": Changed,
    "event": Happened,
    "absent": Absent,
    "sequence": Sequence,
    "missing": Missing,
    "timer": Timer,
    "schedule": Schedule,
    "during": During,
    "present": Present,
    "trait": TraitIs,
    "segment": Segment,
    "total": Total,
    "all": AllOf,
    "any": AnyOf,
    "not": Not,
    "count": Count,
}
_EDGES = frozenset({"rises_above", "falls_below"})


def _kind(written: Any) -> str | None:
    """Which condition it is, by what it says."""
    if isinstance(written, BaseModel):
        return type(written).__name__
    if not isinstance(written, dict):
        return None
    if "metric" in written:
        return "Edge" if written.keys() & _EDGES else "Threshold"
    return next((kind.__name__ for key, kind in _KEYS.items() if key in written), None)


Condition: TypeAlias = Annotated[
    Annotated[Threshold, Tag("Threshold")]
    | Annotated[Counted, Tag("Counted")]
    | Annotated[Daily, Tag("Daily")]
    | Annotated[Edge, Tag("Edge")]
    | Annotated[Changed, Tag("Changed")]
    | Annotated[Happened, Tag("Happened")]
    | Annotated[Absent, Tag("Absent")]
    | Annotated[Sequence, Tag("Sequence")]
    | Annotated[Missing, Tag("Missing")]
    | Annotated[Timer, Tag("Timer")]
    | Annotated[Schedule, Tag("Schedule")]
    | Annotated[During, Tag("During")]
    | Annotated[Present, Tag("Present")]
    | Annotated[TraitIs, Tag("TraitIs")]
    | Annotated[Segment, Tag("Segment")]
    | Annotated[Total, Tag("Total")]
    | Annotated[AllOf, Tag("AllOf")]
    | Annotated[AnyOf, Tag("AnyOf")]
    | Annotated[Not, Tag("Not")]
    | Annotated[Count, Tag("Count")],
    Discriminator(
        _kind,
        custom_error_type="condition",
        custom_error_message="a condition says one of metric, daily, count_of, changed, event, absent, sequence, missing, "
        "timer, schedule, during, present, trait, segment, total, all, any, not, count",
    ),
]

for _recursive in (Sequence, Missing, Total, AllOf, AnyOf, Not, Count):
    _recursive.model_rebuild()

MOMENTS = (Edge, Changed, Happened, Sequence, Missing, Timer, Schedule)


def parts(condition: Any) -> list[tuple[tuple[str | int, ...], Any]]:
    """The conditions directly inside one, each with the path to it."""
    match condition:
        case Sequence():
            inside = [(("sequence", place), each) for place, each in enumerate(condition.sequence)]
            return [*inside, *([(("without",), condition.without)] if condition.without is not None else [])]
        case Missing():
            return [(("missing",), condition.missing), (("after",), condition.after)]
        case Total():
            return [(("total",), condition.total)]
        case AllOf():
            return [(("all", place), each) for place, each in enumerate(condition.all)]
        case AnyOf():
            return [(("any", place), each) for place, each in enumerate(condition.any)]
        case Count():
            return [(("count", place), each) for place, each in enumerate(condition.count)]
        case Not():
            return [(("not",), condition.not_)]
        case _:
            return []


def walk(condition: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """A condition and everything inside it, each with its path."""
    yield path, condition
    for further, inside in parts(condition):
        yield from walk(inside, (*path, *further))


def is_moment(condition: Any) -> bool:
    """Whether a condition is a moment, or has one that everything else must come with."""
    match condition:
        case AllOf():
            return any(is_moment(each) for each in condition.all)
        case AnyOf():
            return all(is_moment(each) for each in condition.any)
        case _:
            return isinstance(condition, MOMENTS)
