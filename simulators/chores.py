"""Appliances as connected devices, and the people who carry laundry from one to the next."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from devices.sample import SECOND, Instant
from simulators import messages
from simulators.appliances import Happened, Machine, Styler
from simulators.commands import Obey
from simulators.messages import Moment, Reading, WireValue

CHANGES_EVERY = 2 * SECOND
ALL_EVERY = 60 * SECOND
FETCHED_AFTER_S = 8.0
NEXT_WASH_AFTER_S = 30.0


class Pretender(Protocol):
    """A simulated device: has something to say as time passes, and does what it is told."""

    @property
    def device(self) -> str: ...

    def obey(self, type_: str, args: dict[str, Any], /) -> str | None: ...

    def advance(self, now: Instant, seconds: float) -> list[Moment]: ...


class Fixture:
    """A device that says what has changed, at most every two seconds, and everything once a minute."""

    def __init__(
        self,
        device: str,
        *,
        obey: Obey,
        live: Callable[[float], list[Happened]],
        values: Callable[[], dict[str, WireValue]],
    ) -> None:
        self.device = device
        self._obey = obey
        self._live = live
        self._values = values
        self._said: dict[str, WireValue] = {}
        self._said_at = self._all_at = 0

    def obey(self, type_: str, args: dict[str, Any]) -> str | None:
        """Do what is asked; why not, if it cannot."""
        return self._obey(type_, args)

    def advance(self, now: Instant, seconds: float) -> list[Moment]:
        """Let `seconds` of the device's time pass up to `now`; what it has to say."""
        moments: list[Moment] = [
            messages.event(self.device, happened.type, now, **happened.fields) for happened in self._live(seconds)
        ]
        if now - self._said_at >= CHANGES_EVERY and (values := self._news(now)):
            self._said_at = now
            moments.append(Reading(now, values))
        return moments

    def _news(self, now: Instant) -> dict[str, WireValue]:
        values = self._values()
        said, self._said = self._said, values
        if now - self._all_at >= ALL_EVERY:
            self._all_at = now
            return values
        return {name: value for name, value in values.items() if said.get(name) != value}


class Band:
    """A wristband: a battery that lasts weeks, and a motor."""

    def __init__(self) -> None:
        self._battery = 88.0

    def obey(self, type_: str, _args: dict[str, Any]) -> str | None:
        return None if type_ == "vibrate" else f"cannot {type_}"

    def live(self, seconds: float) -> list[Happened]:
        self._battery = self._battery - seconds * 0.00002 if self._battery > 5 else 100.0
        return []

    def values(self) -> dict[str, WireValue]:
        return {"battery": round(self._battery, 1)}


class Chores:
    """Laundry goes from the washer to the dryer; then something is freshened up, and it begins again."""

    def __init__(self, washer: Machine, dryer: Machine, styler: Styler, *, seed: int | str) -> None:
        self._random = Random(seed)
        self._washer, self._dryer, self._styler = washer, dryer, styler
        self._waited = NEXT_WASH_AFTER_S

    def advance(self, seconds: float) -> None:
        """Somebody comes by a while after a machine is done."""
        if self._washer.busy or self._dryer.busy or self._styler.busy:
            self._waited = 0.0
            return
        self._waited += seconds
        if self._washer.done and self._waited >= FETCHED_AFTER_S:
            self._washer.empty()
            self._dryer.obey("start", {"programme": self._random.choice(("cotton", "synthetics", "quick"))})
        elif self._dryer.done and self._waited >= FETCHED_AFTER_S:
            self._dryer.empty()
            self._styler.obey("start", {"programme": self._random.choice(("refresh", "sanitary", "dust"))})
        elif self._waited >= NEXT_WASH_AFTER_S:
            self._washer.obey("start", {"programme": self._random.choice(("cotton", "synthetics", "quick"))})
