"""Whatever a device sends: nothing raises, and nothing impossible comes out."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import codecs
from devices.command import Result
from devices.sample import MINUTE, Event, Reject
from hub import catalogue

MODELS = list(catalogue.load_models().values())
WATCH = next(model for model in MODELS if model.id == "health-watch")
FRIDGE = next(model for model in MODELS if model.id == "food-styler")
NOW = 1_795_332_706_496
LATEST = NOW + 10 * MINUTE

MIB = 1024 * 1024
HOSTILE = [
    b"",
    b" ",
    b"\x00",
    b"\xff\xfe\xfd",
    b"{}",
    b"[]",
    b"[{}]",
    b"null",
    b"{" * 100_000,
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    b'[{"n":"heart_rate","v":' * 11_000,
    b"x" * MIB,
    b'{"heart_rate": 7' + b"0" * MIB + b"}",
    b'{"heart_rate": NaN}',
    b'{"heart_rate": Infinity}',
    b'{"heart_rate": -Infinity}',
    b'{"heart_rate": 1e400}',
    b'{"heart_rate": -1e400}',
    b'{"heart_rate": 1' + b"0" * 400 + b"}",
    b'{"heart_rate": ' + b"9" * 5_000 + b"}",
    b'{"ts": ' + b"9" * 5_000 + b', "values": {"heart_rate": 70}}',
    b'[{"ts": ' + b"9" * 400 + b', "values": {"heart_rate": 70}}]',
    b'[{"ts": ' + b"9" * 5_000 + b', "values": {"heart_rate": 70}}]',
    b'[{"bt": ' + b"9" * 400 + b', "n": "heart_rate", "v": 70}]',
    b'[{"bn": ' + b"9" * 4_400 + b', "n": "heart_rate", "v": 70}]',
    b'[{"n": "heart_rate", "u": ' + b"9" * 4_300 + b', "v": 70}]',
    b'[{"n": "heart_rate", "v": 70, "t": 1e308}]',
    b'[{"n": "heart_rate", "v": 1e308, "bv": 1e308}]',
    b'[{"n": "weight", "u": "g", "v": 1e308}]',
    b'[{"n": "spo2", "u": "/", "v": "' + b"x" * 100_000 + b'"}]',
    b'{"\\ud800": 1}',
    b'{"sleep_stage": "\\udfff"}',
    b'{"heart_rate": 70, "heart_rate": 71}',
    b'{"heart_rate": {"heart_rate": {"heart_rate": [70, null, true]}}}',
    b'{"inventory": [{"name": {"name": [1e308]}, "quantity": ' + b"9" * 400 + b"}]}",
    b'{"ts": {"ts": 5}, "values": {"heart_rate": 70}}',
    b'{"ts": 1795332706496, "values": {"values": {"heart_rate": 70}, "ts": 1}}',
    b'{"id": "a", "ts": ' + b"9" * 400 + b', "type": "worn"}',
    b'{"id": "\\ud800", "ts": 1795332706496, "type": "worn"}',
    b'{"id": "a", "ts": 1795332706496, "type": "worn", "data": ' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"id": "a", "status": "failed", "reason": "' + b"x" * 200_000 + b'"}',
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(NOW - 10 * MINUTE, NOW + 20 * MINUTE),
    st.integers(10**15, 10**400),
    st.floats(),
    st.floats(0, 300),
    st.text(max_size=8),
)
FIELDS = ("ts", "values", "bn", "bt", "bu", "bv", "n", "u", "v", "vs", "vb", "vd", "t", "must_")
FIELDS += ("id", "type", "data", "status", "reason", "done", "beat/min", "/", "km", "g", "urn:dev:1:")
words = st.sampled_from([*WATCH.metrics, *FRIDGE.metrics, *WATCH.events, *FIELDS])
trees = st.recursive(
    scalars | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=5), inner, max_size=5),
    max_leaves=16,
)


def _decode_all(payload):
    """Every reader over a payload; what came out of telemetry, for every model."""
    for model in (WATCH, FRIDGE):
        decoded = codecs.telemetry(payload, source="dev1", model=model, received_at=NOW)
        _must_be_possible(decoded, model)
        event = codecs.event(payload, source="dev1", model=model, received_at=NOW)
        assert isinstance(event, (Event, Reject))
        if isinstance(event, Event):
            assert codecs.EARLIEST <= event.observed_at <= LATEST
            assert event.type in model.events
    assert isinstance(codecs.result(payload, source="dev1"), (Result, Reject))
    assert isinstance(codecs.status(payload), (bool, Reject))


def _must_be_possible(decoded, model):
    for sample in decoded.samples:
        metric = model.metrics[sample.metric]
        assert sample.source == "dev1"
        assert type(sample.observed_at) is int
        assert codecs.EARLIEST <= sample.observed_at <= LATEST
        if metric.numeric:
            assert type(sample.value) in (int, float)
            assert math.isfinite(sample.value)
            assert metric.low <= sample.value <= metric.high
        else:
            assert type(sample.value) is str
            assert metric.spec.values is None or sample.value in metric.spec.values
    for reject in decoded.rejects:
        assert reject.code
        assert reject.reason
        (reject.reason + reject.excerpt).encode()


@pytest.mark.parametrize("payload", HOSTILE, ids=lambda payload: repr(payload[:24]))
def test_a_hostile_payload_never_raises(payload):
    _decode_all(payload)


@pytest.mark.parametrize("opening", [b'{"heart_rate":%s}', b'{"ts":%s,"values":{}}', b'[{"bn":%s,"n":"spo2","v":97}]'])
def test_no_depth_of_nesting_raises(opening):
    for depth in range(1, 1_100, 9):
        _decode_all(opening % (b"[" * depth + b"]" * depth))
        _decode_all(opening % (b'{"a":' * depth + b"1" + b"}" * depth))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_raise(payload):
    _decode_all(payload)


@given(trees)
@settings(max_examples=500)
def test_arbitrary_json_never_raises(tree):
    _decode_all(json.dumps(tree).encode())


@given(
    st.sampled_from(
        [
            b'{"heart_rate": 72, "steps": 4012}',
            b'{"ts": 1795332706496, "values": {"heart_rate": 72, "sleep_stage": "rem"}}',
            b'[{"ts": 1795332706496, "values": {"heart_rate": 72}}, {"ts": 1795332706000, "values": {"steps": 1}}]',
            b'[{"bn": "urn:", "bt": 1795332706.5, "n": "heart_rate", "u": "beat/min", "v": 72}, {"n": "spo2", "v": 97}]',
            b'{"id": "e1", "ts": 1795332706496, "type": "workout.ended", "data": {"sport": "run", "distance_m": 5}}',
            b'{"id": "c1", "status": "done", "reason": null}',
            b"online",
        ]
    ),
    st.lists(
        st.tuples(
            st.integers(0, 120),
            st.integers(0, 3),
            st.binary(max_size=3)
            | st.sampled_from([b"9", b'"', b":", b"{", b"]", b"e400", b"null", b"-", b",", b"NaN"]),
        ),
        min_size=1,
        max_size=4,
    ),
)
@settings(max_examples=500)
def test_valid_payloads_with_damage_never_raise(payload, damages):
    for position, removed, inserted in damages:
        payload = payload[:position] + inserted + payload[position + removed :]
    _decode_all(payload)


def _value(metric):
    if metric.numeric:
        whole = st.integers(math.ceil(metric.low), math.floor(metric.high))
        return whole | st.floats(metric.low, metric.high, allow_nan=False)
    if metric.spec.items is not None:
        item = st.dictionaries(st.sampled_from(metric.spec.items), st.integers(0, 9) | st.text(max_size=5), max_size=3)
        return st.lists(item, max_size=3)
    return st.sampled_from(metric.spec.values) if metric.spec.values is not None else st.text(max_size=20)


def _readings(model):
    values = st.fixed_dictionaries({}, optional={name: _value(metric) for name, metric in model.metrics.items()})
    return st.lists(st.tuples(st.integers(codecs.EARLIEST, LATEST), values), min_size=1, max_size=4)


cases = st.sampled_from(MODELS).flatmap(lambda model: st.tuples(st.just(model), _readings(model)))


def _told(decoded):
    assert decoded.rejects == []
    return [(sample.metric, sample.observed_at, sample.value) for sample in decoded.samples]


def _meant(model, readings):
    """What is to come out: lists are kept as JSON, and compared as what they mean."""
    return [(name, ts, _plain(model, name, value)) for ts, values in readings for name, value in values.items()]


def _plain(model, name, value):
    return value if model.metrics[name].spec.items is None else json.dumps(value)


def _same(model, told, meant):
    def parsed(each):
        name, ts, value = each
        return (name, ts, value if model.metrics[name].spec.items is None else json.loads(value))

    return [parsed(each) for each in told] == [parsed(each) for each in meant]


@given(cases, st.booleans())
@settings(max_examples=200)
def test_valid_readings_decode_to_exactly_themselves_as_a_batch(case, plain_ascii):
    model, readings = case
    payload = json.dumps([{"ts": ts, "values": values} for ts, values in readings], ensure_ascii=plain_ascii).encode()
    decoded = codecs.telemetry(payload, source="dev1", model=model, received_at=NOW)
    assert _same(model, _told(decoded), _meant(model, readings))


@given(cases)
def test_valid_readings_decode_to_exactly_themselves_one_by_one(case):
    model, readings = case
    for ts, values in readings:
        stamped = codecs.telemetry(json.dumps(values).encode(), source="dev1", model=model, received_at=NOW)
        assert _same(model, _told(stamped), _meant(model, [(NOW, values)]))
        reading = json.dumps({"ts": ts, "values": values}).encode()
        timed = codecs.telemetry(reading, source="dev1", model=model, received_at=NOW)
        assert _same(model, _told(timed), _meant(model, [(ts, values)]))


@given(cases)
def test_valid_numbers_decode_to_exactly_themselves_as_senml(case):
    model, readings = case
    records = [
        {"n": name, "t": ts / 1000, "vs" if isinstance(value, str) else "v": value}
        for ts, values in readings
        for name, value in values.items()
        if model.metrics[name].spec.items is None
    ]
    if not records:
        return
    payload = json.dumps(records).encode()
    decoded = codecs.telemetry(payload, source="dev1", model=model, received_at=NOW)
    meant = [each for each in _meant(model, readings) if model.metrics[each[0]].spec.items is None]
    assert _told(decoded) == meant
