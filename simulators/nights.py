"""A night's sleep: cycles of about 90 minutes, with less deep and more REM sleep towards the morning."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

STAGE_OFFSETS = {"deep": 0.0, "light": 2.5, "rem": 6.0, "awake": 9.0}
"""How far above rest the heart beats in each stage, /min."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of sleep, from a minute of the night on."""

    minute: int
    name: str


def stages(minutes: int, random: Random) -> tuple[Stage, ...]:
    """The stages of a night of so many minutes; it ends `awake` at its last minute."""
    found: list[Stage] = []
    minute = 0
    cycle = 0
    while minute < minutes:
        for name, length in _cycle(cycle, random):
            if minute < minutes and length:
                found.append(Stage(minute, name))
                minute += length
        cycle += 1
    return (*found, Stage(minutes, "awake"))


def _cycle(number: int, random: Random) -> tuple[tuple[str, int], ...]:
    deep = max(0, round(random.gauss(34 - 11 * number, 4)))
    rem = max(4, round(random.gauss(8 + 8 * number, 4)))
    light = max(10, round(random.gauss(84, 8)) - deep - rem)
    falling = light * 3 // 5
    waking = random.choice((0, 0, 1, 2, 4)) if number else 0
    return ("light", falling), ("deep", deep), ("light", light - falling), ("rem", rem), ("awake", waking)
