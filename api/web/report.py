"""The report: everything of *Progress* on paper, for the browser to print or keep as a PDF."""

from __future__ import annotations

from html import escape

from nicegui import run, ui

from api.web.asked import REPORT, Asked
from api.web.catalogue import Catalogue
from api.web.frame import dress, markup, script
from api.web.progress_chart import Drawn, options
from api.web.records_card import day_word, when_word
from api.web.shown import shown
from api.web.small_print import small_print
from api.web.spans import spans
from api.web.story import Shelf, Story
from api.web.visits import Visit
from hub.runtime import Hub


class ReportPage:
    """One visitor's report."""

    def __init__(self, hub: Hub, visit: Visit, asked: Asked) -> None:
        self._hub, self._visit, self._say, self._asked = hub, visit, visit.say, asked

    async def build(self) -> None:
        """Lay the page out."""
        person = self._visit.caller.person
        dress(self._say, self._say("nav.progress"))
        script()
        with ui.element("main").classes("report"):
            if person is None:
                markup(f'<p class="hub-note">{escape(self._say("me.operator"))}</p>')
                return
            read = await run.io_bound(self._read)
            if read is not None:
                self._build_tools()
                self._build_sheets(self._hub.accounts.person(person).name, *read)

    def _read(self) -> tuple[Shelf, list[Story]]:
        shelf = Shelf(self._hub, self._visit.caller, self._asked)
        return shelf, [story for story in shelf.stories() if Drawn(story, self._say).over]

    def _build_sheets(self, name: str, shelf: Shelf, stories: list[Story]) -> None:
        ui.page_title(f"{self._say('report.title', name=name)} {shelf.span.first} – {shelf.span.last}")
        markup(self._head(name, shelf))
        if not stories:
            markup(f'<p id="nothing">{escape(self._say("progress.none"))}</p>')
        for story in stories:
            self._build_story(story)
        markup(small_print(shelf, self._say), classes="hub-note small-print")

    def _build_tools(self) -> None:
        say, asked = self._say, self._asked
        markup(
            f"""<div class="report-tools"><a class="hub-back" href="{escape(asked.path())}">← {escape(say("report.back"))}</a>
            {spans(REPORT, asked, say)}<span class="hub-space"></span>
            <button class="hub-button" id="save-pdf" onclick="window.print()">{escape(say("report.save"))}</button>
            <p class="hub-note">{escape(say("report.hint"))}</p></div>"""
        )

    def _head(self, name: str, shelf: Shelf) -> str:
        say = self._say
        days = {"first": shelf.span.first, "last": shelf.span.last, "today": shelf.today}
        made = say("report.made", **{key: day_word(day, "day", say) for key, day in days.items()})
        return f"""<header class="report-head"><span class="hub-brand"><span class="dot"></span>{escape(say("app.name"))}</span>
            <h1 class="hub">{escape(say("report.title", name=name))}</h1><p>{escape(made)}</p></header>"""

    def _build_story(self, story: Story) -> None:
        say = self._say
        with ui.element("section").classes("report-story").props(f"data-metric={story.feature.name}"):
            markup(
                f"""<h2 class="hub">{escape(say.title(story.feature.title))}</h2>
                <p class="chart-sentence">{escape(story.sentence[say.language])}</p>"""
            )
            drawn = Drawn(story, say, printed=True)
            ui.echart(options(drawn), renderer="svg").classes("report-chart")
            markup(records_line(story, say))


def records_line(story: Story, say: Catalogue) -> str:
    """The records of a story, in a row."""
    how = shown(story.feature)
    parts = "".join(
        f"<li><span>{escape(say(f'records.{record.kind}.{record.every}'))}</span>"
        f"<b>{escape(how.amount(record.period.value, say.language))}</b>"
        f"<small>{escape(when_word(record, say))}</small></li>"
        for record in story.came.records
    )
    return f'<ul class="report-records">{parts}</ul>'
