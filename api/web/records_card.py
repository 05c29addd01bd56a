"""The card of records: the best day, week and month, and when they were."""

from __future__ import annotations

from datetime import date
from html import escape

from api.web.catalogue import Catalogue
from api.web.shown import shown
from api.web.story import Story
from rules.periods import Every
from rules.records import Record


def records_markup(story: Story, say: Catalogue) -> str:
    """Markup of the records; words where there are none yet."""
    found = story.came.records
    if not found:
        return f'<p class="hub-note">{escape(say("records.none"))}</p>'
    pairs = " pairs" if story.feature.better is None else ""
    return f'<ul class="records{pairs}">{"".join(_row(record, story, say) for record in found)}</ul>'


def _row(record: Record, story: Story, say: Catalogue) -> str:
    value = shown(story.feature).amount(record.period.value, say.language)
    title = say(f"records.{record.kind}.{record.every}")
    when = when_word(record, say)
    return f"""<li><span class="record-medal {record.kind} {record.every}"></span>
      <span><b>{escape(value)}</b><small>{escape(title)}</small></span><time>{escape(when)}</time></li>"""


def when_word(record: Record, say: Catalogue) -> str:
    """When a record was set."""
    return day_word(record.period.start, record.every, say)


def day_word(start: date, every: Every, say: Catalogue) -> str:
    """A day, the week that begins on it, or its month."""
    key = {"day": "date.day", "week": "date.week", "month": "date.month"}[every]
    return say(key, d=start.day, m=start.month, month=say(f"time.month.{start.month}"), y=start.year)
