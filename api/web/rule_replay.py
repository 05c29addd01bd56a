"""When a rule would have fired for somebody over the last days, and what another version would have done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from nicegui import run, ui

from api.deps import now
from api.web import charts
from api.web.answers import level_word
from api.web.charts import Marks
from api.web.frame import markup
from api.web.past import Line, line
from api.web.regarded import Regarded
from api.web.things import moment
from devices.errors import HubError
from devices.sample import DAY, Instant
from hub.replays import Job
from rules.decision import Decision

LOOK_S = 0.3
SPANS = (1, 7, 30, 150)
LISTED, MARKED = 30, 2_000
COLORS = {"notice": "#f59e42", "warning": "#ee7236", "critical": "#d92f2f", "clear": "#14a38b"}
OTHER = "#3a7bd5"


class ReplayPanel:
    """Asks for a replay, shows how far it is, and what it found."""

    def __init__(self, regarded: Regarded) -> None:
        self._regarded, self._say = regarded, regarded.say
        self._job: Job | None = None
        self._against: str | None = None

    def build(self) -> None:
        """Lay the panel out."""
        say = self._say
        with ui.element("section").classes("hub-card").props("id=replay"):
            markup(f'<h2 class="hub">{escape(say("replay.title"))}</h2>')
            with ui.element("div").classes("replay-ask"):
                spans = {days: say("replay.day") if days == 1 else say("replay.days", n=days) for days in SPANS}
                self._days = ui.toggle(spans, value=7).props("no-caps unelevated")
                self._compare = self._build_compare()
                self._go = ui.button(say("replay.go"), on_click=self._start).props("no-caps unelevated id=replay-go")
                self._stop = ui.button(say("replay.cancel"), on_click=self._cancel).props("no-caps flat")
            self._bar = ui.linear_progress(value=0, show_value=False).props("instant-feedback indeterminate")
            self._note = markup("", classes="hub-note")
            self._result = ui.element("div").props("id=replay-result")
            self._timer = ui.timer(LOOK_S, self._look, active=False)
        self._show_running(False)

    def _build_compare(self) -> ui.select | None:
        record = self._regarded.record
        others = [each for each in record.versions if each.version != record.shown.version]
        if not others:
            return None
        names = {"": self._say("replay.no_compare")}
        names |= {each.version: self._say("version.number", number=each.number) for each in others}
        return ui.select(names, value="", label=self._say("replay.compare")).props("outlined dense id=replay-compare")

    async def _start(self) -> None:
        regarded = self._regarded
        until = now()
        since = until - int(self._days.value or 1) * DAY
        self._against = str(self._compare.value) if self._compare is not None and self._compare.value else None
        try:
            self._job = await run.io_bound(self._begin, since, until)
        except HubError as error:
            self._note.set_content(escape(self._say("replay.failed", reason=str(error))))
            return
        if self._job is not None and regarded.scope is not None:
            self._result.clear()
            self._show_running(True)

    def _begin(self, since: Instant, until: Instant) -> Job:
        regarded, book = self._regarded, self._regarded.hub.rulebook
        against = book.program(regarded.id, self._against) if self._against else None
        scopes = [regarded.scope or ""]
        return regarded.hub.replays.start(regarded.program, since=since, until=until, scopes=scopes, against=against)

    def _cancel(self) -> None:
        if self._job is not None:
            self._regarded.hub.replays.cancel(self._job.id)

    def _show_running(self, running: bool) -> None:
        self._timer.active = running
        for part in (self._bar, self._stop):
            part.set_visibility(running)
        self._go.set_enabled(not running)

    async def _look(self) -> None:
        job = self._job
        if job is None or not self._timer.active:
            return
        if job.status == "running":
            if job.total > 1:
                self._bar.props(remove="indeterminate").set_value(job.done / job.total)
            self._note.set_content(escape(self._say("replay.running", samples=f"{job.samples:,}")))
            return
        self._show_running(False)
        drawn = await run.io_bound(line, self._regarded, job.since, job.until)
        self._tell(job, drawn if drawn is not None else Line("", []))

    def _tell(self, job: Job, drawn: Line) -> None:
        say = self._say
        key = f"replay.{job.status}"
        said = say(key, samples=f"{job.samples:,}", seconds=f"{job.seconds:.1f}", reason=job.error or "")
        self._note.set_content(escape(said))
        self._result.clear()
        if job.status == "failed":
            return
        rows = self._compared(job) if job.against is not None else self._by_level(job.decisions)
        with self._result:
            markup(self._counts(job, rows))
            rows = rows or [Marks("", OTHER, [])]
            options = charts.firings(drawn.dots, rows, name=drawn.name, since=job.since, until=job.until)
            height = (150 if drawn.dots else 0) + 30 * len(rows) + 54
            ui.echart(options).style(f"height: {height}px; width: 100%").classes("replay-chart")
            markup(self._list(job))

    def _by_level(self, decisions: Sequence[Decision]) -> list[Marks]:
        levels = list(dict.fromkeys([*(rung.level for rung in self._regarded.program.ladder), "clear"]))
        found: dict[str, list[Instant]] = {level: [] for level in levels}
        for each in decisions[-MARKED:]:
            found.setdefault(each.level, []).append(each.observed_at)
        return [Marks(level_word(name, self._say), COLORS.get(name, OTHER), at) for name, at in found.items() if at]

    def _compared(self, job: Job) -> list[Marks]:
        differs = job.difference
        assert differs is not None
        before = self._say("replay.only_before", number=self._regarded.record.number(self._against))
        rows = (
            (before, OTHER, differs.only_before),
            (self._say("replay.only_after"), COLORS["notice"], differs.only_after),
            (self._say("replay.both"), charts.SOFT, differs.both),
        )
        return [
            Marks(name, color, [each.observed_at for each in found[-MARKED:]]) for name, color, found in rows if found
        ]

    def _counts(self, job: Job, rows: list[Marks]) -> str:
        if not rows:
            return f'<p class="chart-sentence" id="replay-never">{escape(self._say("replay.never"))}</p>'
        differs = job.difference
        if differs is not None and not differs.only_before and not differs.only_after:
            return f'<p class="chart-sentence">{escape(self._say("replay.same"))}</p>'
        counts = Counter(each.level for each in job.decisions)
        totals = (
            [(row.name, "", len(row.at)) for row in rows]
            if differs is not None
            else [(level_word(level, self._say), level, count) for level, count in counts.items()]
        )
        chips = "".join(
            f'<span class="level {escape(level)}" data-count="{count}">{escape(name)} × {count}</span>'
            for name, level, count in totals
        )
        return f'<div class="chips" id="replay-counts">{chips}</div>'

    def _list(self, job: Job) -> str:
        differs = job.difference
        told = job.decisions if differs is None else [*differs.only_before, *differs.only_after]
        told = sorted(told, key=lambda each: each.observed_at, reverse=True)
        rows = "".join(self._row(each, job) for each in told[:LISTED])
        more = self._say("replay.more", n=len(told) - LISTED) if len(told) > LISTED else ""
        return f'<div class="firings">{rows}</div><p class="hub-note">{escape(more)}</p>'

    def _row(self, decision: Decision, job: Job) -> str:
        say = self._say
        when = moment(decision.observed_at, self._regarded.zone, now(), say)
        other = job.against is not None and decision.version == job.against.version
        which = f" · {say('replay.only_before', number=self._regarded.record.number(self._against))}" if other else ""
        because = say("why.cleared") if decision.level == "clear" else decision.because.get(say.language, "")
        return f"""<div class="firing" data-level="{escape(decision.level)}"><span class="level {escape(decision.level)}">
          {escape(level_word(decision.level, say))}</span><span>{escape(because)}
          <small>{escape(when + which)}</small></span></div>"""
