"""The rules engine by itself: what a sample costs, what a scope takes in memory, how quickly the past is replayed."""

from __future__ import annotations

import gc
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

import numpy as np

from devices.model import Model
from devices.sample import DAY, MINUTE, SECOND, Event, Sample
from hub.catalogue import load_models
from rules import language, snapshot
from rules.engine import Engine
from rules.program import Program, compile_rule
from rules.replay import History, replay
from rules.subject import Origin, Subject
from rules.surroundings import Around

START = 1_767_225_600_000
OTHERS = ("spo2", "skin_temperature", "speed", "battery", "weight")
RULE = """
id: {id}
title: Bench
scope: {{each: person}}
purpose: service
when: {{metric: {metric}, above: {above}, for: 10s}}
then: {{notify: {{text: Over}}}}
because: "{{value}} is over {{limit}}"
"""
ABOVE = {"heart_rate": 180, "spo2": 99, "skin_temperature": 45, "speed": 50, "battery": 99, "weight": 300}


class Crowd:
    """People, each with a watch."""

    def __init__(self, people: int) -> None:
        subjects = [Subject(f"person-{number}", 1960 + number % 50) for number in range(people)]
        self._around = {
            f"watch-{number}": Around(Origin(f"watch-{number}", "watch", "health-watch", subject.id), subject)
            for number, subject in enumerate(subjects)
        }
        self._subjects = {subject.id: subject for subject in subjects}

    def of(self, source: str) -> Around | None:
        return self._around.get(source)

    def of_event(self, event: Event) -> Around | None:
        return self._around.get(event.source)

    def subject(self, kind: str, scope: str) -> Subject | None:
        return self._subjects.get(scope)


def cost(rules: int, *, listening: int, people: int = 10_000) -> float:
    """Seconds for a sample of heart rate, with so many rules on of which so many listen to it."""
    others = [program(f"other-{number}", OTHERS[number % len(OTHERS)]) for number in range(rules - listening)]
    engine = Engine([*(program(f"heart-{number}", "heart_rate") for number in range(listening)), *others])
    crowd = Crowd(people)
    first = [Sample(f"watch-{number}", "heart_rate", START, 80.0) for number in range(people)]
    engine.feed(first, surroundings=crowd, now=START)
    rounds = max(10, 200_000 // (people * listening))
    samples = [
        Sample(f"watch-{number}", "heart_rate", START + turn * SECOND, 80.0 + turn % 7)
        for turn in range(1, rounds + 1)
        for number in range(people)
    ]
    gc.collect()
    began = time.perf_counter()
    engine.feed(samples, surroundings=crowd, now=START)
    return (time.perf_counter() - began) / len(samples)


def memory(people: int = 10_000) -> tuple[float, float]:
    """Bytes a scope takes in memory, and in a snapshot, for a threshold rule."""
    crowd = Crowd(people)
    samples = [Sample(f"watch-{number}", "heart_rate", START, 80.0) for number in range(people)]
    engine = Engine([program("heart", "heart_rate")])
    gc.collect()
    tracemalloc.start()
    engine.feed(samples, surroundings=crowd, now=START)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / people, len(snapshot.save(engine)) / people


def evaluations(rules: int = 300, rate: int = 500) -> float:
    """Evaluations a second on one core, in eKuiper's shape: every one of 300 rules filters every one of 500 messages a second."""
    engine = Engine([program(f"heart-{number}", "heart_rate") for number in range(rules)])
    crowd = Crowd(1)
    samples = [Sample("watch-0", "heart_rate", START + turn * 2, 80.0 + turn % 90) for turn in range(rate * 10)]
    began = time.perf_counter()
    engine.feed(samples, surroundings=crowd, now=START)
    return rules * len(samples) / (time.perf_counter() - began)


def replay_rate(workers: int) -> float:
    """Samples a second replayed by so many processes: a threshold rule, a sample a second, an hour of effort a day."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_replayed, [1] * workers))
        began = time.perf_counter()
        counted = sum(pool.map(_replayed, [20] * workers))
        return counted / (time.perf_counter() - began)


def replay_wearer() -> float:
    """Seconds for 150 days of one wearer at one sample a minute."""
    past = _past(days=150, every=MINUTE)
    began = time.perf_counter()
    replay(program("heart", "heart_rate"), Subject("me", 1980), past)
    return time.perf_counter() - began


def restore(timers: int = 10_000) -> float:
    """Seconds to take up a snapshot with so many pending timers and have them run."""
    text = RULE.format(id="pending", metric="heart_rate", above=100).replace("for: 10s", "for: 1h")
    pending = compile_rule(language.read(text, file="bench").rule, _models())
    engine, crowd = Engine([pending]), Crowd(timers)
    samples = [Sample(f"watch-{number}", "heart_rate", START, 150.0) for number in range(timers)]
    engine.feed(samples, surroundings=crowd, now=START)
    kept = snapshot.save(engine)
    began = time.perf_counter()
    again = Engine([pending])
    assert not snapshot.load(again, kept)
    _, decisions = again.tick(START + 2 * 3_600_000, surroundings=crowd, now=START)
    assert len(decisions) == timers
    return time.perf_counter() - began


def program(id_: str, metric: str) -> Program:
    """A threshold rule."""
    text = RULE.format(id=id_, metric=metric, above=ABOVE[metric])
    return compile_rule(language.read(text, file="bench").rule, _models())


@cache
def _models() -> dict[str, Model]:
    return load_models()


def _replayed(days: int) -> int:
    past = _past(days=days, every=SECOND)
    replay(program("heart", "heart_rate"), Subject("me", 1980), past)
    return len(past)


@cache
def _past(*, days: int, every: int) -> History:
    count = days * DAY // every
    at = START + np.arange(count, dtype=np.int64) * every
    value = np.random.default_rng(1).normal(75, 10, count)
    effort = (at % DAY) < 3_600_000
    value[effort] += 95
    return History(
        at,
        np.zeros(count, np.int16),
        np.zeros(count, np.int32),
        value,
        np.full(count, -1, np.int32),
        ("heart_rate",),
        (Origin("watch", "watch"),),
    )
