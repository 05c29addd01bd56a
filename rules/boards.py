"""Boards that household and friends share: what may be on one, what people may be called there, and how large it gets."""

from __future__ import annotations

import unicodedata
from typing import Literal, TypeAlias

from devices.errors import Conflict, Invalid
from devices.sample import DAY, Instant
from rules.features import FEATURES, Feature

NAME_LONGEST, TITLE_LONGEST = 40, 80
PEOPLE_MOST, BOARDS_MOST, INVITATIONS_MOST = 50, 20, 20
"""On a board; of a person; open at a time, of one person to one board."""
INVITATION_LIFE: Instant = 14 * DAY

Limit: TypeAlias = Literal["name_taken", "board_full", "too_many_boards", "too_many_invitations"]

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of characters that show nothing, or change how what is around them shows."""
_SENTENCES: dict[Limit, str] = {
    "name_taken": "somebody on this board has that name, or one that looks like it; choose another",
    "board_full": f"this board is full: there are {PEOPLE_MOST} people on it",
    "too_many_boards": f"one person may be on {BOARDS_MOST} boards; leave one first",
    "too_many_invitations": f"{INVITATIONS_MOST} invitations of yours to this board are open; each is for 14 days",
}


class BoardConflict(Conflict):
    """A board does not take this, for what is on it already; `limit` is which limit it meets."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(_SENTENCES[limit])
        self.limit = limit


def feature_of(metric: str) -> Feature:
    """What a board is about. Raises `Invalid`."""
    if metric not in FEATURES:
        raise Invalid(f"there are no boards for {metric}; there are for {', '.join(FEATURES)}")
    return FEATURES[metric]


def chosen_name(written: str) -> str:
    """A name as it is shown. Raises `Invalid`."""
    return _shown(written, "a name", NAME_LONGEST)


def chosen_title(written: str) -> str:
    """A board's title as it is shown. Raises `Invalid`."""
    return _shown(written, "a title", TITLE_LONGEST)


def likeness(name: str) -> str:
    """What names have in common that are too alike for one board: case, width, composition."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _shown(written: str, what: str, longest: int) -> str:
    if any(unicodedata.category(letter) in _UNSEEN for letter in written):
        raise Invalid(f"{what} has no control characters and none that cannot be seen")
    shown = " ".join(unicodedata.normalize("NFC", written).split())
    if not 1 <= len(shown) <= longest:
        raise Invalid(f"{what} has 1 to {longest} characters")
    return shown
