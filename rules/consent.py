"""The gate of consent: for which purposes which categories of data may be kept and used.

One policy so far: whoever registered a device, for a person or for a home, allows `service` (alarms, progress, their own
devices working), and nothing else. What is not known is not allowed.
"""

from __future__ import annotations

from typing import get_args

from devices.model import Category

CATEGORIES: frozenset[str] = frozenset(get_args(Category))
NOTHING: frozenset[str] = frozenset()


def permit(purpose: str, *, registered: bool) -> frozenset[str]:
    """The categories that may be kept and used for a purpose, from a device or of a person that is (not) registered."""
    return CATEGORIES if purpose == "service" and registered else NOTHING
