"""Records: what the pipeline puts on record, and what it has to read to do so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hub.recommender import Recommender
from hub.store.consents import Consent, Consents
from hub.store.ledger import Ledger, Tick


class Records(NamedTuple):
    """Used in the pipeline's thread."""

    ledger: Ledger
    consents: Consents
    recommender: Recommender

    def standing_before(self, ticks: Iterable[Tick]) -> list[Consent] | None:
        """What people had decided before the first consent among these; `None` if there is none among them."""
        first = next((tick.consent for tick in ticks if tick.consent), None)
        return None if first is None else self.consents.standing(before=first)
