"""The page of one rule: what it does, why it fired and why not, when it would have, and for operators, its text."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from nicegui import run, ui

from api.deps import now
from api.scopes import scopes_of
from api.web.answers import answers, level_word, reason
from api.web.conditions import Spoken
from api.web.frame import dress, markup, top
from api.web.regarded import Record, Regarded, load, regard
from api.web.rule_editor import EditorPanel
from api.web.rule_inputs import InputsPanel
from api.web.rule_replay import ReplayPanel
from api.web.rule_traces import TracesPanel
from api.web.rule_versions import VersionsPanel
from api.web.rules import state_html
from api.web.visits import Visit
from api.web.words import device_name
from devices.errors import NotFound
from hub.runtime import Hub
from hub.store.accounts import OPERATOR
from rules.words import duration


class RulePage:
    """One visitor's page of one rule, for one scope."""

    def __init__(self, hub: Hub, visit: Visit, rule_id: str, *, scope: str | None) -> None:
        self._hub, self._visit, self._say, self._id = hub, visit, visit.say, rule_id
        self._asked = scope

    async def build(self) -> None:
        """Lay the page out."""
        here = f"/rules/{quote(self._id, safe='')}"
        dress(self._say, self._say("nav.rules"))
        top(self._visit, here=here + (f"?scope={quote(self._asked)}" if self._asked else ""))
        with ui.element("main").classes("hub-page"):
            markup(f'<a class="hub-back" href="/rules">← {escape(self._say("rules.back"))}</a>')
            record = await self._load()
            if record is None:
                markup(escape(self._say("rules.gone")), classes="hub-note")
                return
            self._body = ui.element("div").classes("hub-stack")
            with self._body:
                self._build_body(record)
            if self._visit.caller.role == OPERATOR:
                EditorPanel(self._hub, self._visit, record, on_saved=self._reload).build()

    async def _load(self) -> Record | None:
        try:
            record = await run.io_bound(load, self._hub, self._id)
        except NotFound:
            return None
        return record

    async def _reload(self) -> None:
        record = await self._load()
        if record is not None:
            self._body.clear()
            with self._body:
                self._build_body(record)

    def _build_body(self, record: Record) -> None:
        if record.program is None:
            markup(f'<h1 class="hub" id="rule-title">{escape(self._id)}</h1>')
            markup(escape(self._say("rule.wrong", reason=record.wrong or "")), classes="hub-note")
            return
        scopes = scopes_of(self._hub, self._visit.caller, record.program.rule.scope.each)
        first = scopes[0] if scopes and self._visit.caller.role != OPERATOR else None
        regarded = regard(self._hub, self._visit, record, self._asked or first)
        title = str(getattr(record.program.rule.title, self._say.language))
        markup(f'<h1 class="hub" id="rule-title">{escape(title)}</h1>')
        about = escape(self._say("about." + regarded.kind))
        markup(
            f'<div class="chips" id="rule-state">{state_html(record.row, self._say)}<span class="chip">{about}</span></div>'
        )
        self._build_choice(regarded, scopes)
        with ui.element("div").classes("hub-columns"):
            with ui.element("div").classes("hub-stack"):
                markup(self._does(regarded), classes="hub-card")
                if regarded.scope is not None:
                    TracesPanel(regarded).build()
                    ReplayPanel(regarded).build()
            with ui.element("div").classes("hub-stack"):
                if regarded.scope is not None and record.program.rule.inputs and record.row.active is not None:
                    InputsPanel(regarded).build()
                VersionsPanel(regarded, on_changed=self._reload).build()

    def _build_choice(self, regarded: Regarded, scopes: list[str]) -> None:
        if not scopes:
            markup(escape(self._say("rule.nobody")), classes="hub-note")
            return
        if len(scopes) == 1 and not regarded.operates:
            return
        names = self._names(regarded.kind, scopes)
        here = f"/rules/{quote(self._id, safe='')}?scope="
        label = self._say("rule.whose") if regarded.scope else self._say("rule.choose")
        ui.select(
            names,
            value=regarded.scope,
            label=label,
            on_change=lambda chosen: ui.navigate.to(here + quote(str(chosen.value), safe="")),
        ).props("outlined id=whose").classes("whose")

    def _names(self, kind: str, scopes: list[str]) -> dict[str, str]:
        people = {person.id: person.name for person in self._hub.accounts.people()}
        homes = {home.id: home.name for home in self._hub.accounts.homes()}
        entries = self._hub.registry.entries
        devices = {each: device_name(entries[each], people, self._say) for each in scopes if each in entries}
        known = {"person": people, "home": homes, "device": devices}.get(kind, {})
        return {scope: known.get(scope) or scope for scope in scopes}

    def _does(self, regarded: Regarded) -> str:
        say, program = self._say, regarded.program
        spoken = Spoken(program, regarded.things, say, subject=regarded.subject, at=now())
        when = say("rule.when", what=spoken.condition(program.rule.when))
        says = say("rule.says", text=reason(program, regarded.subject, now(), say))
        rows = "".join(
            f"""<li><span class="after">{escape(answer.after)}</span><span class="level {escape(answer.level)}">
            {escape(level_word(answer.level, say))}</span><span>{"<br>".join(escape(each) for each in answer.what)}</span></li>"""
            for answer in answers(program, regarded.things, say)
        )
        rests = say("rule.cooldown", held=duration(program.cooldown, say.language)) if program.cooldown else ""
        return f"""<h2 class="hub">{escape(say("rule.does"))}</h2>
          <p class="rule-when" id="rule-when">{escape(when)}</p><ul class="ladder">{rows}</ul>
          <p class="rule-says">{escape(says)}</p><p class="hub-note">{escape(rests)}</p>"""
