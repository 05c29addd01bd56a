"""Writers: points, wherever they come from, as the text of a file, a piece at a time.

A point is a time, a value and, where one device alone said it, that device. Parquet is written by `hub/parquet.py`, FHIR by
`api/fhir.py`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from api.instants import to_rfc3339
from api.series import tidy
from devices.sample import Value
from hub.views import Point

HEADER = ("at", "value", "unit", "source")
LINES_AT_ONCE = 1_000

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What makes a spreadsheet take a text for a formula (https://owasp.org/www-community/attacks/CSV_Injection)."""


def csv_pieces(points: Iterable[Point], *, unit: str) -> Iterator[bytes]:
    """RFC 4180 in UTF-8 with the header `at,value,unit,source`; times are RFC 3339 in UTC.

    A text that a spreadsheet would calculate has an apostrophe before it, and so has one that begins with an apostrophe: taking
    the first apostrophe of a text away gives the text. A missing value is an empty cell.
    """
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(HEADER)
    for batch in batches(points, LINES_AT_ONCE):
        rows.writerows((to_rfc3339(point.at), _cell(point.value), unit, point.source) for point in batch)
        yield _taken(written)
    if written.tell():
        yield _taken(written)


def json_pieces(points: Iterable[Point], *, about: Mapping[str, Any]) -> Iterator[bytes]:
    """One document: what `about` says, and `items` of `at`, `value` and `source`, where there is one."""
    end = b"]}"
    before = head = msgspec.json.encode({**about, "items": []}).removesuffix(end)
    for batch in batches(points, LINES_AT_ONCE):
        yield before + b",".join(msgspec.json.encode(_item(point)) for point in batch)
        before = b","
    yield head + end if before is head else end


def batches(points: Iterable[Point], size: int) -> Iterator[list[Point]]:
    """Lists of at most `size` points, in order."""
    left = iter(points)
    while batch := list(islice(left, size)):
        yield batch


def _cell(value: Value | None) -> Value | None:
    if isinstance(value, str) and value.startswith((*_FORMULA, "'")):
        return "'" + value
    return tidy(value)  # type: ignore[no-any-return]


def _item(point: Point) -> dict[str, Any]:
    told = {"at": to_rfc3339(point.at), "value": tidy(point.value)}
    return told | {"source": point.source} if point.source else told


def _taken(written: io.StringIO) -> bytes:
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    return text.encode()
