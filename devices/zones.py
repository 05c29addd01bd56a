"""The time zones that homes and people can be in: those of the IANA database, which every store and browser knows by name."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

_NO_PLACE = frozenset({"localtime", "posixrules", "Factory"})
"""What a machine may have beside them: its own clock, which others do not know, and placeholders."""


@cache
def zones() -> frozenset[str]:
    """Their names, like Asia/Seoul."""
    return frozenset(available_timezones()) - _NO_PLACE
