"""Columns: what goes into a record of the journal comes out of it."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from devices.sample import Sample
from hub.telemetry.columns import columns_of, decode, encode, joined

values = st.floats(allow_nan=False) | st.text(max_size=8)
batches = st.lists(st.lists(values, min_size=1, max_size=6), min_size=1, max_size=4)


def _columns(batch, first):
    samples = [Sample("watch", "state", at, value) for at, value in enumerate(batch)]
    return columns_of(samples, np.arange(first, first + len(batch)), source=len, metric=len)


def _rows(columns):
    states = columns["state"].tolist() if "state" in columns else [None] * len(columns["seq"])
    numbers = zip(*(columns[name].tolist() for name in ("seq", "source", "metric", "observed_at")), strict=True)
    chosen = [value if state is None else state for value, state in zip(columns["value"].tolist(), states, strict=True)]
    return list(zip(numbers, chosen, strict=True))


@given(batches)
@example([["0"], ["1e3", "nan"]])
def test_what_is_encoded_is_decoded_and_joined_as_it_was(written):
    batches = [_columns(batch, first=10 * place) for place, batch in enumerate(written)]
    read = [decode(encode(batch)) for batch in batches]
    expected = [row for batch in batches for row in _rows(batch)]
    assert [row for batch in read for row in _rows(batch)] == expected
    assert _rows(joined(read)) == expected
    assert [value for _, value in expected] == [value for batch in written for value in batch]
