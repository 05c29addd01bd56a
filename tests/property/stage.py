"""What the property tests of the rules share: a person with two watches, rules of every kind, and streams of what happens."""

from __future__ import annotations

from pathlib import Path

import msgspec
from hypothesis import strategies as st

from devices import model
from devices.sample import DAY, HOUR, MINUTE, SECOND, Event, Sample
from rules import conditions as c
from rules import language, vocabulary
from rules.engine import Engine
from rules.made import Made, Of, Setting
from rules.program import compile_rule
from rules.replay import history, replay
from rules.state import Heard, Situation, beginning
from rules.step import pass_time, step
from rules.subject import Origin, Subject
from rules.surroundings import Around
from rules.view import OFFLINE

MODELS = {
    each.id: each
    for path in sorted((Path(__file__).parents[2] / "devices" / "models").glob("*.yaml"))
    for each in [model.parse(path.read_text(), file=path.name)]
}
START = 1_767_193_200_000 - MINUTE
"""A minute before midnight in Seoul, the last of the year 2025."""
NOW = START + 400 * DAY
PERSON = Subject("minji", 1980, "Asia/Seoul", ("minji",))
HOME = Subject("home", zone="Asia/Seoul", members=("minji", "joon"))
WATCHES = ("watch1", "watch2")


class Surroundings:
    """Every watch is minji's."""

    def of(self, source):
        if source not in WATCHES:
            return None
        return Around(Origin(source, "watch", "health-watch", "minji"), PERSON, (HOME,))

    def of_event(self, event):
        return self.of(event.source)

    def subject(self, kind, scope):
        return {"person": PERSON, "home": HOME}.get(kind)


AROUND = Surroundings()


def rule(
    when, *, moment=False, ladder=None, cooldown="0s", lateness=None, id_="one", then="", scope="person", sound=True
):
    """A rule of one condition, compiled; contradictions are mistakes of the test, if it must be `sound`."""
    answer = then or "then: {notify: {text: hello}}"
    if ladder and not moment:
        rungs = [f"{{after: {after}, level: {level}, then: {{notify: {{text: hello}}}}}}" for after, level in ladder]
        answer = f"escalate: [{', '.join(rungs)}]"
    late = f", lateness: {lateness}" if lateness is not None else ""
    text = (
        f"id: {id_}\ntitle: T\nscope: {{each: {scope}}}\npurpose: service\nwhen: {when}\n{answer}\n"
        f"limits: {{cooldown: {cooldown}{late}}}\nbecause: '{{value}} {{limit}} {{held}}'\n"
    )
    written = language.read(text, file="rule.yaml")
    assert not sound or vocabulary.contradictions(written.rule, MODELS, _by_others(written.rule)) == []
    return compile_rule(written.rule, MODELS)


def _by_others(rule):
    """The traits a rule listens to and the timers it starts, as though other rules made them."""
    traits = [each for _, each in c.walk(rule.when) if isinstance(each, c.TraitIs)]
    told = {
        Setting(Of(rule.scope.each, each.trait), each.equals if isinstance(each.equals, str) else None)
        for each in traits
    }
    timers = {Of(rule.scope.each, action.timer.rule) for _, action in rule.actions() if action.timer is not None}
    return Made(traits=frozenset(told), timers=frozenset(timers))


LASTING = {
    "above": "{metric: heart_rate, above: 150, clear_below: 145}",
    "above for": "{metric: heart_rate, above: 150, clear_below: 145, for: 3s}",
    "above hold": "{metric: heart_rate, above: 150, clear_below: 145, for: 3s, on_gap: {longer_than: 5s, then: hold}}",
    "above reset": "{metric: heart_rate, above: 150, for: 3s, on_gap: {longer_than: 5s, then: reset}}",
    "confirmed": "{metric: heart_rate, above: 150, on_gap: {longer_than: 5s}}",
    "below": "{metric: heart_rate, below: 145, clear_above: 150, for: 2s}",
    "between": "{metric: heart_rate, between: [145, 160], for: 1s}",
    "equals": "{metric: heart_rate, equals: 150}",
    "state": "{metric: sleep_stage, equals: [deep, rem], for: 2s}",
    "of one": "{metric: heart_rate, of: watch1, above: 150, for: 3s, on_gap: {longer_than: 5s}}",
    "where": "{metric: heart_rate, where: 'value > 150.0 && value < 170.0'}",
    "mean": "{metric: heart_rate, window: 10s, agg: mean, above: 150, clear_below: 145}",
    "sum": "{metric: steps, window: 1m, agg: sum, above: 100}",
    "max": "{metric: heart_rate, window: 10s, agg: max, above: 150, for: 2s}",
    "min": "{metric: heart_rate, window: 30s, agg: min, below: 145}",
    "rate": "{metric: steps, window: 1m, agg: rate, above: 100}",
    "delta": "{metric: heart_rate, window: 7s, agg: delta, above: 10}",
    "percentile": "{metric: heart_rate, window: 20s, agg: percentile, percentile: 90, above: 150}",
    "count_of": "{count_of: worn, window: 10s, above: 1}",
    "absent": "{absent: heart_rate, for: 4s}",
    "absent event": "{absent: worn, for: 1m}",
    "total": "{total: {metric: heart_rate, above: 150}, per: day, above: 5s}",
    "total gap": "{total: {metric: heart_rate, above: 150, on_gap: {longer_than: 3s}}, per: week, above: 10s}",
    "rises": "{daily: heart_rate, agg: mean, rises: 1}",
    "day max": "{daily: heart_rate, agg: max, above: 150}",
    "first_at": "{daily: sleep_stage, agg: first_at, equals: [light], above: 60}",
    "during": "{during: {from: '23:59', to: '00:01'}}",
    "all": "{all: [{metric: heart_rate, above: 150}, {metric: sleep_stage, equals: deep}], for: 2s}",
    "any": "{any: [{metric: heart_rate, above: 150, for: 2s}, {metric: sleep_stage, equals: deep}]}",
    "not": "{not: {metric: heart_rate, above: 150, on_gap: {longer_than: 4s}}}",
    "count": "{count: [{metric: heart_rate, above: 150}, {metric: spo2, below: 92}, {absent: worn, for: 5s}], at_least: 2}",
    "all during": "{all: [{metric: heart_rate, above: 150}, {during: {from: '00:00', to: '12:00'}}]}",
}
MOMENTS = {
    "rises": "{metric: heart_rate, rises_above: 150, rearm_below: 145}",
    "falls": "{metric: heart_rate, of: watch2, falls_below: 150}",
    "changed": "{changed: sleep_stage, to: [deep, rem]}",
    "changed number": "{changed: heart_rate}",
    "event": "{event: worn}",
    "event where": "{event: workout.ended, where: 'data.distance_m > 1000.0'}",
    "sequence": "{sequence: [{event: worn}, {metric: heart_rate, rises_above: 150}], within: 10s, without: {event: removed}}",
    "missing": "{missing: {event: removed}, after: {event: worn}, within: 5s}",
    "timer": "{timer: 4s}",
    "schedule": "{schedule: '0,1 0 * * *'}",
    "all": "{all: [{event: worn}, {metric: heart_rate, above: 150}]}",
    "any": "{any: [{event: worn}, {metric: heart_rate, rises_above: 150}]}",
}
LADDERS = [None, [("0s", "notice"), ("4s", "warning"), ("9s", "critical")], [("2s", "notice")]]


@st.composite
def programs(draw, lasting=tuple(LASTING), moments=tuple(MOMENTS), lateness=(None, "0s", "2s", "7s")):
    """A rule of any kind."""
    cooldown, late = draw(st.sampled_from(["0s", "20s"])), draw(st.sampled_from(lateness))
    moment = bool(moments) and draw(st.integers(0, 3)) == 0
    if moment:
        return rule(MOMENTS[draw(st.sampled_from(moments))], moment=True, cooldown=cooldown, lateness=late)
    ladder = draw(st.sampled_from(LADDERS))
    return rule(LASTING[draw(st.sampled_from(lasting))], ladder=ladder, cooldown=cooldown, lateness=late)


@st.composite
def composed(draw, depth=2):
    """A condition that lasts, made of others."""
    kind = draw(st.sampled_from(["leaf", "leaf", "all", "any", "not", "count", "total"])) if depth else "leaf"
    if kind == "leaf":
        return LASTING[draw(st.sampled_from(tuple(LASTING)))]
    inside = [draw(composed(depth - 1)) for _ in range(draw(st.integers(2, 3)))]
    lasts = draw(st.sampled_from(["", ", for: 2s", ", for: 7s"]))
    match kind:
        case "not":
            return f"{{not: {inside[0]}{lasts}}}"
        case "total":
            return f"{{total: {inside[0]}, per: day, above: 3s}}"
        case "count":
            return f"{{count: [{', '.join(inside)}], at_least: 2{lasts}}}"
        case _:
            return f"{{{kind}: [{', '.join(inside)}]{lasts}}}"


@st.composite
def intricate(draw):
    """A rule made of several conditions: one that lasts, or a moment at which something else lasts."""
    cooldown, when = draw(st.sampled_from(["0s", "20s"])), draw(composed())
    if draw(st.integers(0, 3)):
        return rule(when, ladder=draw(st.sampled_from(LADDERS)), cooldown=cooldown, sound=False)
    moments = [MOMENTS[name] for name in draw(st.lists(st.sampled_from(tuple(MOMENTS)), min_size=1, max_size=2))]
    return rule(f"{{all: [{', '.join([*moments[:1], when])}]}}", moment=True, cooldown=cooldown, sound=False)


@st.composite
def messages(draw):
    """What watches say: several things at the same instant, or one after the other, or after a gap."""
    kinds = st.sampled_from(["rate", "rate", "rate", "spo2", "steps", "steps", "sleep", "worn", "removed", "gone"])
    said = st.tuples(st.lists(kinds, min_size=1, max_size=4, unique=True), st.sampled_from(RATES))
    when = st.tuples(st.sampled_from([0, 1, 1_000, 1_000, 1_000, 3_000, 5_001, 61_000, HOUR]), st.sampled_from("1112"))
    at, changes = START, []
    for (several, value), (pause, watch) in draw(st.lists(st.tuples(said, when), max_size=25)):
        at += pause
        changes += [
            change_of(kind, value, f"watch{watch}", at, len(changes) + place) for place, kind in enumerate(several)
        ]
    return changes


RATES = [60.0, 144.9, 145.0, 150.0, 150.1, 154.0, 159.0, 170.0, 190.0, 220.0]
STEPS = [0, 1, 500, 1_000, 1_000, 2_000, 5_000, 5_001, 31_000]
LONG = [*STEPS, HOUR, DAY]
LATE = [*LONG, -1_000, -1_000, -7_000]


@st.composite
def streams(draw, steps=LONG, *, distinct=False):
    """What happens, mostly a second apart, some of it at once, after a gap, or from another watch."""
    at, changes = START, []
    kinds = st.sampled_from(
        ["rate", "rate", "rate", "spo2", "steps", "sleep", "unwell", "worn", "removed", "workout", "gone"]
    )
    runs = st.tuples(kinds, st.sampled_from(RATES), st.integers(1, 8), st.sampled_from(steps), st.sampled_from(WATCHES))
    for kind, value, length, pause, source in draw(st.lists(runs, max_size=14)):
        at += pause
        for _ in range(length if kind == "rate" else 1):
            changes.append(change_of(kind, value, source, at, len(changes)))
            at += SECOND
    if distinct:
        changes = list({each.observed_at: each for each in changes}.values())
    return changes


def change_of(kind, value, source, at, number):
    match kind:
        case "rate":
            return Sample(source, "heart_rate", at, value)
        case "spo2":
            return Sample(source, "spo2", at, 90.0 if value > 150 else 97.0)
        case "steps":
            return Sample(source, "steps", at, value * 2)
        case "sleep":
            return Sample(source, "sleep_stage", at, "deep" if value > 150 else "light" if value > 145 else "rem")
        case "unwell":
            return Sample(source, "heart_rate", at, "unwell")
        case "gone":
            return Event(source, f"e{number}", OFFLINE, at, {})
        case "workout":
            return Event(source, f"e{number}", "workout.ended", at, {"distance_m": value * 7} if value > 60 else {})
        case _:
            return Event(source, f"e{number}", kind, at, {})


def heard_by(program, changes):
    """What of it a rule listens to."""
    return [
        each
        for each in changes
        if (each.metric in program.metrics if isinstance(each, Sample) else each.type in program.events)
    ]


def end_of(changes):
    """A while after everything, by when all that is pending is decided."""
    return max((each.observed_at for each in changes), default=START) + 2 * HOUR


def begun(*programs, at=START):
    """An engine with rules on."""
    engine = Engine(programs)
    engine.begin("person", PERSON, at=at)
    return engine


def fold(program, changes, *, until=None):
    """What `step` alone decides: the plain truth."""
    situation = Situation(program, PERSON, NOW)
    state, decisions = beginning(program, START if program.timed else 0), []
    for change in heard_by(program, changes):
        stepped = step(situation, state, Heard(change, AROUND.of(change.source).origin))
        state = stepped.state
        decisions += stepped.decisions
    if until is not None:
        decisions += pass_time(situation, state, until + program.lateness).decisions
    return decisions


def feed(engine, changes):
    return engine.feed(changes, surroundings=AROUND, now=NOW)


def tick(engine, until):
    return engine.tick(until, surroundings=AROUND, now=NOW)[1]


def finish(engine, program, changes):
    return tick(engine, end_of(changes) + program.lateness)


def replayed(program, changes, *, until):
    """What replaying the same history decides."""
    metrics = ("heart_rate", "spo2", "steps", "sleep_stage")
    past = history(heard_by(program, changes), lambda each: AROUND.of(each.source).origin, metrics=metrics)
    return replay(program, PERSON, past, since=START, until=until).decisions


def told(decisions):
    """Decisions as bytes, but for when they were decided."""
    return [msgspec.json.encode(msgspec.structs.replace(each, decided_at=0)) for each in decisions]


def pairs(decisions):
    """When they were, from the start, and at which level."""
    return [(each.observed_at - START, each.level) for each in decisions]
