"""What rules offer somebody, on their page *Home*: each with its reason, and two buttons."""

from __future__ import annotations

from functools import partial
from html import escape

from nicegui import run, ui

from api.web.catalogue import Catalogue
from api.web.frame import markup
from devices.errors import Conflict
from hub.runtime import Hub
from hub.store.recommendations import DISMISSED, OPEN, TAKEN
from hub.store.tables import RecommendationRow

SHOWN = 3


class Offers:
    """The open recommendations of one person. Asks the store only when the feed tells that one of theirs has moved."""

    def __init__(self, hub: Hub, person: str, say: Catalogue) -> None:
        self._hub, self._person, self._say = hub, person, say
        self._newest: int | None = None

    def build(self) -> None:
        """Lay the card out."""
        self._card = ui.element("div").classes("hub-stack").props("id=offers")
        self.refresh()

    def refresh(self) -> None:
        """Look again, if anything has happened."""
        newest = self._hub.feed.newest("recommendation", self._person)
        if newest == self._newest:
            return
        self._newest = newest
        self._card.clear()
        with self._card:
            for row in self._hub.recommendations.of(self._person, limit=SHOWN, status=OPEN):
                self._draw(row)

    def _draw(self, row: RecommendationRow) -> None:
        say = self._say
        with ui.element("section").classes("hub-card offer").props(f"data-item={row.item}"):
            markup(
                f"""<h2 class="hub">{escape(row.title[say.language])}</h2><p>{escape(row.text[say.language])}</p>
                <p class="hub-note">{escape(row.because[say.language])}</p>"""
            )
            with ui.row():
                for key, status, look in (("offer.take", TAKEN, "unelevated"), ("offer.dismiss", DISMISSED, "flat")):
                    button = ui.button(say(key), on_click=partial(self._settle, row.id, status))
                    button.props(f"no-caps {look} data-status={status}")

    async def _settle(self, recommendation: str, status: str) -> None:
        """Done with; what was withdrawn or has expired in the meantime is gone all the same."""
        try:
            await run.io_bound(self._hub.desk.settle, recommendation, self._person, status)
        except Conflict:
            ui.notify(self._say("offer.gone"))
        self.refresh()
