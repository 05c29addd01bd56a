"""What is around every page: the head, the navigation, and how its parts are made safe to show."""

from __future__ import annotations

from html import escape
from pathlib import Path

from nicegui import ui

from api.web.catalogue import Catalogue
from api.web.visits import Visit

STYLE = Path(__file__).with_name("style.css")
SCRIPT = Path(__file__).with_name("progress.js")
PLACES = (
    ("/home", "nav.home"),
    ("/me", "nav.me"),
    ("/progress", "nav.progress"),
    ("/boards", "nav.boards"),
    ("/rules", "nav.rules"),
)


def dress(say: Catalogue, title: str) -> None:
    """Give a page its style and title."""
    ui.add_css(STYLE)
    ui.page_title(f"{title} · {say('app.name')}")
    ui.query("html").props(f"lang={say.language}")


def script() -> None:
    """Give a page what only a browser can do for charts."""
    ui.add_head_html(f"<script>{SCRIPT.read_text(encoding='utf-8')}</script>")


def markup(html: str, *, classes: str = "") -> ui.html:
    """Put markup of our own on the page; whatever is filled into it must have gone through `escape`."""
    return ui.html(html, sanitize=False).classes(classes)


def top(visit: Visit, *, here: str) -> None:
    """The head of a page, with the way to the others."""
    say = visit.say
    links = "".join(
        f'<a class="hub-nav{" here" if _is_within(here, path) else ""}" href="{path}">{escape(say(key))}</a>'
        for path, key in PLACES
    )
    markup(
        f"""<header class="hub-top"><a class="hub-brand" href="/home"><span class="dot"></span>{escape(say("app.name"))}</a>
        <nav>{links}</nav><span class="hub-space"></span>{language_switch(say, here)}
        <form method="post" action="/sign-out"><button class="hub-quiet" id="sign-out">{escape(say("nav.sign_out"))}</button></form>
        </header>"""
    )


def _is_within(here: str, path: str) -> bool:
    at = here.partition("?")[0]
    return at == path or at.startswith(path + "/")


def language_switch(say: Catalogue, back: str) -> str:
    """A button for the other language."""
    return f"""<form method="post" action="/language"><input type="hidden" name="to" value="{say.other}">
    <input type="hidden" name="back" value="{escape(back)}">
    <button class="hub-quiet" id="language" lang="{say.other}">{escape(say("nav.language"))}</button></form>"""
