"""The card *Among people like you*, as markup: the band, the strip whose better side is on the right, and what was passed over."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

from api.web import catalogue
from api.web.among_card import among_markup
from api.web.asked import GROUPS, Asked
from api.web.story import Story
from hub.views import Among
from rules.cohorts import Cohort
from rules.features import FEATURES
from rules.ladder import Comparison
from rules.periods import Span
from rules.progress import progress
from rules.published import Table

SAY = catalogue.load()
FIRST = date(2026, 6, 1)
QUARTILES = Table(size=260, low=60, median=64, high=70, better="down", thresholds=())
COMPARISON = Comparison(
    cohort=Cohort(model="health-watch"),
    rung="all",
    passed=(("health-watch/2026-05", "size"), ("health-watch/2026-Q2", "remainder"), ("", "unknown")),
)
AMONG = Among(0, 2026 * 12 + 9, COMPARISON, QUARTILES, 10, 58.0)


def said(among: Among, *, name: str = "resting_heart_rate", by: str = "model,acquired_month", to: str = "en") -> str:
    feature = FEATURES[name]
    story = Story(feature, [], progress([], Span(FIRST, FIRST), better=feature.better), None, among)
    return among_markup(story, among, Asked(by=by), SAY[to])  # type: ignore[index]


def test_the_band_the_group_and_the_month_are_told() -> None:
    assert 'id="band">Top 10 %<' in said(AMONG)
    assert "among the best 10 % of about 260 people with the same device" in said(AMONG)
    assert "your mean in October" in said(AMONG)
    assert 'id="band">상위 10 %<' in said(AMONG, to="ko")


def test_the_last_band_is_no_boast_and_neither_is_what_has_no_better_side() -> None:
    assert 'id="band"' not in said(replace(AMONG, band=100))
    asleep = replace(AMONG, band=None, table=replace(QUARTILES, better=None))
    assert 'id="band"' not in said(asleep, name="sleep_minutes")
    assert "better →" not in said(asleep, name="sleep_minutes")


def test_the_better_side_of_the_strip_is_on_the_right() -> None:
    def at(markup: str) -> float:
        found = re.search(r'class="you \w*" style="left:([\d.]+)%"', markup)
        assert found is not None
        return float(found[1])

    higher = replace(AMONG, table=replace(QUARTILES, better="up"))
    assert at(said(AMONG)) > 50 > at(said(higher, name="heart_rate_recovery"))
    assert at(said(replace(AMONG, mine=20.0))) == 97


def test_what_was_passed_over_is_told_with_its_reason() -> None:
    lines = re.findall(r"<li>(.*?)</li>", said(AMONG))
    assert lines == [
        "Started in the same month: fewer than 100 people",
        "Started in the same quarter: others could be found out by it",
        "Started in the same year: we do not know enough of you for it",
    ]
    nobody = Among(0, 1, Comparison(cohort=None, rung="nothing", passed=(("region:KR-11", "size"),)), missing="cohort")
    assert re.findall(r"<li>(.*?)</li>", said(nobody, by="region")) == ["The whole group: fewer than 100 people"]
    assert "too few people like you" in said(nobody, by="region")


def test_every_group_can_be_chosen_and_the_chosen_one_is_marked() -> None:
    for by in GROUPS:
        chips = re.findall(r'class="chip( on)?" data-by="([^"]+)"', said(AMONG, by=by))
        assert [name for _, name in chips] == list(GROUPS)
        assert [name for on, name in chips if on] == [by]
