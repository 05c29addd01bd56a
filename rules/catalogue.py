"""Catalogues: what rules may recommend. One YAML file each beside the rule packs; reading one names everything wrong in it.

What is offered is an everyday thing, in plain words; no item claims to heal, to prevent or to cure anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from devices import located
from devices.sample import DAY
from rules.durations import Duration
from rules.terms import Clock, RoleName
from rules.words import Words

CATALOGUE_ID = r"^[a-z][a-z0-9-]{0,30}$"
TAG = r"^[a-z][a-z0-9_]{0,30}$"
ITEMS_LIMIT = 500
REST_LIMIT = 90 * DAY

Tag = Annotated[str, Field(pattern=TAG)]
ItemId = Annotated[str, Field(pattern=CATALOGUE_ID)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Hours(_Part):
    """A time of day, where the person is; over midnight too."""

    from_: Clock = Field(alias="from")
    to: Clock

    def include(self, at: time) -> bool:
        """Whether a time of day is in it; its end is not."""
        if self.from_ <= self.to:
            return self.from_ <= at < self.to
        return at >= self.from_ or at < self.to


class Needs(_Part):
    """What must be so for an item to be offered: every `device` (a role) and `food` at home, and the time of day."""

    devices: list[RoleName] = Field(default=[], max_length=5)
    food: list[ItemId] = Field(default=[], max_length=8)
    hours: Hours | None = None


class Food(_Part):
    """Something to cook with: what it is called, and under which names a fridge may list it, in lower case."""

    title: Words
    names: list[Annotated[str, Field(min_length=1, max_length=40)]] = Field(min_length=1, max_length=20)


class Item(_Part):
    """One thing to offer."""

    id: ItemId
    title: Words
    text: Words
    tags: list[Tag] = Field(min_length=1, max_length=10)
    needs: Needs = Needs()


class Catalogue(_Part):
    """Things to offer. None is offered again within `again_after`, and an offer is open for `lasts`."""

    id: ItemId
    title: Words
    again_after: Annotated[Duration, Field(le=REST_LIMIT)]
    lasts: Annotated[Duration, Field(gt=0)]
    foods: dict[ItemId, Food] = Field(default={}, max_length=200)
    items: list[Item] = Field(min_length=1, max_length=ITEMS_LIMIT)

    @model_validator(mode="after")
    def _complete(self) -> Catalogue:
        ids = [item.id for item in self.items]
        if twice := sorted({each for each in ids if ids.count(each) > 1}):
            raise ValueError(f"items have ids of their own; more than one is {', '.join(twice)}")
        if strange := sorted({food for item in self.items for food in item.needs.food} - self.foods.keys()):
            raise ValueError(f"items need food that is not among foods: {', '.join(strange)}")
        if self.lasts > self.again_after:
            raise ValueError("an offer cannot last longer than until it is made again: lasts is over again_after")
        return self

    @property
    def tags(self) -> frozenset[str]:
        """Every tag that an item has."""
        return frozenset(tag for item in self.items for tag in item.tags)

    def tagged(self, tags: Iterable[str]) -> list[Item]:
        """The items that have all of these, in the order of the file."""
        wanted = set(tags)
        return [item for item in self.items if wanted.issubset(item.tags)]


def parse(text: str, *, file: str) -> Catalogue:
    """Read a catalogue. Raises `ModelInvalid` with everything wrong in it."""
    return located.read(text, Catalogue, file=file)[0]


def schema() -> dict[str, Any]:
    """The JSON Schema of catalogues, for editors that complete and check them."""
    described: dict[str, Any] = Catalogue.model_json_schema(by_alias=True)
    described["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    described["title"] = "A catalogue of the Experience Hub"
    return described
