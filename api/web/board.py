"""The page of one board: this week and those before, who is invited to it, and the way out."""

from __future__ import annotations

from datetime import date
from html import escape

from nicegui import run, ui

from api.boards import Standings, reader_for, standings
from api.web.board_acts import done, wrong
from api.web.frame import dress, markup, top
from api.web.visits import Visit
from devices.errors import HubError
from devices.units import spoken_unit
from hub.runtime import Hub
from hub.store.boards import Seat
from rules.boards import NAME_LONGEST
from rules.features import FEATURES
from rules.periods import A_DAY, A_WEEK, TooFew
from rules.standings import Place

USERNAME_LONGEST = 63


class BoardPage:
    """One visitor's look at a board. It is read once: every look at others' days goes on record."""

    def __init__(self, hub: Hub, visit: Visit, board: str, *, demo: bool) -> None:
        self._hub, self._visit, self._say, self._demo, self._id = hub, visit, visit.say, demo, board
        self._person = visit.caller.person or ""

    async def build(self) -> None:
        """Lay the page out."""
        dress(self._say, self._say("nav.boards"))
        top(self._visit, here="/boards")
        with ui.element("main").classes("hub-page"):
            if self._demo:
                markup(escape(self._say("demo.banner")), classes="hub-banner")
            markup(f'<a class="hub-back" href="/boards">← {escape(self._say("boards.back"))}</a>')
            self._body = ui.element("div").classes("hub-stack")
        await self._show()

    async def _show(self) -> None:
        try:
            looked = await run.io_bound(self._look)
        except HubError as error:
            with self._body:
                markup(f'<p class="hub-note">{escape(wrong(error, self._say))}</p>')
            return
        if looked is None:
            return
        seat, found = looked
        self._body.clear()
        with self._body:
            self._build_weeks(seat, found)
            with ui.element("section").classes("hub-card"):
                markup(f'<h2 class="hub">{escape(self._say("board.invite"))}</h2>')
                self._build_invite()
            with ui.element("section").classes("hub-card"):
                markup(f'<h2 class="hub">{escape(self._say("board.me"))}</h2>')
                self._build_me(seat)

    def _look(self) -> tuple[Seat, Standings]:
        seat = self._hub.boards.joined(self._id, self._person)
        reader = reader_for(self._visit.caller.username, self._person, f"/boards/{self._id}")
        return seat, standings(self._hub, seat, reader)

    def _build_weeks(self, seat: Seat, found: Standings) -> None:
        say, feature = self._say, FEATURES[seat.board.metric]
        markup(f'<h1 class="hub">{escape(seat.board.title)}</h1>')
        how = say(f"board.better.{feature.better or 'none'}", metric=say.title(feature.title))
        markup(escape(f"{how} {say('board.how')}"), classes="hub-note")
        weeks = "".join(self._week(seat, monday, found) for monday in found.weeks)
        markup(f'<div class="board-weeks">{weeks}</div>')

    def _week(self, seat: Seat, monday: date, found: Standings) -> str:
        places = found.weeks[monday]
        most = max((place.mean for place in places if not isinstance(place.mean, TooFew)), default=0.0)
        rows = "".join(self._place(place, seat, most) for place in places)
        return f"""<section class="hub-card" data-week="{monday.isoformat()}">
          <h2 class="hub">{escape(self._named(monday, found.running))}</h2><ol class="places">{rows}</ol></section>"""

    def _place(self, place: Place, seat: Seat, most: float) -> str:
        mine = " mine" if place.name == seat.name else ""
        head = f'<b class="rank">{place.rank or ""}</b><span class="who">{escape(place.name)}</span>'
        if isinstance(place.mean, TooFew):
            missing = escape(self._say("board.insufficient", have=place.mean.have, needed=place.mean.needed))
            return f'<li class="place{mine}">{head}<span class="hub-note">{missing}</span></li>'
        share = max(0.0, 100 * place.mean / most) if most > 0 else 0.0
        bar = f'<span class="bar"><i style="width:{share:.1f}%"></i></span>'
        amount = escape(self._amount(place.mean, seat.board.metric))
        return f'<li class="place{mine}">{head}<span class="value">{amount}</span>{bar}</li>'

    def _amount(self, mean: float, metric: str) -> str:
        feature, say = FEATURES[metric], self._say
        unit = say(f"unit.{feature.unit}") if say.has(f"unit.{feature.unit}") else spoken_unit(feature.unit)
        return f"{mean:,.{feature.digits}f}{'' if unit.startswith('/') else ' '}{unit}".rstrip()

    def _named(self, monday: date, running: date) -> str:
        if monday == running:
            return self._say("board.week.this")
        if monday == running - A_WEEK:
            return self._say("board.week.last")
        return self._say("board.week.from", first=self._day(monday), last=self._day(monday + 6 * A_DAY))

    def _day(self, day: date) -> str:
        return self._say("board.day", d=day.day, m=day.month, month=self._say(f"time.month.{day.month}"))

    def _build_invite(self) -> None:
        with ui.element("div").classes("board-form"):
            field = ui.input(self._say("sign_in.username")).props(f"outlined dense maxlength={USERNAME_LONGEST}")
            button = ui.button(self._say("board.invite.do")).props("unelevated no-caps id=board-invite")
            button.on_click(lambda: self._invite(field))
        markup(escape(self._say("board.invite.lead")), classes="hub-note")

    def _build_me(self, seat: Seat) -> None:
        with ui.element("div").classes("board-form"):
            name = ui.input(self._say("boards.your_name"), value=seat.name)
            name.props(f"outlined dense maxlength={NAME_LONGEST}")
            ui.button(self._say("board.rename")).props("flat no-caps").on_click(lambda: self._rename(name.value or ""))
            with ui.dialog() as ask, ui.card():
                alone = seat.people == 1
                markup(f"<p>{escape(self._say('board.leave.alone' if alone else 'board.leave.sure'))}</p>")
                with ui.row():
                    leave = ui.button(self._say("board.leave")).props("unelevated no-caps color=negative id=board-left")
                    ui.button(self._say("board.stay"), on_click=ask.close).props("flat no-caps")
                leave.on_click(self._leave)
            ui.button(self._say("board.leave"), on_click=ask.open).props("flat no-caps color=negative id=board-leave")

    async def _invite(self, field: ui.input) -> None:
        username = (field.value or "").strip()
        invite = self._hub.boards.invite
        if username and await done(invite, self._id, self._person, say=self._say, username=username):
            ui.notify(self._say("board.invite.done", name=username), type="positive")
            field.set_value("")

    async def _rename(self, name: str) -> None:
        if await done(self._hub.boards.enter, self._id, self._person, say=self._say, name=name):
            await self._show()

    async def _leave(self) -> None:
        if await done(self._hub.boards.leave, self._id, self._person, say=self._say):
            ui.navigate.to("/boards")
