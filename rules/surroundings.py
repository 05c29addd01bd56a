"""What the engine is told about devices, people and homes: whom a change is about."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from devices.sample import Event
from rules.subject import Origin, Subject


class Around(NamedTuple):
    """Where a change comes from, and every scope it is about."""

    origin: Origin
    person: Subject | None = None
    homes: tuple[Subject, ...] = ()
    device: Subject | None = None
    place: Subject | None = None

    def scopes(self, kind: str) -> tuple[Subject, ...]:
        """The scopes of one kind."""
        if kind == "home":
            return self.homes
        subject: Subject | None = getattr(self, kind)
        return () if subject is None else (subject,)


def alone(kind: str, subject: Subject) -> Around:
    """Around a scope of which only the clock has told anything."""
    homes = (subject,) if kind == "home" else ()
    person, device, place = (subject if kind == each else None for each in ("person", "device", "place"))
    return Around(Origin("", person=person.id if person is not None else None), person, homes, device, place)


class Surroundings(Protocol):
    """What the engine must be told about devices, people and homes."""

    def of(self, source: str) -> Around | None:
        """What a sample of a device is about."""

    def of_event(self, event: Event) -> Around | None:
        """What an event is about."""

    def subject(self, kind: str, scope: str) -> Subject | None:
        """A scope by its id."""
