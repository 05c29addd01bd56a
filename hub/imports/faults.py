"""What is wrong in a file that was to be imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devices.errors import HubError

TOLD = 100
"""So many faults are told of one file, and how many more there are."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing wrong. `row` counts from 1 behind the header, `line` is that of a CSV file, where the row begins; both are
    `None` where the file as a whole is meant."""

    reason: str
    row: int | None = None
    line: int | None = None
    column: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line is not None else f"row {self.row}" if self.row is not None else "file"
        told = f" {self.value!r}" if self.value is not None else ""
        return f"{place}: {f'{self.column}{told}: ' if self.column else ''}{self.reason}"


class ImportInvalid(HubError):
    """A file cannot be taken in as it is, and nothing of it was; `faults` are the first ones, `more` is how many others."""

    def __init__(self, faults: Sequence[Wrong], more: int = 0) -> None:
        rest = f"; {more} more" if more else ""
        super().__init__(f"nothing was taken: {faults[0]}{rest or (f'; {len(faults) - 1} more' if faults[1:] else '')}")
        self.faults, self.more = list(faults), more
