"""The page *Boards*: those that the visitor shares, those they are invited to, and a new one."""

from __future__ import annotations

from html import escape

from nicegui import run, ui

from api.web.board_acts import done
from api.web.frame import dress, markup, top
from api.web.visits import Visit
from hub.runtime import Hub
from hub.store.boards import Seat
from rules.boards import NAME_LONGEST, TITLE_LONGEST
from rules.consent import COMMUNITY
from rules.features import FEATURES


class BoardsPage:
    """One visitor's page."""

    def __init__(self, hub: Hub, visit: Visit, *, demo: bool) -> None:
        self._hub, self._visit, self._say, self._demo = hub, visit, visit.say, demo
        self._person = visit.caller.person or ""

    async def build(self) -> None:
        """Lay the page out."""
        say = self._say
        dress(say, say("nav.boards"))
        top(self._visit, here="/boards")
        with ui.element("main").classes("hub-page"):
            if self._demo:
                markup(escape(say("demo.banner")), classes="hub-banner")
            markup(f'<h1 class="hub">{escape(say("boards.title"))}</h1>')
            if not self._person:
                markup(f'<p class="hub-note">{escape(say("boards.operator"))}</p>')
                return
            markup(escape(say("boards.lead")), classes="hub-note")
            self._body = ui.element("div").classes("hub-stack")
        await self._show()

    async def _show(self) -> None:
        seats = await run.io_bound(self._hub.boards.seats, self._person)
        if seats is None:
            return
        allowed = COMMUNITY in self._hub.registry.granted.get(self._person, frozenset())
        self._body.clear()
        with self._body:
            if not allowed:
                self._build_allow()
            for seat in seats:
                if seat.name is None:
                    self._build_invitation(seat, allowed=allowed)
            self._build_list([seat for seat in seats if seat.name is not None])
            if allowed:
                self._build_new()
                self._build_withdraw()

    def _build_allow(self) -> None:
        with ui.element("section").classes("hub-card").props("id=allow"):
            markup(f'<h2 class="hub">{escape(self._say("boards.allow.title"))}</h2>')
            markup(f"<p>{escape(self._say('boards.allow.lead'))}</p>")
            self._button("boards.allow.do", "board-allow", strong=True).on_click(lambda: self._decide(granted=True))

    def _build_withdraw(self) -> None:
        with ui.element("div").classes("board-withdraw"):
            markup(escape(self._say("boards.withdraw.lead")), classes="hub-note")
            self._button("boards.withdraw.do", "board-withdraw").on_click(lambda: self._decide(granted=False))

    def _build_invitation(self, seat: Seat, *, allowed: bool) -> None:
        say, feature = self._say, FEATURES[seat.board.metric]
        invited = say("boards.invited", name=seat.invited_by, title=seat.board.title, metric=say.title(feature.title))
        with ui.element("section").classes("hub-card invitation"):
            markup(f'<p class="board-invited">{escape(invited)}</p>')
            markup(escape(say("boards.invited.lead" if allowed else "boards.invited.allow_first")), classes="hub-note")
            with ui.element("div").classes("board-form"):
                if allowed:
                    name = self._field("boards.your_name", NAME_LONGEST)
                    accept = self._button("boards.accept", strong=True)
                    accept.on_click(lambda: self._enter(seat, name.value or ""))
                self._button("boards.decline").on_click(lambda: self._decline(seat))

    def _build_list(self, seats: list[Seat]) -> None:
        say = self._say
        if not seats:
            markup(f'<p class="hub-note" id="no-boards">{escape(say("boards.none"))}</p>')
            return
        rows = "".join(self._row(seat) for seat in seats)
        markup(f'<section class="hub-card" id="boards">{rows}</section>')

    def _row(self, seat: Seat) -> str:
        say, metric = self._say, self._say.title(FEATURES[seat.board.metric].title)
        people = say("boards.people" if seat.people != 1 else "boards.alone", count=seat.people)
        note = f"{people} · {say('boards.as', name=seat.name)}"
        return f"""<a class="rule-row" href="/boards/{escape(seat.board.id)}"><span class="rule-title">{escape(seat.board.title)}
          </span><span class="chip">{escape(metric)}</span><span class="hub-note">{escape(note)}</span></a>"""

    def _build_new(self) -> None:
        say = self._say
        with ui.element("section").classes("hub-card").props("id=new-board"):
            markup(f'<h2 class="hub">{escape(say("boards.new"))}</h2>')
            with ui.element("div").classes("board-form"):
                title = self._field("boards.new.title", TITLE_LONGEST)
                titles = {name: say.title(feature.title) for name, feature in FEATURES.items()}
                metric = ui.select(titles, value="steps", label=say("boards.new.metric")).props("outlined dense")
                name = self._field("boards.your_name", NAME_LONGEST)
                button = self._button("boards.new.do", "board-create", strong=True)
            button.on_click(lambda: self._create(title.value or "", str(metric.value), name.value or ""))

    def _field(self, key: str, longest: int) -> ui.input:
        return ui.input(self._say(key)).props(f"outlined dense maxlength={longest}")

    def _button(self, key: str, id_: str = "", *, strong: bool = False) -> ui.button:
        look = "unelevated" if strong else "flat"
        return ui.button(self._say(key)).props(f"{look} no-caps {f'id={id_}' if id_ else ''}")

    async def _decide(self, *, granted: bool) -> None:
        decide, by = self._hub.desk.decide, self._visit.caller.username
        if await done(decide, self._person, COMMUNITY, say=self._say, granted=granted, by=by):
            await self._show()

    async def _enter(self, seat: Seat, name: str) -> None:
        if await done(self._hub.boards.enter, seat.board.id, self._person, say=self._say, name=name):
            ui.navigate.to(f"/boards/{seat.board.id}")

    async def _decline(self, seat: Seat) -> None:
        await done(self._hub.boards.leave, seat.board.id, self._person, say=self._say)
        await self._show()

    async def _create(self, title: str, metric: str, name: str) -> None:
        create = self._hub.boards.create
        if await done(create, self._person, say=self._say, title=title, metric=metric, name=name):
            await self._show()
