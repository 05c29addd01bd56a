"""Choosing from a catalogue: which items are offered to somebody at a time, and why each of them. The same setting, the same choice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from devices.sample import Instant
from rules.catalogue import Catalogue, Food, Item
from rules.words import Text

_LANGUAGES = tuple(Text.model_fields)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of somebody's surroundings when something is to be offered to them.

    `devices` are the models at home, by role; `food` is what the fridge lists, by name; `offered` is when an item of the
    catalogue was last offered to them, by its id.
    """

    at: Instant
    zone: str
    devices: Mapping[str, Text] = field(default_factory=dict)
    food: frozenset[str] = frozenset()
    offered: Mapping[str, Instant] = field(default_factory=dict)


class Choice(NamedTuple):
    """An item, and why it and not another."""

    item: Item
    because: dict[str, str]


def choose(
    catalogue: Catalogue, setting: Setting, *, tags: Sequence[str], pick: int, because: Mapping[str, str]
) -> list[Choice]:
    """Up to `pick` items that have all the tags, whose needs are met, and that were not offered a short while ago.

    What was never offered comes first, then what was longest ago, then as the catalogue has them. `because` is why anything
    is offered at all, by language.
    """
    fitting = [
        item for item in catalogue.tagged(tags) if _rested(item, catalogue, setting) and _met(item, catalogue, setting)
    ]
    fitting.sort(key=lambda item: setting.offered.get(item.id, 0))
    return [Choice(item, _reasons(item, catalogue, setting, because)) for item in fitting[:pick]]


def _rested(item: Item, catalogue: Catalogue, setting: Setting) -> bool:
    last = setting.offered.get(item.id)
    return last is None or setting.at - last >= catalogue.again_after


def _met(item: Item, catalogue: Catalogue, setting: Setting) -> bool:
    """Whether everything an item needs is there."""
    needs = item.needs
    if needs.hours is not None:
        clock = datetime.fromtimestamp(setting.at / 1000, ZoneInfo(setting.zone)).time()
        if not needs.hours.include(clock):
            return False
    at_home = all(role in setting.devices for role in needs.devices)
    return at_home and all(_in_fridge(catalogue.foods[food], setting) for food in needs.food)


def _in_fridge(food: Food, setting: Setting) -> bool:
    return any(name in setting.food for name in food.names)


def _reasons(item: Item, catalogue: Catalogue, setting: Setting, because: Mapping[str, str]) -> dict[str, str]:
    """Why it is offered: what gave rise to it, and what of its needs is at home."""
    food = [catalogue.foods[each].title for each in item.needs.food]
    things = [setting.devices[role] for role in item.needs.devices]
    said = {}
    for language in _LANGUAGES:
        parts = [because[language]]
        if food:
            parts.append(_IN_FRIDGE[language].format(_listed(food, language)))
        if things:
            parts.append(_AT_HOME[language].format(_listed(things, language)))
        said[language] = " ".join(parts)
    return said


_IN_FRIDGE = {"en": "In your fridge: {}.", "ko": "냉장고 속 재료: {}."}
_AT_HOME = {"en": "At home: {}.", "ko": "집에 있는 기기: {}."}


def _listed(titles: Iterable[Text], language: str) -> str:
    return ", ".join(getattr(title, language) for title in titles)
