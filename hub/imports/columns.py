"""The columns of the files that can be imported, with what is checked of each, as SQL over the cells of one row.

In a check, `text` is the cell as written and `number` the number it is, null if it is none; it is asked of cells that are not
empty. `{known}` names hold what the hub knows already, e.g. `homes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from devices.topics import ID_PATTERN
from rules.consent import OPT_IN
from rules.daily import KEPT
from rules.features import FEATURES
from rules.profile import BIRTH_YEARS, HEIGHTS_CM, NAME_LENGTH, REGION_PATTERN, SEXES

ROWS_LIMIT = 1_000_000
"""Rows of one file; a million days fill the memory that an import has."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `wrong` holds for cells that cannot be taken, and `reason` says what they should be.

    `kept` cells must be what the hub knows already, where it knows the row.
    """

    name: str
    wrong: str
    reason: str
    type: Literal["varchar", "integer", "double", "date"] = "varchar"
    required: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: its columns, and which of them name a row."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]


def people() -> Kind:
    """A row a person; needs the known names `homes` and `zones`."""
    sexes, purposes = (", ".join(f"'{each}'" for each in SEXES), "|".join(OPT_IN))
    return Kind(
        "people",
        ("person",),
        (
            _id("person"),
            Column("name", f"length(text) > {NAME_LENGTH}", f"has at most {NAME_LENGTH} characters", required=True, kept=True),
            Column("home", *_known("homes", "there is no such home"), kept=True),
            _whole("birth_year", *BIRTH_YEARS),
            Column("sex", f"text not in ({sexes})", f"is one of {', '.join(SEXES)}", kept=True),
            _number("height_cm", *HEIGHTS_CM, "cm", kept=True),
            Column("region", _unlike(REGION_PATTERN), "is no region like KR-11 (ISO 3166-2)", kept=True),
            Column("timezone", *_known("zones", "is no time zone like Asia/Seoul"), kept=True),
            Column("consents", _unlike(f" *(({purposes})( +({purposes}))* *)?"), f"holds others than {' '.join(OPT_IN)}"),
        ),
    )  # fmt: skip


def devices() -> Kind:
    """A row a device; needs the known names `homes`, `models` and `people`."""
    return Kind(
        "devices",
        ("device",),
        (
            _id("device"),
            Column("home", *_known("homes", "there is no such home"), required=True, kept=True),
            Column("model", *_known("models", "there is no such device model"), required=True, kept=True),
            Column("owner", *_known("people", "there is no such person"), kept=True),
            Column("acquired_on", _NO_DATE, "is no day like 2026-05-31", kept=True),
        ),
    )


def days(newest: date) -> Kind:
    """A row a person and day, up to the day `newest`; needs the known names `people`."""
    too_new = f"{_NO_DATE} or try_cast(text as date) > date '{newest}'"
    return Kind(
        "days",
        ("person", "day"),
        (
            Column("person", *_known("people", "there is no such person"), required=True),
            Column("day", too_new, "is no day like 2026-05-31, or lies in the future", "date", required=True),
            *(_number(name, FEATURES[name].low, FEATURES[name].high, FEATURES[name].unit) for name in KEPT),
        ),
    )


_NO_DATE = r"(try_cast(text as date) is null or not regexp_full_match(text, '\d{4}-\d{2}-\d{2}'))"


def _id(name: str) -> Column:
    return Column(name, _unlike(ID_PATTERN), "holds others than a-z, 0-9 and -, or more than 63", required=True)


def _unlike(pattern: str) -> str:
    return f"not regexp_full_match(text, '{pattern}')"


def _known(names: str, reason: str) -> tuple[str, str]:
    return f"text not in (select name from {names})", reason


def _whole(name: str, low: int, high: int) -> Column:
    wrong = f"not coalesce(number between {low} and {high} and number = floor(number), false)"
    return Column(name, wrong, f"is a whole number from {low} to {high}", "integer", kept=True)


def _number(name: str, low: float, high: float, unit: str, *, kept: bool = False) -> Column:
    wrong = f"not coalesce(number between {low} and {high}, false)"
    return Column(name, wrong, f"is a number from {low:g} to {high:g} {unit}", "double", kept=kept)
