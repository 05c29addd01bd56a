"""What boards look like over HTTP. Of people there are only the names they chose."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from rules.boards import NAME_LONGEST, TITLE_LONGEST
from rules.features import Better

Chosen = Annotated[
    str,
    Field(
        description=f"what you are called on the board: 1 to {NAME_LONGEST} characters, unlike any other name on it",
        examples=["Minji"],
    ),
]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BoardIn(_In):
    """A board to create; you are on it at once."""

    title: Annotated[str, Field(description=f"1 to {TITLE_LONGEST} characters", examples=["Steps this week"])]
    metric: Annotated[str, Field(pattern="^[a-z0-9_]{1,63}$", description="a daily feature", examples=["steps"])]
    name: Chosen


class InvitationIn(_In):
    """Somebody to invite."""

    username: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[^\x00]+$", examples=["joon"])]


class MembershipIn(_In):
    """Under which name somebody is on a board."""

    name: Chosen


class BoardOut(BaseModel):
    """A board as you see it."""

    id: str
    title: str
    metric: str
    metric_title: dict[str, str]
    unit: str
    better: Better | None = Field(description="null: there are values and no ranks")
    status: Literal["invited", "joined"]
    name: str | None = Field(description="what you are called there; null while you are invited")
    invited_by: str | None = Field(description="what who invited you is called there; null once you have joined")
    people: int | None = Field(description="how many have joined; null while you are invited")


class PlaceOut(BaseModel):
    """Where somebody is in a week."""

    name: str
    mine: bool
    rank: int | None = Field(description="1 is best, who ties shares the better; null without a value or a direction")
    value: float | None = Field(description="the mean of a day, over the days of the week that are over and have data")
    insufficient: str | None = Field(description="what is missing for a value")


class WeekOut(BaseModel):
    """A week of a board, from its Monday."""

    start: str
    running: bool = Field(description="it is not over yet")
    places: list[PlaceOut]


class StandingsOut(BoardOut):
    """A board with its weeks, newest first; with none while you are invited."""

    weeks: list[WeekOut]
