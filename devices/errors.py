"""The one tree of errors.

    HubError
    ├── ModelInvalid      a device model or rule file does not say what it must
    ├── SettingInvalid    a setting is unknown or has a bad value        (hub)
    ├── StartFailed       a part of the hub cannot start                 (hub)
    ├── ImportInvalid     a file of an import cannot be taken in          (hub)
    ├── NotFound          what was asked for does not exist
    ├── Conflict          what was asked for exists already, or contradicts what does
    │   └── BoardConflict a board does not take this                     (rules)
    ├── Invalid           the request is understood and still cannot be met
    ├── Refused           the caller may not do this
    └── StoreUnavailable  a store cannot be read or written just now

Wrong input from devices is no error: it is expected, and comes back as a `Reject` value.
"""

from __future__ import annotations


class HubError(Exception):
    """Something the hub cannot do, in one sentence for the person who asked."""


class Fault:
    """One thing wrong in a file: where, and why."""

    __slots__ = ("file", "line", "path", "reason")

    def __init__(self, *, file: str, line: int, path: str, reason: str) -> None:
        self.file, self.line, self.path, self.reason = file, line, path, reason

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path or '(file)'}: {self.reason}"


class ModelInvalid(HubError):
    """A file is not a valid device model or rule; `faults` has everything wrong in it."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class NotFound(HubError):
    """There is no such thing."""


class Conflict(HubError):
    """It exists already, or contradicts what does."""


class Invalid(HubError):
    """The request is understood and still cannot be met as it is."""


class Refused(HubError):
    """The caller may not do this."""


class StoreUnavailable(HubError):
    """A store cannot be read or written just now; nothing was lost, try again."""
