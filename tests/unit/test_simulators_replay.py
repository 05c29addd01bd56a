"""FIT recordings: read whatever a file leaves out, and published to the digit."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import fitdecode
import pytest
from fitdecode.utils import compute_crc

from devices.sample import Event
from simulators import messages, models, recording
from simulators import replay as replaying
from simulators.errors import NotARecording, SimulatorError
from simulators.history import Tally
from simulators.messages import Reading
from simulators.replay import Tempo

WATCH = models.load("health-watch")
SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "run.fit"
FIT_EPOCH = 631_065_600
"""1989-12-31T00:00:00Z in Unix time."""
AT = 1_000_000_000
"""The first second of the recordings made here, in FIT time."""

TYPES = {1: ("B", 0x02), 2: ("H", 0x84), 4: ("I", 0x86)}
SIZES = {
    "record": (
        20,
        {"timestamp": (253, 4), "heart_rate": (3, 1), "cadence": (4, 1), "distance": (5, 4), "speed": (6, 2)},
    ),
    "session": (18, {"timestamp": (253, 4), "start_time": (2, 4), "sport": (5, 1), "total_calories": (11, 2)}),
    "event": (21, {"timestamp": (253, 4), "event": (0, 1), "event_type": (1, 1)}),
}
SIZES["record"][1].update(
    enhanced_speed=(73, 4), calories=(33, 2), fractional_cadence=(53, 1), enhanced_altitude=(78, 4)
)
SIZES["session"][1].update(total_distance=(9, 4), total_timer_time=(8, 4), total_elapsed_time=(7, 4))


def fit(parts: Iterable[tuple[str, dict[str, int]]]) -> bytes:
    """A FIT file of messages with raw field values; fields not named are not in it."""
    body = b""
    for kind, fields in parts:
        number, known = SIZES[kind]
        chosen = [(*known[name], value) for name, value in fields.items()]
        body += struct.pack("<BBBHB", 0x40, 0, 0, number, len(chosen))
        body += b"".join(bytes([num, size, TYPES[size][1]]) for num, size, _ in chosen)
        body += b"\x00" + b"".join(struct.pack("<" + TYPES[size][0], value) for _, size, value in chosen)
    head = struct.pack("<BBHI4s", 14, 0x20, 2_132, len(body), b".FIT")
    head += struct.pack("<H", compute_crc(head))
    return head + body + struct.pack("<H", compute_crc(head + body))


def record(second: int, **fields: int) -> tuple[str, dict[str, int]]:
    return "record", {"timestamp": AT + second, **fields}


def session(start: int, end: int, *, sport: int = 1, **fields: int) -> tuple[str, dict[str, int]]:
    return "session", {"timestamp": AT + end, "start_time": AT + start, "sport": sport, **fields}


def read(tmp_path: Path, *parts: tuple[str, dict[str, int]]) -> recording.Recording:
    file = tmp_path / "made.fit"
    file.write_bytes(fit(parts))
    return recording.read(file, device="watch", model=WATCH)


def values(recorded: recording.Recording, metric: str) -> list[tuple[int, object]]:
    return [
        (moment.ts // 1000 - AT - FIT_EPOCH, moment.values[metric])
        for moment in recorded.moments
        if isinstance(moment, Reading) and metric in moment.values
    ]


def test_records_become_readings_to_the_digit(tmp_path):
    recorded = read(
        tmp_path, record(0, heart_rate=71, distance=338, speed=5_891), record(1, heart_rate=255, distance=1_007)
    )
    assert values(recorded, "heart_rate") == [(0, 71)]
    assert values(recorded, "distance") == [(0, 3.38), (1, 10.07)]
    assert values(recorded, "speed") == [(0, 5.891)]


def test_enhanced_speed_goes_before_speed_and_other_fields_are_left_alone(tmp_path):
    recorded = read(tmp_path, record(0, speed=1_000, enhanced_speed=2_345, enhanced_altitude=3_000))
    assert values(recorded, "speed") == [(0, 2.345)]
    assert [set(moment.values) for moment in recorded.moments] == [{"speed"}]


def test_records_out_of_order_are_put_in_order_and_of_two_the_later_in_the_file_stands(tmp_path):
    recorded = read(tmp_path, record(5, heart_rate=80), record(1, heart_rate=70), record(5, heart_rate=82))
    assert values(recorded, "heart_rate") == [(1, 70), (5, 82)]


def test_values_outside_the_range_are_left_out_and_counted(tmp_path):
    recorded = read(tmp_path, record(0, heart_rate=10, distance=5), record(1, heart_rate=70, speed=61_000))
    assert values(recorded, "heart_rate") == [(1, 70)]
    assert recorded.skipped == {"heart_rate": 1, "speed": 1}


def test_a_session_is_a_workout_with_its_totals(tmp_path):
    totals = {"total_distance": 900_822, "total_timer_time": 2_832_440, "total_calories": 516}
    recorded = read(tmp_path, record(0, heart_rate=70), session(0, 2_858, **totals))
    started, ended = [moment for moment in recorded.moments if isinstance(moment, Event)]
    assert (started.type, started.data) == ("workout.started", {"sport": "running"})
    assert ended.data == {"sport": "running", "distance_m": 9_008.22, "duration_s": 2_832.44, "energy_kcal": 516}
    assert ended.observed_at - started.observed_at == 2_858_000
    assert values(recorded, "energy") == [(2_858, 516)]


def test_calories_of_records_are_energy(tmp_path):
    recorded = read(tmp_path, record(0, calories=1), record(9, calories=3), session(0, 10, total_calories=4))
    assert values(recorded, "energy") == [(0, 1), (9, 3), (10, 4)]


def test_several_sessions_are_several_workouts(tmp_path):
    recorded = read(
        tmp_path,
        *(record(second, cadence=90) for second in range(20)),
        session(10, 19, sport=2),
        session(0, 9, sport=1),
    )
    events = [(moment.type, moment.data["sport"]) for moment in recorded.moments if isinstance(moment, Event)]
    assert events == [
        ("workout.started", "running"),
        ("workout.ended", "running"),
        ("workout.started", "cycling"),
        ("workout.ended", "cycling"),
    ]
    assert [second for second, _ in values(recorded, "steps")] == list(range(10))


def test_running_cadence_is_strides_of_two_steps_each(tmp_path):
    recorded = read(tmp_path, *(record(second, cadence=90) for second in range(0, 61, 5)), session(0, 60))
    assert values(recorded, "steps")[0] == (0, 0)
    assert values(recorded, "steps")[-1] == (60, 180)


def test_no_steps_are_made_while_the_timer_is_stopped_or_records_are_missing(tmp_path):
    stop, start = (("event", {"timestamp": AT + at, "event": 0, "event_type": kind}) for at, kind in ((10, 4), (14, 0)))
    seconds = [*range(11), *range(14, 21), *range(120, 131)]
    recorded = read(tmp_path, *(record(second, cadence=90) for second in seconds), stop, start, session(0, 200))
    assert values(recorded, "steps")[-1] == (130, 3 * (10 + 6 + 10))


def test_cycling_cadence_makes_no_steps(tmp_path):
    recorded = read(
        tmp_path, *(record(second, cadence=90, heart_rate=99) for second in range(9)), session(0, 9, sport=2)
    )
    assert values(recorded, "steps") == []


@pytest.mark.parametrize("spoil", ["cut", "text", "empty", "flipped", "no records", "missing"])
def test_what_is_no_recording_is_refused_in_one_line(tmp_path, spoil):
    good = fit([record(second, heart_rate=70) for second in range(50)])
    spoiled = {
        "cut": good[:200],
        "text": b"hello, this is not a recording of anything",
        "empty": b"",
        "flipped": good[:100] + bytes([good[100] ^ 0xFF]) + good[101:],
        "no records": fit([session(0, 1)]),
    }
    file = tmp_path / "bad.fit"
    if spoil in spoiled:
        file.write_bytes(spoiled[spoil])
    with pytest.raises(NotARecording) as caught:
        recording.read(file, device="watch", model=WATCH)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


class Recorder:
    """Takes the place of a publisher."""

    def __init__(self) -> None:
        self.said: list[messages.Moment] = []
        self.batches: list[int] = []

    def say(self, moment, *, window=None) -> None:
        self.said.append(moment)

    def say_batch(self, readings, *, window=None) -> None:
        self.said += readings
        self.batches.append(len(readings))


@pytest.mark.parametrize("tempo", [Tempo(None), Tempo(100_000.0)])
def test_all_of_it_is_published_in_order_at_any_tempo(tmp_path, tempo):
    recorded = read(
        tmp_path, *(record(second, heart_rate=70) for second in range(450)), session(0, 450, total_calories=9)
    )
    recorder = Recorder()
    tally = replaying.replay(recorder, recorded.moments, tempo=tempo, told=lambda count: None)
    assert recorder.said == recorded.moments
    assert (tally.samples, tally.events) == (451, 2)
    assert all(size <= 200 for size in recorder.batches)
    assert isinstance(tally, Tally)


def test_its_own_pace_takes_its_own_time(tmp_path, monkeypatch):
    recorded = read(tmp_path, record(0, heart_rate=70), record(60, heart_rate=71))
    slept: list[float] = []
    monkeypatch.setattr(replaying.time, "sleep", slept.append)
    replaying.replay(Recorder(), recorded.moments, tempo=Tempo(20.0), told=lambda count: None)
    assert slept[-1] == pytest.approx(3.0, abs=0.2)


def test_shifted_stamps_end_now_or_start_now(tmp_path):
    recorded = read(tmp_path, record(0, heart_rate=70), session(0, 60))
    now = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
    ended = replaying.shifted(recorded.moments, replaying.shift_to(now, recorded, Tempo(None)))
    started = replaying.shifted(recorded.moments, replaying.shift_to(now, recorded, Tempo(1.0)))
    assert max(map(messages.instant, ended)) == now
    assert min(map(messages.instant, started)) == now
    assert {moment.id for moment in ended if isinstance(moment, Event)}.isdisjoint(
        moment.id for moment in started if isinstance(moment, Event)
    )


def test_a_recording_from_the_future_is_refused_in_its_own_time(tmp_path):
    recorded = read(tmp_path, record(0, heart_rate=70))
    replaying.refuse_future(recorded, recorded.last)
    with pytest.raises(SimulatorError, match="future"):
        replaying.refuse_future(recorded, recorded.last - 1)


@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample recording is not part of the project")
def test_a_real_run_is_read_to_the_digit():
    recorded = recording.read(SAMPLE, device="watch", model=WATCH)
    expected = []
    with fitdecode.FitReader(SAMPLE) as reader:
        for frame in reader:
            if isinstance(frame, fitdecode.FitDataMessage) and frame.name == "record" and frame.has_field("heart_rate"):
                expected.append((int(frame.get_value("timestamp").timestamp() * 1000), frame.get_value("heart_rate")))
    found = [
        (m.ts, m.values["heart_rate"]) for m in recorded.moments if isinstance(m, Reading) and "heart_rate" in m.values
    ]
    assert found == sorted((ts, beat) for ts, beat in dict(expected).items() if beat is not None)
    ended = recorded.moments[-1]
    assert isinstance(ended, Event)
    assert ended.data == {"sport": "running", "distance_m": 9008.22, "duration_s": 2832.0, "energy_kcal": 516}
