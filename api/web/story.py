"""Stories: how the features of a person came along, read from the stores for a page; it takes a while, so in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from api.deps import zone_of
from api.progress import goal_from, known_days
from api.web.asked import GROUPS, Asked
from hub.runtime import Hub
from hub.store.sessions import Caller
from hub.views import Among, Reader, View
from rules.consent import PEERS
from rules.daily import Columns
from rules.derived import Body, components
from rules.features import FEATURES, Feature
from rules.goals import Goal
from rules.months import Month
from rules.periods import DayValue, Period, Span, periods
from rules.progress import Progress, progress
from rules.progress_words import sentence, statements
from rules.trend import Trend, trend


@dataclass(frozen=True, slots=True)
class Glance:
    """A feature at a glance: its newest month, where it is going, and its weeks."""

    feature: Feature
    month: Month
    trend: Trend | None
    weeks: list[Period]


@dataclass(frozen=True, slots=True)
class Story:
    """One feature over a span; `among` is `None` where people are not compared, or this one did not say yes."""

    feature: Feature
    days: list[DayValue]
    came: Progress
    goal: Goal | None
    among: Among | None

    @property
    def statements(self) -> dict[str, list[str]]:
        """What it comes to, one statement after the other."""
        return statements(self.came, unit=self.feature.unit)

    @property
    def sentence(self) -> dict[str, str]:
        """The same as one."""
        return sentence(self.came, titles=self.feature.title.model_dump(), unit=self.feature.unit)


class Shelf:
    """What there is of one person over a span. Blocking."""

    def __init__(self, hub: Hub, caller: Caller, asked: Asked) -> None:
        """Raises `NotFound`."""
        assert caller.person is not None
        self._hub, self._asked, self.person = hub, asked, caller.person
        view = hub.gate.person(self.person, Reader(caller.username, self.person, "service", "/progress"))
        peers = hub.gate.person(self.person, Reader(caller.username, self.person, PEERS, "/progress"))
        self._peers = peers if isinstance(peers, View) else None
        self.today = datetime.now(ZoneInfo(zone_of(self.person, hub))).date()
        self.span, self._columns = self._read(view) if isinstance(view, View) else (Span(self.today, self.today), {})
        self.days = {name: days for name in FEATURES if (days := self._known(name))}

    def _read(self, view: View) -> tuple[Span, Columns]:
        span = self._asked.span(view, self.today)
        return span, view.features(span.first, span.last)

    def _known(self, name: str) -> list[DayValue]:
        column = self._columns.get(name)
        return [] if column is None else known_days(column, self.span.first)

    @property
    def joined(self) -> bool:
        """Whether the person said yes to being compared."""
        return self._peers is not None

    @property
    def chosen(self) -> Feature | None:
        """The feature asked for, else the first there is."""
        name = self._asked.metric or next(iter(self.days), None)
        return FEATURES[name] if name else None

    @property
    def absent(self) -> list[Feature]:
        """The features without a day of data."""
        return [feature for name, feature in FEATURES.items() if name not in self.days]

    @property
    def index_parts(self) -> int:
        """Of how many of its eight parts the health index is made just now."""
        if not self._columns:
            return 0
        body = Body(np.array([np.nan]), np.array([(self._known_height() or np.nan) / 100]))
        recent = components(self._columns, body).values()
        return sum(bool((~np.isnan(part[-7:])).any()) for part in recent)

    @property
    def birth_year(self) -> int | None:
        """When the person was born, if that is known."""
        return self._hub.accounts.person(self.person).birth_year

    def glances(self) -> Iterator[Glance]:
        """Every feature that has days that are over."""
        for name, days in self.days.items():
            over = self.span.over(days)
            if not over:
                continue
            newest = periods(over, "month")[-1]
            moves = trend(over)
            month = Month(f"{newest.start:%Y-%m}", newest.value, newest.days)
            yield Glance(FEATURES[name], month, moves if isinstance(moves, Trend) else None, periods(over, "week"))

    def story(self, feature: Feature) -> Story:
        """How one feature came along."""
        days = self.days.get(feature.name, [])
        goal = goal_from(self._hub.goals.goal(self.person, feature.name))
        came = progress(days, self.span, better=feature.better, goal=goal)
        among = None
        if self._peers is not None and feature.compared:
            among = self._peers.among(feature, GROUPS[self._asked.by])
        return Story(feature, days, came, goal, among)

    def stories(self) -> Iterator[Story]:
        """All there are."""
        return (self.story(FEATURES[name]) for name in self.days)

    def _known_height(self) -> float | None:
        return self._hub.accounts.person(self.person).height_cm
