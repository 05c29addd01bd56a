"""A watch on a wrist, live: the wearer's story, and what the watch does when it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from random import Random
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from devices.sample import SECOND, Instant
from simulators import messages
from simulators.messages import Moment, Reading, WireValue
from simulators.past import local_date
from simulators.physiology import RESTING, SITTING, WALKING, Activity, Body, run_at

BUSY_EVERY = 1 * SECOND
CALM_EVERY = 5 * SECOND
RARELY_EVERY = 60 * SECOND

STANDS_S = 8.0
HEEDS_AFTER_S = 12.0
"""How long somebody runs on after the alarm began to sound."""
WALKS_S = 75.0
RECOVERS_S = 240.0
UPHILL = run_at(2.7, grade=0.07)


class Story(Protocol):
    """What a wearer does, as time passes and their watch sounds."""

    activity: Activity
    phase: str

    def advance(self, seconds: float, *, alarm: bool) -> None: ...


class Outing:
    """A run uphill, too hard; she eases off when the alarm has sounded for a while, recovers, and goes again."""

    def __init__(self, *, patience_s: float) -> None:
        self.phase = "standing"
        self.activity = RESTING
        self._patience_s = patience_s
        self._spent = 0.0
        self._alarmed = 0.0

    def advance(self, seconds: float, *, alarm: bool) -> None:
        """`patience_s` is after how long she eases off without any alarm."""
        self._spent += seconds
        self._alarmed = self._alarmed + seconds if alarm else 0.0
        match self.phase:
            case "standing" if self._spent >= STANDS_S:
                self._begin("running", UPHILL)
            case "running" if self._alarmed >= HEEDS_AFTER_S or self._spent >= self._patience_s:
                self._begin("easing off", WALKING)
            case "easing off" if self._spent >= WALKS_S and not alarm:
                self._begin("recovering", RESTING)
            case "easing off" if self._spent >= 2 * WALKS_S:
                self._begin("recovering", RESTING)
            case "recovering" if self._spent >= RECOVERS_S:
                self._begin("standing", RESTING)

    def _begin(self, phase: str, activity: Activity) -> None:
        self.phase, self.activity, self._spent = phase, activity, 0.0


class Errands:
    """An ordinary hour: at the desk, and on foot now and then."""

    def __init__(self, *, seed: int | str) -> None:
        self._random = Random(seed)
        self.phase = "sitting"
        self.activity = SITTING
        self._left = 60.0

    def advance(self, seconds: float, *, alarm: bool) -> None:
        """Alarms are somebody else's."""
        del alarm
        self._left -= seconds
        if self._left > 0:
            return
        sitting = self.phase == "sitting"
        self.phase, self.activity = ("walking", WALKING) if sitting else ("sitting", SITTING)
        self._left = self._random.uniform(40, 120) if sitting else self._random.uniform(90, 240)


class Watch:
    """A health watch. Readings are stamped with the time handed in; the day's counters restart at local midnight."""

    def __init__(self, device: str, body: Body, story: Story, *, zone: ZoneInfo) -> None:
        self.device = device
        self.body = body
        self.alarm_volume = 0
        self.message = ""
        self._story = story
        self._zone = zone
        self._day: date | None = None
        self._told_at: Instant = 0
        self._rarely_at: Instant = 0
        self._workout: tuple[Instant, float, float] | None = None

    @property
    def phase(self) -> str:
        return self._story.phase

    def obey(self, type_: str, args: Mapping[str, Any]) -> str | None:
        """`vibrate`, `alarm`, `stop_alarm` and `show`; why not, if it cannot."""
        match type_:
            case "vibrate":
                self.message = "〰" * int(args["strength"])
            case "alarm":
                self.alarm_volume = int(args["volume"])
                self.message = f"alarm {self.alarm_volume}"
            case "stop_alarm":
                self.alarm_volume, self.message = 0, ""
            case "show":
                self.message = str(args["text"])
            case _:
                return f"cannot {type_}"
        return None

    def advance(self, now: Instant, seconds: float) -> list[Moment]:
        """Let `seconds` of the body's time pass up to `now`; what the watch has to say."""
        self._turn_day(now)
        self._story.advance(seconds, alarm=self.alarm_volume > 0)
        self.body.advance(seconds, self._story.activity)
        moments: list[Moment] = list(self._workouts(now))
        every = BUSY_EVERY if self._workout else CALM_EVERY
        if now - self._told_at >= every:
            self._told_at = now
            moments.append(Reading(now, self._values(now)))
        return moments

    def _turn_day(self, now: Instant) -> None:
        today = local_date(now, self._zone)
        if self._day not in (None, today):
            self.body.restart_counters()
            if self._workout:
                self._workout = (self._workout[0], 0.0, 0.0)
        self._day = today

    def _workouts(self, now: Instant) -> list[Moment]:
        exercising = self._story.phase in ("running", "easing off")
        if exercising and self._workout is None:
            self._workout = (now, self.body.metres, self.body.kcal)
            return [messages.event(self.device, "workout.started", now, sport="running")]
        if not exercising and self._workout is not None:
            started, metres, kcal = self._workout
            self._workout = None
            return [
                messages.event(
                    self.device,
                    "workout.ended",
                    now,
                    sport="running",
                    distance_m=round(self.body.metres - metres, 1),
                    duration_s=round((now - started) / SECOND),
                    energy_kcal=round(self.body.kcal - kcal, 1),
                )
            ]
        return []

    def _values(self, now: Instant) -> dict[str, WireValue]:
        body = self.body
        values: dict[str, WireValue] = {
            "heart_rate": body.heart_rate,
            "steps": int(body.steps),
            "distance": round(body.metres, 1),
            "energy": round(body.kcal, 1),
            "speed": round(body.speed, 2),
        }
        if now - self._rarely_at >= RARELY_EVERY:
            self._rarely_at = now
            values |= {"spo2": body.spo2, "skin_temperature": body.skin_temperature, "battery": round(body.battery, 1)}
        return values
