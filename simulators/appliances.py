"""Washer, dryer and clothing styler: programmes as state machines. Pure and seeded; seconds are handed in.

Durations are those of a demonstration, some thirty times shorter than at home; water and energy are those of a whole
programme.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from simulators.messages import WireValue


class Happened(NamedTuple):
    """An event's type and fields, before it has a time."""

    type: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a programme: its cycle state, its length in seconds, what it takes (or, in a dryer, yields) evenly."""

    state: str
    seconds: float
    water_l: float = 0.0
    energy_kwh: float = 0.0


WASHER = {
    "cotton": (Phase("washing", 70, 22, 0.75), Phase("rinsing", 45, 34, 0.08), Phase("spinning", 25, 0, 0.12)),
    "synthetics": (Phase("washing", 50, 20, 0.45), Phase("rinsing", 40, 30, 0.06), Phase("spinning", 15, 0, 0.06)),
    "wool": (Phase("washing", 40, 24, 0.18), Phase("rinsing", 40, 36, 0.05), Phase("spinning", 8, 0, 0.03)),
    "quick": (Phase("washing", 20, 14, 0.25), Phase("rinsing", 15, 18, 0.03), Phase("spinning", 10, 0, 0.04)),
}
DRYER = {
    "cotton": (Phase("drying", 90, 2.6, 1.55), Phase("cooling", 20, 0, 0.05)),
    "synthetics": (Phase("drying", 60, 1.5, 0.8), Phase("cooling", 15, 0, 0.04)),
    "delicate": (Phase("drying", 70, 1.1, 0.6), Phase("cooling", 25, 0, 0.05)),
    "quick": (Phase("drying", 30, 0.9, 0.5), Phase("cooling", 8, 0, 0.02)),
}
STYLER = {
    "refresh": (Phase("steaming", 25), Phase("drying", 30)),
    "sanitary": (Phase("steaming", 50), Phase("drying", 45)),
    "dust": (Phase("steaming", 15), Phase("drying", 50)),
}
FABRICS = ("cotton", "wool", "silk", "linen", "synthetic", "leather")


@dataclass(slots=True)
class Cycle:
    """Where a machine is in its programme."""

    programmes: Mapping[str, tuple[Phase, ...]]
    state: str = "idle"
    programme: str = "none"
    water_l: float = 0.0
    energy_kwh: float = 0.0
    _at: int = 0
    _spent: float = 0.0
    _phases: tuple[Phase, ...] = field(default=())

    @property
    def busy(self) -> bool:
        return bool(self._phases)

    def start(self, programme: str) -> str | None:
        """Begin a programme; why not, if it cannot."""
        if self.busy:
            return f"busy with {self.programme}"
        if programme not in self.programmes:
            return f"no programme {programme!r}; there are {', '.join(self.programmes)}"
        self._phases, self._at, self._spent = self.programmes[programme], 0, 0.0
        self.state, self.programme = self._phases[0].state, programme
        self.water_l = self.energy_kwh = 0.0
        return None

    def stop(self) -> None:
        """Back to idle, wherever it is."""
        self._phases, self.state, self.programme = (), "idle", "none"

    def advance(self, seconds: float) -> bool:
        """Let time pass; whether the programme came to its end."""
        while self._phases and seconds > 0:
            phase = self._phases[self._at]
            step = min(seconds, phase.seconds - self._spent)
            self.water_l += phase.water_l * step / phase.seconds
            self.energy_kwh += phase.energy_kwh * step / phase.seconds
            self._spent += step
            seconds -= step
            if self._spent >= phase.seconds - 1e-9 and self._end_phase():
                return True
        return False

    def _end_phase(self) -> bool:
        self._at, self._spent = self._at + 1, 0.0
        if self._at < len(self._phases):
            self.state = self._phases[self._at].state
            return False
        self._phases, self.state = (), "done"
        return True


class Machine:
    """A washer or a dryer."""

    def __init__(self, programmes: Mapping[str, tuple[Phase, ...]], *, default: str, seed: int | str) -> None:
        self._random = Random(seed)
        self._cycle = Cycle(programmes)
        self._default = default
        self._load_kg = 0.0
        self._happened: list[Happened] = []

    @property
    def busy(self) -> bool:
        return self._cycle.busy

    @property
    def done(self) -> bool:
        return self._cycle.state == "done"

    def obey(self, type_: str, args: Mapping[str, Any]) -> str | None:
        """`start` and `stop`; why not, if it cannot."""
        match type_:
            case "start":
                return self._start(str(args.get("programme") or self._default))
            case "stop":
                self._cycle.stop()
                return None
        return f"cannot {type_}"

    def empty(self) -> None:
        """The laundry is taken out."""
        self._load_kg = 0.0
        self._cycle.stop()

    def advance(self, seconds: float) -> list[Happened]:
        """Let time pass; what happened, commands included."""
        if self._cycle.advance(seconds):
            self._happened.append(Happened("cycle.ended", {"programme": self._cycle.programme, **self._used()}))
        happened, self._happened = self._happened, []
        return happened

    def values(self) -> dict[str, WireValue]:
        cycle = self._cycle
        return {
            "cycle_state": cycle.state,
            "programme": cycle.programme,
            "load": self._load_kg,
            "water": round(cycle.water_l, 1),
            "energy": round(cycle.energy_kwh, 2),
        }

    def _start(self, programme: str) -> str | None:
        reason = self._cycle.start(programme)
        if reason is None:
            self._load_kg = round(self._random.uniform(2.0, 7.5), 1)
            self._happened.append(Happened("cycle.started", {"programme": programme}))
        return reason

    def _used(self) -> dict[str, float]:
        return {"water_l": round(self._cycle.water_l, 1), "energy_kwh": round(self._cycle.energy_kwh, 2)}


class Styler:
    """A clothing styler: steam loosens dust and viruses, then the clothes are dried; its mirror shows outfits."""

    def __init__(self, *, seed: int | str) -> None:
        self._random = Random(seed)
        self._cycle = Cycle(STYLER)
        self._fabric = "none"
        self._dust = self._virus = 0.0
        self._humidity = 42.0
        self._outfit = "none"
        self._happened: list[Happened] = []

    @property
    def busy(self) -> bool:
        return self._cycle.busy

    def obey(self, type_: str, args: Mapping[str, Any]) -> str | None:
        """`start`, `stop` and `show`; why not, if it cannot."""
        match type_:
            case "start":
                return self._start(str(args.get("programme") or "refresh"))
            case "stop":
                self._cycle.stop()
                return None
            case "show":
                self._outfit = str(args["outfit"])
                return None
        return f"cannot {type_}"

    def advance(self, seconds: float) -> list[Happened]:
        """Let time pass; what happened, commands included."""
        programme = self._cycle.programme
        ended = self._cycle.advance(seconds)
        self._care(seconds)
        if ended:
            self._happened.append(Happened("cycle.ended", {"programme": programme}))
        happened, self._happened = self._happened, []
        return happened

    def values(self) -> dict[str, WireValue]:
        return {
            "cycle_state": self._cycle.state,
            "fabric": self._fabric,
            "dust_removal": round(self._dust, 1),
            "virus_removal": round(self._virus, 1),
            "humidity": round(self._humidity, 1),
            "shown_outfit": self._outfit,
        }

    def _start(self, programme: str) -> str | None:
        reason = self._cycle.start(programme)
        if reason is None:
            self._fabric = self._random.choice(FABRICS)
            self._dust = self._virus = 0.0
            self._happened.append(Happened("cycle.started", {"programme": programme}))
        return reason

    def _care(self, seconds: float) -> None:
        """Steam kills viruses and wets; moving air takes dust and water. Each closes a share of what is left."""
        match self._cycle.state:
            case "steaming":
                self._virus = _towards(self._virus, 99.9, seconds / 8)
                self._dust = _towards(self._dust, 60.0, seconds / 25)
                self._humidity = _towards(self._humidity, 88.0, seconds / 10)
            case "drying":
                self._dust = _towards(self._dust, 99.5, seconds / 12)
                self._humidity = _towards(self._humidity, 30.0, seconds / 18)
            case _:
                self._humidity = _towards(self._humidity, 42.0, seconds / 60)


def washer(seed: int | str) -> Machine:
    """A washer, standing idle."""
    return Machine(WASHER, default="cotton", seed=seed)


def dryer(seed: int | str) -> Machine:
    """A dryer, standing idle."""
    return Machine(DRYER, default="cotton", seed=seed)


def _towards(value: float, goal: float, share: float) -> float:
    return goal + (value - goal) * math.exp(-share)
