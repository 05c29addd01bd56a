"""Pure boolean expressions of rules, in CEL (https://cel.dev): what they may look at, and what they may cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import cel

LENGTH_LIMIT = 500
NAMES = frozenset({"data", "type", "value", "days"})
"""`data` and `type` of an event, or the `value` of a metric; `days[0]` is today as YYYY-MM-DD, `days[2]` the day after tomorrow."""
DAYS_AHEAD = 15
_BLANK = r"(?:\s|//[^\n]*\n)*"
_OVER_LISTS = re.compile(rf"\.{_BLANK}(?:all|exists|exists_one|map|filter|reduce){_BLANK}\({_BLANK}(\w*)")


class Where:
    """An expression, compiled. It has no effects, no loops but one over a list of the data, and no way out."""

    def __init__(self, source: str) -> None:
        """Raises `ValueError` with what is wrong."""
        if len(source) > LENGTH_LIMIT:
            raise ValueError(f"an expression may have {LENGTH_LIMIT} characters at most")
        items = set(_OVER_LISTS.findall(source))
        if len(_OVER_LISTS.findall(source)) > 1:
            raise ValueError("an expression may go over one list only")
        try:
            self._program = cel.compile(source)
        except ValueError as error:
            raise ValueError(_reason(str(error))) from error
        if strange := set(self._program.variables()) - NAMES - items:
            raise ValueError(f"an expression knows {', '.join(sorted(NAMES))}, not {', '.join(sorted(strange))}")
        self.source = source
        self.names = frozenset(self._program.variables())

    def __call__(self, values: Mapping[str, Any]) -> bool | None:
        """What it says of these values; `None` where they do not tell, e.g. because a field is missing."""
        try:
            answer = self._program.execute(dict(values))
        except (LookupError, ArithmeticError, TypeError, ValueError, RuntimeError):
            return None
        return answer if isinstance(answer, bool) else None


def _reason(message: str) -> str:
    """The first line of the parser's message, without our own source in it."""
    first = message.split("\n", 1)[0]
    return first.split("ERROR: ", 1)[-1][:200]
