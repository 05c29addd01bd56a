"""The chart of a feature's progress, as options of ECharts: days, their mean, the trend, and the band of peers behind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, median
from typing import Any

from api.web.catalogue import Catalogue
from api.web.charts import FONT, LINE, TEXT
from api.web.me import seven_day_mean
from api.web.shown import Shown, shown
from api.web.story import Story
from hub.views import MonthAmong
from rules.periods import A_DAY, A_WEEK, DayValue, Every, members, periods, start_of
from rules.published import Table
from rules.trend import MONTH_DAYS, Trend

PEERS_COLOR = "#b9a58a"
_MIDDLE = {"day": timedelta(0), "week": timedelta(days=3), "month": timedelta(days=14)}
Point = tuple[date, float | None]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A story to be drawn by day, week or month, on a screen or on paper."""

    story: Story
    say: Catalogue
    every: Every = "day"
    printed: bool = False

    @property
    def shown(self) -> Shown:
        """How its feature is shown."""
        return shown(self.story.feature)

    @property
    def over(self) -> list[DayValue]:
        """The days that are over."""
        return self.story.came.span.over(self.story.days)

    @property
    def trend(self) -> Trend | None:
        """The trend, where there is a clear one: a line would claim more than is known."""
        moves = self.story.came.trend
        return moves if isinstance(moves, Trend) and moves.verdict(None) != "unclear" else None


def options(drawn: Drawn) -> dict[str, Any]:
    """The whole chart. Days without data are gaps."""
    wide = not drawn.printed
    made = {
        "animation": wide,
        "animationDuration": 500,
        "grid": {"left": 4, "right": 10, "top": 50 if wide else 44, "bottom": 56 if wide else 4, "containLabel": True},
        "legend": _legend(drawn),
        "xAxis": _time_axis(drawn),
        "yAxis": _value_axis(drawn),
        "series": [*_peers(drawn), _dots(drawn), _line(drawn), _trend(drawn)],
    }
    return made | ({"tooltip": _tooltip(drawn), "dataZoom": _zoom()} if wide else {})


def _legend(drawn: Drawn) -> dict[str, Any]:
    say = drawn.say
    entries = [
        {"name": say(f"progress.each.{drawn.every}"), "icon": "circle"},
        {"name": say(f"progress.line.{drawn.every}"), "icon": "path://M0 4h18v3H0z"},
        {"name": say("progress.trend"), "icon": "path://M0 5h4v1.6h-4zM7 5h4v1.6h-4zM14 5h4v1.6h-4z"},
        {"name": say("progress.others"), "icon": "roundRect"},
    ]
    there = (True, True, drawn.trend is not None, bool(_bands(drawn)))
    return {
        "data": [entry for entry, is_there in zip(entries, there, strict=True) if is_there],
        "left": 0,
        "top": 0,
        "itemWidth": 13,
        "itemHeight": 9,
        "itemGap": 10,
        "textStyle": TEXT | {"fontSize": 12},
    }


def _time_axis(drawn: Drawn) -> dict[str, Any]:
    """From the first month that has data, or at least a week."""
    span, month = drawn.story.came.span, drawn.say("me.month")
    begun = max(span.first, start_of(drawn.over[0].day, "month"))
    return {
        "type": "time",
        "min": f"{begun}",
        "max": f"{max(span.last, begun + A_WEEK)}",
        "axisLabel": TEXT
        | {"hideOverlap": True, "formatter": {"year": drawn.say("progress.year"), "month": month, "day": "{d}"}},
        "splitLine": {"show": False},
        "axisTick": {"show": False},
        "axisLine": {"lineStyle": {"color": LINE}},
    }


def _value_axis(drawn: Drawn) -> dict[str, Any]:
    return {
        "type": "value",
        "scale": True,
        "name": drawn.shown.unit_in(drawn.say.language).strip(),
        "nameTextStyle": TEXT | {"align": "left"},
        "nameGap": 8,
        "splitNumber": 3 if drawn.printed else 4,
        "axisLabel": TEXT,
        "splitLine": {"lineStyle": {"color": LINE}},
    }


def _dots(drawn: Drawn) -> dict[str, Any]:
    size = {"day": 5, "week": 8, "month": 12}[drawn.every]
    return {
        "id": "dots",
        "name": drawn.say(f"progress.each.{drawn.every}"),
        "type": "scatter",
        "symbolSize": size,
        "itemStyle": {"color": drawn.shown.color, "opacity": 0.34},
        "data": _scaled(_points(drawn), drawn.shown),
        "z": 3,
    }


def _points(drawn: Drawn) -> list[Point]:
    """A value for each day, week or month, in its middle, but never after the last day."""
    last = drawn.story.came.span.last
    return [(min(each.start + _MIDDLE[drawn.every], last), each.value) for each in periods(drawn.over, drawn.every)]


def _line(drawn: Drawn) -> dict[str, Any]:
    color = drawn.shown.color
    points: list[Point]
    if drawn.every == "day":
        points = [(date.fromisoformat(day), value) for day, value in seven_day_mean(drawn.over)]
    else:
        points = _broken(_points(drawn), A_WEEK if drawn.every == "week" else timedelta(days=31))
    return {
        "id": "line",
        "name": drawn.say(f"progress.line.{drawn.every}"),
        "type": "line",
        "showSymbol": False,
        "smooth": 0.35,
        "smoothMonotone": "x",
        "connectNulls": False,
        "lineStyle": {"width": 3.2, "color": color, "cap": "round"},
        "itemStyle": {"color": color},
        "data": _scaled(points, drawn.shown),
        "markLine": _goal(drawn),
        "z": 5,
    }


def _broken(points: Sequence[Point], step: timedelta) -> list[Point]:
    """A gap wherever a week or month is without data."""
    told: list[Point] = []
    for day, value in points:
        if told and day - told[-1][0] > step:
            told.append((day - A_DAY, None))
        told.append((day, value))
    return told


def _goal(drawn: Drawn) -> dict[str, Any]:
    """The goal as a dotted line, where it is one of a day."""
    goal = drawn.story.goal
    if goal is None or goal.is_summed:
        return {"data": []}
    said = f"{drawn.say('goal.title')} {drawn.shown.figure(goal.target)}"
    return {
        "symbol": "none",
        "silent": True,
        "lineStyle": {"color": "#1f2630", "type": "dotted", "width": 1.4, "opacity": 0.55},
        "label": {"formatter": said, "position": "insideStartTop", "color": "#1f2630", "fontFamily": FONT},
        "data": [{"yAxis": goal.target * drawn.shown.scale}],
    }


def _trend(drawn: Drawn) -> dict[str, Any]:
    moves = drawn.trend
    return {
        "id": "trend",
        "name": drawn.say("progress.trend"),
        "type": "line",
        "showSymbol": False,
        "lineStyle": {"width": 2, "type": "dashed", "color": "#1f2630", "opacity": 0.7},
        "itemStyle": {"color": "#1f2630"},
        "data": _scaled(trend_line(drawn.over, moves), drawn.shown) if moves is not None else [],
        "z": 4,
    }


def trend_line(days: Sequence[DayValue], moves: Trend) -> list[Point]:
    """The first and the last day on the line of a trend, which goes through the medians of days and values (Sen 1968).

    Weeks stand for their days, as they do in trends of long and of coarse series.
    """
    weeks = members(days, "week").values()
    middle = median(fmean(day.toordinal() for day, _ in week) for week in weeks)
    value = median(fmean(value for _, value in week) for week in weeks)
    ends = (days[0].day, days[-1].day)
    return [(day, value + moves.slope / MONTH_DAYS * (day.toordinal() - middle)) for day in ends]


def _bands(drawn: Drawn) -> list[tuple[MonthAmong, Table]]:
    among = drawn.story.among
    return [(each, each.table) for each in among.months if each.table is not None] if among else []


def _peers(drawn: Drawn) -> list[dict[str, Any]]:
    """The band between the quartiles, drawn as two lines of which the upper is stacked on the lower, and the median."""
    low, high, middle = [], [], []
    for day, table in _band_points(drawn):
        low.append((day, table.low if table else None))
        high.append((day, table.high - table.low if table else None))
        middle.append((day, table.median if table else None))
    hidden = {"lineStyle": {"opacity": 0}, "stack": "peers", "stackStrategy": "all"}
    area = {"areaStyle": {"color": PEERS_COLOR, "opacity": 0.22}}
    line = {"lineStyle": {"color": PEERS_COLOR, "width": 1.5}}
    return [
        _behind(drawn, "peers-low", low) | hidden,
        _behind(drawn, "peers-high", high) | hidden | area,
        _behind(drawn, "peers-median", middle) | line,
    ]


def _behind(drawn: Drawn, name: str, points: Sequence[Point]) -> dict[str, Any]:
    return {
        "id": name,
        "name": drawn.say("progress.others"),
        "type": "line",
        "silent": True,
        "showSymbol": False,
        "smooth": 0.4,
        "smoothMonotone": "x",
        "connectNulls": False,
        "itemStyle": {"color": PEERS_COLOR},
        "data": _scaled(points, drawn.shown),
        "z": 1,
    }


def _band_points(drawn: Drawn) -> Iterator[tuple[date, Table | None]]:
    """Each month's table in its middle; the first month's also at its beginning, the last one's at its end."""
    span = drawn.story.came.span
    told = [(_first_of(each.period), each.table) for each in (drawn.story.among.months if drawn.story.among else ())]
    told = [(start, table) for start, table in told if _next(start) > span.first and start <= span.last]
    if told:
        yield max(told[0][0], span.first), told[0][1]
    for start, table in told:
        middle = start + _MIDDLE["month"]
        if span.first < middle < span.last:
            yield middle, table
    if told:
        yield min(_next(told[-1][0]) - A_DAY, span.last), told[-1][1]


def _first_of(period: int) -> date:
    return date(period // 12, period % 12 + 1, 1)


def _next(start: date) -> date:
    return (start + timedelta(days=32)).replace(day=1)


def _scaled(points: Sequence[Point], how: Shown) -> list[list[Any]]:
    return [[f"{day}", None if value is None else round(value * how.scale, 3)] for day, value in points]


def _zoom() -> list[dict[str, Any]]:
    """Drag the handles, or hold Ctrl and turn the wheel; pinch on a phone. A page must still scroll over the chart."""
    inside = {"type": "inside", "zoomOnMouseWheel": "ctrl", "moveOnMouseWheel": False, "preventDefaultMouseMove": False}
    slider = {
        "type": "slider",
        "height": 12,
        "bottom": 10,
        "left": 40,
        "right": 22,
        "borderColor": "transparent",
        "borderRadius": 6,
        "backgroundColor": "#f1ece4",
        "fillerColor": "#dccdb6",
        "showDataShadow": False,
        "handleIcon": "circle",
        "handleSize": 22,
        "handleStyle": {"color": "#fff", "borderColor": "#9c8663", "borderWidth": 2},
        "moveHandleSize": 0,
        "showDetail": False,
        "brushSelect": False,
        "minValueSpan": 6 * 86_400_000,
    }
    return [inside, slider]


def _tooltip(drawn: Drawn) -> dict[str, Any]:
    """What is under the pointer, by `hubTip` of progress.js."""
    say, how = drawn.say, drawn.shown
    peers = {
        f"{_first_of(each.period):%Y-%m}": f"{how.figure(table.low)} – {how.amount(table.high, say.language)}"
        for each, table in _bands(drawn)
    }
    told = {
        "language": say.language,
        "digits": how.digits,
        "unit": how.unit_in(say.language),
        "every": drawn.every,
        "band": say("progress.band"),
        "color": PEERS_COLOR,
        "peers": peers,
    }
    return {
        "trigger": "axis",
        "confine": True,
        "textStyle": {"fontFamily": FONT},
        ":formatter": f"points => hubTip(points, {json.dumps(told)})",
    }
