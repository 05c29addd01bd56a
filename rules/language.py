"""The rule language: what a rule file may say. Reading one gives a `Rule`, or `ModelInvalid` with everything wrong in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from devices import located
from devices.errors import ModelInvalid
from devices.located import Lines
from devices.zones import zones
from rules import conditions
from rules.catalogue import CATALOGUE_ID, Tag
from rules.conditions import Condition, Part
from rules.durations import Duration
from rules.terms import EventName, MetricName, RoleName
from rules.words import Text, Words, blanks

CLEAR = "clear"
"""The level of the decision that ends an episode."""
OTHERS = "other "
"""What a test puts before the role of a device that is somebody else's."""
RULE_ID = r"^[a-z0-9][a-z0-9-]{0,62}$"
LEVEL = "notice"
"""The level of a rule that has only one."""
INPUTS_LIMIT, RUNGS_LIMIT, TESTS_LIMIT, ACTIONS_LIMIT = 20, 12, 40, 6
PICK_LIMIT, TAGS_LIMIT = 5, 10
LATENESS_LIMIT = 10 * 60_000
CONDITIONS_LIMIT = 100
FACTS = ("person.age", "person.heart_rate.max", "person.heart_rate.recommended_max", "person.heart_rate.moderate")

ScopeKind: TypeAlias = Literal["person", "home", "device", "place"]
Fact: TypeAlias = Literal[
    "person.age", "person.heart_rate.max", "person.heart_rate.recommended_max", "person.heart_rate.moderate"
]


class Scope(Part):
    """Whose state is kept apart."""

    each: ScopeKind


class Input(Part):
    """A number that a household can tune; `default` is a number or the name of a fact about the person."""

    default: float | Fact
    unit: str = "1"
    range: tuple[float, float] | None = None
    title: Words | None = None

    @model_validator(mode="after")
    def _inside(self) -> Input:
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError("a range is [low, high] with low < high")
        given = self.default if isinstance(self.default, float) else None
        if self.range is not None and given is not None and not self.range[0] <= given <= self.range[1]:
            raise ValueError(f"the default {given:g} is outside its own range")
        return self


class CommandAction(Part):
    """Ask a device to do something: one of a role, of a model, with a capability (a command it knows), or a certain one."""

    to: RoleName | None = None
    model: RoleName | None = None
    capability: MetricName | None = None
    device: RoleName | None = None
    type: str
    args: dict[str, Any] = Field(default={})

    @model_validator(mode="after")
    def _one(self) -> CommandAction:
        if sum(each is not None for each in (self.to, self.model, self.capability, self.device)) != 1:
            raise ValueError("say which device by exactly one of to (a role), model, capability, device")
        return self


class ServiceAction(Part):
    """Call a service that the operator has set up, by its name."""

    name: RoleName
    body: dict[str, Any] = Field(default={})


class NotifyAction(Part):
    """Tell the person, or everybody of the home."""

    text: Words


class TraitAction(Part):
    """Set a trait of the person or home."""

    name: MetricName
    to: str | float | bool


class EventAction(Part):
    """Publish an event, which re-enters the pipeline and which other rules may listen to."""

    type: EventName
    data: dict[str, Any] = Field(default={})


class TimerAction(Part):
    """Start the timer of another rule of the same kind of scope, anew should it run, or stop it."""

    rule: Annotated[str, Field(pattern=RULE_ID)]
    do: Literal["start", "stop"]


class AwardAction(Part):
    """Give the person, or everybody of the home, points."""

    points: Annotated[int, Field(ge=1, le=10_000)]
    text: Words


class RecommendAction(Part):
    """Offer the person up to `pick` things from a catalogue, of those that have all the `tags`."""

    catalogue: Annotated[str, Field(pattern=CATALOGUE_ID)]
    tags: Annotated[list[Tag], Field(max_length=TAGS_LIMIT)] = Field(default=[])
    pick: Annotated[int, Field(ge=1, le=PICK_LIMIT)] = 1


class Action(Part):
    """One thing to do."""

    command: CommandAction | None = None
    service: ServiceAction | None = None
    notify: NotifyAction | None = None
    trait: TraitAction | None = None
    event: EventAction | None = None
    timer: TimerAction | None = None
    award: AwardAction | None = None
    recommend: RecommendAction | None = Field(default=None, exclude_if=lambda asked: asked is None)
    """Left out where it is not said, so that rules which were saved before it was there keep their versions."""

    @model_validator(mode="after")
    def _one(self) -> Action:
        if len(self.model_fields_set) != 1 or self.asked is None:
            raise ValueError(f"an action is exactly one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def kind(self) -> str:
        """Which of them it is."""
        return next(iter(self.model_fields_set))

    @property
    def asked(self) -> Part | None:
        """What it asks for."""
        return next((part for name in self.model_fields_set if (part := getattr(self, name)) is not None), None)


def _listed(written: Any) -> Any:
    return [written] if isinstance(written, dict) else written


_Few = Annotated[list[Action], Field(max_length=ACTIONS_LIMIT)]
Actions = Annotated[_Few, BeforeValidator(_listed, json_schema_input_type=_Few | Action)]


class Rung(Part):
    """A step of the ladder: what to do once the rule has been firing for `after`."""

    after: Duration
    level: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,30}$")]
    then: Actions

    @field_validator("level")
    @classmethod
    def _not_the_end(cls, level: str) -> str:
        if level == CLEAR:
            raise ValueError(f"{CLEAR} is the end of an episode, not a step of it")
        return level


class Clear(Part):
    """What to do when it is over."""

    then: Actions


class Limits(Part):
    """`cooldown`: how long after one episode before another may begin. `lateness`: how long to wait for samples on their way."""

    cooldown: Duration = 0
    lateness: Annotated[Duration, Field(le=LATENESS_LIMIT)] | None = None
    mode: Literal["single"] = "single"


class Given(Part):
    """A stretch of a test: values at `at`, again and again until `until`, and then what was before; or an event."""

    model_config = ConfigDict(extra="allow", frozen=True)
    at: Duration
    until: Duration | None = None
    every: Duration | None = None
    of: str = "device"
    who: str | None = None
    event: EventName | None = None
    data: dict[str, Any] = Field(default={})
    trait: dict[str, str | float | bool] = Field(default={})
    timer: Literal["start", "stop"] | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The metrics it gives."""
        return self.model_extra or {}


class Expected(Part):
    """A decision that a test expects."""

    at: Duration
    level: str = LEVEL


def _start(written: str) -> str:
    begins = datetime.fromisoformat(written)
    if begins.tzinfo is None or not 2000 <= begins.year < 2100:
        raise ValueError("a test starts at a time of this century with its zone, like 2026-01-01T00:00:00Z")
    return written


def _zone(written: str) -> str:
    if written not in zones():
        raise ValueError("a time zone is one like Asia/Seoul")
    return written


class Case(Part):
    """A test that travels with its rule. It begins at `start`, where the clocks show the time of `zone`, and runs `until` its
    last given or expected."""

    name: str
    start: Annotated[str, AfterValidator(_start)] = "2026-01-01T00:00:00Z"
    zone: Annotated[str, AfterValidator(_zone)] = Field(default="UTC", exclude_if=lambda zone: zone == "UTC")
    """Left out where it is not said, so that rules which were saved before it was there keep their versions."""
    every: Duration = 1_000
    birth_year: Annotated[int, Field(ge=1900, le=2100)] = 1980
    members: Annotated[int, Field(ge=1, le=20)] = 2
    given: list[Given] = Field(min_length=1, max_length=200)
    until: Duration | None = None
    expect: list[Expected] = Field(max_length=200)


def _spoken(text: Text) -> Text:
    """Check the blanks of a reason."""
    for words in (text.en, text.ko):
        list(blanks(words))
    return text


class Rule(Part):
    """A rule as written."""

    id: str = Field(pattern=RULE_ID)
    title: Words
    scope: Scope
    purpose: Literal["service", "recommend"]
    inputs: dict[MetricName, Input] = Field(default={}, max_length=INPUTS_LIMIT)
    when: Condition
    then: Actions | None = None
    escalate: list[Rung] = Field(default=[], max_length=RUNGS_LIMIT)
    clear: Clear | None = None
    limits: Limits = Limits()
    because: Annotated[Words, AfterValidator(_spoken)]
    tests: list[Case] = Field(default=[], max_length=TESTS_LIMIT)

    @field_validator("when")
    @classmethod
    def _bounded(cls, when: Any) -> Any:
        if sum(1 for _ in conditions.walk(when)) > CONDITIONS_LIMIT:
            raise ValueError(f"a rule has {CONDITIONS_LIMIT} conditions at most")
        return when

    @field_validator("escalate")
    @classmethod
    def _in_order(cls, escalate: list[Rung]) -> list[Rung]:
        steps = [rung.after for rung in escalate]
        if steps != sorted(steps):
            raise ValueError("the steps of escalate must come in order of time")
        return escalate

    @model_validator(mode="after")
    def _one_answer(self) -> Rule:
        if (self.then is None) == (not self.escalate):
            raise ValueError("a rule answers with then, or with escalate")
        return self

    @property
    def ladder(self) -> list[Rung]:
        """What to do, by how long it has been firing."""
        return self.escalate or [Rung.model_construct(after=0, level=LEVEL, then=self.then or [])]

    def actions(self) -> Iterator[tuple[tuple[str | int, ...], Action]]:
        """Every action, with the path to it."""
        for place, action in enumerate(self.then or []):
            yield ("then", place), action
        for step, rung in enumerate(self.escalate):
            for place, action in enumerate(rung.then):
                yield ("escalate", step, "then", place), action
        for place, action in enumerate(self.clear.then if self.clear else []):
            yield ("clear", "then", place), action


class Written(NamedTuple):
    """A rule with the text it was read from and the lines of its parts."""

    rule: Rule
    text: str
    lines: Lines
    file: str


UNWRITTEN = frozenset(
    {name for name in vars(conditions) if name[0].isupper()} | {"function-after[_complete()", "float", "str"}
)
"""Names in the paths of mistakes that only the language has, and no rule."""


def read(text: str, *, file: str) -> Written:
    """Read a rule file. Raises `ModelInvalid` with everything in it that is not of the language."""
    tree = located.grow(text, file=file)
    try:
        rule = Rule.model_validate(tree.said)
    except ValidationError as error:
        raise ModelInvalid(located.misshapen(tree, error, file=file, unwritten=UNWRITTEN)) from error
    if tree.faults:
        raise ModelInvalid(tree.faults)
    return Written(rule, text, tree.lines, file)


def schema() -> dict[str, Any]:
    """The JSON Schema of rule files, for editors that complete and check them."""
    described: dict[str, Any] = Rule.model_json_schema(by_alias=True)
    described["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    described["title"] = "A rule of the Experience Hub"
    return described
