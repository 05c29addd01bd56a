"""The parts of the page Progress that need no browser: what was asked for, lines, blocks, figures."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.web import catalogue
from api.web.asked import GROUPS, SPANS, Asked
from api.web.progress_chart import Drawn, options, trend_line
from api.web.shown import shown
from api.web.story import Story
from api.web.streak_card import blocks
from api.web.strip import sparkline
from hub.views import Among, MonthAmong
from rules.features import FEATURES
from rules.goals import Goal
from rules.periods import DayValue, Period, Span
from rules.progress import progress
from rules.published import Table
from rules.trend import Trend, trend

STEPS = FEATURES["steps"]
FIRST = date(2026, 6, 1)
SAY = catalogue.load()
CHOICES = st.builds(Asked, st.sampled_from([None, *FEATURES]), st.sampled_from([*SPANS]), st.sampled_from([*GROUPS]))


class FirstDay:
    """A view that knows its first day."""

    def __init__(self, day: date | None) -> None:
        self.first_day = lambda: day


def days(count: int, *, first: date = FIRST, start: float = 5_000, step: float = 10) -> list[DayValue]:
    return [DayValue(first + timedelta(days=place), start + step * place) for place in range(count)]


def story(told: list[DayValue], span: Span, *, goal: Goal | None = None, among: Among | None = None) -> Story:
    return Story(STEPS, told, progress(told, span, better="up", goal=goal), goal, among)


def series(drawn: Drawn) -> dict[str, list]:
    return {each["id"]: each["data"] for each in options(drawn)["series"]}


@given(CHOICES)
def test_a_path_asks_for_what_it_was_made_from(asked: Asked) -> None:
    _, _, query = asked.path().partition("?")
    told = dict(part.split("=") for part in query.replace("%2C", ",").split("&") if part)
    assert Asked.read(told.get("metric"), told.get("months"), told.get("by")) == asked


def test_what_is_not_offered_is_as_if_it_had_not_been_asked_for() -> None:
    assert Asked.read("gold", "forever", "shoes") == Asked()


@pytest.mark.parametrize(
    ("months", "first_day", "since"),
    [
        ("5", None, date(2025, 9, 1)),
        ("12", None, date(2025, 2, 1)),
        ("all", date(2024, 5, 6), date(2024, 5, 6)),
        ("all", None, date(2026, 2, 28)),
        ("all", date(2027, 1, 1), date(2026, 2, 28)),
        ("all", date(1990, 1, 1), date(2026, 2, 28) - timedelta(days=3660)),
    ],
)
def test_a_span_begins_with_a_month_and_ends_with_the_day_that_runs(
    months: str, first_day: date | None, since: date
) -> None:
    today = date(2026, 2, 28)
    span = Asked(months=months).span(FirstDay(first_day), today)  # type: ignore[arg-type]
    assert span == Span(since, today, running=True)


def test_the_trend_is_drawn_through_straight_days_themselves() -> None:
    told = days(60)
    moves = trend(told)
    assert isinstance(moves, Trend)
    (first, low), (last, high) = trend_line(told, moves)
    assert (first, last) == (told[0].day, told[-1].day)
    assert low == pytest.approx(told[0].value)
    assert high == pytest.approx(told[-1].value)


def test_days_without_data_are_gaps_and_the_running_day_is_not_drawn() -> None:
    told = days(20) + days(20, first=FIRST + timedelta(days=40))
    span = Span(FIRST, told[-1].day, running=True)
    drawn = series(Drawn(story(told, span), SAY["en"]))
    assert [day for day, _ in drawn["dots"]] == [f"{day}" for day, _ in told[:-1]]
    assert [value for day, value in drawn["line"] if "2026-06-28" <= day < "2026-07-11"] == [None] * 13


@pytest.mark.parametrize(("every", "points"), [("day", 90), ("week", 13), ("month", 3)])
def test_the_chart_is_drawn_by_day_week_or_month(every: str, points: int) -> None:
    told = days(90)
    drawn = series(Drawn(story(told, Span(FIRST, told[-1].day)), SAY["ko"], every))  # type: ignore[arg-type]
    assert len(drawn["dots"]) == points


def test_the_band_of_peers_stays_within_the_span_and_breaks_where_nothing_may_be_told() -> None:
    table = Table(size=260, low=6_000, median=7_000, high=8_500, better="up", thresholds=())
    june = 2026 * 12 + 5
    months = tuple(MonthAmong(june + each, None, None, None if each == 1 else table) for each in range(-2, 4))
    told = days(75)
    span = Span(FIRST, told[-1].day)
    drawn = series(Drawn(story(told, span, among=Among(0, months=months)), SAY["en"]))
    assert drawn["peers-low"] == [
        ["2026-06-01", 6_000],
        ["2026-06-15", 6_000],
        ["2026-07-15", None],
        ["2026-08-14", 6_000],
    ]
    assert [value for _, value in drawn["peers-high"]] == [2_500, 2_500, None, 2_500]


def test_paper_has_neither_zoom_nor_movement() -> None:
    told = days(30)
    paper = options(Drawn(story(told, Span(FIRST, told[-1].day)), SAY["en"], printed=True))
    assert paper["animation"] is False
    assert not {"dataZoom", "tooltip"} & set(paper)


def test_blocks_tell_well_from_missed_from_nothing() -> None:
    told = [each for each in days(30) if each.day.day != 25]
    last = told[-1].day
    goal = Goal("steps", 5_200, "day", "up")
    came = list(blocks(story(told, Span(FIRST, last), goal=goal)))
    assert len(came) == 28
    assert {block.went for block in came if block.start.day <= 20} == {"missed"}
    assert [block.went for block in came if block.start.day == 25] == ["nothing"]
    assert {block.went for block in came if block.start.day in range(21, 31) and block.start.day != 25} == {"well"}


def test_blocks_agree_with_the_streak_that_goes_on() -> None:
    told = days(40)
    shown_story = story(told, Span(FIRST, told[-1].day))
    run = shown_story.came.streaks.current
    assert run is not None
    went = [block.went for block in blocks(shown_story)]
    assert went[-run.length :] == ["well"] * run.length
    assert went[-run.length - 1] == "missed"


def test_a_small_line_breaks_at_weeks_without_data_and_stays_in_its_box() -> None:
    weeks = [Period(FIRST + timedelta(weeks=week), value, 7) for week, value in enumerate((5.0, 9.0, 7.0, 1.0))]
    assert sparkline(weeks, "red").count("<polyline") == 1
    broken = sparkline([*weeks[:2], *weeks[3:]], "red")
    assert broken.count("<polyline") == 2
    assert 'points="3.0,17.0' in sparkline(weeks, "red")
    assert "<polyline" not in sparkline(weeks[:1], "red")
    assert "<polyline" in sparkline([Period(each.start, 4.0, 7) for each in weeks], "red")


@pytest.mark.parametrize("feature", FEATURES.values(), ids=lambda feature: feature.name)
def test_every_feature_is_shown_with_its_unit(feature) -> None:
    how = shown(feature)
    for language in ("en", "ko"):
        assert how.amount(feature.high, language).startswith(how.figure(feature.high))
        assert "{" not in how.unit_in(language)


def test_amounts_are_written_as_people_read_them() -> None:
    said = [shown(FEATURES[name]).amount(value, "en") for name, value in (("distance", 7_615), ("sleep_minutes", 432))]
    assert said == ["7.6 km", "7.2 h"]
    assert shown(STEPS).amount(10_577, "ko") == "10,577걸음"
