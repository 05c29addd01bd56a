"""What one metric of one source concerns: the cells that listen, and what may pass all of them at once."""

from __future__ import annotations

from devices.sample import Instant
from rules.cell import Cell, Passing, Running
from rules.program import NEVER
from rules.surroundings import Around

Listener = tuple[Running, Cell, Passing | None]


class Watch:
    """Most values change nothing for anybody. While it is `fresh` it knows which do not, and notes them once for all cells
    that remember but the last of them; whoever looks at such a cell has it told first (`settle`).
    """

    __slots__ = (
        "alike",
        "around",
        "at",
        "clock",
        "ended",
        "fresh",
        "gap",
        "hears",
        "high",
        "listeners",
        "low",
        "others",
        "passed",
        "until",
        "value",
    )

    def __init__(self, around: Around, listeners: list[Listener]) -> None:
        self.around, self.listeners = around, listeners
        self.alike: list[tuple[Cell, Passing]] = []
        self.others: list[Listener] = []
        self.fresh = self.ended = False
        self.low = self.high = self.value = 0.0
        self.clock = self.until = self.at = self.gap = 0
        self.passed = 0
        self.hears = any(running.hears for running, _, _ in listeners)
        for running, cell, calm in listeners:
            if calm is not None and calm.plain and cell.watch is None:
                cell.watch = self
                self.alike.append((cell, calm))
            else:
                if cell.watch is not None:
                    cell.watch.release(cell)
                self.others.append((running, cell, calm))

    def passes(self, at: Instant, value: float | str) -> bool:
        """Whether a value changes nothing for the cells that are alike; if so, it is noted."""
        if (
            self.fresh
            and type(value) is not str
            and self.low <= value <= self.high  # type: ignore[operator]
            and self.clock <= at < self.until
            and at - self.at <= self.gap
        ):
            self.at = self.clock = at
            self.value = value  # type: ignore[assignment]
            self.passed += 1
            return True
        return False

    def settle(self) -> None:
        """Tell the cells what passed."""
        if self.passed:
            source = self.around.origin.source
            for cell, calm in self.alike:
                cell.clock = calm.seen = self.at
                calm.value, calm.source = self.value, source
                calm.passed += self.passed
            self.passed = 0

    def look(self, at: Instant) -> None:
        """See which values pass all cells, the last at `at` having done so."""
        if not self.alike:
            return
        self.low = max(calm.low for _, calm in self.alike)
        self.high = min(calm.high for _, calm in self.alike)
        self.gap = min(calm.gap for _, calm in self.alike)
        self.until = min((cell.until for cell, _ in self.alike), default=NEVER)
        self.at = self.clock = at
        self.fresh = True

    def release(self, cell: Cell) -> None:
        """Somebody else listens for this cell too: look at it each time."""
        self.settle()
        self.fresh = False
        self.others = [each for each in self.listeners if each[1] is cell or each in self.others]
        self.alike = [each for each in self.alike if each[0] is not cell]

    def end(self) -> None:
        """Let go of the cells."""
        self.settle()
        self.ended = True
        for cell, _ in self.alike:
            cell.watch = None
