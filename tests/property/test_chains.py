"""Rules that hear each other: in order of time whenever anybody looks at the clock, and never for ever."""

from __future__ import annotations

import pytest

from devices.sample import SECOND, Event, Sample
from tests.property.stage import START, begun, feed, rule, tick


def _told_then(*programs, ticks):
    """Everything decided about a heart at 0 and 10 seconds, with looks at the clock between."""
    engine = begun(*programs)
    decided = feed(engine, [Sample("watch1", "heart_rate", START, 60.0)])
    for at in ticks:
        decided += tick(engine, START + at)
    decided += feed(engine, [Sample("watch1", "heart_rate", START + 10 * SECOND, 61.0)])
    return [(each.rule, each.level, each.observed_at - START) for each in decided + tick(engine, START + 20 * SECOND)]


@pytest.mark.parametrize("ticks", [[], [5_000], [4_000], [1_000, 3_999, 9_999]])
def test_what_is_due_before_a_sample_is_heard_before_it_whenever_somebody_looks_at_the_clock(ticks):
    silent = rule("{absent: heart_rate, for: 4s}", id_="silent", then="then: {event: {type: removed}}")
    both = "{all: [{event: removed}, {metric: heart_rate, below: 100}]}"
    hears = rule(both, moment=True, id_="hears")
    decided = _told_then(hears, silent, ticks=ticks)
    assert ("hears", "notice", 4_000) in decided
    assert decided == _told_then(hears, silent, ticks=[2_000])


@pytest.mark.parametrize("then", ["timer: 1ms", "trait: mood, equals: 'on', for: 1ms"])
def test_a_loop_over_timers_is_cut_too(then):
    def does(own, other):
        if then.startswith("timer"):
            return f"then: {{timer: {{rule: {other}, do: start}}}}"
        return f"then: {{trait: {{name: {'moo' if own == 'one' else 'mood'}, to: 'on'}}}}"

    rules = []
    for own, other in (("one", "two"), ("two", "one")):
        if then.startswith("timer"):
            when = f"{{any: [{{timer: 1ms}}, {{event: {'worn' if own == 'one' else 'removed'}}}]}}"
            rules.append(rule(when, moment=True, id_=own, then=does(own, other), sound=False))
    if not rules:
        flip = "then: {trait: {name: mood, to: 'off'}}"
        rules = [
            rule("{trait: mood, equals: 'on', for: 1ms}", id_="one", then=flip),
            rule("{trait: mood, equals: 'off', for: 1ms}", id_="two", then=flip.replace("off", "on")),
            rule("{event: worn}", moment=True, id_="first", then=flip.replace("off", "on")),
        ]
    cut = []
    engine = begun(*rules)
    engine.on_loop = cut.append
    decided = feed(engine, [Event("watch1", "w", "worn", START, {})])
    for at in range(1, 60):
        decided += tick(engine, START + at * SECOND)
    assert cut
    assert len(decided) < 20


def test_what_a_trait_set_off_is_about_the_same_home():
    first = rule("{event: worn}", moment=True, id_="first", then="then: {trait: {name: mood, to: 'on'}}")
    then = "then: {event: {type: removed}}"
    second = rule("{trait: mood, equals: 'on'}", id_="second", then=then)
    third = rule("{event: removed}", moment=True, id_="third", scope="home", lateness="0s")
    decided = feed(begun(first, second, third), [Event("watch1", "w", "worn", START, {})])
    assert [each.rule for each in decided] == ["first", "second", "third"]
