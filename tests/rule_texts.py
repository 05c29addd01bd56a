"""What the tests of the rule language share: the device models, the example of the design, and rules of one condition."""

from __future__ import annotations

from pathlib import Path

from devices import model
from rules import draft, language, vocabulary
from rules.made import NOTHING

MODELS = {
    each.id: each
    for path in sorted((Path(__file__).parents[1] / "devices" / "models").glob("*.yaml"))
    for each in [model.parse(path.read_text(), file=path.name)]
}

NEW_YEAR_2026 = 1_767_225_600_000

DESIGN = """\
id: ease-off                       # immutable id; every saved change is a new version
title: Ease off when your heart works too hard
scope: {each: person}              # state is kept per person (or home, device)
purpose: service                   # what the person must have allowed; the engine sees nothing else
inputs:
  limit: {default: person.heart_rate.recommended_max, unit: "/min"}
when:
  metric: heart_rate
  above: $limit
  clear_below: $limit - 5          # hysteresis
  for: 10s                         # event time; survives restarts
  on_gap: {longer_than: 30s, then: hold}
escalate:
  - {after: 0s,  level: notice,   then: {command: {to: watch, type: vibrate, args: {strength: 1}}}}
  - {after: 15s, level: warning,  then: {command: {to: watch, type: vibrate, args: {strength: 3}}}}
  - {after: 40s, level: critical, then: {command: {to: watch, type: alarm,   args: {sound: true, volume: 10}}}}
clear:
  then: {command: {to: watch, type: stop_alarm}}
limits: {cooldown: 2m, mode: single}
because: "Your heart has been above {limit:.0f} beats a minute for {held}."
tests:
  - name: a climb fires, a blip does not
    given: [{at: 0s, heart_rate: 120}, {at: 5s, heart_rate: 190, until: 8s}, {at: 60s, heart_rate: 185, until: 120s}]
    expect: [{at: 70s, level: notice}, {at: 85s, level: warning}, {at: 110s, level: critical}]
"""


def read(text=DESIGN):
    return language.read(text, file="rule.yaml")


def faults(text=DESIGN, made=NOTHING):
    return vocabulary.faults(draft.read(text, file="rule.yaml"), MODELS, made)


def changed(old, new):
    assert old in DESIGN
    return DESIGN.replace(old, new, 1)


def about(when):
    return f"""\
id: one
title: One
scope: {{each: person}}
purpose: service
because: "{{value}}"
then: {{notify: {{text: hello}}}}
when:
{when}
"""
