"""The page Boards in a real headless Chromium: allow, make one, invite, join, look, leave."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.screen import open_context
from tests.devices import TestDevice
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, eventually, ok

SEOUL = ZoneInfo("Asia/Seoul")
STEPS = {"ann": 8_000, "bob": 4_000}
LAST_WEEK = "section[data-week]:nth-of-type(2)"


@pytest.fixture(scope="module")
def household(hub: HubProcess) -> None:
    """Two people who walked on every day of the last two weeks."""
    today = datetime.now(SEOUL).replace(hour=12, minute=0, second=0, microsecond=0)
    with hub.api() as api:
        add_home(api, timezone="Asia/Seoul")
        for person, steps in STEPS.items():
            add_person(api, person, name=f"Real {person.title()}")
            with TestDevice(add_device(api, f"{person}-watch", owner=person)) as watch:
                for back in range(14, 0, -1):
                    noon = int((today - timedelta(days=back)).timestamp() * 1000)
                    watch.say([{"ts": noon, "values": {"steps": 0}}, {"ts": noon + 1, "values": {"steps": steps}}])
            with hub.api(person, PASSWORD) as own:
                asked = {"metric": "steps"}
                eventually(
                    lambda own=own: len(ok(own.get("/v1/people/me/progress", params=asked))["items"]) == 14  # noqa: B023
                )


def look(page: Page, hub: HubProcess, person: str) -> None:
    page.goto(hub.url + "/")
    page.fill("input[name=username]", person)
    page.fill("input[name=password]", PASSWORD)
    page.click("form[action='/sign-in'] button")
    page.wait_for_url("**/home")
    page.goto(hub.url + "/boards")


def test_two_people_share_a_board(hub: HubProcess, household: None, browser: Browser) -> None:
    wide, phone = open_context(browser), open_context(browser, locale="ko-KR", phone=True)
    page, other = wide.new_page(), phone.new_page()

    look(page, hub, "ann")
    expect(page.locator("#no-boards")).to_be_visible()
    assert page.locator("#new-board").count() == 0
    page.click("#board-allow")
    page.get_by_label("Title").fill("Steps <b>this</b> week")
    page.get_by_label("Your name on the board").fill("Annie")
    page.click("#board-create")
    page.locator("#boards a").click()
    expect(page.locator("h1.hub")).to_have_text("Steps <b>this</b> week")
    expect(page.locator(f"{LAST_WEEK} .place")).to_have_count(1)
    page.get_by_label("User name").fill("bob")
    page.click("#board-invite")
    expect(page.get_by_text("If there is a user bob")).to_be_visible()

    look(other, hub, "bob")
    expect(other.locator(".invitation")).to_contain_text("Annie님이")
    expect(other.locator(".invitation input")).to_have_count(0)
    other.click("#board-allow")
    other.locator(".invitation input").fill("ANNIE")
    other.get_by_text("참여하기", exact=True).click()
    expect(other.get_by_text("비슷한 이름이 있어요")).to_be_visible()
    other.locator(".invitation input").fill("밥")
    other.get_by_text("참여하기", exact=True).click()
    other.wait_for_url(re.compile("/boards/[0-9a-f]{16}$"))
    places = other.locator(f"{LAST_WEEK} .place")
    expect(places).to_have_count(2)
    expect(places.nth(0)).to_contain_text(re.compile("1.*Annie.*8,000 걸음", re.DOTALL))
    expect(places.nth(1)).to_contain_text(re.compile("2.*밥.*4,000 걸음", re.DOTALL))
    bars = [places.nth(place).locator(".bar i").bounding_box() for place in range(2)]
    assert bars[1]["width"] == pytest.approx(bars[0]["width"] / 2, rel=0.02)
    for path in ("/boards", other.url.removeprefix(hub.url)):
        other.goto(hub.url + path)
        expect(other.locator("h1.hub")).to_be_visible()
        over = other.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{path} is wider than a phone"
    assert "Real" not in other.content()

    page.reload()
    expect(page.locator(f"{LAST_WEEK} .place.mine")).to_contain_text("Annie")
    page.click("#board-leave")
    page.click("#board-left")
    page.wait_for_url("**/boards")
    expect(page.locator("#no-boards")).to_be_visible()
    other.reload()
    expect(other.locator(f"{LAST_WEEK} .place")).to_have_count(1)
    other.goto(hub.url + "/boards")
    other.click("#board-withdraw")
    expect(other.locator("#board-allow")).to_be_visible()
    expect(other.locator("#no-boards")).to_be_visible()
    wide.close()
    phone.close()
