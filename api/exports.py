"""Exports: a whole series as a file, as CSV, Parquet, JSON or FHIR. Everything that can be refused is refused before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Annotated, Any, Literal, TypeAlias, assert_never
from zoneinfo import ZoneInfo

from fastapi import Query
from fastapi.responses import StreamingResponse

from api import fhir
from api.instants import Moment, to_instant
from api.series import FOREVER, RAW, Reading, reading
from api.writers import csv_pieces, json_pieces
from devices.errors import Invalid
from devices.sample import Instant
from hub import parquet
from hub.runtime import Hub
from hub.views import Agg, Point, View

Format: TypeAlias = Literal["csv", "parquet", "json", "fhir"]

MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
    "fhir": fhir.MEDIA_TYPE,
}
_ENDINGS: dict[Format, str] = {"csv": "csv", "parquet": "parquet", "json": "json", "fhir": "fhir.json"}

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {media_type.split(";")[0]: {} for media_type in MEDIA_TYPES.values()}, "description": "The file"}
}
"""What the API's own page says of an export."""


class ExportQuery:
    """`?format&from&to&every&agg`, as every export takes it."""

    def __init__(
        self,
        format_: Annotated[Format, Query(alias="format", description="fhir is a Bundle of Observations, R4")] = "csv",
        from_: Annotated[Moment | None, Query(alias="from", description="RFC 3339, inclusive")] = None,
        to: Annotated[Moment | None, Query(description="RFC 3339, exclusive")] = None,
        every: Annotated[str, Query(description="an ISO 8601 duration like PT1M or P1D, or raw")] = RAW,
        agg: Annotated[Agg | None, Query(description="how the samples of a step become one value")] = None,
    ) -> None:
        self.format, self.from_, self.to, self.every, self.agg = format_, from_, to, every, agg
        self.since = to_instant(from_) if from_ else 0
        self.until = to_instant(to) if to else FOREVER


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose the observations of an export are, and since when."""

    person: str
    since: Instant = 0


def answer(hub: Hub, view: View, name: str, query: ExportQuery, *, zone: str, owner: Owner | None) -> StreamingResponse:
    """A whole series as a file. Raises `NotFound`, `Invalid`, `StoreUnavailable`."""
    if query.since >= query.until:
        raise Invalid("from comes before to")
    asked = reading(view, name, every=query.every, agg=query.agg, zone=zone)
    pieces = _begun(_pieces(hub, asked, query, owner))
    named = {"Content-Disposition": f'attachment; filename="{file_name(name, query, zone)}"'}
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[query.format], headers=named)


def owner_of(hub: Hub, device: str) -> Owner | None:
    """Whose a device is now, if it is anybody's."""
    current = [each for each in hub.fleet.ownerships() if each.device_id == device and each.until is None]
    return Owner(current[-1].person_id, current[-1].since) if current else None


def file_name(name: str, query: ExportQuery, zone: str) -> str:
    """Like `heart_rate-2026-06-01-2026-11-01.csv`, the days being days of `zone`; it does not say whose it is."""
    ends = [("from-" if query.to is None else "", query.from_), ("until-" if query.from_ is None else "", query.to)]
    days = [f"{word}{moment.astimezone(ZoneInfo(zone)).date()}" for word, moment in ends if moment is not None]
    return f"{'-'.join([name, *days])}.{_ENDINGS[query.format]}"


def _pieces(hub: Hub, asked: Reading, query: ExportQuery, owner: Owner | None) -> Iterator[bytes]:
    points = asked.whole(query.since, query.until)
    unit = asked.metric.spec.unit
    about = {"metric": asked.metric.name, "unit": unit, "every": query.every}
    about |= {"agg": asked.agg} if asked.agg else {}
    match query.format:
        case "csv":
            return csv_pieces(points, unit=unit)
        case "json":
            return json_pieces(points, about=about)
        case "parquet":
            data_dir = hub.settings.data_dir
            return parquet.blocks(parquet.written(points, numeric=asked.numeric, facts=about, data_dir=data_dir))
        case "fhir":
            return _bundle(hub, asked, query, owner)
        case _:
            assert_never(query.format)


def _bundle(hub: Hub, asked: Reading, query: ExportQuery, owner: Owner | None) -> Iterator[bytes]:
    """Observations of one person; the points are counted first, since a Bundle that ends in the middle is of no use."""
    if owner is None:
        raise Invalid("a FHIR observation is about a person, and this device is nobody's")
    fhir.observable(asked)
    points = asked.whole(max(query.since, owner.since), query.until)
    counted: list[Point] = list(islice(points, fhir.OBSERVATIONS_MOST + 1))
    if len(counted) > fhir.OBSERVATIONS_MOST:
        raise Invalid(
            f"these are more than {fhir.OBSERVATIONS_MOST:,} observations; ask for less time, or for steps like every=PT1M"
        )
    origin = fhir.Origin(hub.id, owner.person, lambda source: _title(hub, source))
    return fhir.bundle_pieces(counted, asked=asked, origin=origin)


def _title(hub: Hub, source: str) -> str | None:
    entry = hub.registry.entries.get(source)
    return entry.model.title.en if entry is not None else None


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same, of which the first is there: what goes wrong until then is still answered with a problem."""
    return chain(list(islice(pieces, 1)), pieces)
