"""A fridge that knows what is in it: a compressor that goes on and off, a door that is opened, food that expires.

Pure and seeded; seconds and the date are handed in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Any

from simulators.appliances import Happened
from simulators.messages import WireValue

ROOM_CEL = 22.0
HYSTERESIS_CEL = 0.9
LEAK_S = 9_000.0
"""Time constant of warming behind a closed door."""
OPEN_LEAK_S = 500.0
COMPRESSOR_CEL_PER_S = 0.06
OPENED_EVERY_S = 40.0


@dataclass(frozen=True, slots=True)
class Food:
    """So much of a food, and how many days it keeps from the day it is bought."""

    name: str
    quantity: float
    unit: str
    keeps_days: int


@dataclass(frozen=True, slots=True)
class Item:
    """Food in the fridge."""

    name: str
    quantity: float
    unit: str
    expires_on: date


SHOPPING = (
    Food("eggs", 10, "piece", 21),
    Food("milk", 1, "L", 8),
    Food("soy milk", 1, "L", 30),
    Food("greek yogurt", 4, "cup", 14),
    Food("tofu", 2, "block", 7),
    Food("kimchi", 1.5, "kg", 60),
    Food("spinach", 200, "g", 4),
    Food("salmon", 300, "g", 2),
    Food("chicken breast", 400, "g", 3),
    Food("bananas", 5, "piece", 5),
    Food("blueberries", 150, "g", 6),
    Food("oats", 500, "g", 180),
    Food("cooked rice", 3, "bowl", 3),
    Food("tomatoes", 6, "piece", 7),
    Food("cheddar", 200, "g", 25),
    Food("avocado", 2, "piece", 4),
)


class Fridge:
    """Starts out half eaten. `advance` it; commands take effect at once."""

    def __init__(self, *, seed: int | str, today: date) -> None:
        self._random = Random(seed)
        self._target = 3.0
        self._inside = 3.4
        self._compressor = False
        self._open_for = 0.0
        self._items = [self._bought(food, today - timedelta(days=self._random.randint(0, 2))) for food in SHOPPING]
        self._items = [item for item in self._items if self._random.random() < 0.8]

    def obey(self, type_: str, args: Mapping[str, Any]) -> str | None:
        """`set_temperature` and `show_menu`; why not, if it cannot."""
        match type_:
            case "set_temperature":
                self._target = float(args["temperature"])
                return None
            case "show_menu":
                return None
        return f"cannot {type_}"

    def advance(self, seconds: float, today: date) -> list[Happened]:
        """Let time pass; what was put in and taken out."""
        happened: list[Happened] = []
        if self._open_for > 0:
            self._open_for = max(0.0, self._open_for - seconds)
        elif self._random.random() < -math.expm1(-seconds / OPENED_EVERY_S):
            self._open_for = self._random.uniform(4, 14)
            happened = self._visit(today)
        self._cool(seconds)
        return happened

    def values(self) -> dict[str, WireValue]:
        return {
            "inside_temperature": round(self._inside, 1),
            "door": "open" if self._open_for > 0 else "closed",
            "inventory": [_listed(item) for item in self._items],
        }

    def _cool(self, seconds: float) -> None:
        if self._inside > self._target + HYSTERESIS_CEL:
            self._compressor = True
        elif self._inside < self._target - HYSTERESIS_CEL:
            self._compressor = False
        leak = OPEN_LEAK_S if self._open_for > 0 else LEAK_S
        self._inside += (ROOM_CEL - self._inside) * -math.expm1(-seconds / leak)
        if self._compressor:
            self._inside = max(self._inside - COMPRESSOR_CEL_PER_S * seconds, self._target - 1.5 * HYSTERESIS_CEL)

    def _visit(self, today: date) -> list[Happened]:
        """What a person does at the open door: eat, throw away what has expired, or put shopping in."""
        self._items, gone = (
            [item for item in self._items if item.expires_on >= today],
            [item for item in self._items if item.expires_on < today],
        )
        happened = [_removed(item, item.quantity) for item in gone]
        missing = [food for food in SHOPPING if food.name not in {item.name for item in self._items}]
        if missing and (len(missing) > 5 or self._random.random() < 0.3):
            return [*happened, self._put_in(self._random.choice(missing), today)]
        return [*happened, self._take_out()]

    def _put_in(self, food: Food, today: date) -> Happened:
        item = self._bought(food, today)
        self._items.append(item)
        return Happened("item.added", _listed(item))

    def _take_out(self) -> Happened:
        index = self._random.randrange(len(self._items))
        item = self._items[index]
        taken = min(item.quantity, _portion(item))
        left = round(item.quantity - taken, 2)
        self._items[index : index + 1] = [replace(item, quantity=left)] if left > 0 else []
        return _removed(item, taken)

    def _bought(self, food: Food, day: date) -> Item:
        return Item(food.name, food.quantity, food.unit, day + timedelta(days=food.keeps_days))


def _portion(item: Item) -> float:
    return {"piece": 1, "cup": 1, "bowl": 1, "block": 1, "g": 50, "L": 0.25, "kg": 0.25}[item.unit]


def _listed(item: Item) -> dict[str, Any]:
    return {
        "name": item.name,
        "quantity": item.quantity,
        "unit": item.unit,
        "expires_on": item.expires_on.isoformat(),
    }


def _removed(item: Item, quantity: float) -> Happened:
    return Happened("item.removed", {"name": item.name, "quantity": quantity, "unit": item.unit})
