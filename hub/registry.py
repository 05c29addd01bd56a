"""What the pipeline knows by heart: devices, people, and the twins.

Read from the tables when the hub starts; changed only in the pipeline's thread, in turn with what devices say.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from devices.model import Model
from devices.twin import Twin
from hub.store.tables import Device, Ownership, Person
from rules.consent import permit
from rules.subject import Subject


class Entry(msgspec.Struct, frozen=True):
    """A device with everything the hot path asks of it. `permitted` are the metrics that may be kept."""

    id: str
    home: str
    model: Model
    owner: str | None
    permitted: frozenset[str]
    permits_all: bool


class Registry:
    """Devices by id, people by id."""

    def __init__(self, models: dict[str, Model]) -> None:
        self.models = models
        self.entries: dict[str, Entry] = {}
        self.twins: dict[str, Twin] = {}
        self.subjects: dict[str, Subject] = {}
        self._subject_of: dict[str, Subject] = {}
        self.subject_of: Callable[[str], Subject | None] = self._subject_of.get
        """Whose rules a sample of a device concerns."""

    def put_person(self, person: Person) -> None:
        """Know a person, or know them anew."""
        self.subjects[person.id] = Subject(person.id, person.birth_year)
        for entry in self.entries.values():
            if entry.owner == person.id:
                self._subject_of[entry.id] = self.subjects[person.id]

    def put_device(self, device: Device, ownership: Ownership | None) -> None:
        """Know a device, or know it anew. A device of a model that is no longer there is left out."""
        model = self.models.get(device.model)
        if model is None:
            return
        owner = ownership.person_id if ownership else None
        permitted = model.permitted(permit("service", registered=True))
        permits_all = permitted == model.metrics.keys()
        self.entries[device.id] = Entry(device.id, device.home_id, model, owner, permitted, permits_all)
        self.twins.setdefault(device.id, Twin(device.id))
        if owner is not None and owner in self.subjects:
            self._subject_of[device.id] = self.subjects[owner]

    def owned_by(self, person: str, *, role: str) -> list[Entry]:
        """A person's devices of one role, by id."""
        mine = [entry for entry in self.entries.values() if entry.owner == person and entry.model.role == role]
        return sorted(mine, key=lambda entry: entry.id)
