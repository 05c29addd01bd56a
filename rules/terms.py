"""What conditions are made of: limits, times of day, schedules, expressions, names, and lengths of windows."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, time
from typing import Annotated, Any, NamedTuple

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, Field

from devices.model import EVENT_PATTERN, METRIC_PATTERN
from devices.sample import DAY
from rules.durations import Duration
from rules.where import Where

_TERM = re.compile(r"\$([a-z][a-z0-9_]*)(?:\s*([+-])\s*(\d+(?:\.\d+)?))?")
WINDOW_LIMIT = 31 * DAY
CRON_FIELDS = 5


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


def _expression(source: str) -> str:
    Where(source)
    return source


def _clock(written: Any) -> Any:
    if not isinstance(written, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", written):
        raise ValueError("a time of day is like 22:00")
    return time.fromisoformat(written)


def _cron(written: str) -> str:
    if len(written.split()) != CRON_FIELDS:
        raise ValueError("not a schedule of five fields (minute hour day month weekday)")
    try:
        CronSim(written, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"not a schedule of five fields (minute hour day month weekday): {error}") from error
    if not re.fullmatch(r"\d{1,2}(,\d{1,2}){0,3}", written.split(maxsplit=1)[0]):
        raise ValueError("a schedule names its minutes, four at most in an hour")
    return written


Limit = Annotated[
    Term,
    BeforeValidator(
        _term,
        json_schema_input_type=float | Annotated[str, Field(pattern=r"^\$[a-z][a-z0-9_]*(\s*[+-]\s*\d+(\.\d+)?)?$")],
    ),
]
Expression = Annotated[str, AfterValidator(_expression)]
Clock = Annotated[time, BeforeValidator(_clock, json_schema_input_type=Annotated[str, Field(pattern=r"^\d\d:\d\d$")])]
Cron = Annotated[str, AfterValidator(_cron)]
MetricName = Annotated[str, Field(pattern=f"^{METRIC_PATTERN}$")]
EventName = Annotated[str, Field(pattern=f"^{EVENT_PATTERN}$")]
RoleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Window = Annotated[Duration, Field(gt=0, le=WINDOW_LIMIT)]
