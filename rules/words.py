"""What rules say to people: words in the languages of the pages, and how amounts and durations are said in them."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from devices.sample import DAY, HOUR, MINUTE, SECOND, Instant

FORMS = frozenset({"", ".0f", ".1f", ".2f"})
UNKNOWN = "–"
_UNITS = {
    "en": ((DAY, "{} d"), (HOUR, "{} h"), (MINUTE, "{} min"), (SECOND, "{} s")),
    "ko": ((DAY, "{}일"), (HOUR, "{}시간"), (MINUTE, "{}분"), (SECOND, "{}초")),
}


class Text(BaseModel):
    """Words in the languages of the pages; one language alone stands for both."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    en: str = Field(min_length=1, max_length=500)
    ko: str = Field(min_length=1, max_length=500)


def _text(written: Any) -> Any:
    return {"en": written, "ko": written} if isinstance(written, str) else written


_Written = Annotated[str, Field(min_length=1, max_length=500)]
Words = Annotated[Text, BeforeValidator(_text, json_schema_input_type=Text | _Written)]


def blanks(words: str) -> Iterator[tuple[str, str]]:
    """The names that words fill in, each with its form. Raises `ValueError` for what no form of ours is."""
    for _, name, form, conversion in string.Formatter().parse(words):
        if name is None:
            continue
        if conversion or form not in FORMS or not name.isidentifier():
            raise ValueError(f"fill in a name like {{value}} or {{value:.0f}}, not {{{name}}} like this")
        yield name, form or ""


def fill(words: str, values: Mapping[str, Any]) -> str:
    """Words with their blanks filled; what is not known is a dash."""
    said = []
    for before, name, form, _ in string.Formatter().parse(words):
        said.append(before)
        if name is not None:
            said.append(_said(values.get(name), form or ""))
    return "".join(said)


def filled(written: Any, values: Mapping[str, Any]) -> Any:
    """Data with the blanks in its texts filled; a text that is one blank and nothing else is the value itself."""
    match written:
        case dict():
            return {key: filled(each, values) for key, each in written.items()}
        case list():
            return [filled(each, values) for each in written]
        case str() if written[1:-1].isidentifier() and written == f"{{{written[1:-1]}}}":
            return values.get(written[1:-1])
        case str():
            return fill(written, values)
        case _:
            return written


def texts(written: Any) -> Iterator[str]:
    """Every text in data."""
    match written:
        case dict():
            for each in written.values():
                yield from texts(each)
        case list():
            for each in written:
                yield from texts(each)
        case str():
            yield written


def _said(value: Any, form: str) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return format(value, form or ".12g")
    return str(value)


def duration(milliseconds: Instant, language: str) -> str:
    """A duration as it is said: its two largest units."""
    parts, rest = [], max(milliseconds, 0)
    for size, form in _UNITS[language]:
        count, rest = divmod(rest, size)
        if count:
            parts.append(form.format(count))
    return " ".join(parts[:2]) or _UNITS[language][-1][1].format(0)
