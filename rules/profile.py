"""What may be told of a person, however it is told: over a form, the API or an import."""

from __future__ import annotations

from typing import Literal, get_args

Sex = Literal["female", "male", "other"]
SEXES: tuple[str, ...] = get_args(Sex)
NAME_LENGTH = 80
BIRTH_YEARS = (1900, 2100)
HEIGHTS_CM = (30, 280)
REGION_PATTERN = r"[A-Z]{2}(-[A-Z0-9]{1,3})?"
"""ISO 3166-2, or a country alone."""
