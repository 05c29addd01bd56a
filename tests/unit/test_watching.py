"""Who listens to what: a sample that no rule listens to any more is not looked at."""

from __future__ import annotations

import pytest

from devices.sample import MINUTE, SECOND, Sample
from rules.engine import Engine
from tests.property.stage import AROUND, NOW, START, Surroundings, rule

HEART = rule("{metric: heart_rate, above: 100}", id_="heart")
STEPS = rule("{metric: steps, above: 100}", id_="steps", scope="home")


class Asked(Surroundings):
    """Counts how often somebody asks whom a sample is about."""

    times = 0

    def of(self, source):
        self.times += 1
        return super().of(source)


def samples(metric, *, source="watch1", count=50):
    return [Sample(source, metric, START + number * SECOND, 50.0) for number in range(count)]


@pytest.mark.parametrize("gone", ["dropped", "never on"])
def test_what_no_rule_listens_to_is_not_looked_at(gone):
    engine = Engine([HEART, *([STEPS] if gone == "dropped" else [])])
    engine.drop(STEPS.id)
    asked = Asked()
    engine.feed(samples("steps"), surroundings=asked, now=NOW)
    assert asked.times == 0


def test_a_rule_taken_up_again_hears_again():
    engine = Engine([HEART])
    engine.drop(HEART.id)
    engine.put(HEART)
    fired = engine.feed([Sample("watch1", "heart_rate", START, 120.0)], surroundings=AROUND, now=NOW)
    assert [decision.rule for decision in fired] == ["heart"]


def test_rules_that_others_listen_with_go_on_when_one_is_dropped():
    more = rule("{metric: heart_rate, above: 110}", id_="more")
    engine = Engine([HEART, more])
    engine.feed(samples("heart_rate"), surroundings=AROUND, now=NOW)
    engine.drop("more")
    fired = engine.feed([Sample("watch1", "heart_rate", START + MINUTE, 120.0)], surroundings=AROUND, now=NOW)
    assert [decision.rule for decision in fired] == ["heart"]


def test_rules_about_people_who_have_not_allowed_them_hear_nothing_until_they_do():
    engine = Engine([rule("{metric: steps, above: 10}", id_="wellness")])
    engine.running["wellness"].purpose = "wellness"
    assert engine.feed(samples("steps"), surroundings=AROUND, now=NOW) == []
    engine.grants["minji", "wellness"] = START
    engine.forget("minji", "wellness")
    fired = engine.feed([Sample("watch1", "steps", START + MINUTE, 50.0)], surroundings=AROUND, now=NOW)
    assert [decision.rule for decision in fired] == ["wellness"]
