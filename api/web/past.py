"""The line of a replay's chart: what the first number that a rule looks at was over a span, through the gate of consent."""

from __future__ import annotations

from typing import NamedTuple

from api.web.regarded import Regarded
from devices.model import Metric
from devices.sample import SECOND, Instant
from hub.views import View, Window
from rules import conditions as c

POINTS = 600


class Line(NamedTuple):
    """A metric over time."""

    name: str
    dots: list[tuple[Instant, float | None]]


def line(regarded: Regarded, since: Instant, until: Instant) -> Line:
    """The metric of the rule's first condition about a number; no dots where there is none, or none may be seen."""
    metric = _metric(regarded)
    if metric is None:
        return Line("", [])
    every = max(SECOND, (until - since) // POINTS)
    for view in _views(regarded):
        if metric.name not in view.metrics:
            continue
        points = view.buckets(metric.name, Window(since, until, POINTS + 2), every=every, agg="mean")
        dots: list[tuple[Instant, float | None]] = [
            (point.at, round(float(point.value), 2)) for point in points if point.value is not None
        ]
        if dots:
            return Line(regarded.say.title(metric.spec.title), _gaps(dots, every))
    return Line("", [])


def _gaps(dots: list[tuple[Instant, float | None]], every: Instant) -> list[tuple[Instant, float | None]]:
    """A break in the line wherever a long while is without values."""
    told: list[tuple[Instant, float | None]] = []
    for at, value in dots:
        if told and at - told[-1][0] > 6 * every:
            told.append((told[-1][0] + every, None))
        told.append((at, value))
    return told


def _metric(regarded: Regarded) -> Metric | None:
    for _, condition in c.walk(regarded.program.rule.when):
        name = getattr(condition, "metric", None) or getattr(condition, "daily", None)
        metric = regarded.things.metric(name, getattr(condition, "of", None)) if name else None
        if metric is not None and metric.numeric:
            return metric
    return None


def _views(regarded: Regarded) -> list[View]:
    hub, scope = regarded.hub, regarded.scope or ""
    match regarded.kind:
        case "person":
            views = [hub.gate.person(scope, regarded.reader)]
        case "home":
            shared = [each for each in hub.registry.standing_in(scope) if each.owner is None]
            views = [hub.gate.device(each.id, regarded.reader) for each in shared]
        case "device":
            views = [hub.gate.device(scope, regarded.reader)]
        case _:
            views = []
    return [view for view in views if isinstance(view, View)]
