"""The page *Home*: the heart on the wrist, the devices around, and what just happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from nicegui import ui

from api.deps import may_see, now, zone_of
from api.web import charts, words
from api.web.frame import dress, markup, top
from api.web.offers import Offers
from api.web.visits import Visit
from devices.sample import HOUR, MINUTE, SECOND, Instant, Sample
from hub.feed import Happening
from hub.registry import Entry
from hub.runtime import Hub
from hub.views import Denied, Reader, View, Window
from rules.subject import Subject, recommended_max_heart_rate

REFRESH_S = 0.5
CHART_EVERY = 4
SHOWN = 14
ALARM_SHOWN: Instant = 5 * MINUTE
CALM_SHOWN: Instant = 20 * SECOND
STALE: Instant = 2 * MINUTE
NEWS: Instant = HOUR
"""What was observed longer ago has not just happened, even if it was told just now."""
_ZONES = ((0.5, "resting"), (0.6, "light"), (0.7, "moderate"), (1.0, "vigorous"))


@dataclass(frozen=True, slots=True)
class Wearer:
    """Whose heart is shown."""

    id: str
    name: str
    zone: str
    watch: Entry | None
    subject: Subject


class HomePage:
    """One visitor's page. It looks at the twins twice a second and redraws what has changed."""

    def __init__(self, hub: Hub, visit: Visit, *, demo: bool) -> None:
        self._hub, self._visit, self._say, self._demo = hub, visit, visit.say, demo
        self._names = {person.id: person.name for person in hub.accounts.people()}
        self._wearer = self._find_wearer()
        self._offers = Offers(hub, self._wearer.id, self._say) if self._wearer is not None else None
        self._drawn: dict[str, str] = {}
        self._ticks = 0

    def build(self) -> None:
        """Lay the page out and keep it alive."""
        dress(self._say, self._say("nav.home"))
        top(self._visit, here="/home")
        with ui.element("main").classes("hub-page"):
            if self._demo:
                markup(escape(self._say("demo.banner")), classes="hub-banner")
            markup(f'<h1 class="hub" id="greeting">{escape(self._greeting())}</h1>')
            with ui.element("div").classes("hub-columns"):
                with ui.element("div").classes("hub-stack"):
                    self._build_heart()
                    if self._offers is not None:
                        self._offers.build()
                    markup(f'<h2 class="hub">{escape(self._say("home.devices"))}</h2>')
                    self._things = markup("")
                with ui.element("section").classes("hub-card"):
                    markup(f'<h2 class="hub">{escape(self._say("home.happened"))}</h2>')
                    self._happened = markup("")
        self._refresh()
        ui.timer(REFRESH_S, self._refresh)

    def _build_heart(self) -> None:
        self._alarm = markup("")
        if self._wearer is None or self._wearer.watch is None:
            if self._visit.caller.person is None:
                markup(escape(self._say("operator.lead")), classes="hub-note")
            self._heart = None
            return
        with ui.element("section").classes("hub-card"):
            self._heart = markup("")
            markup(f'<div class="hub-note" style="margin-top:14px">{escape(self._say("heart.last_minutes"))}</div>')
            self._chart = ui.echart(self._chart_options()).style("height: 170px; width: 100%")

    def _refresh(self) -> None:
        self._put("alarm", self._alarm, self._alarm_html)
        self._put("things", self._things, self._things_html)
        self._put("happened", self._happened, self._happened_html)
        if self._offers is not None:
            self._offers.refresh()
        if self._heart is not None:
            self._put("heart", self._heart, self._heart_html)
            self._ticks += 1
            if self._ticks % CHART_EVERY == 0:
                self._chart.options.update(self._chart_options())

    def _put(self, key: str, part: ui.html, html: Callable[[], str]) -> None:
        """Send a part to the browser if it is not what is there."""
        drawn = html()
        if self._drawn.get(key) != drawn:
            self._drawn[key] = drawn
            part.set_content(drawn)

    def _find_wearer(self) -> Wearer | None:
        person_id = self._visit.caller.person
        if person_id is None:
            return None
        person = self._hub.accounts.person(person_id)
        watches = [entry for entry in self._hub.registry.owned_by(person_id) if entry.model.role == "watch"]
        subject = self._hub.registry.subjects.get(person_id) or Subject(person_id, person.birth_year)
        return Wearer(person_id, person.name, zone_of(person_id, self._hub), watches[0] if watches else None, subject)

    def _greeting(self) -> str:
        zone = ZoneInfo(self._wearer.zone if self._wearer else "UTC")
        hour = datetime.now(zone).hour
        part = "morning" if 5 <= hour < 11 else "evening" if hour >= 18 or hour < 5 else "day"
        name = self._wearer.name if self._wearer else self._visit.caller.username
        return self._say(f"home.greeting.{part}", name=name)

    def _beat(self) -> Sample | None:
        if self._wearer is None or self._wearer.watch is None:
            return None
        twin = self._hub.registry.twins.get(self._wearer.watch.id)
        return twin.reported.get("heart_rate") if twin else None

    def _heart_html(self) -> str:
        assert self._wearer is not None
        beat, say = self._beat(), self._say
        if beat is None or isinstance(beat.value, str):
            return f'<div class="heart-words" id="heart-rate">{escape(say("home.waiting"))}</div>'
        limit = recommended_max_heart_rate(self._wearer.subject, now())
        part = beat.value / limit if limit else 0.0
        zone = next((name for upto, name in _ZONES if part <= upto), "over") if limit else "resting"
        lead = say("heart.limit", limit=round(limit)) if limit else say("heart.no_limit")
        if now() - beat.observed_at > STALE:
            lead = say("heart.stale", ago=words.ago(beat.observed_at, now(), say))
        pace = 60 / max(30, beat.value)
        return f"""<div class="heart {"over" if zone == "over" else ""}">
          <div class="heart-figure"><span class="heart-icon material-icons" style="animation-duration:{pace:.2f}s">favorite</span>
          <span class="beat" id="heart-rate">{beat.value:.0f}</span></div>
          <div><div class="heart-zone">{escape(say("heart." + zone))}</div>
          <div class="heart-bar"><i style="left:{min(98, 100 * part):.0f}%"></i></div>
          <div class="heart-words">{escape(say("heart.unit"))} · {escape(lead)}</div></div></div>"""

    def _alarm_html(self) -> str:
        """The newest decision of the guard of the wearer's heart, for as long as it matters."""
        if self._wearer is None:
            return ""
        decisions = (each for each in self._recent() if each.kind == "decision" and each.person == self._wearer.id)
        decided = next((each for each in decisions if each.body["rule"] == words.GUARD), None)
        if decided is None:
            return ""
        level, age = decided.body["level"], now() - decided.body["decided_at"]
        if age > (CALM_SHOWN if level == "clear" else ALARM_SHOWN):
            return ""
        commands = (action["args"] for action in decided.body["actions"] if action["kind"] == "command")
        volume = next((args.get("volume") for args in commands), None)
        loud = f" · {self._say('alarm.volume', volume=volume)}" if volume else ""
        because = "" if level == "clear" else decided.body["because"][self._say.language]
        icon = "favorite" if level == "clear" else "vibration" if volume is None else "notifications_active"
        title = self._say(f"alarm.{level}") if self._say.has(f"alarm.{level}") else level
        return f"""<div class="alarm {escape(level)}" id="alarm" role="alert"><span class="material-icons">{icon}</span>
          <div>{escape(title)}{escape(loud)}<small>{escape(because)}</small></div></div>"""

    def _things_html(self) -> str:
        entries = [
            entry for entry in self._hub.registry.entries.values() if may_see(self._visit.caller, entry, self._hub)
        ]
        if not entries:
            return f'<p class="hub-note">{escape(self._say("home.waiting"))}</p>'
        return (
            '<div class="things">'
            + "".join(self._thing_html(entry) for entry in sorted(entries, key=_order))
            + "</div>"
        )

    def _thing_html(self, entry: Entry) -> str:
        twin, say = self._hub.registry.twins[entry.id], self._say
        private = entry.owner is not None and entry.owner != self._visit.caller.person
        today = datetime.now(ZoneInfo(self._wearer.zone if self._wearer else "UTC")).date()
        lines = [] if private else words.device_lines(entry, twin, say, today=today)
        cycle = twin.reported.get("cycle_state")
        busy = cycle is not None and cycle.value not in ("idle", "done")
        here = say("device.unknown" if twin.online is None else "device.online" if twin.online else "device.offline")
        head = f'<div class="thing-state">{escape(lines[0])}</div>' if lines else ""
        details = "".join(f'<div class="thing-detail">{escape(line)}</div>' for line in lines[1:])
        return f"""<section class="hub-card thing {"busy" if busy else ""}" data-device="{escape(entry.id)}">
          <div class="thing-head"><span class="material-icons">{words.ICONS.get(entry.model.role, "sensors")}</span>
          {escape(words.device_name(entry, self._names, say))}
          <span class="thing-here {"on" if twin.online else ""}" title="{escape(here)}"></span></div>{head}{details}</section>"""

    def _happened_html(self) -> str:
        rows = []
        for happening in self._recent():
            if now() - happening.body.get("observed_at", happening.at) > NEWS:
                continue
            told = words.told(happening, self._hub.registry, self._names, self._say)
            if told is not None:
                when = words.ago(happening.body.get("observed_at", happening.at), now(), self._say)
                rows.append(
                    f'<div><span class="material-icons">{told[0]}</span><span>{escape(told[1])}<time>{when}</time></span></div>'
                )
        body = "".join(rows[:SHOWN]) or f'<p class="hub-note">{escape(self._say("home.nothing"))}</p>'
        return f'<div class="happened" id="happened">{body}</div>'

    def _recent(self) -> list[Happening]:
        entries = self._hub.registry.entries
        caller = self._visit.caller
        mine = []
        for happening in self._hub.feed.recent(400):
            entry = entries.get(happening.device or "")
            if happening.person == caller.person or (
                entry and happening.person is None and may_see(caller, entry, self._hub)
            ):
                mine.append(happening)
        return mine

    def _chart_options(self) -> dict[str, object]:
        assert self._wearer is not None
        limit = recommended_max_heart_rate(self._wearer.subject, now())
        reader = Reader(self._visit.caller.username, self._wearer.id, "service", "/home")
        view = self._hub.gate.person(self._wearer.id, reader)
        dots = _last_minutes(view) if isinstance(view, View) else []
        return charts.live_heart(dots, limit=limit, name=self._say("heart.since_drawn"))


def _last_minutes(view: View | Denied) -> list[tuple[Instant, float]]:
    assert isinstance(view, View)
    since = now() - 10 * MINUTE
    points = view.buckets("heart_rate", Window(since, now() + MINUTE, 700), every=2 * SECOND, agg="mean")
    return [(point.at, round(float(point.value), 1)) for point in points if point.value is not None]


def _order(entry: Entry) -> tuple[bool, str]:
    """A person's own devices first."""
    return entry.owner is None, entry.id
