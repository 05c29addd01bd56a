"""A recording told again: at its own pace, faster, or at once; in its own time, or moved to now."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from devices.sample import SECOND, Instant
from simulators import messages
from simulators.errors import SimulatorError
from simulators.history import Tally, publish_day
from simulators.messages import Moment, Reading
from simulators.publisher import Publisher
from simulators.recording import Recording

Told = Callable[[int], None]
"""Told how many moments have been published."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """`speed` is how many times faster than it was; `None` is as fast as acknowledged."""

    speed: float | None = 1.0

    @property
    def as_it_was(self) -> bool:
        return self.speed is not None and self.speed <= 1


def shift_to(now: Instant, recording: Recording, tempo: Tempo) -> Instant:
    """By how much to move the stamps: so that it starts now at its own pace, and ends now if faster."""
    return now - (recording.first if tempo.as_it_was else recording.last)


def shifted(moments: list[Moment], by: Instant) -> list[Moment]:
    """The same, `by` milliseconds later; events get ids of their own."""
    return [_moved(moment, by) for moment in moments] if by else moments


def refuse_future(recording: Recording, now: Instant) -> None:
    """A recording from a clock that was ahead is not told in its own time: raises `SimulatorError`."""
    if recording.last > now:
        raise SimulatorError("the recording ends in the future; move it with --shift now")


def replay(publisher: Publisher, moments: list[Moment], *, tempo: Tempo, told: Told) -> Tally:
    """Publish; returns when the last is handed over, acknowledged or not."""
    if tempo.speed is None:
        return _at_once(publisher, moments, told)
    return _paced(publisher, moments, tempo.speed, told)


def _paced(publisher: Publisher, moments: list[Moment], speed: float, told: Told) -> Tally:
    tally = Tally()
    began, first = time.monotonic(), messages.instant(moments[0])
    for count, moment in enumerate(moments, start=1):
        due = began + (messages.instant(moment) - first) / SECOND / speed
        time.sleep(max(0.0, due - time.monotonic()))
        publisher.say(moment)
        tally.messages += 1
        if isinstance(moment, Reading):
            tally.samples += len(moment.values)
        else:
            tally.events += 1
        told(count)
    return tally


def _at_once(publisher: Publisher, moments: list[Moment], told: Told) -> Tally:
    total = Tally()
    for start in range(0, len(moments), messages.BATCH_READINGS):
        part = moments[start : start + messages.BATCH_READINGS]
        tally = publish_day(publisher, part)
        total.messages += tally.messages
        total.samples += tally.samples
        total.events += tally.events
        told(start + len(part))
    return total


def _moved(moment: Moment, by: Instant) -> Moment:
    if isinstance(moment, Reading):
        return replace(moment, ts=moment.ts + by)
    ts = moment.observed_at + by
    return msgspec.structs.replace(moment, id=f"{moment.type}-{ts}", observed_at=ts)
