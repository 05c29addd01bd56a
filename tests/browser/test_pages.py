"""The pages in a real headless Chromium: sign in, see the value change, see the alarm appear."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from devices.topics import Channel
from tests.browser.screen import PATIENCE_MS
from tests.devices import TestDevice
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, eventually

DECISIONS = "/v1/people/me/decisions"


@pytest.fixture(scope="module")
def watch(hub: HubProcess) -> dict:
    with hub.api() as api:
        add_home(api, timezone="Asia/Seoul")
        add_person(api, "ann", name="Ann", birth_year=1960)
        add_device(api, "laundry", model="washer")
        return add_device(api, "watch", owner="ann")


def sign_in(page: Page, hub: HubProcess, password: str = PASSWORD) -> None:
    page.goto(hub.url + "/")
    page.fill("input[name=username]", "ann")
    page.fill("input[name=password]", password)
    page.click("form[action='/sign-in'] button")


def test_a_wrong_password_is_said_so_and_a_right_one_leads_home(
    hub: HubProcess, watch: dict, context: BrowserContext
) -> None:
    page = context.new_page()
    sign_in(page, hub, "not the password")
    expect(page.locator(".wrong")).to_be_visible()
    page.fill("input[name=username]", "ann")
    page.fill("input[name=password]", PASSWORD)
    page.click("form[action='/sign-in'] button")
    page.wait_for_url("**/home")
    expect(page.locator("#greeting")).to_contain_text("Ann")
    [cookie] = [each for each in context.cookies() if each["name"] == "hub_session"]
    assert cookie["httpOnly"]
    page.click("#sign-out")
    page.wait_for_url("**/sign-in")
    page.goto(hub.url + "/home")
    page.wait_for_url("**/sign-in")


def test_the_heart_beats_on_the_page_and_the_alarm_grows_and_calms(
    hub: HubProcess, watch: dict, context: BrowserContext
) -> None:
    page = context.new_page()
    failed: list[str] = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on(
        "request",
        lambda request: failed.append(request.url) if not request.url.startswith((hub.url, "ws", "data")) else None,
    )
    sign_in(page, hub)
    page.wait_for_url("**/home")
    now = int(time.time() * 1000) - 120_000

    def beat(second: int, rate: int) -> None:
        device.say({"ts": now + second * 1_000, "values": {"heart_rate": rate}})

    with TestDevice(watch) as device:
        device.subscribe()
        beat(0, 71)
        page.reload()
        expect(page.locator("#heart-rate")).to_have_text("71")
        beat(1, 84)
        expect(page.locator("#heart-rate")).to_have_text("84")
        assert page.locator("#alarm").count() == 0
        for second in range(2, 13):
            beat(second, 190)
        expect(page.locator("#alarm.notice")).to_be_visible()
        expect(page.locator("#heart-rate")).to_have_text("190")
        for second in range(13, 55):
            beat(second, 190)
        expect(page.locator("#alarm.critical")).to_be_visible()
        expect(page.locator("#alarm")).to_contain_text("volume 4 of 10")
        beat(56, 90)
        expect(page.locator("#alarm.clear")).to_be_visible()
        expect(page.locator("#happened")).to_contain_text("heart has calmed")
        kinds = eventually(
            lambda: (k := [device.commands.get_nowait()["type"] for _ in range(device.commands.qsize())]) and k
        )
    assert kinds[:3] == ["vibrate", "vibrate", "alarm"]
    assert failed == []


def test_what_other_rules_decide_is_told_and_is_no_alarm(hub: HubProcess, watch: dict, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, hub)
    page.wait_for_url("**/home")
    run = {"sport": "running", "distance_m": 5200, "duration_s": 1800, "energy_kcal": 400}
    with TestDevice(watch) as device:
        event = {"id": "run-1", "ts": int(time.time() * 1000), "type": "workout.ended", "data": run}
        device.say(event, Channel.EVENT)
        with hub.api("ann", PASSWORD) as own:
            eventually(lambda: any(each["rule"] == "run-of-5-km" for each in own.get(DECISIONS).json()["items"]))
    page.reload()
    expect(page.get_by_text("You ran 5200 metres")).to_be_visible(timeout=PATIENCE_MS)
    assert page.locator("#alarm small").filter(has_text="metres").count() == 0


def test_the_pages_speak_korean_where_the_reader_does(hub: HubProcess, watch: dict, browser: Browser) -> None:
    korean = browser.new_context(locale="ko-KR", viewport={"width": 390, "height": 840})
    korean.set_default_timeout(PATIENCE_MS)
    page = korean.new_page()
    sign_in(page, hub)
    page.wait_for_url("**/home")
    expect(page.locator("[data-device=laundry]")).to_contain_text("세탁기")
    page.goto(hub.url + "/me")
    expect(page.locator("h1.hub").first).to_have_text("오늘")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "the page is wider than a phone"
    page.click("#language")
    expect(page.locator("h1.hub").first).to_have_text("Today")
    korean.close()


def test_five_months_show_as_charts(hub: HubProcess, watch: dict, context: BrowserContext) -> None:
    day = 86_400_000
    now = int(time.time() * 1000)
    with TestDevice(watch) as device:
        for back in range(150, 0, -1):
            at = now - back * day
            device.say(
                [{"ts": at, "values": {"steps": 4_000 + (150 - back) * 20, "weight": round(70 - (150 - back) / 50, 1)}}]
            )
        with hub.api("ann", PASSWORD) as own:
            eventually(lambda: len(own.get("/v1/people/me/progress?metric=weight").json()["items"]) >= 150)
    page = context.new_page()
    sign_in(page, hub)
    page.wait_for_url("**/home")
    page.goto(hub.url + "/me")
    expect(page.locator("#chart-steps canvas")).to_be_visible()
    expect(page.locator("#chart-weight .chart-sentence")).to_contain_text("went down by")


def test_the_apis_own_page_needs_no_other_host(hub: HubProcess, context: BrowserContext) -> None:
    page = context.new_page()
    elsewhere: list[str] = []
    page.on(
        "request", lambda request: None if request.url.startswith((hub.url, "data")) else elsewhere.append(request.url)
    )
    page.goto(hub.url + "/docs")
    expect(page.locator(".swagger-ui .title").first).to_contain_text("Experience Hub")
    assert elsewhere == []


def test_strangers_see_no_page(hub: HubProcess, context: BrowserContext) -> None:
    page = context.new_page()
    for path in ("/home", "/me"):
        page.goto(hub.url + path)
        page.wait_for_url("**/sign-in")


def test_what_is_offered_is_a_card_with_its_reason_and_goes_when_answered(
    hub: HubProcess, watch: dict, context: BrowserContext
) -> None:
    page = context.new_page()
    sign_in(page, hub)
    page.wait_for_url("**/home")
    with hub.api("ann", PASSWORD) as own:
        own.put("/v1/people/me/consents/recommend").raise_for_status()
        now = int(time.time() * 1000) + 1_000
        run = {"sport": "running", "distance_m": 5_200}
        with TestDevice(watch) as device:
            device.say({"id": f"run-{now}", "ts": now, "type": "workout.ended", "data": run}, Channel.EVENT)
            water = page.locator("[data-item=water]")
            expect(water).to_contain_text("5200", timeout=PATIENCE_MS)
        expect(page.locator(".offer")).to_have_count(2)
        water.locator("[data-status=taken]").click()
        expect(water).to_have_count(0, timeout=PATIENCE_MS)
        own.delete("/v1/people/me/consents/recommend").raise_for_status()
        expect(page.locator(".offer")).to_have_count(0, timeout=PATIENCE_MS)
        statuses = {row["status"] for row in own.get("/v1/recommendations").json()["items"]}
        assert statuses == {"taken", "withdrawn"}
