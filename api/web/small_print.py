"""What is said in small print: how figures come about, what is missing for others, and that none of it is medical advice."""

from __future__ import annotations

from html import escape

from api.web.catalogue import Catalogue
from api.web.story import Shelf, Story
from rules.derived import VO2MAX_METHOD
from rules.essential8 import OF
from rules.features import Feature
from rules.months import ENOUGH_DAYS, Change
from rules.periods import TooFew

NEEDS = {"vo2max": "heart", "heart_rate_recovery": "workout", "workouts": "workout", "weight": "scale"}
"""What a feature is found from, where that is not plain."""


def small_print(shelf: Shelf, say: Catalogue) -> str:
    """Markup: methods of what is shown, what is not there yet, the disclaimer."""
    lines = []
    if "vo2max" in shelf.days:
        lines.append(say("method.vo2max", formula=VO2MAX_METHOD.partition(";")[0]))
    if "health_index" in shelf.days:
        lines.append(say("method.health_index", known=shelf.index_parts, of=OF))
    if shelf.joined:
        lines.append(say("method.band"))
    absent = ", ".join(_absent(feature, shelf, say) for feature in shelf.absent)
    if absent:
        lines.append(say("progress.absent", what=absent))
    lines.append(say("progress.disclaimer"))
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _absent(feature: Feature, shelf: Shelf, say: Catalogue) -> str:
    title, need = say.title(feature.title), need_word(feature, shelf, say)
    return f"{title} ({need})" if need else title


def need_word(feature: Feature, shelf: Shelf, say: Catalogue) -> str:
    """What it takes for a feature that is not there yet, where that is not plain."""
    need = NEEDS.get(feature.name)
    if feature.name == "vo2max" and shelf.birth_year is None:
        need = "birth_year"
    return say(f"need.{need}") if need else ""


def missing_markup(story: Story, say: Catalogue) -> str:
    """What would be needed for what cannot be told yet, unless the sentence says so already; nothing where all can."""
    came, lines = story.came, []
    if isinstance(came.trend, TooFew) and isinstance(came.change, Change):
        lines.append(say("missing.trend", needed=came.trend.needed, have=came.trend.have))
    if "change" in came.missing:
        lines.append(say("missing.change", days=ENOUGH_DAYS))
    return f'<p class="hub-note" id="missing">{escape(" ".join(lines))}</p>' if lines else ""
