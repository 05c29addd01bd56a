"""The gate of consent: for which purposes which categories of data may be kept and used.

Whoever registered a device, for a person or for a home, allows `service` (alarms, progress, their own devices working). For
everything in `OPT_IN` a person must have said yes themselves, and may take it back. What is not known is not allowed.
"""

from __future__ import annotations

from typing import TypeAlias, get_args

from devices.model import Category
from devices.sample import Instant

CATEGORIES: frozenset[str] = frozenset(get_args(Category))
NOTHING: frozenset[str] = frozenset()

SERVICE, PEERS, RECOMMEND, COMMUNITY = "service", "peers", "recommend", "community"
OPT_IN: tuple[str, ...] = (PEERS, RECOMMEND, COMMUNITY)
"""peers: being compared, and counted, among people like oneself. recommend: being offered things. community: boards that
household and friends see."""

Grants: TypeAlias = dict[tuple[str, str], Instant]
"""Since when people allow a purpose of `OPT_IN`, by person and purpose; what is not in it is not allowed."""


def permit(purpose: str, *, registered: bool, granted: frozenset[str] = NOTHING) -> frozenset[str]:
    """The categories that may be kept and used for a purpose, from a device or of a person that is (not) registered and
    has `granted` these purposes."""
    allowed = purpose == SERVICE or (purpose in OPT_IN and purpose in granted)
    return CATEGORIES if allowed and registered else NOTHING
