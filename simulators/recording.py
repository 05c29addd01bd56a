"""FIT recordings, read as what a health watch would have said.

FIT's fields are those of the profile's record, session and event messages. Values go through as the file has them;
those outside the model's ranges are left out and counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import fitdecode
from fitdecode import CrcCheck, ErrorHandling

from devices.model import Model
from devices.sample import SECOND, Instant
from simulators import messages
from simulators.errors import NotARecording
from simulators.messages import Moment, Reading, WireValue

ON_FOOT = frozenset({"running", "walking", "hiking", "trail_running"})
"""Sports whose cadence is strides a minute, of two steps each."""
LONGEST_STRIDE_GAP_S = 15.0
"""Further apart than this, records do not say how many steps lay between them."""

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Workout:
    """A session of a recording."""

    start: Instant
    end: Instant
    sport: str
    fields: dict[str, float]


@dataclass(frozen=True, slots=True)
class Recording:
    """Moments in order of time; `skipped` counts, by metric, the values that are outside the model's range."""

    moments: list[Moment]
    skipped: Counter[str]

    @property
    def first(self) -> Instant:
        return messages.instant(self.moments[0])

    @property
    def last(self) -> Instant:
        return messages.instant(self.moments[-1])


@dataclass(slots=True)
class _Contents:
    """The messages of a file that matter here."""

    records: list[tuple[Instant, Fields]] = field(default_factory=list)
    sessions: list[Fields] = field(default_factory=list)
    timer: list[tuple[Instant, bool]] = field(default_factory=list)


def read(path: Path, *, device: str, model: Model) -> Recording:
    """Read a FIT file as `device` would have published it. Raises `NotARecording` with a reason in one line."""
    contents = _contents(path)
    if not contents.records:
        raise NotARecording(f"{path.name} is a FIT file without any records of an activity")
    contents.records.sort(key=lambda record: record[0])
    workouts = sorted(_workouts(contents.sessions), key=lambda workout: workout.start)
    values = _values(contents, workouts)
    skipped = _drop_unfit(values, model)
    moments: list[Moment] = [Reading(ts, found) for ts, found in values.items() if found]
    for workout in workouts:
        moments += _events(workout, device)
    if not moments:
        raise NotARecording(f"{path.name} holds nothing that a {model.id} measures")
    return Recording(sorted(moments, key=messages.instant), skipped)


def _contents(path: Path) -> _Contents:
    contents = _Contents()
    try:
        with fitdecode.FitReader(path, check_crc=CrcCheck.RAISE, error_handling=ErrorHandling.IGNORE) as reader:
            for frame in reader:
                if frame.frame_type == fitdecode.FIT_FRAME_DATA:
                    _sort_in(frame, contents)
    except OSError as error:
        raise NotARecording(f"{path}: {error.strerror or error}") from error
    except (fitdecode.FitError, ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise NotARecording(f"{path.name} is not a FIT file that can be read: {_one_line(error)}") from error
    return contents


def _sort_in(frame: Any, contents: _Contents) -> None:
    if frame.name not in ("record", "session", "event"):
        return
    fields = {each.name: each.value for each in frame.fields if each.value is not None}
    ts = _instant(fields.get("timestamp"))
    match frame.name:
        case "session":
            contents.sessions.append(fields)
        case "record" if ts is not None:
            contents.records.append((ts, fields))
        case "event" if ts is not None and fields.get("event") == "timer":
            contents.timer.append((ts, fields.get("event_type") == "start"))


def _values(contents: _Contents, workouts: list[Workout]) -> dict[Instant, dict[str, WireValue]]:
    """What was measured when. Of two values for one instant the later in the file stands."""
    values: dict[Instant, dict[str, WireValue]] = {}
    for ts, fields in contents.records:
        values.setdefault(ts, {}).update(_measured(fields))
    for ts, steps in _steps(contents, workouts):
        values.setdefault(ts, {})["steps"] = steps
    for workout in workouts:
        if "energy_kcal" in workout.fields:
            values.setdefault(workout.end, {})["energy"] = workout.fields["energy_kcal"]
    return values


def _measured(fields: Fields) -> dict[str, WireValue]:
    candidates = {
        "heart_rate": _number(fields, "heart_rate"),
        "distance": _number(fields, "distance"),
        "speed": _number(fields, "enhanced_speed", "speed"),
        "energy": _number(fields, "calories"),
    }
    return {metric: value for metric, value in candidates.items() if value is not None}


def _steps(contents: _Contents, workouts: list[Workout]) -> Iterator[tuple[Instant, int]]:
    """Steps since the recording began: cadence over time, where somebody was on foot and the timer ran."""
    paused = _pauses(contents.timer)
    total, last = 0.0, None
    for ts, fields in contents.records:
        cadence = _number(fields, "cadence")
        if cadence is None or not _on_foot(ts, workouts):
            last = None
            continue
        strides = cadence + (_number(fields, "fractional_cadence") or 0.0)
        if last is not None and ts - last <= LONGEST_STRIDE_GAP_S * SECOND and not _overlaps(last, ts, paused):
            total += 2 * strides * (ts - last) / SECOND / 60
        last = ts
        yield ts, int(total)


def _pauses(timer: list[tuple[Instant, bool]]) -> list[tuple[Instant, Instant]]:
    pauses: list[tuple[Instant, Instant]] = []
    stopped: Instant | None = None
    for ts, starts in sorted(timer):
        if starts and stopped is not None:
            pauses.append((stopped, ts))
            stopped = None
        elif not starts and stopped is None:
            stopped = ts
    return pauses


def _overlaps(start: Instant, end: Instant, spans: list[tuple[Instant, Instant]]) -> bool:
    return any(start < over and end > begun for begun, over in spans)


def _on_foot(ts: Instant, workouts: list[Workout]) -> bool:
    return any(workout.sport in ON_FOOT and workout.start <= ts <= workout.end for workout in workouts)


def _workouts(sessions: list[Fields]) -> Iterator[Workout]:
    for session in sessions:
        start = _instant(session.get("start_time"))
        elapsed = _number(session, "total_elapsed_time", "total_timer_time")
        end = _instant(session.get("timestamp"))
        if end is None and start is not None and elapsed is not None:
            end = start + round(elapsed * SECOND)
        if start is None or end is None or end < start:
            continue
        named = {
            "distance_m": _number(session, "total_distance"),
            "duration_s": _number(session, "total_timer_time", "total_elapsed_time"),
            "energy_kcal": _number(session, "total_calories"),
        }
        sport = str(session.get("sport", "unknown"))
        yield Workout(start, end, sport, {name: value for name, value in named.items() if value is not None})


def _events(workout: Workout, device: str) -> list[Moment]:
    return [
        messages.event(device, "workout.started", workout.start, sport=workout.sport),
        messages.event(device, "workout.ended", workout.end, sport=workout.sport, **workout.fields),
    ]


def _drop_unfit(values: dict[Instant, dict[str, WireValue]], model: Model) -> Counter[str]:
    skipped: Counter[str] = Counter()
    for found in values.values():
        for name in [name for name, value in found.items() if not _fits(model, name, value)]:
            del found[name]
            skipped[name] += 1
    return skipped


def _fits(model: Model, name: str, value: WireValue) -> bool:
    return name in model.metrics and model.metrics[name].prepare(value)[0] is not None


def _number(fields: Fields, *names: str) -> float | None:
    """The first of these fields that holds a finite number, as it is."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return value
    return None


def _instant(value: object) -> Instant | None:
    if not isinstance(value, datetime) or value.tzinfo is None:
        return None
    return round(value.timestamp() * SECOND)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
