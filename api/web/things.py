"""What metrics, events and commands are called, and how their values are said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from api.web.catalogue import Catalogue
from api.web.words import state_word
from devices.model import Metric, Model
from devices.sample import Instant, Value
from devices.units import spoken_unit


class Things:
    """Looks names up in the device models."""

    def __init__(self, models: Mapping[str, Model], say: Catalogue) -> None:
        self._models, self._say = models, say

    def metric(self, name: str, of: str | None = None) -> Metric | None:
        """A metric by its name, of what a rule asks for."""
        return next((model.metrics[name] for model in self._of(of) if name in model.metrics), None)

    def name(self, name: str, of: str | None = None) -> str:
        """What people call a metric or event; whose it is, where several kinds of devices have it."""
        if (metric := self.metric(name, of)) is not None:
            title = _inside(self._say.title(metric.spec.title))
            if of is None or sum(name in model.metrics for model in self._models.values()) < 2:
                return title
            return self._say("thing.of", name=title, device=_inside(self.device(of)))
        events = (model.events[name] for model in self._of(of) if name in model.events)
        event = next(events, None)
        return f"“{self._say.title(event.title)}”" if event is not None else name.replace("_", " ")

    def command(self, name: str, of: str | None) -> str:
        """What people call a command."""
        commands = (model.commands[name] for model in self._of(of) if name in model.commands)
        spec = next(commands, None)
        return self._say.title(spec.title) if spec is not None else name

    def device(self, of: str | None) -> str:
        """What people call a kind of device."""
        model = next((each for each in self._models.values() if of in (each.role, each.id)), None)
        return self._say.title(model.title) if model is not None else of or ""

    def value(self, value: Value | None, metric: Metric | None) -> str:
        """A value with its unit."""
        if isinstance(value, str):
            if value.startswith("["):
                return self._say("thing.listed")
            return value if len(value) > 60 else ", ".join(state_word(each, self._say) for each in value.split(", "))
        return "–" if value is None else amount(value, metric.spec.unit if metric is not None else "1")

    def values(self, values: Iterable[str]) -> str:
        """States in words."""
        return self._say("when.or").join(state_word(each, self._say) for each in values)

    def _of(self, of: str | None) -> list[Model]:
        meant = [model for model in self._models.values() if of in (model.role, model.id)]
        return meant or list(self._models.values())


def _inside(title: str) -> str:
    """A title as it stands inside a sentence."""
    return title[0].lower() + title[1:] if title[1:2].islower() else title


def amount(value: float, unit: str) -> str:
    """A number as people read it, with its unit."""
    number = f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.1f}"
    spoken = spoken_unit(unit)
    return number + ("" if not spoken or spoken[0] in "/%" else " ") + spoken


def moment(at: Instant, zone: str, now: Instant, say: Catalogue) -> str:
    """When something was, on somebody's clock; with the day unless it is today."""
    then, today = (datetime.fromtimestamp(each / 1000, ZoneInfo(zone)) for each in (at, now))
    clock = f"{then:%H:%M}"
    if then.date() == today.date():
        return clock
    return say("time.day", m=then.month, d=then.day, month=say(f"time.month.{then.month}"), clock=clock)
