"""The card of streaks: the last days or weeks as a row of blocks, the run that goes on, and the longest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from html import escape
from typing import Literal, NamedTuple, TypeAlias

from api.web.catalogue import Catalogue
from api.web.records_card import day_word
from api.web.shown import shown
from api.web.story import Story
from rules.goals import marks
from rules.periods import A_DAY, A_WEEK, start_of
from rules.streaks import Run

Went: TypeAlias = Literal["well", "missed", "nothing"]

SHOWN = {"day": 28, "week": 12}


class Block(NamedTuple):
    """A day or week, by its first day, and how it went; `nothing` is without data, or not over."""

    start: date
    went: Went


def blocks(story: Story) -> Iterator[Block]:
    """The last days or weeks of the span, oldest first."""
    span, streaks = story.came.span, story.came.streaks
    step = A_DAY if streaks.per == "day" else A_WEEK
    told = _told(story)
    latest = start_of(span.last, streaks.per)
    for back in reversed(range(SHOWN[streaks.per])):
        start = latest - back * step
        if start + step > span.first:
            well = told.get(start)
            yield Block(start, "nothing" if well is None else "well" if well else "missed")


def _told(story: Story) -> dict[date, bool]:
    """Whether days or weeks went well, as the streaks are counted."""
    came, goal, middle = story.came, story.goal, story.came.streaks.threshold
    if goal is not None:
        return marks(story.days, goal, came.span)
    if middle is None:
        return {day: True for day, _ in came.span.seen(story.days)}
    up = came.better == "up"
    return {day: value >= middle if up else value <= middle for day, value in came.span.over(story.days)}


def streaks_markup(story: Story, say: Catalogue) -> str:
    """Markup of the streaks."""
    streaks = story.came.streaks
    row = "".join(
        f'<i class="{block.went}" title="{escape(day_word(block.start, streaks.per, say))}"></i>'
        for block in blocks(story)
    )
    return f"""<div class="streak-figures">{_figure(streaks.current, "now", story, say)}
      {_figure(streaks.longest, "longest", story, say)}</div>
      <div class="blocks {streaks.per}">{row}</div><p class="hub-note">{escape(_rule(story, say))}</p>"""


def _figure(run: Run | None, which: str, story: Story, say: Catalogue) -> str:
    per = story.came.streaks.per
    length = run.length if run else 0
    unit = say(f"streak.{per}" if length == 1 else f"streak.{per}s")
    ended = ""
    if run is not None and which == "longest" and run != story.came.streaks.current:
        ended = f"<time>{escape(say('streak.until', day=day_word(run.last, per, say)))}</time>"
    return f"""<div id="streak-{which}"><b>{length}</b><small>{escape(unit)}</small>
      <span>{escape(say(f"streak.{which}"))}</span>{ended}</div>"""


def _rule(story: Story, say: Catalogue) -> str:
    """What counts as going well."""
    streaks, how = story.came.streaks, shown(story.feature)
    limit = "" if streaks.threshold is None else how.amount(streaks.threshold, say.language)
    key: str = streaks.of
    if streaks.of == "median":
        key = "median.zero" if streaks.threshold == 0 else f"median.{story.came.better}"
    return say(f"streak.of.{key}", limit=limit)
