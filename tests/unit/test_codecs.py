"""Payloads: every form is read, and what cannot be used is told apart from what can."""

from __future__ import annotations

import json

import pytest

from devices import codecs
from devices.command import Result, Status
from devices.sample import MINUTE, Event, Reject, Sample
from hub import catalogue

MODELS = catalogue.load_models()
NOW = 1_795_332_706_496


def _decode(payload, *, model="health-watch"):
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return codecs.telemetry(raw, source="dev1", model=MODELS[model], received_at=NOW)


def _values(decoded):
    return [(sample.metric, sample.observed_at, sample.value) for sample in decoded.samples]


def _codes(decoded):
    return [reject.code for reject in decoded.rejects]


def _event(payload, *, model="health-watch"):
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return codecs.event(raw, source="dev1", model=MODELS[model], received_at=NOW)


def _result(payload):
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return codecs.result(raw, source="dev1")


# The four forms.


def test_bare_values_are_stamped_on_arrival():
    decoded = _decode({"heart_rate": 72, "steps": 4012})
    assert decoded.samples == [Sample("dev1", "heart_rate", NOW, 72), Sample("dev1", "steps", NOW, 4012)]
    assert decoded.stamped
    assert decoded.rejects == []


def test_values_with_a_time_keep_it():
    decoded = _decode({"ts": NOW - 5, "values": {"heart_rate": 72}})
    assert _values(decoded) == [("heart_rate", NOW - 5, 72)]
    assert not decoded.stamped


def test_a_batch_keeps_every_time_in_the_order_given():
    decoded = _decode([{"ts": NOW, "values": {"heart_rate": 72}}, {"ts": NOW - 9, "values": {"heart_rate": 71}}])
    assert _values(decoded) == [("heart_rate", NOW, 72), ("heart_rate", NOW - 9, 71)]
    assert not decoded.stamped


def test_senml_with_an_absolute_base_time_is_read():
    decoded = _decode([{"bn": "urn:dev:watch1:", "bt": NOW / 1000, "n": "heart_rate", "u": "beat/min", "v": 72}])
    assert _values(decoded) == [("heart_rate", NOW, 72)]
    assert not decoded.stamped


@pytest.mark.parametrize("space", [b" ", b"\n", b"\r\n\t "])
@pytest.mark.parametrize(
    "payload",
    [{"heart_rate": 72}, {"ts": NOW, "values": {"heart_rate": 72}}, [{"ts": NOW, "values": {"heart_rate": 72}}]],
    ids=["values", "reading", "batch"],
)
def test_white_space_around_a_payload_means_nothing(payload, space):
    assert _values(_decode(space + json.dumps(payload).encode() + space)) == [("heart_rate", NOW, 72)]


# SenML.


def test_senml_base_fields_apply_to_the_records_behind_them():
    decoded = _decode(
        [
            {"bn": "watch/", "bt": NOW / 1000 - 10, "bu": "beat/min", "n": "heart_rate", "v": 70},
            {"n": "heart_rate", "t": 2, "v": 71},
            {"bt": NOW / 1000 - 4, "n": "heart_rate", "v": 72},
            {"n": "heart_rate", "t": 1, "v": 73},
        ]
    )
    assert _values(decoded) == [
        ("heart_rate", NOW - 10_000, 70),
        ("heart_rate", NOW - 8_000, 71),
        ("heart_rate", NOW - 4_000, 72),
        ("heart_rate", NOW - 3_000, 73),
    ]


def test_senml_times_near_zero_are_relative_to_arrival():
    decoded = _decode([{"n": "heart_rate", "t": -5, "v": 70}, {"n": "heart_rate", "v": 71}])
    assert _values(decoded) == [("heart_rate", NOW - 5_000, 70), ("heart_rate", NOW, 71)]
    assert decoded.stamped


def test_senml_resolved_records_are_read_without_base_fields():
    name = "urn:dev:ow:10e2073a01080063:"
    decoded = _decode(
        [
            {"n": name + "heart_rate", "t": NOW / 1000, "u": "beat/min", "v": 70},
            {"n": name + "skin_temperature", "t": NOW / 1000, "u": "Cel", "v": 33.5},
        ]
    )
    assert _values(decoded) == [("heart_rate", NOW, 70), ("skin_temperature", NOW, 33.5)]


@pytest.mark.parametrize("base", ["urn:dev:mac:0024befffe804ff1:", "home/watch/", "", "heart_"])
def test_a_senml_name_ends_in_the_metric(base):
    assert _values(_decode([{"bn": base, "n": "heart_rate", "v": 70}]))[0][0] == "heart_rate"


def test_a_senml_base_name_may_be_the_whole_name():
    assert _values(_decode([{"bn": "urn:dev:1:heart_rate", "v": 70}])) == [("heart_rate", NOW, 70)]


def test_a_senml_base_value_is_added():
    assert _values(_decode([{"bv": 60, "n": "heart_rate", "v": 10}])) == [("heart_rate", NOW, 70)]


@pytest.mark.parametrize(
    ("metric", "unit", "value", "stored"),
    [("spo2", "/", 0.97, 97), ("distance", "km", 1.5, 1_500), ("weight", "g", 61_000, 61), ("speed", "km/h", 36, 10)],
)
def test_senml_units_are_converted(metric, unit, value, stored):
    [sample] = _decode([{"n": metric, "u": unit, "v": value}]).samples
    assert sample.value == pytest.approx(stored)


def test_a_senml_unit_of_another_quantity_is_refused_and_the_rest_kept():
    decoded = _decode([{"n": "weight", "u": "m", "v": 60}, {"n": "heart_rate", "u": "beat/min", "v": 70}])
    assert _values(decoded) == [("heart_rate", NOW, 70)]
    assert "weight is in kg, not in m" in decoded.rejects[0].reason


def test_a_senml_text_is_a_state():
    assert _values(_decode([{"n": "sleep_stage", "vs": "rem"}])) == [("sleep_stage", NOW, "rem")]


@pytest.mark.parametrize(
    "record",
    [
        {"n": "heart_rate", "v": True},
        {"bv": 69, "n": "heart_rate", "v": True},
        {"bv": True, "n": "heart_rate", "v": 69},
        {"n": "heart_rate", "vb": True},
        {"n": "heart_rate", "vs": "70"},
        {"n": "heart_rate", "vd": "NzA"},
        {"n": "heart_rate", "v": "70"},
        {"n": "heart_rate", "v": [70]},
        {"n": "heart_rate", "t": "nan", "v": 70},
        {"n": "heart_rate", "t": "inf", "v": 70},
        {"n": "heart_rate", "t": None, "v": 70},
        {"n": "heart_rate", "t": [1], "v": 70},
        {"n": "heart_rate", "t": 10**400, "v": 70},
        {"n": "heart_rate", "t": 3_600, "v": 70},
        {"n": "heart_rate", "bt": 400_000_000, "v": 70},
        {"n": "heart_rate", "v": 70, "must_": 1},
        {"n": "unheard_of", "v": 70},
        "no record",
    ],
)
def test_a_senml_record_that_cannot_be_used_is_told_and_the_others_are_kept(record):
    decoded = _decode([{"n": "spo2", "v": 97}, record, {"bt": 0, "bv": 0, "n": "spo2", "t": -1, "v": 98}])
    assert _values(decoded) == [("spo2", NOW, 97), ("spo2", NOW - 1_000, 98)]
    assert len(decoded.rejects) == 1


def test_a_senml_field_that_is_merely_unknown_is_ignored():
    assert len(_decode([{"n": "heart_rate", "v": 70, "colour": "red"}]).samples) == 1


@pytest.mark.parametrize("payload", [[{}], [{"bn": "watch/"}], [{"heart_rate": 70}]])
def test_a_senml_pack_without_a_value_is_not_lost_silently(payload):
    assert _codes(_decode(payload)) == ["shape"]


# Partial rejects.


def test_an_unknown_metric_is_told_and_the_good_samples_are_kept():
    decoded = _decode({"heart_rate": 72, "mood": 5})
    assert _values(decoded) == [("heart_rate", NOW, 72)]
    assert decoded.rejects == [Reject("unknown_metric", "health-watch has no such metric", "mood")]


@pytest.mark.parametrize("value", [261, 19, -1, 10**18, 10**300, 1e300, True, False, None, "72", [72], {"bpm": 72}])
def test_a_value_that_cannot_be_is_told_and_the_good_samples_are_kept(value):
    decoded = _decode({"heart_rate": value, "steps": 1})
    assert _values(decoded) == [("steps", NOW, 1)]
    assert _codes(decoded) == ["value"]


@pytest.mark.parametrize(
    "literal", [b"9" * 400, b"-" + b"9" * 400, b"18446744073709551616", b"1e308", b"1e400", b"-1e400"]
)
def test_numbers_too_large_for_a_machine_are_values_out_of_range(literal):
    decoded = _decode(b'{"heart_rate": ' + literal + b', "steps": 1}')
    assert _values(decoded) == [("steps", NOW, 1)]
    assert _codes(decoded) == ["value"]


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity", b"9" * 5_000, b"+1", b"01", b".5"])
def test_what_is_no_json_number_makes_the_message_unreadable(literal):
    decoded = _decode(b'{"heart_rate": ' + literal + b"}")
    assert decoded.samples == []
    assert _codes(decoded) == ["json"]


@pytest.mark.parametrize(
    "part",
    [5, None, "x", [], {"ts": NOW}, {"values": {}}, {"ts": NOW, "values": []}, {"ts": NOW, "values": {}, "x": 1}],
)
def test_a_strange_part_of_a_batch_is_told_and_the_good_parts_are_kept(part):
    decoded = _decode([{"ts": NOW, "values": {"heart_rate": 72}}, part])
    assert _values(decoded) == [("heart_rate", NOW, 72)]
    assert _codes(decoded) == ["shape"]


def test_many_rejects_are_counted_behind_the_first_twenty():
    decoded = _decode({f"unknown_{n}": n for n in range(50)} | {"heart_rate": 72})
    assert len(decoded.samples) == 1
    assert _codes(decoded) == ["unknown_metric"] * 20 + ["more"]
    assert "30 more" in decoded.rejects[-1].reason


def test_an_excerpt_is_cut_short():
    assert len(_decode({"heart_rate": "x" * 10_000}).rejects[0].excerpt) == codecs.EXCERPT_LIMIT


def test_an_excerpt_can_be_kept_by_every_database():
    """PostgreSQL takes no NUL in a text, and one that cannot be kept would be tried for ever."""
    assert "\x00" not in _decode(b"\x00").rejects[0].excerpt


# Times.


@pytest.mark.parametrize("ts", [NOW + 10 * MINUTE, NOW, codecs.EARLIEST])
def test_times_within_the_limits_are_taken(ts):
    assert len(_decode({"ts": ts, "values": {"heart_rate": 72}}).samples) == 1


@pytest.mark.parametrize(
    ("ts", "reason"),
    [
        (NOW + 10 * MINUTE + 1, "more than 10 minutes ahead"),
        (10**30, "more than 10 minutes ahead"),
        (codecs.EARLIEST - 1, "in seconds instead of milliseconds"),
        (NOW // 1000, "in seconds instead of milliseconds"),
        (-1, "before the year 2000"),
        (float(NOW), "not a whole number"),
        (str(NOW), "not a whole number"),
        (True, "not a whole number"),
        (None, "not a whole number"),
        ([NOW], "not a whole number"),
    ],
)
@pytest.mark.parametrize("batch", [True, False])
def test_a_time_that_cannot_be_is_told_and_other_readings_are_kept(ts, reason, batch):
    bad, good = {"ts": ts, "values": {"heart_rate": 1}}, {"ts": NOW, "values": {"heart_rate": 72}}
    decoded = _decode([good, bad] if batch else bad)
    assert len(decoded.samples) == int(batch)
    assert _codes(decoded) == ["time"]
    assert reason in decoded.rejects[0].reason


# Whole messages.


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b"\xff\xfe", "json"),
        (b'{"heart_rate": "\xff"}', "json"),
        (b'{"\\ud800": 1}', "json"),
        (b"\xef\xbb\xbf{}", "json"),
        (b'{"heart_rate": 72} {}', "json"),
        (b"null", "shape"),
        (b"72", "shape"),
        (b'"heart_rate"', "shape"),
        (b"[]", "shape"),
        (b"[[]]", "shape"),
        (b"[1, 2]", "shape"),
        (b'{"values": 5, "ts": 6}', "shape"),
        (b'{"ts": 1795332706496}', "shape"),
        (b"[" * 100_000, "json"),
        (b"[" * 100_000 + b"]" * 100_000, "json"),
    ],
    ids=lambda part: repr(part)[:24],
)
def test_an_unusable_message_is_one_reject(payload, code):
    decoded = _decode(payload)
    assert decoded.samples == []
    assert _codes(decoded) == [code]


@pytest.mark.parametrize("extra", [0, 1])
def test_a_payload_may_have_256_kib_and_no_more(extra):
    head = b'{"heart_rate": 72'
    payload = head + b" " * (256 * 1024 - len(head) - 1 + extra) + b"}"
    assert _codes(_decode(payload)) == ["size"] * extra


@pytest.mark.parametrize("prefix", [b"[", b"{"])
def test_an_oversized_payload_is_refused_unread(prefix):
    assert _codes(_decode(prefix + b" " * (1024 * 1024))) == ["size"]


@pytest.mark.parametrize(
    "payload",
    [
        b'{"heart_rate": 70, "heart_rate": 71}',
        b'{"heart_rate": 70, "heart\\u005frate": 71}',
        b'{"ts": 1795332706496, "values": {"heart_rate": 70, "heart_rate": 71}}',
        b'{"ts": 1795332706496, "ts": 1795332706497, "values": {"heart_rate": 70}}',
        b'[{"ts": 1795332706496, "values": {"heart_rate": 70, "heart_rate": 71}}]',
        b'[{"ts": 1795332706496, "ts": 1795332706497, "values": {"heart_rate": 70}}]',
        b'[{"n": "heart_rate", "v": 70, "v": 71}]',
        b'{"sleep_stage": "a:b:c", "heart_rate": 70, "heart_rate": 71}',
    ],
)
def test_a_repeated_key_makes_the_message_unreadable(payload):
    assert _codes(_decode(payload)) == ["repeated_key"]


def test_colons_inside_texts_are_no_keys():
    decoded = _decode({"shown_outfit": "top: red, shoes: blue"}, model="clothing-styler")
    assert _values(decoded) == [("shown_outfit", NOW, "top: red, shoes: blue")]
    batch = [{"ts": NOW, "values": {"shown_outfit": "a:b"}}]
    assert _values(_decode(batch, model="clothing-styler")) == [("shown_outfit", NOW, "a:b")]


# States and lists.


def test_a_state_is_one_of_its_values():
    assert _values(_decode({"sleep_stage": "deep"})) == [("sleep_stage", NOW, "deep")]
    assert "not one of awake, light, deep, rem" in _decode({"sleep_stage": "DEEP"}).rejects[0].reason


@pytest.mark.parametrize("value", [1, True, None, ["deep"], {"stage": "deep"}])
def test_a_state_is_a_text(value):
    assert _codes(_decode({"sleep_stage": value})) == ["value"]


@pytest.mark.parametrize(("length", "rejects"), [(256, 0), (257, 1)])
def test_a_free_text_has_256_characters_at_most(length, rejects):
    assert len(_decode({"shown_outfit": "x" * length}, model="clothing-styler").rejects) == rejects


def test_a_list_is_kept_as_json_text():
    inventory = [{"name": "우유", "quantity": 2, "unit": "L"}, {"name": "eggs", "expires_on": "2026-12-01"}]
    [sample] = _decode({"inventory": inventory}, model="food-styler").samples
    assert json.loads(sample.value) == inventory


@pytest.mark.parametrize(
    "value", ["milk", 5, {"name": "milk"}, ["milk"], [{"title": "milk"}], [{"name": "x" * 20_000}], None]
)
def test_a_list_that_is_not_as_the_model_says_is_refused(value):
    assert _codes(_decode({"inventory": value}, model="food-styler")) == ["value"]


# Events.

ENDED = {"id": "e1", "ts": NOW, "type": "workout.ended", "data": {"sport": "run", "distance_m": 5_000}}


def test_an_event_is_read():
    assert _event(ENDED) == Event("dev1", "e1", "workout.ended", NOW, {"sport": "run", "distance_m": 5_000})


def test_an_event_needs_no_data():
    assert _event({"id": "e1", "ts": NOW, "type": "worn"}) == Event("dev1", "e1", "worn", NOW, {})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": 5}, "shape"),
        ({"id": ""}, "shape"),
        ({"id": "x" * 129}, "shape"),
        ({"type": "ended.workout"}, "unknown_event"),
        ({"type": None}, "shape"),
        ({"ts": NOW + 10 * MINUTE + 1}, "time"),
        ({"ts": NOW // 1000}, "time"),
        ({"ts": True}, "time"),
        ({"ts": float(NOW)}, "shape"),
        ({"extra": 1}, "shape"),
        ({"data": []}, "event_data"),
        ({"data": {"mood": 5}}, "event_data"),
        ({"data": {"sport": 5}}, "event_data"),
        ({"data": {"distance_m": "5"}}, "event_data"),
        ({"data": {"distance_m": True}}, "event_data"),
        ({"data": {"distance_m": {"m": 5}}}, "event_data"),
    ],
)
def test_an_event_that_is_not_as_the_model_says_is_refused(change, code):
    refused = _event(ENDED | change)
    assert isinstance(refused, Reject)
    assert refused.code == code


def test_a_number_of_an_event_is_finite_as_a_float():
    assert isinstance(_event(ENDED | {"data": {"distance_m": 10**400}}), Reject)
    infinite = json.dumps(ENDED | {"data": {"distance_m": 0.125}}).replace("0.125", "1e400").encode()
    assert isinstance(_event(infinite), Reject)


@pytest.mark.parametrize("payload", [b"", b"[]", b"[" * 100_000, b"\xff", b'{"id":"a","id":"b","ts":1,"type":"worn"}'])
def test_an_unreadable_event_is_a_reject(payload):
    assert isinstance(_event(payload), Reject)


# Results and status.


@pytest.mark.parametrize("status", ["accepted", "done", "failed"])
def test_a_result_is_read(status):
    assert _result({"id": "c1", "status": status}) == Result("dev1", "c1", Status(status))
    assert _result({"id": "c1", "status": status, "reason": "so"}) == Result("dev1", "c1", Status(status), "so")


def test_a_long_reason_is_cut_short():
    assert len(_result({"id": "c1", "status": "failed", "reason": "x" * 5_000}).reason) == codecs.EXCERPT_LIMIT


@pytest.mark.parametrize(
    "payload",
    [
        {"id": "c1"},
        {"status": "done"},
        {"id": 1, "status": "done"},
        {"id": "c1", "status": "expired"},
        {"id": "c1", "status": "sent"},
        {"id": "c1", "status": "DONE"},
        {"id": "c1", "status": "done", "reason": 5},
        {"id": "c1", "status": "done", "extra": 5},
        [],
        b"",
        b'{"id": "c1", "status": "done", "status": "failed"}',
    ],
)
def test_a_result_of_another_shape_is_a_reject(payload):
    assert isinstance(_result(payload), Reject)


def test_a_status_is_online_or_offline():
    assert codecs.status(b"online") is True
    assert codecs.status(b"offline") is False


@pytest.mark.parametrize("payload", [b"", b"ONLINE", b"online\n", b'"online"', b"\xff", b"true", b"x" * 1_000_000])
def test_any_other_status_is_a_reject(payload):
    refused = codecs.status(payload)
    assert isinstance(refused, Reject)
    assert len(refused.excerpt) <= 4 * codecs.EXCERPT_LIMIT
