"""The intake: takes in files of people, devices and days, each whole or not at all, and makes them known to the pipeline."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from devices.sample import Instant
from devices.zones import zones
from hub.features.keeper import Keeper
from hub.imports import columns
from hub.imports.sheet import Form, opened
from hub.pipeline import Pipeline
from hub.registry import Registry
from hub.secret_files import private_directory
from hub.store.enrolment import Enrolment, Placed, Resident
from hub.telemetry import TelemetryStore
from rules.daily import KEPT

FILE_LIMIT = 32 * 1024 * 1024
"""Bytes of one file."""
EPOCH = np.datetime64("1970-01-01")
EPOCH_ORDINAL = 719_163


class TakenIn(NamedTuple):
    """How many rows were new, how many differed from what was there, and how many were there already."""

    new: int
    changed: int
    unchanged: int


class Intake:
    """Any thread; one file at a time. `directory` is where files wait to be read; what an earlier hub left there goes."""

    def __init__(
        self,
        directory: Path,
        *,
        registry: Registry,
        enrolment: Enrolment,
        telemetry: TelemetryStore,
        pipeline: Pipeline,
        keeper: Keeper,
    ) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        self.directory = private_directory(directory)
        self._registry, self._enrolment, self._telemetry = registry, enrolment, telemetry
        self._pipeline, self._keeper = pipeline, keeper
        self._taking = threading.Lock()
        self.on_placed: Callable[[Sequence[str]], None] = lambda _: None
        """Hears of whom there are new devices."""

    def people(self, path: Path, form: Form, *, by: str) -> TakenIn:
        """People, without a login; what they allowed is put on record as said by whoever imports it, for those that are new.

        Raises `ImportInvalid`; then nothing was taken.
        """
        with self._taking, opened(path, form, columns.people()) as sheet:
            sheet.know(homes=self._enrolment.homes(), zones=zones())
            sheet.compare(self._enrolment.people())
            count, rows = sheet.check(), sheet.fresh()
            self._enrolment.add_people(rows, by=f"import by {by}", now=_now())
        self._pipeline.ask(lambda: self._know_people(rows))
        self._pipeline.begin_all([row["person"] for row in rows])
        return TakenIn(len(rows), 0, count - len(rows))

    def devices(self, path: Path, form: Form) -> TakenIn:
        """Devices, without credentials. Raises `ImportInvalid`; then nothing was taken."""
        with self._taking, opened(path, form, columns.devices()) as sheet:
            homes = self._enrolment.homes()
            sheet.know(homes=homes, models=self._registry.models, people=list(self._registry.subjects))
            sheet.compare(self._enrolment.devices())
            count, rows = sheet.check(), sheet.fresh()
            self._telemetry.declare_all({row["device"]: homes[row["home"]] for row in rows})
            self._enrolment.add_devices(rows, now=_now())
        self._pipeline.ask(lambda: self._know_devices(rows))
        self.on_placed(sorted({row["owner"] for row in rows if row["owner"]}))
        return TakenIn(len(rows), 0, count - len(rows))

    def days(self, path: Path, form: Form) -> TakenIn:
        """Days of people; those told before are replaced where they differ. Raises `ImportInvalid`; then nothing was taken."""
        tomorrow = datetime.now(UTC).date() + timedelta(days=1)
        with self._taking, opened(path, form, columns.days(tomorrow)) as sheet:
            sheet.know(people=list(self._registry.subjects))
            count, found = sheet.check(), sheet.columns()
        days = (found["day"].astype("datetime64[D]") - EPOCH).astype(np.int32) + EPOCH_ORDINAL
        told = self._keeper.take_in(found["person"].tolist(), days, {name: found[name] for name in KEPT})
        return TakenIn(told.new, told.changed, count - told.new - told.changed)

    def _know_people(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["timezone"]:
                self._registry.put_stay(row["person"], row["timezone"])
            for purpose in _purposes(row):
                self._registry.grant(row["person"], purpose, granted=True, at=_now())
        self._registry.put_people(Resident(row["person"], row["home"], row["birth_year"]) for row in rows)

    def _know_devices(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            self._registry.put_device(Placed(row["device"], row["home"], row["model"], row["owner"]))
        self._pipeline.forget_routes()


def _purposes(row: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys((row["consents"] or "").split()))


def _now() -> Instant:
    return time.time_ns() // 1_000_000
