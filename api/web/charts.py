"""Charts, as options of ECharts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

SOFT, LINE, HEART = "#8a919c", "#ece7df", "#f0503c"
FONT = '"Pretendard", "Inter", "Noto Sans KR", "Noto Sans CJK KR", "Apple SD Gothic Neo", "Segoe UI", sans-serif'
"""The fonts of the pages: a canvas inherits none."""
TEXT = {"color": SOFT, "fontFamily": FONT}

Dots = Sequence[tuple[Any, float | None]]


class Marks(NamedTuple):
    """A row of marks on a timeline."""

    name: str
    color: str
    at: Sequence[int]


def live_heart(dots: Dots, *, limit: float | None, name: str) -> dict[str, Any]:
    """Heart rate over the last minutes, with the limit as a line."""
    line: dict[str, Any] = {
        "name": name,
        "type": "line",
        "data": [list(dot) for dot in dots],
        "showSymbol": False,
        "smooth": 0.25,
        "lineStyle": {"width": 3, "color": HEART},
        "areaStyle": {"color": HEART, "opacity": 0.08},
    }
    if limit is not None:
        mark = {"yAxis": round(limit), "lineStyle": {"color": HEART, "type": "dashed", "opacity": 0.7}}
        line["markLine"] = {
            "symbol": "none",
            "silent": True,
            "data": [mark],
            "label": {"color": HEART, "position": "insideEndTop"},
        }
    top = max([limit or 0, *[value for _, value in dots if value is not None]], default=100) + 10
    return {
        "animation": False,
        "grid": {"left": 34, "right": 12, "top": 14, "bottom": 24},
        "xAxis": {
            "type": "time",
            "axisLabel": TEXT | {"hideOverlap": True},
            "splitLine": {"show": False},
            "axisLine": {"lineStyle": {"color": LINE}},
        },
        "yAxis": {
            "type": "value",
            "min": 40,
            "max": round(top, -1),
            "axisLabel": TEXT,
            "splitLine": {"lineStyle": {"color": LINE}},
        },
        "tooltip": {"trigger": "axis"},
        "series": [line],
    }


def months(dots: Dots, *, smooth: Dots, bars: bool, color: str, names: tuple[str, str, str]) -> dict[str, Any]:
    """Daily values over months, with the mean of seven days drawn over them. Days without data are gaps.

    `names` are those of the two series, and how a month is named; bars begin at zero.
    """
    daily: dict[str, Any] = {
        "name": names[0],
        "data": [list(dot) for dot in dots],
        "itemStyle": {"color": color, "opacity": 0.32},
    }
    daily |= {"type": "bar", "barWidth": "60%"} if bars else {"type": "scatter", "symbolSize": 5}
    trend = {
        "name": names[1],
        "type": "line",
        "data": [list(dot) for dot in smooth],
        "showSymbol": False,
        "smooth": 0.3,
        "connectNulls": False,
        "lineStyle": {"width": 3, "color": color},
        "itemStyle": {"color": color},
    }
    return {
        "grid": {"left": 48, "right": 12, "top": 12, "bottom": 26},
        "xAxis": {
            "type": "time",
            "axisLabel": TEXT | {"hideOverlap": True, "formatter": {"year": names[2], "month": names[2], "day": "{d}"}},
            "splitLine": {"show": False},
            "axisLine": {"lineStyle": {"color": LINE}},
        },
        "yAxis": {
            "type": "value",
            "scale": not bars,
            "axisLabel": TEXT,
            "splitLine": {"lineStyle": {"color": LINE}},
        },
        "tooltip": {"trigger": "axis"},
        "series": [daily, trend],
    }


def firings(dots: Dots, rows: Sequence[Marks], *, name: str, since: int, until: int) -> dict[str, Any]:
    """A metric as a line, and below it, on the same time, a row of marks for each kind of firing."""
    strip, line = 30 * max(1, len(rows)), 150 if dots else 0
    left = min(130, max(74, 7 * max((len(row.name) for row in rows), default=0)))
    span = {"type": "time", "min": since, "max": until, "axisLine": {"lineStyle": {"color": LINE}}}
    hidden = {"axisLabel": {"show": False}, "axisTick": {"show": False}, "splitLine": {"show": False}}
    shown = {"axisLabel": TEXT | {"hideOverlap": True}, "splitLine": {"show": False}}
    marks = [
        {
            "name": row.name,
            "type": "scatter",
            "symbol": "roundRect",
            "symbolSize": [7, 18],
            "itemStyle": {"color": row.color, "opacity": 0.85},
            "xAxisIndex": 1,
            "yAxisIndex": 1,
            "data": [[at, row.name] for at in row.at],
        }
        for row in rows
    ]
    metric = {
        "name": name,
        "type": "line",
        "data": [list(dot) for dot in dots],
        "showSymbol": len(dots) < 3,
        "lineStyle": {"width": 1.6, "color": HEART},
        "itemStyle": {"color": HEART},
    }
    return {
        "animation": False,
        "grid": [
            {"left": left, "right": 14, "top": 10, "height": line},
            {"left": left, "right": 14, "top": line + 18, "height": strip},
        ],
        "xAxis": [span | hidden | {"gridIndex": 0}, span | shown | {"gridIndex": 1}],
        "yAxis": [
            {
                "type": "value",
                "scale": True,
                "gridIndex": 0,
                "axisLabel": TEXT | {"show": bool(dots)},
                "splitLine": {"lineStyle": {"color": LINE}, "show": bool(dots)},
            },
            {
                "type": "category",
                "gridIndex": 1,
                "data": [row.name for row in rows],
                "axisLabel": TEXT | {"width": left - 8, "overflow": "break"},
                "axisTick": {"show": False},
                "splitLine": {"show": True, "lineStyle": {"color": LINE}},
            },
        ],
        "tooltip": {"trigger": "item"},
        "series": [metric, *marks],
    }
