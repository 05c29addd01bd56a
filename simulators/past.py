"""What a watch observed on a past day: the plan of the day, lived by a body. No clock: always the whole day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from devices.sample import MINUTE, SECOND, Instant
from simulators import messages
from simulators.days import Night, Segment, draw, night, waking_day
from simulators.messages import Moment, Reading, WireValue
from simulators.nights import STAGE_OFFSETS
from simulators.physiology import RESTING, Body
from simulators.wearers import Wearer, form_on

WORKOUT_EVERY_S = 10
ASLEEP_EVERY_MIN = 5
RARELY_MIN = 15
WEIGHED_AFTER_MIN = 8


def midnight(day: date, zone: ZoneInfo) -> Instant:
    """The first instant of a local day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * SECOND


def local_date(at: Instant, zone: ZoneInfo) -> date:
    """The local date at an instant."""
    return datetime.fromtimestamp(at / SECOND, zone).date()


def observed_on(wearer: Wearer, day: date, *, device: str, seed: int, zone: ZoneInfo) -> list[Moment]:
    """All readings and events of one local day, in order of time. Counters start at zero at its midnight."""
    return sorted(_Day(wearer, day, device=device, seed=seed, zone=zone).moments(), key=messages.instant)


class _Day:
    def __init__(self, wearer: Wearer, day: date, *, device: str, seed: int, zone: ZoneInfo) -> None:
        self.wearer, self.day, self.device, self.seed = wearer, day, device, seed
        self.start, self.end = midnight(day, zone), midnight(day + timedelta(days=1), zone)
        self.form = form_on(wearer, day)
        self.body = Body(self.form, seed=f"{seed}/{device}/{day.isoformat()}", heart=self.form.resting + 2)

    def moments(self) -> Iterator[Moment]:
        slept = night(self.wearer, self.day, self.seed)
        tonight = night(self.wearer, self.day + timedelta(days=1), self.seed)
        yield from self._sleep(slept, self.start)
        yield self._weight(slept.end + WEIGHED_AFTER_MIN)
        for segment in waking_day(self.wearer, self.day, self.seed):
            yield from self._wake(segment, until=self.end + tonight.start * MINUTE)
        yield from self._sleep(tonight, self.end)

    def _sleep(self, slept: Night, midnight_of: Instant) -> Iterator[Moment]:
        """The part of a night that lies on this day."""
        begins = midnight_of + slept.start * MINUTE
        ends = midnight_of + slept.end * MINUTE
        for stage in slept.stages:
            ts = begins + stage.minute * MINUTE
            if self.start <= ts < self.end:
                yield Reading(ts, {"sleep_stage": stage.name})
        for ts in range(begins, ends, ASLEEP_EVERY_MIN * MINUTE):
            if self.start <= ts < self.end:
                yield self._asleep(ts, slept, (ts - begins) // MINUTE)

    def _asleep(self, ts: Instant, slept: Night, minute: int) -> Reading:
        stage = next(stage.name for stage in reversed(slept.stages) if stage.minute <= minute)
        self.body.advance(ASLEEP_EVERY_MIN * 60, RESTING)
        self.body.heart = self.form.resting + STAGE_OFFSETS[stage]
        values: dict[str, WireValue] = {"heart_rate": self.body.heart_rate}
        if minute % RARELY_MIN < ASLEEP_EVERY_MIN:
            values |= self._rarely()
        return Reading(ts, values)

    def _weight(self, minute: int) -> Reading:
        scatter = draw(self.seed, self.wearer, self.day, "weight").gauss(0, 0.25)
        return Reading(self.start + minute * MINUTE, {"weight": round(self.form.weight_kg + scatter, 1)})

    def _wake(self, segment: Segment, *, until: Instant) -> Iterator[Moment]:
        start, end = (min(self.start + minute * MINUTE, until) for minute in (segment.start, segment.end))
        if not segment.worn:
            yield from self._taken_off(start, end)
        elif segment.sport is None:
            yield from self._idle(segment, start, end)
        else:
            yield from self._work_out(segment, start, end)

    def _taken_off(self, start: Instant, end: Instant) -> Iterator[Moment]:
        """Off the wrist and on its charger."""
        yield messages.event(self.device, "removed", start)
        self.body.battery = 100.0
        yield messages.event(self.device, "worn", end)

    def _idle(self, segment: Segment, start: Instant, end: Instant) -> Iterator[Moment]:
        for ts in range(start, end, MINUTE):
            self.body.advance(60, segment.activity)
            values = self._counters()
            if ts // MINUTE % RARELY_MIN == 0:
                values |= self._rarely()
            yield Reading(ts, values)

    def _work_out(self, segment: Segment, start: Instant, end: Instant) -> Iterator[Moment]:
        body, sport = self.body, segment.sport or ""
        metres, kcal = body.metres, body.kcal
        yield messages.event(self.device, "workout.started", start, sport=sport)
        for ts in range(start, end, WORKOUT_EVERY_S * SECOND):
            body.advance(WORKOUT_EVERY_S, segment.activity)
            yield Reading(ts, {**self._counters(), "speed": round(body.speed, 2)})
        yield messages.event(
            self.device,
            "workout.ended",
            end,
            sport=sport,
            distance_m=round(body.metres - metres, 1),
            duration_s=(end - start) // SECOND,
            energy_kcal=round(body.kcal - kcal, 1),
        )

    def _counters(self) -> dict[str, WireValue]:
        body = self.body
        return {
            "heart_rate": body.heart_rate,
            "steps": int(body.steps),
            "distance": round(body.metres, 1),
            "energy": round(body.kcal, 1),
        }

    def _rarely(self) -> dict[str, WireValue]:
        body = self.body
        return {
            "spo2": body.spo2,
            "skin_temperature": body.skin_temperature,
            "battery": round(body.battery, 1),
        }
