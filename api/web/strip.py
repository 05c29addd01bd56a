"""The strip of features at the head of *Progress*: each with its newest month, its weeks as a line, and where it is going."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape

from api.web.asked import Asked
from api.web.catalogue import Catalogue
from api.web.shown import shown
from api.web.story import Glance
from rules.periods import A_WEEK, Period

WIDTH, HEIGHT, EDGE = 120, 34, 3
_SIDES = {"better": "good", "worse": "bad", "steady": "even", "rising": "even", "falling": "even", "unclear": "none"}


def strip(glances: Sequence[Glance], chosen: str, asked: Asked, say: Catalogue) -> str:
    """Markup of the strip; each part is a link to its feature."""
    cards = "".join(_card(glance, chosen, asked, say) for glance in glances)
    return f'<nav class="strip" aria-label="{escape(say("progress.title"))}">{cards}</nav>'


def _card(glance: Glance, chosen: str, asked: Asked, say: Catalogue) -> str:
    feature, how, side = glance.feature, shown(glance.feature), _side(glance)
    unit = escape(how.unit_in(say.language))
    here = ' aria-current="true"' if feature.name == chosen else ""
    return f"""<a class="glance {side}" data-metric="{feature.name}" href="{escape(asked.path(metric=feature.name))}"{here}>
      <span class="glance-title">{escape(say.title(feature.title))}</span>
      <span class="glance-figure"><b>{escape(how.figure(glance.month.value))}</b><small>{unit}</small>
      <i title="{escape(say("verdict." + side))}">{_arrow(glance)}</i></span>
      {sparkline(glance.weeks, how.color)}<span class="glance-when">{escape(month_word(glance.month.month, say))}</span></a>"""


def month_word(month: str, say: Catalogue) -> str:
    """A month (2026-10) in words."""
    return say("progress.mean_of", month=say(f"month.{int(month[5:])}"))


def _side(glance: Glance) -> str:
    return _SIDES[glance.trend.verdict(glance.feature.better)] if glance.trend else "none"


def _arrow(glance: Glance) -> str:
    if glance.trend is None or glance.trend.verdict(None) == "unclear":
        return ""
    return {"rising": "↗", "falling": "↘"}.get(glance.trend.verdict(None), "→")


def sparkline(weeks: Sequence[Period], color: str) -> str:
    """Weeks as a small line; a week without data breaks it."""
    if len(weeks) < 2:
        return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}"></svg>'
    low, high = min(week.value for week in weeks), max(week.value for week in weeks)
    first, days = weeks[0].start, (weeks[-1].start - weeks[0].start).days
    runs: list[list[str]] = []
    before: date | None = None
    for week in weeks:
        if before is None or week.start - before > A_WEEK:
            runs.append([])
        across = EDGE + (WIDTH - 2 * EDGE) * (week.start - first).days / days
        down = HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * ((week.value - low) / (high - low) if high > low else 0.5)
        runs[-1].append(f"{across:.1f},{down:.1f}")
        before = week.start
    lines = "".join(f'<polyline points="{" ".join(run)}"/>' for run in runs)
    x, y = runs[-1][-1].split(",")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" stroke="{color}" aria-hidden="true">{lines}'
        f'<circle cx="{x}" cy="{y}" r="2.6" fill="{color}"/></svg>'
    )
