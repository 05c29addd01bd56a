"""The choice of how far back to look, at the head of *Progress* and of its report."""

from __future__ import annotations

from html import escape

from api.web.asked import SPANS, Asked
from api.web.catalogue import Catalogue


def spans(page: str, asked: Asked, say: Catalogue) -> str:
    """Markup; each part is a link to the same page."""
    chips = "".join(
        f'<a class="span{" here" if months == asked.months else ""}" href="{escape(asked.path(page, months=months))}">'
        f"{escape(say('progress.span.' + months))}</a>"
        for months in SPANS
    )
    return f'<nav class="spans">{chips}</nav>'
