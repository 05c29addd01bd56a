"""Pure boolean expressions of rules, in CEL (https://cel.dev): what they may look at, and what they may cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import cel

LENGTH_LIMIT = 500
NAMES = frozenset({"data", "type", "mine", "value", "days"})
"""`data` and `type` of an event, and whether the device it comes from is `mine`, or of somebody I live with; or the `value` of a
metric; `days[0]` is today as YYYY-MM-DD, `days[2]` the day after tomorrow."""
DAYS_AHEAD = 15
FUNCTIONS = frozenset(
    {"size", "contains", "startsWith", "endsWith", "int", "double", "string", "timestamp", "duration", "has"}
)
"""Those that cost no more than what they are given is long. Compiling a regular expression can cost a twentieth of a second."""
_WALKS = "all|exists|exists_one|existsOne|map|filter"
_MAYBE_WALK = re.compile(rf"\b(?:{_WALKS})\b")
_WALK = re.compile(rf"\.\s*(?:{_WALKS})\s*\(")
_TEXT = re.compile(r'"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])*'")
_OTHER_TEXT = re.compile(r"\"\"\"|'''|\b[rRbB]{1,2}[\"']")
_COMMENT = re.compile(r"//[^\n]*")
_ITEM = re.compile(r"\s*(\w+)\s*,")
_LITERAL = r"(\"[^\"]*\"|'[^']*'|-?\d+(?:\.\d+)?|true\b|false\b)"
_FIELD_FIRST = re.compile(rf"\bdata\.(\w+)\s*(?:==|!=|<=|>=|<|>)\s*{_LITERAL}")
_FIELD_LAST = re.compile(rf"{_LITERAL}\s*(?:==|!=|<=|>=|<|>)\s*data\.(\w+)\b(?!\s*[.(\[])")
_COMPARED = re.compile(r"\b(?:value|data)\b")


class Where:
    """An expression, compiled. It has no effects, no loops but one over a list of the data, and no way out."""

    def __init__(self, source: str) -> None:
        """Raises `ValueError` with what is wrong."""
        if len(source) > LENGTH_LIMIT:
            raise ValueError(f"an expression may have {LENGTH_LIMIT} characters at most")
        try:
            self._program = cel.compile(source)
        except ValueError as error:
            raise ValueError(_reason(str(error))) from error
        items = _items(source)
        if strange := set(self._program.variables()) - NAMES - items:
            raise ValueError(f"an expression knows {', '.join(sorted(NAMES))}, not {', '.join(sorted(strange))}")
        if strange := {name for name in self._program.functions() if name[0].isalpha()} - FUNCTIONS:
            raise ValueError(f"an expression may use {', '.join(sorted(FUNCTIONS))}, not {', '.join(sorted(strange))}")
        self.source = source
        self.names = frozenset(self._program.variables())

    def __call__(self, values: Mapping[str, Any]) -> bool | None:
        """What it says of these values; `None` where they do not tell, e.g. because a field is missing."""
        answer = self.answer(values)
        return answer if isinstance(answer, bool) else None

    def answer(self, values: Mapping[str, Any]) -> Any:
        """What it comes to, whatever that is; `None` where these values do not tell."""
        try:
            return self._program.execute(dict(values))
        except (LookupError, ArithmeticError, TypeError, ValueError, RuntimeError):
            return None


def fields_of(source: str) -> set[str]:
    """The fields of `data` that an expression names."""
    return set(re.findall(r"\bdata\s*\.\s*(\w+)", _COMMENT.sub(" ", _TEXT.sub('""', source))))


def compared(source: str) -> list[tuple[str, str]]:
    """The fields of `data` that an expression holds against something written in it, each with what that is: text, number or
    boolean."""
    found = _FIELD_FIRST.findall(_COMMENT.sub(" ", source)) + [
        (field, literal) for literal, field in _FIELD_LAST.findall(_COMMENT.sub(" ", source))
    ]
    return [(field, _kind(literal)) for field, literal in found]


def _kind(literal: str) -> str:
    if literal[0] in "\"'":
        return "text"
    return "boolean" if literal in ("true", "false") else "number"


def _items(source: str) -> set[str]:
    """The name of an item where an expression goes over a list. What it asks of each is about that item alone, so that a list
    of n items costs n questions, not n times n. Raises `ValueError`."""
    if not _MAYBE_WALK.search(source):
        return set()
    if _OTHER_TEXT.search(source):
        raise ValueError("an expression that goes over a list has its texts in plain quotes")
    plain = _COMMENT.sub(" ", _TEXT.sub('""', source))
    walks = list(_WALK.finditer(plain))
    if len(walks) > 1:
        raise ValueError("an expression may go over one list only")
    if not walks:
        return set()
    asked = _inside(plain, walks[0].end())
    named = _ITEM.match(asked)
    item = named[1] if named else ""
    if item in NAMES:
        raise ValueError(f"an item goes by a name of its own, not by {item}")
    if "+" in asked or _COMPARED.search(asked):
        raise ValueError("what is asked of each item is about that item alone: without value, data and +")
    return {item}


def _inside(plain: str, begin: int) -> str:
    """What is between a bracket that was opened before `begin` and the one that closes it."""
    depth = 1
    for place in range(begin, len(plain)):
        depth += (plain[place] == "(") - (plain[place] == ")")
        if not depth:
            return plain[begin:place]
    return plain[begin:]


def _reason(message: str) -> str:
    """The first line of the parser's message, without our own source in it."""
    first = message.split("\n", 1)[0]
    return first.split("ERROR: ", 1)[-1][:200]
