"""Payloads: bytes from a device in, samples, events and results out, and what could not be used beside them.

Nothing here raises for what a device sends: bad input is expected, and comes back as `Reject` values. The good
samples of a message are kept whatever else is in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from devices import units
from devices.command import Result, Status
from devices.model import Metric, Model
from devices.sample import MINUTE, Event, Instant, Reject, Sample, Value

SIZE_LIMIT = 256 * 1024
AHEAD_LIMIT = 10 * MINUTE
EARLIEST: Instant = 946_684_800_000
"""2000-01-01: what is stamped before it is most likely in seconds instead of milliseconds."""
EXCERPT_LIMIT = 200
REJECTS_LIMIT = 20
"""So many rejects of one message are told apart; the rest are counted in a last one."""
NUMBER_LIMIT = 2**53
"""Whole numbers up to here are the same for every reader of JSON."""
_SENML_RELATIVE = 2**28
"""RFC 8428, 4.5.3: a time below this is relative to now."""

_tree = msgspec.json.Decoder()


class Decoded(NamedTuple):
    """What a telemetry message holds. `stamped` says that it carried no time and got that of its arrival."""

    samples: list[Sample]
    rejects: list[Reject]
    stamped: bool = False


class Reading(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Values that were observed at one time."""

    ts: int
    values: dict[str, Any]


class Unreadable(Exception):
    """The whole message cannot be used; holds the reject. Does not leave this module."""

    def __init__(self, code: str, reason: str, payload: bytes) -> None:
        super().__init__(reason)
        self.reject = Reject(code, reason, _excerpt(payload))


def telemetry(payload: bytes, *, source: str, model: Model, received_at: Instant) -> Decoded:
    """Read a telemetry payload in any of its four forms."""
    try:
        readings = _batch(payload)
        if readings is not None:
            return _collect(readings, source=source, model=model, received_at=received_at)
        tree = _read(payload)
        match tree:
            case {"values": dict(values), "ts": ts} if len(tree) == 2:
                keys, reading = 2 + len(values), Reading(ts, values)
            case dict() if "ts" not in tree and "values" not in tree:
                keys, reading = len(tree), Reading(received_at, tree)
            case [dict(first), *_] if "ts" not in first and "values" not in first:
                return _senml(tree, payload, source=source, model=model, received_at=received_at)
            case _:
                raise Unreadable("shape", "neither values, nor ts and values, nor a list of them, nor SenML", payload)
        _refuse_repeated_keys(payload, keys)
    except Unreadable as unreadable:
        return Decoded([], [unreadable.reject])
    decoded = _collect([reading], source=source, model=model, received_at=received_at)
    return decoded if reading.values is not tree else decoded._replace(stamped=True)


def event(payload: bytes, *, source: str, model: Model, received_at: Instant) -> Event | Reject:
    """Read an event payload."""
    try:
        tree = _read(payload)
        _refuse_repeated_keys(payload, _count_keys(tree))
    except Unreadable as unreadable:
        return unreadable.reject
    match tree:
        case {"id": str(id_), "ts": int(ts), "type": str(type_), **rest} if rest.keys() <= {"data"}:
            fields: Any = rest.get("data", {})
        case _:
            return Reject("shape", "an event is {id, ts, type, data}", _excerpt(payload))
    spec = model.events.get(type_)
    if spec is None:
        return Reject("unknown_event", f"{model.id} has no event of this type", _short(type_))
    if not 0 < len(id_) <= 128 or "\0" in id_:
        return Reject("shape", "an event id has 1 to 128 characters", _short(id_))
    if reason := time_refusal(ts, received_at):
        return Reject("time", reason, _short(ts))
    if reason := _fields_refusal(fields, spec.fields):
        return Reject("event_data", reason, _short(fields))
    return Event(source, id_, type_, ts, fields)


def result(payload: bytes, *, source: str) -> Result | Reject:
    """Read a device's answer to a command."""
    try:
        tree = _read(payload)
        _refuse_repeated_keys(payload, _count_keys(tree))
    except Unreadable as unreadable:
        return unreadable.reject
    match tree:
        case {"id": str(id_), "status": "accepted" | "done" | "failed" as status, **rest} if rest.keys() <= {"reason"}:
            reason = rest.get("reason")
            if reason is None or isinstance(reason, str):
                return Result(source, id_, Status(status), None if reason is None else _short(reason))
    return Reject("shape", "a result is {id, status: accepted | done | failed, reason}", _excerpt(payload))


def status(payload: bytes) -> bool | Reject:
    """Read a status payload: whether the device is online."""
    match payload:
        case b"online":
            return True
        case b"offline":
            return False
        case _:
            return Reject("shape", "a status is online or offline", _excerpt(payload))


def time_refusal(ts: Any, received_at: Instant) -> str | None:
    """Why `ts` cannot be when something was observed; `None` if it can."""
    if type(ts) is not int:
        return "ts is not a whole number of milliseconds"
    if ts > received_at + AHEAD_LIMIT:
        return "more than 10 minutes ahead"
    if ts < EARLIEST:
        return "before the year 2000; is it in seconds instead of milliseconds?"
    return None


def _collect(readings: list[Reading], *, source: str, model: Model, received_at: Instant) -> Decoded:
    """Sort the values of a message into samples and rejects. One long loop, because every value of every device passes."""
    samples: list[Sample] = []
    rejects = _Rejects()
    ranges, append, latest = model.ranges, samples.append, received_at + AHEAD_LIMIT
    for reading in readings:
        ts = reading.ts
        if type(ts) is not int or not EARLIEST <= ts <= latest:
            rejects.add_reading(reading, received_at)
            continue
        for name, value in reading.values.items():
            span = ranges.get(name)
            kind = type(value)
            if span is not None and (kind is int or kind is float) and span[0] <= value <= span[1]:
                append(Sample(source, name, ts, value))
            elif (prepared := _prepare(model, name, value, rejects)) is not None:
                append(Sample(source, name, ts, prepared))
    return Decoded(samples, rejects.told)


def _prepare(model: Model, name: str, value: Any, rejects: _Rejects) -> Value | None:
    """A value that is no number in its range: a state's, or one that cannot be used, and goes to `rejects`."""
    metric = model.metrics.get(name)
    if metric is None:
        rejects.add("unknown_metric", f"{model.id} has no such metric", name)
        return None
    prepared, reason = metric.prepare(value)
    if prepared is None:
        rejects.add("value", f"{name}: {reason}", value)
    return prepared


class _Rejects:
    """Tells the first rejects of a message apart and counts the rest."""

    __slots__ = ("overflow", "told")

    def __init__(self) -> None:
        self.told: list[Reject] = []
        self.overflow = 0

    def add_reading(self, reading: Reading, received_at: Instant) -> None:
        """A reading whose time cannot be; or that is no reading at all."""
        if isinstance(reading.ts, _Misshapen):
            self.add("shape", "each part of a batch is {ts, values}", reading.ts.part)
        else:
            self.add("time", time_refusal(reading.ts, received_at) or "", reading.ts)

    def add(self, code: str, reason: str, part: Any) -> None:
        if len(self.told) < REJECTS_LIMIT:
            self.told.append(Reject(code, reason, _short(part)))
            return
        self.overflow += 1
        self.told[REJECTS_LIMIT:] = [Reject("more", f"and {self.overflow} more parts that could not be used")]


def _read(payload: bytes) -> Any:
    if len(payload) > SIZE_LIMIT:
        raise Unreadable("size", f"larger than {SIZE_LIMIT // 1024} KiB", payload)
    try:
        return _tree.decode(payload)
    except msgspec.DecodeError as error:
        if "out of range" in str(error):
            return _read_infinite(payload)
        raise Unreadable("json", f"not JSON: {error}", payload) from error
    except ValueError as error:
        raise Unreadable("json", f"not JSON: {error}", payload) from error
    except RecursionError as error:
        raise Unreadable("json", "nested too deeply", payload) from error


def _read_infinite(payload: bytes) -> Any:
    """With numbers too large for anybody as infinite ones, so that they are refused where they are, and the others kept."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    try:
        return json.loads(payload.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Unreadable("json", f"not JSON: {error}", payload) from error


def _refuse_repeated_keys(payload: bytes, keys: int) -> None:
    """Refuse a payload in which a key stands twice in one object: which of the two is meant, nobody can say.

    Every key has one colon behind it. As many colons as keys that came out of the decoder means that none was lost;
    only if there are more (a repeated key, or a colon inside a text) is the payload read again, slowly.
    """
    if payload.count(b":") != keys:
        try:
            json.loads(payload, object_pairs_hook=_unrepeated)
        except _Repeated as error:
            raise Unreadable("repeated_key", f"the key {error} stands twice", payload) from error
        except (ValueError, RecursionError) as error:
            raise Unreadable("json", "not JSON that every reader reads alike", payload) from error


class _Repeated(Exception):
    """Names the key that stands twice."""


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Repeated(next(repr(_short(key)) for key in keys if keys.count(key) > 1))
    return tree


def _count_keys(tree: Any) -> int:
    keys, rest = 0, [tree]
    while rest:
        match rest.pop():
            case dict() as mapping:
                keys += len(mapping)
                rest.extend(mapping.values())
            case list() as items:
                rest.extend(items)
    return keys


_batch_decoder = msgspec.json.Decoder(list[Reading])


def _batch(payload: bytes) -> list[Reading] | None:
    """Read a batch, if it is one; where only a part of it is wrong, keep the others."""
    if payload.lstrip(b" \t\r\n")[:1] != b"[" or len(payload) > SIZE_LIMIT:
        return None
    try:
        readings = _batch_decoder.decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _loose_batch(payload)
    if not readings:
        return None
    _refuse_repeated_keys(payload, 2 * len(readings) + sum([len(reading.values) for reading in readings]))
    return readings


def _loose_batch(payload: bytes) -> list[Reading] | None:
    tree = _read(payload)
    if not (isinstance(tree, list) and any(isinstance(each, dict) and each.keys() & {"ts", "values"} for each in tree)):
        return None
    _refuse_repeated_keys(payload, _count_keys(tree))
    return [_loose_reading(each) for each in tree]


def _loose_reading(part: Any) -> Reading:
    if isinstance(part, dict) and part.keys() == {"ts", "values"} and isinstance(part["values"], dict):
        return Reading(part["ts"], part["values"])
    return Reading(_Misshapen(part), {})  # type: ignore[arg-type]


class _Misshapen(NamedTuple):
    """Stands where the time of a reading should be: the part is no reading at all."""

    part: Any


def _fields_refusal(fields: Any, specs: Mapping[str, str]) -> str | None:
    if not isinstance(fields, dict):
        return "data is not an object"
    kinds: dict[str, tuple[type, ...]] = {"text": (str,), "number": (int, float), "boolean": (bool,)}
    for name, value in fields.items():
        if name not in specs:
            return f"no field {name[:40]!r}"
        if not isinstance(value, kinds[specs[name]]) or (isinstance(value, bool) and specs[name] != "boolean"):
            return f"{name} is not a {specs[name]}"
        if (isinstance(value, int) and abs(value) > NUMBER_LIMIT) or value in (math.inf, -math.inf):
            return f"{name} is too large"
    return None


_SENML_KNOWN = frozenset({"bn", "bt", "bu", "bv", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "bs", "t", "ut"})


def _senml(tree: list[Any], payload: bytes, *, source: str, model: Model, received_at: Instant) -> Decoded:
    """Read a SenML pack (RFC 8428): base fields apply to the records behind them."""
    _refuse_repeated_keys(payload, _count_keys(tree))
    rejects, base = _Rejects(), dict[str, Any]()
    readings: list[Reading] = []
    stamped = False
    for record in tree:
        if not isinstance(record, dict):
            rejects.add("shape", "a SenML record is an object", record)
            continue
        base.update((key, record[key]) for key in ("bn", "bt", "bu", "bv") if key in record)
        if strange := [key for key in record if key not in _SENML_KNOWN and key.endswith("_")]:
            rejects.add("shape", "a SenML field that must be understood is not", strange[0])
        elif record.keys() & {"v", "vs", "vb", "vd"}:
            try:
                time = float(base.get("bt", 0)) + float(record.get("t", 0))
                since = received_at if time < _SENML_RELATIVE else 0
                name = _senml_name(str(base.get("bn", "")), str(record.get("n", "")), model)
                value = _senml_value(record, base, model.metrics.get(name))
                readings.append(Reading(since + round(time * 1000), {name: value}))
            except (TypeError, ValueError, OverflowError) as error:
                rejects.add("shape", f"a SenML field is not what it must be: {error}", record)
                continue
            stamped |= since > 0
    if not readings and not rejects.told:
        rejects.add("shape", "a SenML pack without a value, or an object with no metrics", _excerpt(payload))
    decoded = _collect(readings, source=source, model=model, received_at=received_at)
    return Decoded(decoded.samples, rejects.told + decoded.rejects, stamped)


def _senml_name(base: str, name: str, model: Model) -> str:
    """The metric of a record: the end of base name and name, behind the last `:` or `/`."""
    if name in model.metrics:
        return name
    return (base + name).replace(":", "/").rsplit("/", 1)[-1]


def _senml_value(record: dict[str, Any], base: dict[str, Any], metric: Metric | None) -> Any:
    if "v" not in record:
        return record.get("vs", record.get("vb"))
    if isinstance(record["v"], bool) or isinstance(base.get("bv"), bool):
        raise TypeError("v and bv are numbers")
    value = record["v"] + base["bv"] if "bv" in base else record["v"]
    unit = record.get("u", base.get("bu"))
    if unit is None or metric is None or not metric.numeric:
        return value
    factor = units.factor(str(unit), metric.spec.unit)
    if factor is None:
        raise ValueError(f"{metric.name} is in {metric.spec.unit}, not in {_short(unit)}")
    return value if factor == 1 else value * factor


def _excerpt(payload: bytes) -> str:
    return _short(payload[:EXCERPT_LIMIT].decode("utf-8", "backslashreplace"))


def _short(part: Any) -> str:
    try:
        text = part if isinstance(part, str) else repr(part)
    except (ValueError, RecursionError):
        text = f"a {type(part).__name__} too large to write down"
    text = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return text if len(text) <= EXCERPT_LIMIT else text[: EXCERPT_LIMIT - 1] + "…"
