"""The page *Rules*: every rule by pack, whether it is on, and when it last fired."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from itertools import groupby
from typing import NamedTuple

from nicegui import run, ui

from api.deps import now
from api.scopes import seen_scopes
from api.web import words
from api.web.catalogue import Catalogue
from api.web.frame import dress, markup, top
from api.web.visits import Visit
from devices.errors import ModelInvalid
from devices.sample import Instant
from hub.runtime import Hub
from hub.store.tables import RuleRow
from rules import language
from rules.language import Rule

REFRESH_S = 5.0


class Listed(NamedTuple):
    """A rule in the list."""

    row: RuleRow
    rule: Rule | None
    fired_at: Instant | None


class RulesPage:
    """One visitor's page."""

    def __init__(self, hub: Hub, visit: Visit, *, demo: bool) -> None:
        self._hub, self._visit, self._say, self._demo = hub, visit, visit.say, demo
        self._drawn = ""

    async def build(self) -> None:
        """Lay the page out and keep it alive."""
        dress(self._say, self._say("nav.rules"))
        top(self._visit, here="/rules")
        with ui.element("main").classes("hub-page"):
            if self._demo:
                markup(escape(self._say("demo.banner")), classes="hub-banner")
            markup(f'<h1 class="hub">{escape(self._say("rules.title"))}</h1>')
            markup(escape(self._say("rules.lead")), classes="hub-note")
            self._list = markup("")
        await self._refresh()
        ui.timer(REFRESH_S, self._refresh)

    async def _refresh(self) -> None:
        listed = await run.io_bound(self._listed)
        if listed is None:
            return
        drawn = self._html(listed)
        if drawn != self._drawn:
            self._drawn = drawn
            self._list.set_content(drawn)

    def _listed(self) -> list[Listed]:
        store = self._hub.rulebook.store
        fired = self._hub.ledger.last_fired(seen_scopes(self._hub, self._visit.caller))
        found = []
        for row in store.rules():
            version = row.active or row.shadow or store.versions(row.id)[0].version
            found.append(Listed(row, _readable(store.version(row.id, version).text), fired.get(row.id)))
        return found

    def _html(self, listed: list[Listed]) -> str:
        if not listed:
            return f'<p class="hub-note">{escape(self._say("rules.none"))}</p>'
        packs = groupby(listed, key=lambda each: each.row.pack)
        return f'<div class="packs">{"".join(self._pack(pack, list(rules)) for pack, rules in packs)}</div>'

    def _pack(self, pack: str, rules: list[Listed]) -> str:
        name = self._say(f"pack.{pack}") if self._say.has(f"pack.{pack}") else pack
        rows = "".join(self._row(each) for each in rules)
        return f"""<section class="hub-card pack" data-pack="{escape(pack)}"><h2 class="hub">{escape(name)}</h2>{rows}</section>"""

    def _row(self, listed: Listed) -> str:
        row, rule, say = listed.row, listed.rule, self._say
        title = str(getattr(rule.title, say.language)) if rule is not None else row.id
        about = f"{say('about.' + rule.scope.each)} · " if rule is not None else ""
        never = listed.fired_at is None
        fired = say("rules.never") if never else say("rules.fired", ago=words.ago(listed.fired_at or 0, now(), say))
        return f"""<a class="rule-row" href="/rules/{escape(row.id)}" data-rule="{escape(row.id)}">
          <span class="rule-title">{escape(title)}</span>{state_html(row, say)}
          <span class="hub-note">{escape(about + fired)}</span></a>"""


@lru_cache(maxsize=500)
def _readable(text: str) -> Rule | None:
    """A rule, from a text that does not change any more; `None` if it cannot be read any more."""
    try:
        return language.read(text, file="rule.yaml").rule
    except ModelInvalid:
        return None


def state_html(row: RuleRow, say: Catalogue) -> str:
    """Whether a rule is on, off, or in the shadow, in a word."""
    states = [] if row.active is None else ["on"]
    states += ["shadow"] if row.shadow is not None else []
    return "".join(f'<span class="chip {each}">{escape(say(f"rule.{each}"))}</span>' for each in states or ["off"])
