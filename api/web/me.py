"""The page *Me*: today, and the last five months."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

from nicegui import ui

from api.deps import zone_of
from api.series import by_day, day_value
from api.web import charts
from api.web.frame import dress, markup, top
from api.web.visits import Visit
from hub.runtime import Hub
from hub.views import Reader, View
from rules.months import changed, months
from rules.periods import DayValue
from rules.progress_words import change_sentence

DAYS = 153
"""Five months."""
REFRESH_S = 5.0


@dataclass(frozen=True, slots=True)
class Story:
    """A metric as the page tells it: `scale` turns its unit into the one shown; `lowest` tells the day's lowest value."""

    metric: str
    key: str
    unit: str
    scale: float
    digits: int
    bars: bool
    color: str
    lowest: bool = False


STORIES = (
    Story("steps", "me.steps", "", 1, 0, bars=True, color="#3a7bd5"),
    Story("distance", "me.distance", "km", 0.001, 1, bars=True, color="#14a38b"),
    Story("energy", "me.energy", "kcal", 1, 0, bars=True, color="#f59e42"),
    Story("heart_rate", "me.heart", "/min", 1, 0, bars=False, color="#f0503c", lowest=True),
    Story("weight", "me.weight", "kg", 1, 1, bars=False, color="#7b61c9"),
)


class MePage:
    """One visitor's page."""

    def __init__(self, hub: Hub, visit: Visit, *, demo: bool) -> None:
        self._hub, self._visit, self._say, self._demo = hub, visit, visit.say, demo

    def build(self) -> None:
        """Lay the page out."""
        dress(self._say, self._say("nav.me"))
        top(self._visit, here="/me")
        with ui.element("main").classes("hub-page"):
            if self._demo:
                markup(escape(self._say("demo.banner")), classes="hub-banner")
            view = self._view()
            if view is None:
                markup(f'<p class="hub-note">{escape(self._say("me.operator"))}</p>')
                return
            markup(f'<h1 class="hub">{escape(self._say("me.today"))}</h1>')
            figures = markup(self._today(view))
            ui.timer(REFRESH_S, lambda: figures.set_content(self._today(view)))
            markup(f'<h1 class="hub">{escape(self._say("me.months"))}</h1>')
            with ui.element("div").classes("charts"):
                for story in STORIES:
                    self._chart(view, story)
            markup(escape(self._say("me.disclaimer")), classes="hub-note")

    def _view(self) -> View | None:
        person = self._visit.caller.person
        if person is None:
            return None
        self._zone = zone_of(person, self._hub)
        view = self._hub.gate.person(person, Reader(self._visit.caller.username, person, "service", "/me"))
        return view if isinstance(view, View) else None

    def _today(self, view: View) -> str:
        today = datetime.now(ZoneInfo(self._zone)).date()
        cards = []
        for story in STORIES:
            values = self._days(view, story, today - timedelta(days=7 if story.metric == "weight" else 0), today)
            shown = f"{values[-1].value:,.{story.digits}f}<small>{story.unit}</small>" if values else "–"
            cards.append(
                f'<section class="hub-card figure" id="today-{story.metric}"><b>{shown}</b>'
                f"<span>{escape(self._say(story.key))}</span></section>"
            )
        return f'<div class="figures">{"".join(cards)}</div>'

    def _chart(self, view: View, story: Story) -> None:
        today = datetime.now(ZoneInfo(self._zone)).date()
        days = self._days(view, story, today - timedelta(days=DAYS), today - timedelta(days=1))
        title = self._say(story.key)
        with ui.element("section").classes("hub-card").props(f'id="chart-{story.metric}"'):
            markup(f'<h2 class="hub">{escape(title)}</h2>')
            if not days:
                markup(f'<p class="hub-note">{escape(self._say("me.no_data"))}</p>')
                return
            said = compare_in_words(days, title, story.unit, self._say.language)
            markup(f'<div class="chart-sentence">{escape(said)}</div>')
            options = charts.months(
                [(f"{day:%Y-%m-%d}", round(value, 2)) for day, value in days],
                smooth=seven_day_mean(days),
                bars=story.bars,
                color=story.color,
                names=(self._say("me.daily"), self._say("me.week_mean"), self._say("me.month")),
            )
            ui.echart(options).style("height: 230px; width: 100%")

    def _days(self, view: View, story: Story, first: date, last: date) -> list[DayValue]:
        metric = view.metrics.get(story.metric)
        if metric is None:
            return []
        return [
            DayValue(day, value * story.scale)
            for day, rollups in by_day(view.days(story.metric, first, last)).items()
            if (value := min(r.low for r in rollups) if story.lowest else day_value(metric, rollups)) is not None
        ]


def compare_in_words(days: list[DayValue], title: str, unit: str, language: str) -> str:
    """The sentence above a chart."""
    return change_sentence(changed(months(days)), titles={"en": title, "ko": title}, unit=unit)[language]


def seven_day_mean(days: Iterable[DayValue]) -> list[tuple[str, float | None]]:
    """The mean of the seven days up to each; nothing where fewer than three of them have data."""
    values = dict(days)
    if not values:
        return []
    first, last = min(values), max(values)
    means: list[tuple[str, float | None]] = []
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        window = [values[day] for back in range(7) if (day := date.fromordinal(ordinal - back)) in values]
        mean = round(sum(window) / len(window), 2) if len(window) >= 3 else None
        means.append((date.fromordinal(ordinal).isoformat(), mean))
    return means
