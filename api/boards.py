"""What a board shows to those who have joined it: everybody's days through the gate of consent, as standings."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from api.deps import now, zone_of
from api.progress import known_days
from hub.runtime import Hub
from hub.store.boards import Seat
from hub.store.tables import BoardMemberRow
from hub.views import Reader, View
from rules.calendar import day_of, week_of
from rules.consent import COMMUNITY
from rules.features import FEATURES
from rules.periods import A_DAY, A_WEEK, DayValue, Span
from rules.standings import Place, weekly

WEEKS, WEEKS_MOST = 4, 12


class Standings(NamedTuple):
    """The places of each week by its Monday, newest first; `running` is the week that is not over, where the reader is."""

    weeks: dict[date, list[Place]]
    running: date


def reader_for(username: str, person: str, path: str) -> Reader:
    """Who looks at others' days for a board."""
    return Reader(username, person, COMMUNITY, path)


def standings(hub: Hub, seat: Seat, reader: Reader, *, weeks: int = WEEKS) -> Standings:
    """How everybody on a board stands, by the days that are over where each of them is; `reader` has joined it.

    Whose days the gate does not show is left out. Every look at somebody else's is on record.
    """
    assert seat.name is not None
    assert reader.person is not None
    running = week_of(now(), zone_of(reader.person, hub)).date
    mondays = [running - back * A_WEEK for back in range(weeks)]
    known = {
        member.name: days
        for member in hub.boards.members(seat.board.id)
        if (days := _days(hub, member, seat.board.metric, reader, Span(mondays[-1], running + 6 * A_DAY))) is not None
    }
    return Standings(weekly(known, mondays, FEATURES[seat.board.metric]), running)


def _days(hub: Hub, member: BoardMemberRow, metric: str, reader: Reader, span: Span) -> list[DayValue] | None:
    view = hub.gate.person(member.person_id, reader)
    if not isinstance(view, View):
        return None
    yesterday = day_of(now(), zone_of(member.person_id, hub)).date - timedelta(days=1)
    until = min(span.last, yesterday)
    if until < span.first:
        return []
    column = view.features(span.first, until, fresh=False).get(metric)
    return [] if column is None else known_days(column, span.first)
