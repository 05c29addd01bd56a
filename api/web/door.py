"""The page at the door: signing in, and in a demo, looking around."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from api.web.catalogue import Catalogue
from api.web.frame import dress, language_switch, markup
from api.web.visits import SIGN_IN
from hub.store.tables import Person


def build(say: Catalogue, *, wrong: bool, people: Sequence[Person]) -> None:
    """Lay the page out; `people` may be looked in on without a password."""
    dress(say, say("sign_in.submit"))
    fault = f'<div class="wrong" role="alert">{escape(say("sign_in.wrong"))}</div>' if wrong else ""
    markup(
        f"""<div class="sign-in"><div class="hub-card">
        <span class="hub-brand"><span class="dot"></span>{escape(say("app.name"))}</span>
        <h1 class="hub">{escape(say("sign_in.title"))}</h1><p class="hub-note">{escape(say("sign_in.lead"))}</p>{fault}
        <form method="post" action="{SIGN_IN}">
        <label>{escape(say("sign_in.username"))}<input name="username" autocomplete="username" required autofocus></label>
        <label>{escape(say("sign_in.password"))}
        <input name="password" type="password" autocomplete="current-password" required></label>
        <button class="hub-button">{escape(say("sign_in.submit"))}</button></form>
        {_look_around(say, people)}{language_switch(say, SIGN_IN)}</div></div>"""
    )


def _look_around(say: Catalogue, people: Sequence[Person]) -> str:
    if not people:
        return ""
    buttons = "".join(
        f'<form method="post" action="/look-around"><button class="hub-button light" name="username" '
        f'value="{escape(person.id)}">{escape(person.name)}</button></form>'
        for person in people
    )
    lead = f'<p class="hub-note" style="margin-top:22px">{escape(say("sign_in.demo"))}</p>'
    return f'{lead}<div class="demo-people">{buttons}</div>'
