"""The page *Progress* in a real headless Chromium: what came of the months, among whom, records, goals, and paper."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.screen import fits, open_context, shoot, sign_in
from tests.devices import TestDevice
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, eventually, ok

DAY = 86_400_000
BACK = 150


@pytest.fixture(scope="module")
def people(hub: HubProcess) -> dict:
    """Ann, who walked more every day and lost weight, and Bob, of whom nothing is known."""
    with hub.api() as api:
        add_home(api, timezone="Asia/Seoul")
        add_person(api, "ann", name="Ann <Kim>", birth_year=1988, sex="female", height_cm=166, region="KR-11")
        add_person(api, "bob", name="Bob")
        watch = add_device(api, "watch", owner="ann", acquired_on="2026-01-05")
    now = int(time.time() * 1000)
    noon = now - now % DAY + DAY // 8
    with TestDevice(watch) as device:
        for back in range(BACK, 0, -1):
            walked, weighs = 4_000 + (BACK - back) * 20 + back % 7 * 90, round(70 - (BACK - back) / 50, 1)
            at = noon - back * DAY
            device.say([{"ts": at + hour * DAY // 24, "values": {"steps": walked * hour // 9}} for hour in range(10)])
            device.say({"ts": at, "values": {"weight": weighs}})
        with hub.api("ann", PASSWORD) as own:
            eventually(lambda: len(ok(own.get("/v1/people/me/progress?metric=steps"))["items"]) >= BACK - 1, within=60)
    return watch


def series(page: Page) -> dict[str, int]:
    """How many points each series of the chart has."""
    drawn: dict[str, int] = page.evaluate(
        """() => {
          const id = document.querySelector('.progress-chart').id.slice(1);
          const all = getElement(Number(id)).chart.getOption().series;
          return Object.fromEntries(all.map(each => [each.id, each.data.filter(point => point[1] != null).length]));
        }"""
    )
    return drawn


def test_months_show_with_their_sentence_trend_records_and_streaks(
    hub: HubProcess, people: dict, context: BrowserContext
) -> None:
    page = sign_in(context, hub, "ann")
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith((hub.url, "ws", "data")) else wrong.append(request.url),
    )
    page.click("nav a[href='/progress']")
    expect(page.locator("#progress-sentence")).to_contain_text("Clearly rising, by about")
    expect(page.locator("#progress-sentence")).to_contain_text("steps a month, for the better.")
    expect(page.locator(".progress-chart canvas")).to_be_visible()
    drawn = series(page)
    assert drawn["dots"] >= BACK - 2
    assert drawn["trend"] == 2
    assert drawn["peers-median"] == 0
    expect(page.locator(".glance.good[data-metric=steps]")).to_have_attribute("aria-current", "true")
    expect(page.locator("#records li")).to_have_count(3)
    expect(page.locator("#records li").first).to_contain_text("steps")
    expect(page.locator("#streak .blocks i")).to_have_count(28)
    expect(page.locator(".small-print")).to_contain_text("not medical advice")
    expect(page.locator(".small-print")).to_contain_text("VO₂max, estimated (needs resting heart rates)")
    shoot(page, "progress-en")
    page.get_by_role("button", name="Month", exact=True).click()
    eventually(lambda: series(page)["dots"] <= 6)
    page.click(".glance[data-metric=weight]")
    expect(page.locator("#progress-sentence")).to_contain_text("Clearly falling, by about 0.6 kg a month.")
    fits(page)
    assert wrong == []


def test_a_goal_is_set_shown_refused_where_nobody_can_meet_it_and_let_go_of(
    hub: HubProcess, people: dict, context: BrowserContext
) -> None:
    page = sign_in(context, hub, "ann")
    page.goto(hub.url + "/progress?metric=steps")
    target = page.locator("#goal input")
    target.fill("900000")
    page.click("#goal-save")
    expect(page.locator("#goal .q-field")).to_contain_text("From 0 to 60,000")
    target.fill("5000")
    page.click("#goal-save")
    expect(page.locator("#goal-said")).to_contain_text("Met on")
    expect(page.locator("#progress-sentence")).to_contain_text("Goal of 5,000 steps a day: met on")
    with hub.api("ann", PASSWORD) as own:
        (goal,) = ok(own.get("/v1/people/me/goals"))["items"]
        assert (goal["metric"], goal["target"], goal["per"]) == ("steps", 5_000, "day")
        page.click("#goal-drop")
        expect(page.locator("#goal-said")).to_have_count(0)
        assert ok(own.get("/v1/people/me/goals"))["items"] == []


def test_a_goal_for_a_week_that_is_met_near_its_target(hub: HubProcess, people: dict, context: BrowserContext) -> None:
    page = sign_in(context, hub, "ann")
    page.goto(hub.url + "/progress?metric=weight")
    page.locator("#goal input").fill("66.5")
    page.get_by_role("button", name="a week", exact=True).click()
    page.click("#goal-save")
    expect(page.locator("#goal")).to_contain_text("this week, near 66.5 kg")
    page.click("#goal-drop")
    expect(page.locator("#goal-said")).to_have_count(0)


def test_a_person_joins_the_comparison_is_told_honestly_and_leaves(
    hub: HubProcess, people: dict, context: BrowserContext
) -> None:
    page = sign_in(context, hub, "ann")
    page.goto(hub.url + "/progress?metric=steps")
    expect(page.locator("#among")).to_contain_text("at least 100 people")
    page.click("#among-join")
    expect(page.locator("#among-said")).to_contain_text("The first comparison is made as soon as there are enough")
    with hub.api("ann", PASSWORD) as own:
        granted = {each["purpose"]: each["granted"] for each in ok(own.get("/v1/people/me/consents"))["items"]}
        assert granted["peers"]
        with hub.api() as api:
            ok(api.post("/v1/peers/snapshots"))
        page.goto(hub.url + "/progress?metric=steps")
        expect(page.locator("#among-said")).to_contain_text("too few people like you")
        expect(page.locator(".among-passed li").first).to_contain_text("Started in the same month: fewer than 100")
        page.click("#among .chip[data-by=region]")
        expect(page.locator("#among .chip.on")).to_have_text("My region")
        expect(page.locator(".among-passed li")).to_have_text(["The whole group: fewer than 100 people"])
        page.goto(hub.url + "/progress?metric=weight")
        expect(page.locator("#among")).to_contain_text("People are not compared in this")
        page.click("#among-leave")
        expect(page.locator("#among-join")).to_be_visible()
        granted = {each["purpose"]: each["granted"] for each in ok(own.get("/v1/people/me/consents"))["items"]}
        assert not granted["peers"]


def test_the_page_speaks_korean_on_a_phone(hub: HubProcess, people: dict, browser: Browser) -> None:
    korean = open_context(browser, locale="ko-KR", phone=True)
    page = sign_in(korean, hub, "ann")
    page.goto(hub.url + "/progress?metric=steps&months=12")
    expect(page.locator("#progress-sentence")).to_contain_text("좋은 쪽으로 뚜렷하게 늘고 있어요")
    expect(page.locator(".progress-chart canvas")).to_be_visible()
    expect(page.locator(".spans .here")).to_have_text("12개월")
    fits(page)
    shoot(page, "progress-ko-phone")
    page.click("#language")
    expect(page.locator("#progress-sentence")).to_contain_text("Clearly rising")
    page.wait_for_url("**/progress?metric=steps&months=12")
    fits(page)
    page.goto(hub.url + "/progress/report")
    expect(page.locator("[data-metric=steps] svg")).to_be_visible()
    fits(page)
    korean.close()


def test_a_picture_of_the_chart_is_saved(hub: HubProcess, people: dict, context: BrowserContext) -> None:
    page = sign_in(context, hub, "ann")
    page.goto(hub.url + "/progress?metric=steps")
    expect(page.locator(".progress-chart canvas")).to_be_visible()
    with page.expect_download() as saved:
        page.click("#picture")
    assert saved.value.suggested_filename.startswith("steps-")
    picture = Path(saved.value.path()).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20], "big") > 800
    assert len(picture) > 10_000


@pytest.mark.parametrize("phone", [False, True])
def test_the_report_prints_on_paper(hub: HubProcess, people: dict, browser: Browser, *, phone: bool) -> None:
    opened = open_context(browser, phone=phone)
    page = sign_in(opened, hub, "ann")
    page.goto(hub.url + "/progress")
    page.click("#to-report")
    expect(page.locator(".report-head h1")).to_have_text("Progress of Ann <Kim>")
    for metric in ("steps", "weight"):
        expect(page.locator(f"[data-metric={metric}] svg")).to_be_visible()
        expect(page.locator(f"[data-metric={metric}] .report-records li").first).to_be_visible()
    expect(page.locator("#save-pdf")).to_be_visible()
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 1_000
    assert b"/FontDescriptor" in pdf or b"/Font" in pdf
    page.emulate_media(media="print")
    expect(page.locator("#save-pdf")).to_be_hidden()
    opened.close()


def test_who_has_no_data_is_told_so_in_words(hub: HubProcess, people: dict, context: BrowserContext) -> None:
    page = sign_in(context, hub, "bob")
    page.goto(hub.url + "/progress")
    expect(page.locator("#nothing")).to_contain_text("nothing to show yet")
    page.goto(hub.url + "/progress?metric=vo2max&months=never&by=nobody")
    expect(page.locator("#progress-sentence")).to_contain_text("It needs your year of birth.")
    assert page.locator("canvas").count() == 0
    page.goto(hub.url + "/progress/report")
    expect(page.locator("#nothing")).to_be_visible()


def test_operators_have_no_progress_and_strangers_see_no_page(
    hub: HubProcess, people: dict, context: BrowserContext, browser: Browser
) -> None:
    page = sign_in(context, hub, "operator")
    for path in ("/progress", "/progress/report"):
        page.goto(hub.url + path)
        expect(page.get_by_text("An operator has no history of their own")).to_be_visible()
    stranger = open_context(browser)
    page = stranger.new_page()
    for path in ("/progress", "/progress/report"):
        page.goto(hub.url + path)
        page.wait_for_url("**/sign-in")
    stranger.close()
