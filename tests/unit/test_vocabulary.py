"""What a rule may speak of: device models, what other rules make, units; and what can never be."""

from __future__ import annotations

import pytest

from rules.made import NOTHING
from tests.rule_texts import DESIGN, about, changed, faults, read

# Against the models.


def _contradictions(text):
    return [(fault.path, fault.line, fault.reason) for fault in faults(text)]


@pytest.mark.parametrize(
    ("old", "new", "path", "line", "said"),
    [
        ("metric: heart_rate", "metric: heart_rat", "when.metric", 8, "has the metric 'heart_rat'"),
        ("metric: heart_rate", "metric: sleep_stage", "when.metric", 8, "a state, not a number"),
        ("above: $limit\n", "above: 300\n", "when.above", 9, "never true"),
        ("above: $limit\n", "above: 10\n", "when.above", 9, "always true"),
        ("above: $limit\n", "above: $ceiling\n", "when.above", 9, "$ceiling is not among the inputs"),
        ("clear_below: $limit - 5", "clear_below: $limit + 5", "when.clear_below", 10, "must not be over above"),
        ('unit: "/min"', "unit: kg", "when.above", 9, "$limit is in kg, heart_rate in /min"),
        ('unit: "/min"', "unit: kg", "inputs.limit.unit", 6, "is in /min, not in kg"),
        ('unit: "/min"', "unit: beats", "inputs.limit.unit", 6, "not a known UCUM code"),
        ("  limit: {", "  spare: {default: 1}\n  limit: {", "inputs.spare", 6, "is not used"),
        ("each: person", "each: home", "inputs.limit.default", 6, "facts about a person"),
        ("to: watch, type: stop_alarm", "to: wach, type: stop_alarm", "clear.then.0.command", 18, "'wach'"),
        ("type: stop_alarm", "type: stop_alert", "clear.then.0.command", 18, "'stop_alert'"),
        ("strength: 3", "strength: 9", "escalate.1.then.0.command", 15, "outside 1 to 5"),
        ("args: {strength: 3}", "args: {force: 3}", "escalate.1.then.0.command", 15, "'force'"),
        ("above {limit:.0f}", "above {speed}", "because", 20, "cannot fill in {speed}"),
        ("for {held}", "for {held:.0f}", "because", 20, "in words already"),
        ("heart_rate: 120", "heart_rat: 120", "tests.0.given.0.heart_rat", 23, "'heart_rat'"),
        ("heart_rate: 120", "heart_rate: 900", "tests.0.given.0.heart_rate", 23, "900"),
        ("heart_rate: 120", "event: fainted", "tests.0.given.0.event", 23, "'fainted'"),
    ],
)
def test_a_contradiction_is_named_with_its_path_and_line(old, new, path, line, said):
    found = [each for each in _contradictions(changed(old, new)) if each[0] == path]
    assert found, _contradictions(changed(old, new))
    assert found[0][1] == line
    assert said in found[0][2]


@pytest.mark.parametrize(
    ("when", "path", "line", "said"),
    [
        ("  event: fainted", "when.event", 8, "has the event 'fainted'"),
        ("  count_of: fainted\n  window: 1h\n  above: 2", "when.count_of", 8, "has the event 'fainted'"),
        ("  absent: fainting\n  for: 1h", "when.absent", 8, "the metric or event 'fainting'"),
        ("  daily: heart_rat\n  agg: mean\n  rises: 3", "when.daily", 8, "the metric 'heart_rat'"),
        ("  changed: sleep_stage\n  to: snoring", "when.to", 9, "never 'snoring'"),
        ("  metric: sleep_stage\n  equals: snoring", "when.equals", 9, "never 'snoring'"),
        ("  metric: heart_rate\n  equals: fast", "when.equals", 9, "is a number"),
        ("  metric: heart_rate\n  between: [120, 100]", "when.between", 9, "from the lower to the higher"),
        ("  metric: steps\n  window: 1h\n  agg: mean\n  above: 5", "when.agg", 10, "is a counter"),
        ("  metric: heart_rate\n  rises_above: 500", "when.rises_above", 9, "never happens"),
        ("  metric: heart_rate\n  rises_above: 100\n  rearm_below: 110", "when.rearm_below", 10, "must not be over"),
        ("  any:\n  - event: worn\n  - {metric: heart_rate, above: 100}", "when.any", 8, "cannot be mixed in any"),
        ("  not:\n    event: worn", "when.not", 8, "a moment cannot be here"),
        ("  total: {event: worn}\n  per: day\n  above: 1h", "when.total", 8, "a moment cannot be here"),
        (
            "  sequence:\n  - event: worn\n  - {metric: heart_rate, above: 100}\n  within: 1h",
            "when.sequence.1",
            10,
            "only moments",
        ),
        ("  all:\n  - event: worn\n  for: 10s", "when.for", 10, "for is not for moments"),
        (
            "  any:\n  - event: removed\n  - all: [{event: worn}]\n    for: 10s",
            "when.any.1.for",
            11,
            "for is not for moments",
        ),
        ("  present: apart", "when.present", 8, "apart from themselves"),
    ],
)
def test_a_condition_that_cannot_be_is_named_with_its_path_and_line(when, path, line, said):
    found = [each for each in _contradictions(about(when)) if each[0] == path]
    assert found, _contradictions(about(when))
    assert found[0][1] == line
    assert said in found[0][2]


def test_all_contradictions_are_named_at_once():
    text = changed("metric: heart_rate", "metric: heart_rat").replace("strength: 3", "strength: 9")
    text = text.replace("type: stop_alarm", "type: stop_alert").replace("above {limit:.0f}", "above {speed}")
    text = text.replace("heart_rate: 120", "heart_rat: 120")
    assert {fault.line for fault in faults(text)} == {8, 15, 18, 20, 23}


def test_a_moment_has_no_ladder_and_no_end():
    text = about("  event: worn").replace(
        "then: {notify: {text: hello}}",
        "escalate: [{after: 5s, level: notice, then: {notify: {text: hello}}}]\nclear: {then: {notify: {text: over}}}",
    )
    assert [path for path, *_ in _contradictions(text)] == ["escalate.0.after", "clear"]


@pytest.mark.parametrize(
    ("when", "path", "said"),
    [
        ("all: [{metric: heart_rate, above: 150}, {metric: heart_rate, below: 100}]", "when.all.1.below", "never true"),
        ("all: [{event: worn}, {not: {event: worn}}]", "when.all.1", "here and not here"),
        (
            "{sequence: [{event: worn}, {event: removed}], within: 1m, without: {event: removed}}",
            "when.without",
            "never",
        ),
        ("{changed: sleep_stage, from: awake, to: awake}", "when.to", "never happens"),
        ("{daily: heart_rate, agg: mean, above: 1000}", "when.above", "never true"),
        ("{metric: heart_rate, above: 100, clear_below: 20}", "when.clear_below", "never over"),
        ("{metric: heart_rate, rises_above: 260}", "when.rises_above", "never happens"),
        ("{count_of: worn, window: 1h, below: 0}", "when.below", "none or more"),
        ("{count_of: worn, window: 1h, between: [5, 2]}", "when.between", "lower to the higher"),
        ("{metric: steps, window: 1h, agg: rate, between: [5, 2]}", "when.between", "lower to the higher"),
        ("{metric: heart_rate, window: 1h, agg: count, below: 0}", "when.below", "none or more"),
        ("{total: {metric: heart_rate, above: 100}, per: day, above: 25h}", "when.above", "not that long"),
        ("{during: {from: '22:00', to: '22:00'}}", "when.during.to", "ends when it begins"),
        ("{during: {from: '22:00', to: '06:00', days: []}}", "when.during.days", "no day"),
        ("{metric: heart_rate, of: wtach, above: 100}", "when.of", "do you mean 'watch'"),
        ("{event: worn, of: wtach}", "when.of", "do you mean 'watch'"),
        ("{event: workout.ended, where: 'data.sprot == \"x\"'}", "when.where", "no field 'sprot'"),
        ("{event: workout.ended, where: data.sport}", "when.where", "true or false"),
        ("{event: workout.ended, where: 'data.distance_m == \"far\"'}", "when.where", "is a number, never a text"),
        ("{event: workout.ended, where: '5 < data.sport'}", "when.where", "is a text, never a number"),
        ("{event: worn, where: 'false'}", "when.where", "always the same"),
        (
            "all: [{metric: heart_rate, equals: 100}, {metric: heart_rate, above: 150}]",
            "when.all.1.above",
            "is to be 100 too",
        ),
        (
            "all: [{metric: heart_rate, above: 150}, {not: {metric: heart_rate, above: 100}}]",
            "when.all.1.not.above",
            "is to be above 150 too",
        ),
        (
            "all: [{metric: heart_rate, between: [60, 80]}, {metric: heart_rate, between: [90, 95]}]",
            "when.all.1.between",
            "is to be between 60 and 80 too",
        ),
        (
            "all: [{metric: sleep_stage, equals: deep}, {metric: sleep_stage, equals: [rem, light]}]",
            "when.all.1",
            "sleep_stage is to be something else too",
        ),
        (
            "all: [{during: {from: '08:00', to: '10:00'}}, {during: {from: '12:00', to: '13:00'}}]",
            "when.all.1",
            "never in both",
        ),
        (
            "all: [{during: {from: '22:00', to: '02:00', days: [mon]}}, {during: {from: '03:00', to: '04:00', days: [tue]}}]",
            "when.all.1",
            "never in both",
        ),
        ("{metric: steps, window: 1h, agg: sum, below: 0}", "when.below", "its sum is never under 0"),
        ("{metric: heart_rate, window: 1h, agg: delta, above: 500}", "when.above", "its delta is never over 240"),
        ("{count_of: worn, window: 1h, equals: 1.5}", "when.equals", "there are never 1.5"),
        ("{sequence: [{event: worn}, {event: removed}], within: 0s}", "when.within", "nothing comes within no time"),
        (
            "{missing: {event: worn}, after: {event: removed}, within: 0s}",
            "when.within",
            "nothing comes within no time",
        ),
        ("{event: worn, where: '1 + 1'}", "when.where", "true or false"),
        ("{metric: heart_rate, where: value + 1.0}", "when.where", "true or false"),
    ],
)
def test_what_can_never_be_is_an_error_at_save(when, path, said):
    when = when if when.startswith("{") else "{" + when + "}"
    found = [(fault.path, fault.reason) for fault in _contradicted(f"  {when}")]
    assert any(where == path and said in reason for where, reason in found), found


def test_a_fault_of_both_languages_is_told_once_and_an_input_that_is_only_said_is_used():
    text = DESIGN.replace("inputs:", "inputs:\n  said: {default: 5}", 1)
    text = text.replace('because: "', 'because: "{said} {strange} ', 1)
    found = faults(text)
    assert [(fault.path, fault.reason[:26]) for fault in found] == [("because", "cannot fill in {strange}; ")]


def _contradicted(when):
    return faults(about(when))


@pytest.mark.parametrize(
    "when",
    [
        "{all: [{metric: heart_rate, above: 100}, {metric: heart_rate, below: 150}]}",
        "{metric: heart_rate, of: watch1, above: 100}",
        "{metric: heart_rate, of: laundry, above: 100}",
        "{event: workout.ended, where: 'data.sport == \"data.sprot\" && data.distance_m > 1.0'}",
        "{event: workout.ended, where: '5000 <= data.distance_m && data.sport.startsWith(\"run\")'}",
        "{all: [{metric: heart_rate, above: 150}, {not: {metric: heart_rate, above: 160}}]}",
        "{all: [{metric: heart_rate, between: [60, 80]}, {metric: heart_rate, equals: 80}]}",
        "{all: [{metric: sleep_stage, equals: [deep, rem]}, {metric: sleep_stage, equals: [rem, light]}]}",
        "{all: [{during: {from: '22:00', to: '02:00', days: [mon]}}, {during: {from: '01:00', to: '04:00', days: [tue]}}]}",
        "{metric: weight, window: 1d, agg: delta, below: -2}",
        "{event: zone.entered, where: 'data.zone == \"garden\"'}",
        "{total: {metric: heart_rate, above: 100}, per: week, above: 100h}",
    ],
)
def test_what_can_be_is_none(when):
    assert _contradicted(f"  {when}") == []


# Against what other rules make.

SETS = (
    about("  event: worn")
    .replace("id: one", "id: sets")
    .replace(
        "then: {notify: {text: hello}}",
        "then: [{trait: {name: calm, to: true}}, {trait: {name: mood, to: low}}, {trait: {name: load, to: 5}}]",
    )
)
TIMED = about("  timer: 30m").replace("id: one", "id: timed")
OF_THE_HOME = SETS.replace("id: sets", "id: of-the-home").replace("each: person", "each: home").replace("calm", "shut")
OTHERS = NOTHING.and_by(read(text).rule for text in (SETS, TIMED, OF_THE_HOME))


def _unheard(text):
    return [(fault.path, fault.reason) for fault in faults(text, OTHERS)]


@pytest.mark.parametrize(
    "when",
    [
        '{trait: calm, equals: "true"}',
        '{trait: calm, equals: "false"}',
        "{trait: mood, equals: [low]}",
        "{trait: load, above: 4}",
        "{segment: calm}",
    ],
)
def test_a_rule_may_listen_to_what_another_sets(when):
    assert _unheard(about(f"  {when}")) == []


@pytest.mark.parametrize(
    ("when", "path", "said"),
    [
        (
            "{trait: clam, above: 1}",
            "when.trait",
            "no rule sets the trait 'clam' of a person; there are calm, load, mood",
        ),
        ("{segment: clam}", "when.segment", "no rule sets the trait 'clam'"),
        ("{segment: mood}", "when.segment", "nobody is in it: rules set 'mood' to 'low'"),
        (
            "{trait: shut, equals: 'true'}",
            "when.trait",
            "'shut' is a trait of every home, and this rule is about every person",
        ),
        ("{trait: mood, above: 1}", "when.trait", "'mood' is no number: rules set it to 'low'"),
        ("{trait: mood, equals: high}", "when.equals", "never 'high': rules set 'mood' to 'low'"),
        ("{trait: load, equals: heavy}", "when.equals", "never 'heavy': rules set 'load' to a number"),
        ("{not: {trait: clam, above: 1}}", "when.not.trait", "no rule sets the trait 'clam'"),
    ],
)
def test_a_trait_that_no_rule_sets_is_a_fault(when, path, said):
    found = _unheard(about(f"  {when}"))
    assert [where for where, _ in found] == [path]
    assert said in found[0][1]


@pytest.mark.parametrize(
    ("each", "rule", "said"),
    [
        ("person", "timed", None),
        ("person", "one", "a rule's own timer"),
        ("person", "time", "no rule of every person has a timer and is called 'time'; there are timed"),
        ("person", "sets", "no rule of every person has a timer"),
        ("home", "timed", "it is one of every person"),
    ],
)
def test_a_timer_is_of_a_rule_that_has_one(each, rule, said):
    then = f"then: {{timer: {{rule: {rule}, do: start}}}}"
    text = (
        about("  event: worn").replace("then: {notify: {text: hello}}", then).replace("each: person", f"each: {each}")
    )
    found = _unheard(text)
    assert [path for path, _ in found] == (["then.0.timer.rule"] if said else [])
    assert said is None or said in found[0][1]


def test_what_a_test_gives_is_listened_to():
    text = about("  all: [{trait: mood, equals: low}, {event: worn}]") + (
        "tests: [{name: t, given: [{at: 0s, trait: {mood: low, calm: true}, timer: start}, "
        "{at: 1s, trait: {mood: high}}], expect: []}]\n"
    )
    assert _unheard(text) == [
        ("tests.0.given.0.trait.calm", "this rule does not listen to the trait 'calm'"),
        ("tests.0.given.0.timer", "this rule has no timer"),
        ("tests.0.given.1.trait.mood", "rules set 'mood' to 'low'"),
    ]


# Units of inputs.


@pytest.mark.parametrize(
    ("unit", "when", "said"),
    [
        ("", "{metric: heart_rate, above: $x}", None),
        (', unit: "/min"', "{metric: heart_rate, above: $x}", None),
        (', unit: "1"', "{metric: heart_rate, above: $x}", "$x is in 1, heart_rate in /min"),
        ("", "{all: [{metric: heart_rate, above: $x}, {metric: weight, above: $x}]}", "$x is in /min, weight in kg"),
        (", unit: kg", "{metric: heart_rate, window: 1h, agg: delta, above: $x}", "$x is in kg, heart_rate in /min"),
        (", unit: kg", "{count_of: worn, window: 1h, above: $x}", "$x is in kg, worn in 1"),
        (', unit: "/min"', "{metric: heart_rate, window: 1h, agg: count, above: $x}", "in /min, heart_rate in 1"),
        (', unit: "1"', "{metric: steps, window: 1h, agg: sum, above: $x}", None),
        (
            ", unit: h",
            "{daily: sleep_stage, agg: first_at, equals: [light], drifts_by: $x}",
            "in h, sleep_stage in min",
        ),
        (", unit: min", "{daily: sleep_stage, agg: first_at, equals: [light], drifts_by: $x}", None),
        (", unit: kg", "{metric: heart_rate, rises_above: $x}", "$x is in kg, heart_rate in /min"),
    ],
)
def test_an_input_is_in_the_unit_of_what_it_is_held_against(unit, when, said):
    text = about(f"  {when}").replace("when:", f"inputs: {{x: {{default: 100{unit}}}}}\nwhen:")
    found = [fault.reason for fault in faults(text)]
    assert len(found) == (said is not None), found
    assert said is None or said in found[0]
