"""Device models: what a kind of device measures, what happens to it, and what it can be asked to do.

A maker adds a device by adding one YAML file to `devices/models/`; `parse` says what is wrong with it.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from devices import located, topics, units
from devices.loinc import LOINC
from devices.sample import Value

Kind: TypeAlias = Literal["gauge", "counter", "state"]
Category: TypeAlias = Literal[
    "heart",
    "activity",
    "sleep",
    "body",
    "food",
    "garment",
    "place",
    "purchase",
    "content",
    "finance",
    "profile",
    "home",
]
METRIC_PATTERN = r"[a-z][a-z0-9_]{0,62}"
EVENT_PATTERN = r"[a-z][a-z0-9_]{0,40}(\.[a-z][a-z0-9_]{0,40}){0,3}"
TEXT_LIMIT = 256
LIST_LIMIT = 16 * 1024
"""The longest state text, and the longest list written as JSON, in characters."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Title(_Part):
    """A name in the languages of the pages."""

    en: str = Field(min_length=1, max_length=80)
    ko: str = Field(min_length=1, max_length=80)


class MetricSpec(_Part):
    """One thing a device measures.

    gauge: goes up and down. counter: only grows, except that it starts again from zero, each day (`resets: daily`)
    or with each use (`resets: session`). state: one of `values`, any short text, or a list of `items` with these fields.
    `loinc` is the code under which health records know it.
    """

    title: Title
    unit: str = "1"
    kind: Kind
    range: tuple[float, float] | None = None
    category: Category
    resets: Literal["daily", "session"] = "session"
    values: list[str] | None = None
    items: list[str] | None = None
    keep_days: int | None = Field(default=None, ge=1)
    loinc: str | None = None

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, unit: str) -> str:
        if unit not in units.UCUM:
            raise ValueError(f"unit {unit!r} is not a known UCUM code")
        return unit

    @field_validator("loinc")
    @classmethod
    def _known_loinc(cls, code: str | None) -> str | None:
        if code is not None and code not in LOINC:
            raise ValueError(f"loinc {code!r} is not a known code; there are {', '.join(sorted(LOINC))}")
        return code

    @model_validator(mode="after")
    def _told_as_loinc_says(self) -> MetricSpec:
        if self.loinc is not None:
            told = LOINC[self.loinc].units
            if self.kind == "state" or self.unit not in told:
                raise ValueError(f"loinc {self.loinc} is a number in {' or '.join(told)}")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> MetricSpec:
        if self.kind == "state":
            if self.range is not None:
                raise ValueError("a state has values, not a range")
        elif self.range is None:
            raise ValueError(f"a {self.kind} needs a range")
        elif not self.range[0] < self.range[1] or not all(map(math.isfinite, self.range)):
            raise ValueError("a range is [low, high] with low < high, both finite")
        elif self.values is not None or self.items is not None:
            raise ValueError("only a state has values or items")
        return self


class EventSpec(_Part):
    """Something that happens, named in the past participle, with the fields its data may have."""

    title: Title
    category: Category
    fields: dict[str, Literal["text", "number", "boolean"]] = {}


class ArgSpec(_Part):
    """One argument of a command; `required` unless said otherwise."""

    type: Literal["integer", "number", "boolean", "text", "list"]
    range: tuple[float, float] | None = None
    required: bool = True

    @field_validator("range")
    @classmethod
    def _rising(cls, given: tuple[float, float] | None) -> tuple[float, float] | None:
        if given is not None and (not given[0] <= given[1] or not all(map(math.isfinite, given))):
            raise ValueError("a range is [low, high] with low <= high, both finite")
        return given


class CommandSpec(_Part):
    """Something the device can be asked to do."""

    title: Title
    args: dict[str, ArgSpec] = {}


class _ModelFile(_Part):
    id: str
    title: Title
    role: str = Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")
    belongs_to: Literal["person", "home"]
    metrics: dict[Annotated[str, Field(pattern=f"^{METRIC_PATTERN}$")], MetricSpec]
    events: dict[Annotated[str, Field(pattern=f"^{EVENT_PATTERN}$")], EventSpec] = {}
    commands: dict[Annotated[str, Field(pattern=f"^{METRIC_PATTERN}$")], CommandSpec] = {}

    @field_validator("id")
    @classmethod
    def _is_id(cls, model_id: str) -> str:
        if not topics.is_id(model_id):
            raise ValueError(f"a model id matches {topics.ID_PATTERN}")
        return model_id


class Metric(msgspec.Struct, frozen=True):
    """A metric as the hot path wants it: `low` and `high` are the range of a number, and nothing else is asked."""

    name: str
    numeric: bool
    low: float
    high: float
    spec: MetricSpec

    def refusal(self, value: Any) -> str | None:
        """Why `value` cannot be a value of this metric; `None` if it can."""
        if not self.numeric:
            return self._text_refusal(value)
        if type(value) is not int and type(value) is not float:
            return "not a number"
        if not self.low <= value <= self.high:
            return f"outside {self.low:g} to {self.high:g}"
        return None

    def _text_refusal(self, value: Any) -> str | None:
        if not isinstance(value, str):
            return f"not a {'list' if self.spec.items is not None else 'text'}"
        if len(value) > (TEXT_LIMIT if self.spec.items is None else LIST_LIMIT):
            return "too long"
        if self.spec.values is not None and value not in self.spec.values:
            return "not one of " + ", ".join(self.spec.values)
        return None

    def prepare(self, value: Any) -> tuple[Value | None, str | None]:
        """A value of this metric as it is stored, or why it cannot be. Lists are stored as JSON text."""
        if self.spec.items is not None:
            value = _list_text(value, self.spec.items)
        reason = self.refusal(value)
        return (None, reason) if reason else (value, None)


class Model(msgspec.Struct, frozen=True):
    """A device model, validated. `ranges` are those of its numbers, which the hot path asks for with every value."""

    id: str
    title: Title
    role: str
    belongs_to: str
    metrics: dict[str, Metric]
    ranges: dict[str, tuple[float, float]]
    events: dict[str, EventSpec]
    commands: dict[str, CommandSpec]

    def command_refusal(self, type_: str, args: dict[str, Any]) -> str | None:
        """Why this device cannot be asked for `type_` with `args`; `None` if it can."""
        spec = self.commands.get(type_)
        if spec is None:
            return f"{self.id} has no command {type_!r}; it has {', '.join(sorted(self.commands)) or 'none'}"
        for name in args:
            if name not in spec.args:
                return f"{type_} has no argument {name!r}"
        for name, arg in spec.args.items():
            if name in args:
                if reason := _arg_refusal(arg, args[name]):
                    return f"argument {name!r} of {type_}: {reason}"
            elif arg.required:
                return f"{type_} needs the argument {name!r}"
        return None

    def permitted(self, categories: frozenset[str]) -> frozenset[str]:
        """The metrics whose category is among `categories`."""
        return frozenset(name for name, metric in self.metrics.items() if metric.spec.category in categories)


def parse(text: str, *, file: str) -> Model:
    """Read a model file. Raises `ModelInvalid` with everything wrong in it."""
    read, _ = located.read(text, _ModelFile, file=file)
    metrics = {name: _metric(name, spec) for name, spec in read.metrics.items()}
    return Model(
        id=read.id,
        title=read.title,
        role=read.role,
        belongs_to=read.belongs_to,
        metrics=metrics,
        ranges={name: (metric.low, metric.high) for name, metric in metrics.items() if metric.numeric},
        events=read.events,
        commands=read.commands,
    )


def _metric(name: str, spec: MetricSpec) -> Metric:
    low, high = spec.range or (0.0, 0.0)
    return Metric(name, spec.kind != "state", low, high, spec)


def _list_text(value: Any, fields: list[str]) -> str | None:
    if not isinstance(value, list) or not all(isinstance(item, dict) and item.keys() <= set(fields) for item in value):
        return None
    return msgspec.json.encode(value).decode()


_ARG_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "text": (str,),
    "list": (list,),
}


def _arg_refusal(spec: ArgSpec, value: Any) -> str | None:
    if not isinstance(value, _ARG_TYPES[spec.type]) or (isinstance(value, bool) and spec.type != "boolean"):
        return f"not of type {spec.type}"
    if isinstance(value, str) and len(value) > TEXT_LIMIT:
        return "too long"
    if isinstance(value, (int, float)) and spec.range is not None and not spec.range[0] <= value <= spec.range[1]:
        return f"outside {spec.range[0]:g} to {spec.range[1]:g}"
    return None
