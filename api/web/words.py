"""People's words for what devices are and do."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec

from api.web.catalogue import Catalogue
from devices.sample import DAY, HOUR, MINUTE, SECOND, Instant, Value
from devices.twin import Twin
from devices.units import spoken_unit
from hub.feed import Happening
from hub.registry import Entry, Registry

GUARD = "ease-off"
"""The rule that guards hearts, whose answers are shown as an alarm."""
ICONS = {
    "watch": "watch",
    "fridge": "kitchen",
    "styler": "checkroom",
    "washer": "local_laundry_service",
    "dryer": "dry_cleaning",
    "wristband": "token",
    "reader": "contactless",
}
_RESTING = ("idle", "done")


def device_name(entry: Entry, names: dict[str, str], say: Catalogue) -> str:
    """What people call a device: whose it is, and what."""
    title = say.title(entry.model.title)
    return say("device.of", name=names.get(entry.owner, entry.owner), title=title) if entry.owner else title


def state_word(value: Value, say: Catalogue) -> str:
    """A state in words."""
    return say(f"state.{value}") if say.has(f"state.{value}") else str(value)


def device_lines(entry: Entry, twin: Twin, say: Catalogue, *, today: date) -> list[str]:
    """What a device is doing, in a headline and a few words below."""
    values = {name: sample.value for name, sample in dict(twin.reported).items()}
    if not values:
        return [say("device.silent")]
    match entry.model.role:
        case "fridge":
            return _fridge_lines(values, say, today=today)
        case "washer" | "dryer" | "styler":
            return _cycle_lines(entry, values, say)
        case _:
            return [_figure(entry, name, value, say) for name, value in list(values.items())[:3]]


def _fridge_lines(values: dict[str, Value], say: Catalogue, *, today: date) -> list[str]:
    temperature = values.get("inside_temperature")
    head = f"{temperature:.1f} °C" if isinstance(temperature, (int, float)) else say("device.silent")
    lines = [head + (f" · {state_word(values['door'], say)}" if "door" in values else "")]
    items = _items(values.get("inventory"))
    if items:
        lines.append(say("fridge.items", count=len(items)))
        soon = min((item for item in items if item.get("expires_on")), key=lambda i: str(i["expires_on"]), default=None)
        if soon is not None and str(soon["expires_on"]) <= (today + timedelta(days=3)).isoformat():
            lines.append(say("fridge.expires", name=soon.get("name", ""), day=soon["expires_on"]))
    return lines


def _cycle_lines(entry: Entry, values: dict[str, Value], say: Catalogue) -> list[str]:
    state = values.get("cycle_state", "idle")
    told = [state_word(state, say)]
    if state not in _RESTING:
        names = [name for name in ("programme", "fabric") if values.get(name, "none") != "none"]
        told += [state_word(values[name], say) for name in names]
    figures = ("water", "energy", "load", "dust_removal", "virus_removal", "humidity")
    return [" · ".join(told), *[_figure(entry, name, values[name], say) for name in figures if name in values][:2]]


def _figure(entry: Entry, name: str, value: Value, say: Catalogue) -> str:
    metric = entry.model.metrics.get(name)
    if metric is None:
        return str(value)
    shown = state_word(value, say) if isinstance(value, str) else f"{_number(value)} {spoken_unit(metric.spec.unit)}"
    return f"{say.title(metric.spec.title)} {shown}"


def _number(value: float) -> str:
    """Three figures or so."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.1f}"


def ago(at: Instant, now: Instant, say: Catalogue) -> str:
    """How long ago something was."""
    past = max(0, now - at)
    for key, unit, upto in (("seconds", SECOND, MINUTE), ("minutes", MINUTE, HOUR), ("hours", HOUR, DAY)):
        if past < 5 * SECOND:
            return say("ago.now")
        if past < upto:
            return say(f"ago.{key}", n=past // unit)
    return say("ago.days", n=past // DAY)


def told(happening: Happening, registry: Registry, names: dict[str, str], say: Catalogue) -> tuple[str, str] | None:
    """An icon and a sentence for something that happened; `None` for what is not worth a line."""
    body, entry = happening.body, registry.entries.get(happening.device or "")
    if entry is None:
        return None
    device = device_name(entry, names, say)
    match happening.kind:
        case "decision" if body["level"] == "clear" and body["rule"] == GUARD:
            return "favorite", say("happened.calm", name=names.get(body["scope"], body["scope"]))
        case "decision":
            return "monitor_heart", say("happened.decision", because=body["because"][say.language])
        case "event" if body["type"] in entry.model.events:
            title = say.title(entry.model.events[body["type"]].title)
            return ICONS.get(entry.model.role, "sensors"), say("happened.event", device=device, title=title)
        case "command":
            return _command_told(body, entry, device, say)
        case "presence":
            here = body["online"]
            return "wifi" if here else "wifi_off", say("happened.here" if here else "happened.away", device=device)
    return None


def _command_told(body: dict[str, Any], entry: Entry, device: str, say: Catalogue) -> tuple[str, str] | None:
    key = f"happened.command.{body['status']}"
    if not say.has(key) or body["type"] not in entry.model.commands:
        return None
    title = say.title(entry.model.commands[body["type"]].title)
    return "send", say(key, device=device, title=title, reason=body.get("reason") or "")


def _items(value: Value | None) -> list[dict[str, Any]]:
    if not isinstance(value, str):
        return []
    items: list[dict[str, Any]] = msgspec.json.decode(value)
    return items
