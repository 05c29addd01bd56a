"""What looking at a rule came to counts every sample, also those that the engine passes over because they change nothing."""

from __future__ import annotations

import time

from devices.sample import Sample
from hub.catalogue import load_models
from rules import language
from rules.cell import Cell
from rules.engine import Engine
from rules.program import compile_rule
from rules.state import Outcome
from rules.subject import Origin, Subject
from rules.surroundings import Around
from tests.harness import ROOT

ANN = Subject("ann", birth_year=1960)
ORIGIN = Origin("watch", "watch", "health-watch", "ann")


class Surroundings:
    """One watch on one wrist."""

    def of(self, source: str) -> Around:
        return Around(origin=ORIGIN, person=ANN, homes=(), device=None, place=None)

    def of_event(self, event: object) -> Around:
        return self.of("watch")

    def subject(self, kind: str, scope: str) -> Subject:
        return ANN


def test_the_last_outcome_is_of_the_last_sample_and_every_sample_is_counted() -> None:
    text = (ROOT / "rules/packs/heart/ease-off.yaml").read_text()
    program = compile_rule(language.read(text, file="ease-off.yaml").rule, load_models())
    engine = Engine([program])
    begun = time.time_ns() // 1_000_000

    def beat(seconds: range, rate: float) -> Cell:
        samples = [Sample("watch", "heart_rate", begun + second * 1_000, rate) for second in seconds]
        for sample in samples:
            engine.feed([sample], surroundings=Surroundings(), now=sample.observed_at)
        return engine.running["ease-off"].cells["ann"]

    def came_to(cell: Cell) -> dict[Outcome, tuple[int, int]]:
        looked = cell.looked(program, cell.current(program))
        return {outcome: ((each.at - begun) // 1_000, each.times) for outcome, each in looked.items()}

    assert came_to(beat(range(30), 92.0)) == {Outcome.FALSE: (29, 30)}
    assert came_to(beat(range(30, 60), 185.0)) == {
        Outcome.FALSE: (29, 30),
        Outcome.PENDING: (39, 10),
        Outcome.FIRED: (55, 2),
        Outcome.FIRING: (59, 18),
    }
    after = came_to(beat(range(60, 100), 92.0))
    assert after[Outcome.CLEARED] == (60, 1)
    assert after[Outcome.FALSE] == (99, 69)
