"""The inputs of a rule that somebody may tune for themselves or their home."""

from __future__ import annotations

from html import escape

from nicegui import run, ui

from api.deps import now
from api.web.frame import markup
from api.web.regarded import Regarded
from api.web.things import amount
from devices.errors import HubError
from rules.language import Input
from rules.terms import Term


class InputsPanel:
    """One number for each input."""

    def __init__(self, regarded: Regarded) -> None:
        self._regarded, self._say = regarded, regarded.say

    def build(self) -> None:
        """Lay the panel out."""
        with ui.element("section").classes("hub-card"):
            markup(f'<h2 class="hub">{escape(self._say("tune.title"))}</h2>')
            for name, given in self._regarded.program.rule.inputs.items():
                self._build_input(name, given)

    def _build_input(self, name: str, given: Input) -> None:
        say, regarded = self._say, self._regarded
        title = str(getattr(given.title, say.language)) if given.title else self._name(name)
        assert regarded.subject is not None
        value = regarded.program.number(Term(name, 0.0), regarded.subject, now())
        low, high = given.range or (None, None)
        notes = [say("tune.known", value=amount(value, given.unit))] if value is not None else []
        notes += [say("tune.range", low=f"{low:g}", high=f"{high:g}")] if low is not None and high is not None else []
        with ui.element("div").classes("tune").props(f"data-input={name}"):
            field = ui.number(title, value=None if value is None else round(value, 2), min=low, max=high)
            field.props("outlined dense")
            ui.button(say("tune.save"), on_click=lambda: self._tune(name, title, given.unit, field)).props(
                "flat no-caps"
            )
        markup(escape(" · ".join(notes)), classes="hub-note")

    def _name(self, name: str) -> str:
        return self._say("tune.limit") if name == "limit" else name.replace("_", " ")

    async def _tune(self, name: str, title: str, unit: str, field: ui.number) -> None:
        regarded, value = self._regarded, field.value
        if value is None or regarded.scope is None:
            return
        tune, by = regarded.hub.rulebook.tune, regarded.visit.caller.username
        try:
            await run.io_bound(tune, regarded.id, regarded.scope, name, float(value), by=by)
        except HubError as error:
            ui.notify(str(error), type="negative")
            return
        ui.notify(self._say("tune.saved", name=title, value=amount(float(value), unit)), type="positive")
