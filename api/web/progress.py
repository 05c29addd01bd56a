"""The page *Progress*: how the days of a person came along, first by themselves, then among people like them."""

from __future__ import annotations

import json
from html import escape
from typing import NamedTuple

from nicegui import run, ui

from api.web.among_card import AmongCard
from api.web.asked import PATH, REPORT, Asked
from api.web.frame import dress, markup, script, top
from api.web.goal_card import GoalCard
from api.web.progress_chart import Drawn, options
from api.web.records_card import records_markup
from api.web.small_print import missing_markup, need_word, small_print
from api.web.spans import spans
from api.web.story import Glance, Shelf, Story
from api.web.streak_card import streaks_markup
from api.web.strip import strip
from api.web.visits import Visit
from hub.runtime import Hub

SHOW_CHOSEN = "document.querySelector('.glance[aria-current]')?.scrollIntoView({inline: 'center', block: 'nearest'})"


class Scene(NamedTuple):
    """What the page shows: everything at a glance, and one story."""

    shelf: Shelf
    glances: list[Glance]
    story: Story | None


class ProgressPage:
    """One visitor's page, for what they asked for."""

    def __init__(self, hub: Hub, visit: Visit, asked: Asked, *, demo: bool) -> None:
        self._hub, self._visit, self._say, self._asked, self._demo = hub, visit, visit.say, asked, demo

    async def build(self) -> None:
        """Lay the page out."""
        dress(self._say, self._say("nav.progress"))
        script()
        top(self._visit, here=self._asked.path())
        with ui.element("main").classes("hub-page progress"):
            if self._demo:
                markup(escape(self._say("demo.banner")), classes="hub-banner")
            if self._visit.caller.person is None:
                markup(f'<p class="hub-note">{escape(self._say("me.operator"))}</p>')
                return
            self._body = ui.element("div").classes("hub-stack")
            await self._reload()

    async def _reload(self) -> None:
        scene = await run.io_bound(self._read)
        if scene is None:
            return
        self._body.clear()
        with self._body:
            self._build_head()
            self._build_body(scene)

    def _read(self) -> Scene:
        shelf = Shelf(self._hub, self._visit.caller, self._asked)
        feature = shelf.chosen
        return Scene(shelf, list(shelf.glances()), shelf.story(feature) if feature is not None else None)

    def _build_body(self, scene: Scene) -> None:
        shelf, story = scene.shelf, scene.story
        if story is None:
            markup(f'<section class="hub-card" id="nothing"><p>{escape(self._say("progress.none"))}</p></section>')
            return
        markup(strip(scene.glances, story.feature.name, self._asked, self._say))
        ui.run_javascript(SHOW_CHOSEN)
        self._build_story(shelf, story)
        markup(small_print(shelf, self._say), classes="hub-note small-print")

    def _build_head(self) -> None:
        say, asked = self._say, self._asked
        markup(
            f"""<div class="progress-head"><h1 class="hub">{escape(say("progress.title"))}</h1>
            <span class="hub-space"></span>{spans(PATH, asked, say)}
            <a class="hub-quiet" id="to-report" href="{escape(asked.path(REPORT))}">{escape(say("progress.report"))}</a></div>"""
        )

    def _build_story(self, shelf: Shelf, story: Story) -> None:
        with ui.element("div").classes("hub-columns"):
            with ui.element("section").classes("hub-card story").props("id=story"):
                self._build_main(shelf, story)
            AmongCard(self._hub, self._visit, story, self._asked, joined=shelf.joined).build(self._reload)
        if not story.days:
            return
        with ui.element("div").classes("progress-cards"):
            self._build_card("records", records_markup(story, self._say))
            self._build_card("streak", streaks_markup(story, self._say))
            GoalCard(self._hub, shelf.person, story, self._say).build(self._reload)

    def _build_card(self, name: str, content: str) -> None:
        title = escape(self._say(f"{name}.title"))
        markup(f'<section class="hub-card" id="{name}"><h2 class="hub">{title}</h2>{content}</section>')

    def _build_main(self, shelf: Shelf, story: Story) -> None:
        say = self._say
        markup(f'<h2 class="hub">{escape(say.title(story.feature.title))}</h2>')
        if Drawn(story, say).over:
            self._build_chart(story)
            return
        need = need_word(story.feature, shelf, say)
        said = say("progress.no_days") + (say("progress.it", need=need) if need else "")
        markup(f'<p id="progress-sentence">{escape(said)}</p>')

    def _build_chart(self, story: Story) -> None:
        say = self._say
        first, *more = story.statements[say.language]
        markup(
            f"""<div id="progress-sentence"><div class="chart-sentence">{escape(first)}</div>
            <p>{escape(" ".join(more))}</p></div>"""
        )
        chart = ui.echart(options(Drawn(story, say))).classes("progress-chart")
        with ui.element("div").classes("chart-tools"):
            self._build_switch(chart, story)
            markup(f'<span class="hub-note">{escape(say("progress.closer"))}</span>')
            ui.element("span").classes("hub-space")
            self._build_picture(chart, story)
        markup(missing_markup(story, say))

    def _build_switch(self, chart: ui.echart, story: Story) -> None:
        each = {every: self._say(f"progress.every.{every}") for every in ("day", "week", "month")}

        def show() -> None:
            chart.options.clear()
            chart.options.update(options(Drawn(story, self._say, switch.value)))
            chart.update()

        switch = ui.toggle(each, value="day", on_change=show).props(
            "no-caps unelevated toggle-text-color=dark id=progress-every"
        )

    def _build_picture(self, chart: ui.echart, story: Story) -> None:
        span, title = story.came.span, self._say.title(story.feature.title)
        told = {
            "sentence": " ".join(story.statements[self._say.language]),
            "head": f"{title} · {span.first} – {span.last}",
            "file": f"{story.feature.name}-{span.last}.png",
        }
        button = ui.button(self._say("progress.picture"), icon="image").props("flat no-caps dense id=picture")
        button.on("click", js_handler=f"() => hubPicture({chart.id}, {json.dumps(told)})")
