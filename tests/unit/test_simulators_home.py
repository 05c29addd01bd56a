"""The live home: the run that is too hard, appliances that hand over, commands that are answered."""

from __future__ import annotations

import json
import stat
from datetime import date

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import codecs
from devices.sample import SECOND, Event
from simulators import messages, models
from simulators.commands import Orders
from simulators.errors import SimulatorError
from simulators.fridge import Fridge
from simulators.home import Household, Setup
from simulators.messages import Reading
from simulators.registration import THINGS, passwords
from simulators.wearers import joon, minji

START = 1_795_332_700_000
SINCE = date(2026, 4, 1)
LIMIT = 167.4


def _household(seed: int = 1, start: int = START) -> Household:
    setup = Setup(api="http://hub.invalid", operator_password="", seed=seed)
    return Household((minji(SINCE), joon(SINCE)), setup=setup, now=start)


class Listener:
    """Takes the place of all publishers, and of the hub's guard."""

    def __init__(self) -> None:
        self.said: list[tuple[str, object]] = []

    def of(self, device: str) -> Speaker:
        return Speaker(self, device)


class Speaker:
    def __init__(self, listener: Listener, device: str) -> None:
        self.listener, self.device = listener, device

    def say(self, moment) -> None:
        self.listener.said.append((self.device, moment))


def _live(household: Household, seconds: int, *, start: int = START, orders=()) -> list:
    listener = Listener()
    publishers = {thing.device: listener.of(thing.device) for thing in THINGS}
    due = sorted(orders, key=lambda order: order[0])
    for tick in range(1, seconds * 4 + 1):
        while due and due[0][0] <= tick / 4:
            _, device, type_, args = due.pop(0)
            assert household.obey(device)(type_, args) is None
        household.advance(start + tick * 250, 0.25, publishers=publishers)
    return listener.said


def _values(said, device: str, metric: str):
    return [
        ((moment.ts - START) / SECOND, moment.values[metric])
        for who, moment in said
        if who == device and isinstance(moment, Reading) and metric in moment.values
    ]


def test_minji_runs_past_her_limit_and_the_alarm_makes_her_ease_off():
    said = _live(
        _household(), 330, orders=[(100, "minji-watch", "alarm", {"volume": 5}), (150, "minji-watch", "stop_alarm", {})]
    )
    beats = _values(said, "minji-watch", "heart_rate")
    assert 55 <= beats[0][1] <= 80
    passed = next(at for at, beat in beats if beat > LIMIT)
    assert 50 <= passed <= 90
    assert all(beat > 160 for at, beat in beats if 90 < at < 110)
    assert all(beat < LIMIT - 5 for at, beat in beats if 160 < at < 330)
    events = [
        (moment.type, moment.observed_at) for who, moment in said if who == "minji-watch" and isinstance(moment, Event)
    ]
    assert [type_ for type_, _ in events] == ["workout.started", "workout.ended"]
    assert events[0][1] - START <= 15 * SECOND


def test_without_an_alarm_she_stays_above_until_her_patience_ends():
    beats = _values(_live(_household(), 300), "minji-watch", "heart_rate")
    assert all(beat > LIMIT for at, beat in beats if 110 < at < 300)


def test_after_recovering_she_goes_again():
    orders = [(100, "minji-watch", "alarm", {"volume": 5}), (140, "minji-watch", "stop_alarm", {})]
    said = _live(_household(), 520, orders=orders)
    started = [moment for _, moment in said if isinstance(moment, Event) and moment.type == "workout.started"]
    assert len(started) == 2


def test_a_run_is_told_every_second_and_rest_every_five():
    said = _live(_household(), 60)
    running = [at for at, _ in _values(said, "minji-watch", "heart_rate") if at > 12]
    sitting = [at for at, _ in _values(said, "joon-watch", "heart_rate")]
    assert len(running) in range(46, 50)
    assert len(sitting) in range(11, 14)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_that_is_said_is_what_the_models_allow(seed):
    kinds = {thing.device: models.load(thing.model) for thing in THINGS}
    said = _live(_household(seed), 420)
    assert {device for device, _ in said} == set(kinds)
    for device, moment in said:
        payload, now = messages.encode(moment), START + 420 * SECOND
        if isinstance(moment, Event):
            assert codecs.event(payload, source=device, model=kinds[device], received_at=now) == moment
        else:
            decoded = codecs.telemetry(payload, source=device, model=kinds[device], received_at=now)
            assert decoded.rejects == []
            assert len(decoded.samples) == len(moment.values)


def test_the_same_seed_is_the_same_home():
    first, second, other = (_live(_household(seed), 90) for seed in (5, 5, 6))
    assert first == second
    assert first != other


def test_laundry_goes_from_washer_to_dryer_to_styler():
    said = _live(_household(), 700)
    cycles = [
        (who, moment.type) for who, moment in said if isinstance(moment, Event) and moment.type.startswith("cycle")
    ]
    started = [who for who, type_ in cycles if type_ == "cycle.started"]
    assert started[:4] == ["washer", "dryer", "styler", "washer"]
    assert cycles[:2] == [("washer", "cycle.started"), ("washer", "cycle.ended")]
    states = [value for _, value in _values(said, "washer", "cycle_state")]
    assert {"washing", "rinsing", "spinning", "done"} <= set(states)
    assert max(value for _, value in _values(said, "styler", "dust_removal")) > 90


def test_live_counters_restart_at_local_midnight():
    midnight = 1_795_359_600_000  # 2026-11-23T00:00 in Seoul
    household = _household(start=midnight - 60 * SECOND)
    for watch in household.watches:
        watch.body.restart_counters(steps=9_000, metres=7_000, kcal=400)
    said = _live(household, 120, start=midnight - 60 * SECOND)
    readings = [moment for who, moment in said if who == "minji-watch" and isinstance(moment, Reading)]
    assert all((moment.values["steps"] >= 9_000) == (moment.ts < midnight) for moment in readings)
    assert {moment.ts < midnight for moment in readings} == {True, False}


def test_machines_obey():
    household = _household()
    _live(household, 3)
    assert household.obey("washer")("start", {"programme": "cotton"}).startswith("busy")
    assert household.obey("washer")("stop", {}) is None
    assert household.obey("washer")("start", {"programme": "moon"}).startswith("no programme")
    assert household.obey("washer")("start", {"programme": "cotton"}) is None
    assert household.obey("styler")("show", {"outfit": "a linen shirt"}) is None
    assert household.obey("kitchen-fridge")("set_temperature", {"temperature": -18}) is None
    said = _live(household, 60)
    assert ("a linen shirt") in [value for _, value in _values(said, "styler", "shown_outfit")]
    assert _values(said, "washer", "programme")[0][1] == "cotton"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(), target=st.floats(-25, 12))
def test_a_fridge_keeps_its_temperature_and_never_an_empty_item(seed, target):
    fridge = Fridge(seed=seed, today=date(2026, 11, 20))
    fridge.obey("set_temperature", {"temperature": target})
    for hour in range(600):
        happened = fridge.advance(10, date(2026, 11, 20 + hour // 100))
        for event in happened:
            assert event.fields["quantity"] > 0
    assert abs(fridge.values()["inside_temperature"] - target) < 8
    assert all(item["quantity"] > 0 for item in fridge.values()["inventory"])


def _orders(executed: list):
    def obey(type_, args):
        executed.append((type_, args))
        return "the motor is stuck" if args.get("strength") == 5 else None

    return Orders(models.load("health-watch"), obey)


def _ask(orders: Orders, now: int = 1_000, **command) -> list[dict]:
    return [msgspec.json.decode(answer) for answer in orders.answers(json.dumps(command).encode(), now)]


def test_a_command_is_accepted_then_done_and_not_executed_twice():
    executed: list = []
    orders = _orders(executed)
    command = {"id": "a", "type": "vibrate", "args": {"strength": 2}, "expires_at": 2_000}
    assert [answer["status"] for answer in _ask(orders, **command)] == ["accepted", "done"]
    assert _ask(orders, now=9_000, **command) == [{"id": "a", "status": "done"}]
    assert executed == [("vibrate", {"strength": 2})]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ({"id": "a", "type": "vibrate", "args": {"strength": 2}, "expires_at": 999}, "expired"),
        ({"id": "a", "type": "vibrate", "args": {"strength": 9}}, "outside"),
        ({"id": "a", "type": "explode", "args": {}}, "no command"),
    ],
)
def test_what_cannot_be_done_fails_unexecuted(command, reason):
    executed: list = []
    (answer,) = _ask(_orders(executed), **command)
    assert answer["status"] == "failed"
    assert reason in answer["reason"]
    assert executed == []


def test_a_failure_in_the_doing_is_told():
    answers = _ask(_orders([]), id="a", type="vibrate", args={"strength": 5})
    assert answers[-1] == {"id": "a", "status": "failed", "reason": "the motor is stuck"}


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b'{"id": 1, "type": "x"}'])
def test_an_unreadable_command_is_left_alone(payload):
    assert list(_orders([]).answers(payload, 0)) == []


def test_passwords_are_kept_for_their_reader_only_and_used_again(tmp_path):
    file = tmp_path / "people" / "passwords.json"
    first = passwords(("minji", "joon"), file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert passwords(("minji", "joon"), file) == first
    assert first["minji"] != first["joon"]
    assert passwords(("minji",), None) != {"minji": first["minji"]}


def test_a_broken_password_file_is_one_line(tmp_path):
    file = tmp_path / "passwords.json"
    file.write_text("{")
    with pytest.raises(SimulatorError, match="JSON object"):
        passwords(("minji",), file)
