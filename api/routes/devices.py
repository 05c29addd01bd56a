"""Devices: registry, twins, credentials, series."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from api import exports
from api.deps import CallerDep, DeviceDep, HubDep, OperatorDep, ReaderDep, may_see
from api.exports import ExportQuery, owner_of
from api.instants import to_rfc3339
from api.schemas import CredentialsOut, DeviceIn, DeviceOut, MqttOut, Page, RegisteredOut, ReportedOut, Series
from api.series import SeriesQuery, answer, opened, tidy
from devices.model import Model
from devices.sample import Sample
from devices.twin import Twin
from hub.desk import NewDevice
from hub.runtime import Hub
from hub.store.tables import Device

router = APIRouter(prefix="/v1/devices", tags=["devices"])


@router.post("", status_code=201)
def register(device: DeviceIn, hub: HubDep, _operator: OperatorDep) -> RegisteredOut:
    """Register a device. The password is told this once; the hub keeps only its hash."""
    device_id = device.id or f"{device.model[:50]}-{secrets.token_hex(4)}"
    acquired_on = device.acquired_on.isoformat() if device.acquired_on else None
    new = NewDevice(device_id, device.home, device.model, device.owner, acquired_on)
    row, token = hub.desk.register(new)
    return RegisteredOut(
        id=row.id,
        home=row.home_id,
        model=row.model,
        owner=device.owner,
        acquired_on=device.acquired_on,
        mqtt=_mqtt(hub, row.id, token),
    )


@router.get("")
def devices(
    caller: CallerDep,
    hub: HubDep,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(description="a device id to go on behind")] = "",
) -> Page[DeviceOut]:
    """The devices the caller may see, with their twins, by id."""
    rows = [row for row in hub.fleet.devices() if row.id > cursor and _visible(row, caller, hub)]
    items = [_out(row, hub, values=_values_shown(row, caller, hub)) for row in rows[:limit]]
    return Page(items=items, next=rows[limit - 1].id if len(rows) > limit else None)


@router.get("/{device_id}")
def device(entry: DeviceDep, hub: HubDep, reader: ReaderDep) -> DeviceOut:
    """A device and its twin."""
    opened(hub.gate.device(entry.id, reader))
    return _out(hub.fleet.device(entry.id), hub, values=True)


@router.post("/{device_id}/credentials")
def rotate(entry: DeviceDep, hub: HubDep, _operator: OperatorDep) -> CredentialsOut:
    """New credentials; whoever is connected with the old ones is cut off."""
    return CredentialsOut(id=entry.id, mqtt=_mqtt(hub, entry.id, hub.desk.rotate(entry.id)))


@router.delete("/{device_id}/credentials", status_code=204)
def revoke(entry: DeviceDep, hub: HubDep, _operator: OperatorDep) -> Response:
    """No credentials any more; the device is cut off."""
    hub.desk.revoke(entry.id)
    return Response(status_code=204)


@router.get("/{device_id}/telemetry/{metric}")
def device_series(
    entry: DeviceDep, metric: str, query: Annotated[SeriesQuery, Depends()], hub: HubDep, reader: ReaderDep
) -> Series:
    """A series of a device."""
    zone = hub.accounts.home(entry.home).timezone
    return answer(opened(hub.gate.device(entry.id, reader)), metric, query, zone=zone)


@router.get("/{device_id}/telemetry/{metric}/export", response_class=StreamingResponse, responses=exports.RESPONSES)
def device_export(
    entry: DeviceDep, metric: str, query: Annotated[ExportQuery, Depends()], hub: HubDep, reader: ReaderDep
) -> StreamingResponse:
    """The whole of a series of a device as a file; as FHIR, for as long as it is whose it is now."""
    zone = hub.accounts.home(entry.home).timezone
    view = opened(hub.gate.device(entry.id, reader))
    return exports.answer(hub, view, metric, query, zone=zone, owner=owner_of(hub, entry.id))


def _visible(row: Device, caller: CallerDep, hub: Hub) -> bool:
    entry = hub.registry.entries.get(row.id)
    return entry is not None and may_see(caller, entry, hub)


def _values_shown(row: Device, caller: CallerDep, hub: Hub) -> bool:
    """In a list, what somebody's own devices report is for them alone; operators ask device by device, on record."""
    owner = hub.registry.entries[row.id].owner
    return owner is None or owner == caller.person


def _mqtt(hub: Hub, device_id: str, token: str) -> MqttOut:
    host, port = hub.device_broker
    return MqttOut(host=host, port=port, username=device_id, password=token)


def _out(row: Device, hub: Hub, *, values: bool) -> DeviceOut:
    entry = hub.registry.entries[row.id]
    twin = hub.registry.twins.get(row.id) or Twin(row.id)
    reported = {metric: _reported(sample, entry.model) for metric, sample in sorted(dict(twin.reported).items())}
    return DeviceOut(
        id=row.id,
        home=row.home_id,
        model=row.model,
        owner=entry.owner,
        acquired_on=row.acquired_on,
        online=twin.online,
        last_seen=to_rfc3339(twin.last_seen) if twin.last_seen else None,
        reported=reported if values else {},
        desired=dict(twin.desired),
        delta=twin.delta,
        version=twin.version,
    )


def _reported(sample: Sample, model: Model) -> ReportedOut:
    metric = model.metrics.get(sample.metric)
    unit = metric.spec.unit if metric else "1"
    return ReportedOut(value=tidy(sample.value), unit=unit, at=to_rfc3339(sample.observed_at))
