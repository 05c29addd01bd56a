"""Why a rule fired for somebody, and why not."""

from __future__ import annotations

from html import escape

import msgspec
from nicegui import run, ui

from api.deps import now
from api.web.answers import level_word
from api.web.frame import markup
from api.web.regarded import Regarded
from api.web.things import moment
from api.web.why_not import WhyNot
from devices.errors import NotFound
from hub.rulebook import Trace
from hub.store.tables import DecisionRow
from rules.view import Clause

REFRESH_S = 2.0
SHOWN = 20


class TracesPanel:
    """Looks again every other second."""

    def __init__(self, regarded: Regarded) -> None:
        self._regarded, self._say = regarded, regarded.say
        self._drawn = ""

    def build(self) -> None:
        """Lay the panel out and keep it alive."""
        self._body = markup("", classes="hub-card traces")
        ui.timer(0, self._refresh, once=True)
        ui.timer(REFRESH_S, self._refresh)

    async def _refresh(self) -> None:
        drawn = await run.io_bound(self._html)
        if drawn and drawn != self._drawn:
            self._drawn = drawn
            self._body.set_content(drawn)

    def _html(self) -> str:
        say, regarded = self._say, self._regarded
        return f"""<h2 class="hub">{escape(say("why.title"))}</h2>
          <h3 class="hub">{escape(say("why.not_title"))}</h3><div id="why-not">{self._outcomes()}</div>
          <h3 class="hub">{escape(say("why.fired_title"))}</h3>
          <div id="fired">{self._fired(regarded.hub.ledger.fired(regarded.id, regarded.scope or "", limit=SHOWN))}</div>"""

    def _outcomes(self) -> str:
        try:
            traces = self._regarded.hub.rulebook.traces(self._regarded.id, self._regarded.scope or "")
        except NotFound:
            return self._note("why.is_off")
        why = self._why()
        rows = [self._outcome(trace, why, newest=place == 0) for place, trace in enumerate(traces)]
        return f'<ul class="outcomes">{"".join(rows)}</ul>' if rows else self._note("why.nothing_yet")

    def _outcome(self, trace: Trace, why: WhyNot, *, newest: bool) -> str:
        return f'<li class="{"newest" if newest else ""}" data-outcome="{trace.outcome}">{escape(why.sentence(trace))}</li>'

    def _fired(self, rows: list[DecisionRow]) -> str:
        why = self._why()
        return "".join(self._firing(row, why) for row in rows) or self._note("why.not_fired")

    def _firing(self, row: DecisionRow, why: WhyNot) -> str:
        say = self._say
        clauses = " · ".join(why.clause(msgspec.convert(each, Clause)) for each in row.clauses)
        notes = [clauses, *([say("why.in_shadow")] if row.shadow else []), *self._unreached(row)]
        because = say("why.cleared") if row.level == "clear" else row.because.get(say.language, "")
        when = moment(row.observed_at, self._regarded.zone, now(), say)
        return f"""<div class="firing" data-level="{escape(row.level)}"><span class="level {escape(row.level)}">
          {escape(level_word(row.level, say))}</span><span>{escape(because)}
          <small>{escape(" · ".join([when, *filter(None, notes)]))}</small></span></div>"""

    def _unreached(self, row: DecisionRow) -> list[str]:
        """What of an answer reached nobody."""
        kinds = dict.fromkeys(action["kind"] for action in row.actions if action.get("reached") is False)
        return [self._say(f"why.unreached.{kind}") for kind in kinds]

    def _why(self) -> WhyNot:
        regarded = self._regarded
        return WhyNot(regarded.program, regarded.things, self._say, zone=regarded.zone, now=now())

    def _note(self, key: str) -> str:
        return f'<p class="hub-note">{escape(self._say(key))}</p>'
