"""The card *Among people like you*: where somebody stands, among whom, and their say in whether they are compared at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape

from nicegui import run, ui

from api.deps import now
from api.peers import MISSING
from api.web.asked import GROUPS, Asked
from api.web.catalogue import Catalogue
from api.web.frame import markup
from api.web.shown import shown
from api.web.story import Story
from api.web.visits import Visit
from api.web.words import ago
from hub.runtime import Hub
from hub.views import Among
from rules.consent import PEERS
from rules.ladder import Rung
from rules.peer_words import sentence
from rules.published import Table

RUNGS: tuple[Rung, ...] = ("month", "quarter", "year", "all")
NEAR_THE_TOP = 25
ROOM = 1.4
"""The strip goes so many times the distance between the quartiles beyond them."""


class AmongCard:
    """One person among others, in one feature."""

    def __init__(self, hub: Hub, visit: Visit, story: Story, asked: Asked, *, joined: bool) -> None:
        self._hub, self._visit, self._say, self._story, self._asked = hub, visit, visit.say, story, asked
        self._joined = joined

    def build(self, on_changed: Callable[[], Awaitable[None]]) -> None:
        """Lay the card out; `on_changed` is called when the person joined or left."""
        self._on_changed, say = on_changed, self._say
        with ui.element("section").classes("hub-card among").props("id=among"):
            markup(f'<h2 class="hub">{escape(say("among.title"))}</h2>')
            if not self._joined:
                self._build_invitation()
                return
            among = self._story.among
            if among is None:
                markup(f"<p>{escape(say('among.never'))}</p>")
            else:
                markup(among_markup(self._story, among, self._asked, say))
            ui.button(say("among.leave"), on_click=lambda: self._decide(False)).props(
                "flat dense no-caps size=sm id=among-leave"
            ).classes("among-leave")

    def _build_invitation(self) -> None:
        say = self._say
        markup(
            f"""<div class="among-veil" aria-hidden="true"><i></i></div><p class="among-ask">{escape(say("among.ask"))}</p>
            <p>{escape(say("among.what"))}</p><p>{escape(say("among.safe"))}</p>"""
        )
        ui.button(say("among.join"), on_click=lambda: self._decide(True)).props("no-caps unelevated id=among-join")

    async def _decide(self, granted: bool) -> None:
        await run.io_bound(self._put_on_record, granted)
        await self._on_changed()

    def _put_on_record(self, granted: bool) -> None:
        """Count them at once, so that the page need not say that there is nothing of them to compare."""
        caller = self._visit.caller
        assert caller.person is not None
        self._hub.desk.decide(caller.person, PEERS, granted=granted, by=caller.username)
        self._hub.peers.catch_up()


def among_markup(story: Story, among: Among, asked: Asked, say: Catalogue) -> str:
    """Markup of where somebody stands, or of what is missing for it."""
    parts = [_standing(story, among, among.table, say) if among.table else _missing(among, say)]
    parts += [_groups(asked, say), _passed(among, asked, say)]
    if among.taken_at is not None:
        parts.append(f'<p class="hub-note">{escape(say("among.taken", ago=ago(among.taken_at, now(), say)))}</p>')
    return "".join(parts)


def _missing(among: Among, say: Catalogue) -> str:
    return f'<p id="among-said">{escape(MISSING[among.missing or "cohort"][say.language])}</p>'


def _standing(story: Story, among: Among, told: Table, say: Catalogue) -> str:
    cohort = among.comparison.cohort if among.comparison else None
    said = sentence(story.feature, told, cohort, band=among.band)[say.language]
    big = ""
    if among.band is not None and among.band < 100:
        big = f'<div class="band{" far" if among.band > NEAR_THE_TOP else ""}" id="band">{escape(say("among.band", band=among.band))}</div>'
    when = say("among.month", month=say(f"month.{among.period % 12 + 1}")) if among.period is not None else ""
    return f"""{big}<div class="hub-note">{escape(when)}</div>{_distribution(story, among, told, say)}
      <p id="among-said">{escape(said)}</p>"""


def _distribution(story: Story, among: Among, told: Table, say: Catalogue) -> str:
    """The quartiles on a strip, and where the person is on it."""
    how = shown(story.feature)
    room = ROOM * max(told.high - told.low, story.feature.shown)
    low, width = told.low - room, told.high - told.low + 2 * room

    def at(value: float) -> float:
        """Per cent from the left; the better side is always on the right."""
        share = 100 * (value - low) / width
        return min(max(100 - share if told.better == "down" else share, 3), 97)

    you = ""
    if among.mine is not None:
        side = "left" if at(among.mine) < 20 else "right" if at(among.mine) > 80 else ""
        you = f"""<span class="you {side}" style="left:{at(among.mine):.1f}%">
          <em>{escape(say("among.you"))} {escape(how.figure(among.mine))}</em></span>"""
    marks = "".join(
        f'<span class="quartile" style="left:{at(value):.1f}%">{escape(how.figure(value))}</span>'
        for value in (told.low, told.high)
    )
    middle = f'<u style="left:{at(told.median):.1f}%"></u>'
    left, right = sorted((at(told.low), at(told.high)))
    box = f'<i style="left:{left:.1f}%;width:{right - left:.1f}%"></i>'
    better = say("among.better") if told.better else ""
    return f"""<div class="distribution" role="img" aria-label="{escape(say("progress.band"))}">
      <div class="track">{box}{middle}{you}</div>{marks}<small>{escape(better)}</small></div>
      <div class="hub-note distribution-note">{escape(say("among.strip"))}</div>"""


def _groups(asked: Asked, say: Catalogue) -> str:
    chips = "".join(
        f'<a class="chip{" on" if by == asked.by else ""}" data-by="{by}" href="{escape(asked.path(by=by))}">'
        f"{escape(say('among.by.' + by.replace(',', '.')))}</a>"
        for by in GROUPS
    )
    return f'<div class="chips among-groups">{chips}</div>'


def _passed(among: Among, asked: Asked, say: Catalogue) -> str:
    """Why narrower groups were passed over, in plain words."""
    passed = among.comparison.passed if among.comparison else ()
    rungs = RUNGS if "acquired_month" in GROUPS[asked.by] else RUNGS[-1:]
    lines = "".join(
        f"<li>{escape(say('among.passed', who=say('among.rung.' + rung), why=say('among.why.' + why)))}</li>"
        for rung, (_, why) in zip(rungs, passed, strict=False)
    )
    return f'<ul class="among-passed">{lines}</ul>' if lines else ""
