"""The rule language: what a rule file may say. Reading one gives a `Rule`, or `ModelInvalid` with everything wrong in it.

So far a rule is a threshold with hysteresis that must hold for a while, a ladder of answers, and an answer when it is over.
"""

from __future__ import annotations

import math
import re
import string
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from devices import located
from rules.durations import Duration

_TERM = re.compile(r"\$([a-z][a-z0-9_]*)(?:\s*([+-])\s*(\d+(?:\.\d+)?))?")


class Term(NamedTuple):
    """A number, or an input with a number added to it."""

    input: str | None
    offset: float


def _term(written: Any) -> Any:
    if isinstance(written, float) and not math.isfinite(written):
        raise ValueError("a limit is a finite number")
    if isinstance(written, (int, float)) and not isinstance(written, bool):
        return Term(None, float(written))
    if isinstance(written, str) and (match := _TERM.fullmatch(written)):
        offset = float(match[3] or 0)
        return Term(match[1], -offset if match[2] == "-" else offset)
    raise ValueError("a limit is a number, or an input like $limit or $limit - 5")


CLEAR = "clear"
"""The level of the decision that ends an episode."""
FILLED = {"value": ("", ".0f", ".1f"), "limit": ("", ".0f", ".1f"), "held": ("",)}
"""What the words of a reason may fill in, and how it may be printed."""

Limit = Annotated[Term, BeforeValidator(_term)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Text(_Part):
    """Words in the languages of the pages."""

    en: str
    ko: str


def _text(written: Any) -> Any:
    return {"en": written, "ko": written} if isinstance(written, str) else written


Words = Annotated[Text, BeforeValidator(_text)]


class Scope(_Part):
    """Whose state is kept apart."""

    each: Literal["person"]


class Input(_Part):
    """A number that a household can tune; `default` is a number or the name of a fact about the person."""

    default: float | Literal["person.heart_rate.recommended_max"]
    unit: str = "1"


class Gap(_Part):
    """What to make of a pause between samples: `hold` lets it pass uncounted, `reset` starts over."""

    longer_than: Duration
    then: Literal["hold", "reset"] = "hold"


class Threshold(_Part):
    """True above `above` until below `clear_below`; between the two it stays what it was."""

    metric: str
    above: Limit
    clear_below: Limit | None = None
    for_: Duration = Field(default=0, alias="for")
    on_gap: Gap | None = None


class CommandAction(_Part):
    """Ask a device, named by the role of its model, to do something."""

    to: str
    type: str
    args: dict[str, Any] = {}


class Action(_Part):
    """One thing to do."""

    command: CommandAction


class Rung(_Part):
    """A step of the ladder: what to do once the rule has been firing for `after`."""

    after: Duration
    level: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,30}$")]
    then: Action

    @field_validator("level")
    @classmethod
    def _not_the_end(cls, level: str) -> str:
        if level == CLEAR:
            raise ValueError(f"{CLEAR} is the end of an episode, not a step of it")
        return level


class Clear(_Part):
    """What to do when it is over."""

    then: Action


class Limits(_Part):
    """`cooldown`: how long after one episode before another may begin."""

    cooldown: Duration = 0
    mode: Literal["single"] = "single"


class Given(_Part):
    """A stretch of a test: values at `at`, once a second until `until`, and then again what was before."""

    model_config = ConfigDict(extra="allow", frozen=True)
    at: Duration
    until: Duration | None = None


class Expected(_Part):
    """A decision that a test expects."""

    at: Duration
    level: str


class Case(_Part):
    """A test that travels with its rule."""

    name: str
    given: list[Given] = Field(min_length=1)
    expect: list[Expected]


def _spoken(text: Text) -> Text:
    """Check what a reason fills in: these names, printed as they are or as whole numbers."""
    for words in (text.en, text.ko):
        for _, name, form, conversion in string.Formatter().parse(words):
            if name is not None and (name not in FILLED or form not in FILLED[name] or conversion):
                raise ValueError(f"may fill in {', '.join(f'{{{name}}}' for name in FILLED)}, not {{{name}}} like this")
    return text


class Rule(_Part):
    """A rule as written."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    title: Words
    scope: Scope
    purpose: Literal["service"]
    inputs: dict[str, Input] = {}
    when: Threshold
    escalate: list[Rung] = Field(min_length=1)
    clear: Clear | None = None
    limits: Limits = Limits()
    because: Annotated[Words, AfterValidator(_spoken)]
    tests: list[Case] = []

    @model_validator(mode="after")
    def _inputs_exist(self) -> Rule:
        for term in (self.when.above, self.when.clear_below):
            if term is not None and term.input is not None and term.input not in self.inputs:
                raise ValueError(f"${term.input} is not among the inputs")
        for case in self.tests:
            for stretch in case.given:
                if not _is_number((stretch.model_extra or {}).get(self.when.metric)):
                    raise ValueError(f"test {case.name!r}: each given wants a number for {self.when.metric}")
        steps = [rung.after for rung in self.escalate]
        if steps != sorted(steps):
            raise ValueError("the steps of escalate must come in order of time")
        return self


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def read(text: str, *, file: str) -> Rule:
    """Read a rule file. Raises `ModelInvalid` with everything wrong in it."""
    return located.read(text, Rule, file=file)
