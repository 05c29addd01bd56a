"""The versions of a rule, which are on, and for operators, the switches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

from nicegui import run, ui

from api.deps import now
from api.web.frame import markup
from api.web.regarded import Regarded
from api.web.things import moment
from devices.errors import HubError
from hub.store.rules import SHIPPED
from hub.store.tables import RuleVersionRow

SHOWN = 12


class VersionsPanel:
    """Every version with what may be done to it."""

    def __init__(self, regarded: Regarded, *, on_changed: Callable[[], Awaitable[None]]) -> None:
        self._regarded, self._say, self._on_changed = regarded, regarded.say, on_changed

    def build(self) -> None:
        """Lay the panel out."""
        record = self._regarded.record
        with ui.element("section").classes("hub-card").props("id=versions"):
            markup(f'<h2 class="hub">{escape(self._say("version.title"))}</h2>')
            for version in record.versions[:SHOWN]:
                self._build_version(version)
            if self._regarded.operates:
                if record.row.active is not None:
                    self._button("version.off", "switch_off", id_="switch-off")
                self._build_past()

    def _build_version(self, version: RuleVersionRow) -> None:
        row, say = self._regarded.record.row, self._say
        states = [key for key, which in (("on", row.active), ("shadow", row.shadow)) if which == version.version]
        chips = "".join(f'<span class="chip {each}">{escape(say(f"rule.{each}"))}</span>' for each in states)
        saved = say("version.saved", when=self._when(version.saved_at), by=self._by(version.saved_by))
        with ui.element("div").classes("version").props(f"data-version={version.number}"):
            markup(
                f"<b>{escape(say('version.number', number=version.number))}</b> {chips}"
                f'<div class="hub-note">{escape(saved)}</div>'
            )
            if self._regarded.operates:
                self._build_switches(version, states)

    def _build_switches(self, version: RuleVersionRow, states: list[str]) -> None:
        record = self._regarded.record
        with ui.element("div").classes("switches"):
            if "on" not in states:
                on = next((each.number for each in record.versions if each.version == record.row.active), 0)
                key = "version.roll_back" if version.number < on else "version.activate"
                self._button(key, "activate", version.version)
            if "shadow" in states:
                self._button("version.unshadow", "shadow", None)
            elif "on" not in states:
                self._button("version.shadow", "shadow", version.version)

    def _build_past(self) -> None:
        record, say = self._regarded.record, self._say
        rows = []
        for each in record.switches[:SHOWN]:
            which = say("version.number", number=record.number(each.version)) if each.version else ""
            told = f"{say(f'switch.{each.what}')} {which}"
            rows.append(f"<li>{escape(told)} · {escape(self._when(each.at))}, {escape(self._by(each.by))}</li>")
        if rows:
            markup(f'<h3 class="hub">{escape(say("version.past"))}</h3><ul class="past hub-note">{"".join(rows)}</ul>')

    def _button(self, key: str, what: str, *which: str | None, id_: str = "") -> None:
        button = ui.button(self._say(key)).props(f"flat no-caps dense {f'id={id_}' if id_ else ''}")
        button.on_click(lambda: self._switch(button, what, *which))

    async def _switch(self, button: ui.button, what: str, *which: str | None) -> None:
        """Have the rulebook do it; putting a version on reads the past, which takes a moment."""
        regarded, done = self._regarded, self._say("version.done")
        do: Callable[..., Any] = getattr(regarded.hub.rulebook, what)
        button.props("loading")
        try:
            await run.io_bound(do, regarded.id, *which, by=regarded.visit.caller.username)
        except HubError as error:
            button.props(remove="loading")
            ui.notify(str(error), type="negative")
            return
        ui.notify(done, type="positive")
        await self._on_changed()

    def _when(self, at: int) -> str:
        return moment(at, self._regarded.zone, now(), self._say)

    def _by(self, name: str) -> str:
        return self._say("version.pack") if name == SHIPPED else name
