"""The recommender: from a decision to what is offered, by what is at home and what was offered before.

It works out no more than a decision asks for, before anything is on record. A decision that is on record has its
recommendations beside it, so deciding it again offers nothing more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devices.sample import Instant
from hub.registry import Registry
from hub.store.recommendations import RecommendationStore
from rules.catalogue import Catalogue
from rules.choice import Setting, choose
from rules.decision import Decision
from rules.words import Text

FRIDGE, INVENTORY = "fridge", "inventory"
"""The role of devices that keep food, and the metric in which they list it."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Something to be offered to a person, and why; `id` is from the decision and the item."""

    id: str
    decision: str
    rule: str
    person: str
    catalogue: str
    item: str
    title: dict[str, str]
    text: dict[str, str]
    because: dict[str, str]
    at: Instant
    expires_at: Instant


class Recommender:
    """Chooses. Belongs to the pipeline's thread."""

    def __init__(self, registry: Registry, store: RecommendationStore, catalogues: Mapping[str, Catalogue]) -> None:
        self._registry, self._store, self._catalogues = registry, store, catalogues

    def of(self, decisions: Sequence[Decision]) -> list[Recommendation]:
        """What decisions offer, in order; none of it twice."""
        found: list[Recommendation] = []
        for decision in decisions:
            for number, action in enumerate(decision.actions):
                if action["kind"] == "recommend" and not decision.shadow:
                    found += self._chosen(decision, number, action, found)
        return found

    def _chosen(
        self, decision: Decision, number: int, action: dict[str, Any], found: Sequence[Recommendation]
    ) -> Iterator[Recommendation]:
        catalogue = self._catalogues.get(action["catalogue"])
        if catalogue is None:
            return  # the rule is from before the catalogue went
        at = decision.observed_at
        setting = self._setting(decision, catalogue, found)
        for chosen in choose(catalogue, setting, tags=action["tags"], pick=action["pick"], because=decision.because):
            yield Recommendation(
                id=f"{decision.id}-{number}-{chosen.item.id}",
                decision=decision.id,
                rule=decision.rule,
                person=decision.scope,
                catalogue=catalogue.id,
                item=chosen.item.id,
                title=chosen.item.title.model_dump(),
                text=chosen.item.text.model_dump(),
                because=chosen.because,
                at=at,
                expires_at=at + catalogue.lasts,
            )

    def _setting(self, decision: Decision, catalogue: Catalogue, found: Sequence[Recommendation]) -> Setting:
        person, at = decision.scope, decision.observed_at
        subject = self._registry.subjects[person]
        home = self._registry.home_of(person)
        there = [*self._registry.owned_by(person), *(self._registry.standing_in(home) if home is not None else [])]
        devices = {entry.model.role: Text(**entry.model.title.model_dump()) for entry in there}
        inventories = [self._reported(entry.id, INVENTORY) for entry in there if entry.model.role == FRIDGE]
        food = frozenset(name for listed in inventories for name in _names(listed))
        offered = self._store.offered(person, catalogue.id, since=at - catalogue.again_after)
        offered |= {each.item: each.at for each in found if (each.person, each.catalogue) == (person, catalogue.id)}
        return Setting(at, subject.zone, devices, food, offered)

    def _reported(self, device: str, metric: str) -> object:
        sample = self._registry.twins[device].reported.get(metric)
        return sample.value if sample is not None else None


def _names(listed: object) -> list[str]:
    """What a fridge lists, by name, in lower case."""
    if not isinstance(listed, str):
        return []
    return [str(item.get("name", "")).strip().lower() for item in json.loads(listed)]
