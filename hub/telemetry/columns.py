"""Samples as columns: how they are compared, journaled and inserted, a whole batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import pos
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from devices.sample import Sample
from hub.telemetry import Scan

Columns = dict[str, NDArray[Any]]
"""`seq, source, metric, observed_at, value`, and `state` where there are texts among the values; all of one length."""

_NUMBERS = {"seq": np.int64, "source": np.int32, "metric": np.int16, "observed_at": np.int64, "value": np.float64}


class _Record(msgspec.Struct, array_like=True):
    numbers: list[bytes]
    states: list[str | None] | None


def columns_of(
    samples: Sequence[Sample], seq: NDArray[np.int64], *, source: Callable[[str], int], metric: Callable[[str], int]
) -> Columns:
    """The columns of some samples; raises what `source` and `metric` raise for a name without a number.

    Written with lists and `map` throughout: this runs for every value of every device.
    """
    count = len(samples)
    columns: Columns = {
        "seq": seq,
        "source": np.fromiter(map(source, [sample.source for sample in samples]), np.int32, count),
        "metric": np.fromiter(map(metric, [sample.metric for sample in samples]), np.int16, count),
        "observed_at": np.fromiter([sample.observed_at for sample in samples], np.int64, count),
    }
    return columns | _values(samples)


def encode(columns: Columns) -> bytes:
    """As a record of the journal."""
    states = columns["state"].tolist() if "state" in columns else None
    return msgspec.msgpack.encode(_Record([columns[name].tobytes() for name in _NUMBERS], states))


def decode(record: bytes) -> Columns:
    """From a record of the journal."""
    read = msgspec.msgpack.decode(record, type=_Record)
    columns: Columns = {
        name: np.frombuffer(raw, type_) for (name, type_), raw in zip(_NUMBERS.items(), read.numbers, strict=True)
    }
    return columns if read.states is None else columns | {"state": np.array(read.states, dtype=object)}


def joined(batches: Sequence[Columns]) -> Columns:
    """Several batches as one."""
    columns: Columns = {name: np.concatenate([batch[name] for batch in batches]) for name in _NUMBERS}
    if any("state" in batch for batch in batches):
        columns["state"] = np.concatenate([_states(batch) for batch in batches])
    return columns


def scanned(columns: Columns, metrics: Mapping[int, int], names: Mapping[int, str]) -> Scan:
    """A scan from the store's columns; `metrics` gives the place of each metric's number, `names` the sources'."""
    known, source = np.unique(columns["source"], return_inverse=True)
    numbers = np.zeros(max(metrics, default=0) + 1, np.int16)
    for number, place in metrics.items():
        numbers[number] = place
    state = np.ma.getmaskarray(columns["state"]) if np.ma.isMaskedArray(columns["state"]) else None
    states = np.ma.getdata(columns["state"])
    text = np.full(len(states), -1, np.int32)
    texts: dict[str, int] = {}
    for row in range(len(states)) if state is None else np.flatnonzero(~state).tolist():
        if states[row] is not None:
            text[row] = texts.setdefault(states[row], len(texts))
    return Scan(
        np.asarray(columns["observed_at"], dtype=np.int64),
        source.astype(np.int32),
        numbers[np.asarray(columns["metric"])],
        np.ma.filled(columns["value"], np.nan),
        text,
        [names[int(number)] for number in known],
        list(texts),
    )


def _states(batch: Columns) -> NDArray[Any]:
    return batch["state"] if "state" in batch else np.full(len(batch["seq"]), None, dtype=object)


def _values(samples: Sequence[Sample]) -> Columns:
    """The column of values; where there are texts among them, those in a column of their own."""
    values = [sample.value for sample in samples]
    try:
        return {"value": np.fromiter(map(pos, values), np.float64, len(values))}  # type: ignore[arg-type]
    except TypeError:  # a text has no sign; without asking for it, "0" would be taken for a number
        numbers = [np.nan if isinstance(value, str) else value for value in values]
        texts = [value if isinstance(value, str) else None for value in values]
        return {"value": np.array(numbers, dtype=np.float64), "state": np.array(texts, dtype=object)}
