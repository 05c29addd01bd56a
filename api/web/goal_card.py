"""The card of a goal: how far it is, and a small form to set it, change it or let go of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from html import escape
from typing import cast

from nicegui import run, ui

from api.deps import now
from api.web.catalogue import Catalogue
from api.web.frame import markup
from api.web.shown import shown
from api.web.story import Story
from devices.errors import Invalid, NotFound
from hub.runtime import Hub
from rules.goals import Goal, Per, Standing, bounds, goal_of


class GoalCard:
    """One person's goal for one feature."""

    def __init__(self, hub: Hub, person: str, story: Story, say: Catalogue) -> None:
        self._hub, self._person, self._story, self._say = hub, person, story, say
        self._shown = shown(story.feature)

    def build(self, on_changed: Callable[[], Awaitable[None]]) -> None:
        """Lay the card out; `on_changed` is called when the goal is another."""
        self._on_changed = on_changed
        with ui.element("section").classes("hub-card").props("id=goal"):
            markup(f'<h2 class="hub">{escape(self._say("goal.title"))}</h2>')
            stands = self._story.came.standing
            markup(standing_markup(self._story, stands, self._say) if stands else self._invitation())
            self._build_form()

    def _invitation(self) -> str:
        return f'<p class="hub-note">{escape(self._say("goal.none"))}</p>'

    def _build_form(self) -> None:
        goal, say = self._story.goal, self._say
        with ui.element("div").classes("goal-form"):
            unit = self._shown.unit_in(say.language).strip()
            value = round(goal.target * self._shown.scale, 2) if goal else None
            self._field = ui.number(say("goal.target"), value=value, on_change=self._calm).props("outlined dense")
            self._field.props(f'id=goal-target suffix="{unit}" bottom-slots inputmode=decimal')
            per = {"day": say("goal.per.day"), "week": say("goal.per.week")}
            self._per = ui.toggle(per, value=goal.per if goal else "day").props(
                "no-caps unelevated toggle-text-color=dark id=goal-per"
            )
        with ui.element("div").classes("goal-buttons"):
            ui.button(say("goal.save"), on_click=self._save).props("no-caps unelevated id=goal-save")
            if goal is not None:
                ui.button(say("goal.drop"), on_click=self._drop).props("no-caps flat id=goal-drop")

    def _calm(self) -> None:
        self._field.error = None

    async def _save(self) -> None:
        metric, per = self._story.feature.name, cast(Per, self._per.value)
        if self._field.value is None:
            self._field.error = self._say("goal.needed")
            return
        target = float(self._field.value) / self._shown.scale
        try:
            goal = goal_of(metric, target, per)
        except Invalid:
            self._field.error = self._outside(Goal(metric, target, per, self._story.feature.better))
            return
        await run.io_bound(self._hub.goals.put, self._person, goal, now=now())
        await self._on_changed()

    def _outside(self, goal: Goal) -> str:
        low, high = bounds(self._story.feature, goal)
        return self._say("goal.outside", low=self._shown.figure(low), high=self._shown.figure(high))

    async def _drop(self) -> None:
        with suppress(NotFound):  # another window was quicker
            await run.io_bound(self._hub.goals.drop, self._person, self._story.feature.name)
        await self._on_changed()


def standing_markup(story: Story, stands: Standing, say: Catalogue) -> str:
    """How far a goal is: today or this week, as a bar, and how often it was met."""
    goal, how = stands.goal, shown(story.feature)
    target = how.amount(goal.target, say.language)
    value = "–" if stands.value is None else how.figure(stands.value)
    reached = stands.value is not None and goal.reached(stands.value)
    wide = min(100.0, stands.percent or 0.0)
    said = say(f"goal.met.{goal.per}", met=stands.met, judged=stands.judged) if stands.judged else say("goal.early")
    return f"""<div class="goal-now"><b>{escape(value)}</b>
      <span>{escape(say(f"goal.of.{_side(goal)}.{goal.per}", target=target))}</span></div>
      <div class="goal-bar{" reached" if reached else ""}" role="progressbar" aria-valuenow="{wide:.0f}" aria-valuemin="0"
      aria-valuemax="100"><i style="width:{wide:.1f}%"></i></div><p id="goal-said">{escape(said)}</p>"""


def _side(goal: Goal) -> str:
    return goal.better or "near"
