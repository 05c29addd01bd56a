"""What the pipeline knows by heart: devices, people, homes, and the twins; and whom a change is about.

Read from the tables when the hub starts; changed only in the pipeline's thread, in turn with what devices say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from devices.model import Model
from devices.sample import Event, Instant
from devices.twin import Twin
from hub.store.consents import Consent
from hub.store.enrolment import Placed, Resident
from hub.store.tables import Home, Person, TuningRow
from rules.consent import Grants, permit
from rules.subject import Origin, Subject
from rules.surroundings import Around

UTC = "UTC"


class Entry(msgspec.Struct, frozen=True):
    """A device with everything the hot path asks of it. `permitted` are the metrics that may be kept."""

    id: str
    home: str
    model: Model
    owner: str | None
    permitted: frozenset[str]
    permits_all: bool


class Registry:
    """Devices, people and homes by id; the rules' surroundings."""

    def __init__(self, models: dict[str, Model]) -> None:
        self.models = models
        self.entries: dict[str, Entry] = {}
        self.twins: dict[str, Twin] = {}
        self.subjects: dict[str, Subject] = {}
        self.homes: dict[str, Subject] = {}
        self.granted: dict[str, frozenset[str]] = {}
        self.grants: Grants = {}
        """The same with since when, as the rules want it."""
        self._home_of: dict[str, str] = {}
        self._stays: dict[str, str] = {}
        self._tuned: dict[str, dict[str, float]] = {}
        self._around: dict[str, Around] = {}
        self.on_known: Callable[[str, Subject], None] = lambda *_: None
        """Hears of every person and home that becomes known."""

    def put_home(self, home: Home) -> None:
        """Know a home, or know it anew."""
        self.homes[home.id] = self._home(home.id, home.timezone)
        self._around.clear()
        self.on_known("home", self.homes[home.id])

    def put_person(self, person: Person) -> None:
        """Know a person, or know them anew."""
        self.put_people([Resident(person.id, person.home_id, person.birth_year)])
        self.on_known("person", self.subjects[person.id])

    def put_people(self, people: Iterable[Resident]) -> None:
        """Know many people at once, or know them anew. `on_known` does not hear of them: see `Pipeline.begin_all`."""
        homes = set()
        for person in people:
            self._put_subject(person)
            homes.add(self._home_of.get(person.id))
        members: dict[str, list[str]] = {home: [] for home in homes if home is not None}
        for person_id, home_id in self._home_of.items():
            if home_id in members:
                members[home_id].append(person_id)
        for home_id, those in members.items():
            self.homes[home_id] = msgspec.structs.replace(self.homes[home_id], members=tuple(sorted(those)))
        self._around.clear()

    def put_device(self, device: Placed) -> None:
        """Know a device, or know it anew. A device of a model that is no longer there is left out."""
        model = self.models.get(device.model)
        if model is None:
            return
        permitted = model.permitted(permit("service", registered=True))
        permits_all = permitted == model.metrics.keys()
        self.entries[device.id] = Entry(device.id, device.home, model, device.owner, permitted, permits_all)
        self.twins.setdefault(device.id, Twin(device.id))
        self._around.clear()

    def grant(self, person: str, purpose: str, *, granted: bool, at: Instant) -> None:
        """Know that a person allowed a purpose, or took it back, and when."""
        before = self.granted.get(person, frozenset())
        self.granted[person] = before | {purpose} if granted else before - {purpose}
        if granted:
            self.grants[person, purpose] = at
        else:
            self.grants.pop((person, purpose), None)

    def put_consents(self, standing: Iterable[Consent]) -> None:
        """Know what everybody allows, and nothing that was known before."""
        self.granted.clear()
        self.grants.clear()
        for each in standing:
            self.grant(each.person, each.purpose, granted=each.granted, at=each.at)

    def put_stay(self, person: str, zone: str) -> None:
        """Know in which time zone a person is now."""
        self._stays[person] = zone
        if (subject := self.subjects.get(person)) is not None:
            self.subjects[person] = msgspec.structs.replace(subject, zone=zone)
        self._around.clear()

    def tune(self, rows: Iterable[TuningRow]) -> None:
        """Know what inputs of rules are set to, for whom."""
        for row in rows:
            self._tuned.setdefault(row.scope, {})[f"{row.rule_id}.{row.input}"] = row.value
        for known in (self.subjects, self.homes):
            for scope, subject in known.items():
                if scope in self._tuned:
                    known[scope] = msgspec.structs.replace(subject, tuned=dict(self._tuned[scope]))
        self._around.clear()

    def of(self, source: str) -> Around | None:
        """Whom a sample of a device is about."""
        around = self._around.get(source)
        if around is None and (entry := self.entries.get(source)) is not None:
            around = self._around[source] = self._find(entry, entry.owner, None)
        return around

    def of_event(self, event: Event) -> Around | None:
        """Whom an event is about: where it names a token, the person who wears it."""
        named, place = event.data.get("token"), event.data.get("place")
        entry = self.entries.get(event.source)
        if entry is None:
            return None
        if named is None and place is None:
            return self.of(event.source)
        token = self.entries.get(str(named))
        whom = entry.owner if named is None else token.owner if token is not None else None
        return self._find(entry, whom, place)

    def subject(self, kind: str, scope: str) -> Subject | None:
        """A scope by its id."""
        match kind:
            case "person":
                return self.subjects.get(scope)
            case "home":
                return self.homes.get(scope)
            case "device":
                return self._device(scope)
            case _:
                home = self.homes.get(scope.split("/", 1)[0])
                return Subject(scope, zone=home.zone if home else UTC, tuned=self._tuned.get(scope, {}))

    def home_of(self, person: str) -> str | None:
        """Where a person lives."""
        return self._home_of.get(person)

    def owned_by(self, person: str) -> list[Entry]:
        """A person's devices, by id."""
        return sorted((each for each in self.entries.values() if each.owner == person), key=lambda entry: entry.id)

    def standing_in(self, home: str) -> list[Entry]:
        """A home's devices, by id."""
        return sorted((each for each in self.entries.values() if each.home == home), key=lambda entry: entry.id)

    def _put_subject(self, person: Resident) -> None:
        home = self.homes.get(person.home or "")
        zone = self._stays.get(person.id) or (home.zone if home is not None else UTC)
        self.subjects[person.id] = Subject(person.id, person.birth_year, zone, tuned=self._tuned.get(person.id, {}))
        if home is not None:
            self._home_of[person.id] = home.id

    def _find(self, entry: Entry, person: str | None, place: object) -> Around:
        homes = dict.fromkeys([entry.home, *([self._home_of[person]] if person in self._home_of else [])])
        return Around(
            origin=Origin(entry.id, entry.model.role, entry.model.id, person, self._is_of(entry.owner, person)),
            person=self.subjects.get(person) if person is not None else None,
            homes=tuple(self.homes[home] for home in homes if home in self.homes),
            device=self._device(entry.id),
            place=self.subject("place", f"{entry.home}/{place}") if place else None,
        )

    def _is_of(self, owner: str | None, person: str | None) -> bool:
        """Whether a device is somebody's, or of somebody they live with."""
        if owner is None or person is None:
            return False
        return owner == person or self._home_of.get(owner, owner) == self._home_of.get(person, person)

    def _device(self, device: str) -> Subject | None:
        entry = self.entries.get(device)
        if entry is None:
            return None
        owner, home = self.subjects.get(entry.owner or ""), self.homes.get(entry.home)
        tuned = self._tuned.get(device, {})
        return Subject(device, owner.birth_year if owner else None, home.zone if home else UTC, tuned=tuned)

    def _home(self, home: str, zone: str) -> Subject:
        members = tuple(sorted(person for person, where in self._home_of.items() if where == home))
        return Subject(home, zone=zone, members=members, tuned=self._tuned.get(home, {}))
