"""Durations as rules write them: `10s`, `2m`, `1h`, `7d`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from devices.sample import DAY, HOUR, MINUTE, SECOND

_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_PATTERN = r"(\d+(?:\.\d+)?)(ms|s|m|h|d)"
_DURATION = re.compile(_PATTERN)
LIMIT = 400 * DAY


def parse(text: Any) -> int:
    """Milliseconds. Raises `ValueError` with what is wrong."""
    if not isinstance(text, str) or (match := _DURATION.fullmatch(text)) is None:
        raise ValueError("a duration is a number with ms, s, m, h or d behind it, like 10s")
    milliseconds = float(match[1]) * _UNITS[match[2]]
    if milliseconds > LIMIT:
        raise ValueError("a duration may be 400 days at most")
    return round(milliseconds)


_Written = Annotated[str, Field(pattern=f"^{_PATTERN}$")]
Duration = Annotated[int, BeforeValidator(parse, json_schema_input_type=_Written)]
"""A duration in a rule file; milliseconds once read."""
