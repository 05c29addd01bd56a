"""The page *Rules* in a real headless Chromium: the list, one rule with why and why not, replay, and the editor."""

from __future__ import annotations

import contextlib
import time

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.screen import fits, open_context, shoot, sign_in
from tests.devices import TestDevice
from tests.harness import PASSWORD, HubProcess, add_device, add_home, add_person, eventually, ok


@pytest.fixture(scope="module")
def home(hub: HubProcess) -> dict:
    """Two people; one of them has run too hard a few minutes ago and is calm now."""
    with hub.api() as api:
        add_home(api, timezone="Asia/Seoul")
        add_person(api, "ann", name="Ann", birth_year=1960)
        add_person(api, "bob", name="Bob", birth_year=1990)
        watch = add_device(api, "watch", owner="ann")
        now = int(time.time() * 1000) - 300_000
        with TestDevice(watch) as device:
            beats = [(second, 185 if 30 <= second < 90 else 92) for second in range(120)]
            for second, rate in beats:
                device.say({"ts": now + second * 1_000, "values": {"heart_rate": rate}})
        eventually(lambda: len(traces(hub)["fired"]) == 4, what="the firing")
        eventually(lambda: any(each["outcome"] == "false" for each in traces(hub)["outcomes"]))
    return watch


def traces(hub: HubProcess) -> dict:
    with hub.api("ann", PASSWORD) as own:
        return ok(own.get("/v1/rules/ease-off/traces"))


def replayed(page: Page) -> None:
    """Ask for a replay until it is there: a click before a page that was just drawn is connected goes nowhere."""
    found = page.locator("#replay-counts .level.notice")
    for _ in range(5):
        page.click("#replay-go")
        with contextlib.suppress(AssertionError):
            expect(found).to_have_attribute("data-count", "1", timeout=6_000)
            return
    expect(found).to_have_attribute("data-count", "1")


def write(page: Page, text: str) -> None:
    editor = page.locator("#editor .cm-content")
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)


def test_the_list_shows_the_packs_and_when_each_last_fired_for_whom_it_concerns(
    hub: HubProcess, home: dict, context: BrowserContext, browser: Browser
) -> None:
    page = sign_in(context, hub, "ann")
    elsewhere: list[str] = []
    page.on(
        "request",
        lambda request: None if request.url.startswith((hub.url, "ws", "data")) else elsewhere.append(request.url),
    )
    page.click("nav a[href='/rules']")
    for pack in ("heart", "home", "kitchen", "move", "sleep", "garment", "park"):
        expect(page.locator(f"[data-pack={pack}]")).to_be_visible()
    row = page.locator("[data-rule=ease-off]")
    expect(row.locator(".chip.on")).to_have_text("on")
    expect(row).to_contain_text("a person · last fired")
    shoot(page, "list-en")
    row.click()
    expect(page.locator("#rule-title")).to_contain_text("Ease off")
    other = open_context(browser)
    bobs = sign_in(other, hub, "bob")
    bobs.goto(hub.url + "/rules")
    expect(bobs.locator("[data-rule=ease-off]")).to_contain_text("has not fired yet")
    other.close()
    assert elsewhere == []


def test_a_wearer_sees_why_it_fired_and_why_not_and_may_not_switch(
    hub: HubProcess, home: dict, context: BrowserContext
) -> None:
    page = sign_in(context, hub, "ann")
    page.goto(hub.url + "/rules/ease-off")
    over = f"over again below {int(limit(1960)) - 5}/min; only while it is measured at least every 30 s"
    expect(page.locator("#rule-when")).to_have_text(f"When heart rate is above {limit(1960)}/min, for 10 s ({over}).")
    not_now = page.locator("#why-not [data-outcome=false]")
    expect(not_now).to_contain_text(f"Not now: heart rate was 92/min, under the limit of {limit(1960)}/min (")
    expect(not_now).to_contain_text("59 times)")
    expect(page.locator("#why-not [data-outcome=pending]")).to_contain_text("must hold for 10 s")
    expect(page.locator("#fired .firing[data-level=notice]")).to_contain_text("Your heart beats 185 times a minute")
    expect(page.locator("#fired .firing[data-level=clear]")).to_be_visible()
    assert page.locator("#editor").count() == 0
    assert page.locator("#switch-off").count() == 0
    assert page.locator("#whose").count() == 0


def test_a_wearer_cannot_look_at_somebody_else(hub: HubProcess, home: dict, context: BrowserContext) -> None:
    page = sign_in(context, hub, "bob")
    page.goto(hub.url + "/rules/ease-off?scope=ann")
    expect(page.locator("#rule-title")).to_be_visible()
    page.wait_for_timeout(1_000)
    assert "185" not in page.locator("body").inner_text()
    assert page.locator("#fired .firing").count() == 0


def test_an_input_is_tuned_for_the_wearer_alone(hub: HubProcess, home: dict, context: BrowserContext) -> None:
    page = sign_in(context, hub, "bob")
    page.goto(hub.url + "/rules/ease-off")
    page.fill("[data-input=limit] input", "150")
    page.click("[data-input=limit] button")
    expect(page.locator(".q-notification")).to_contain_text("150/min")
    page.reload()
    expect(page.locator("#rule-when")).to_contain_text("above 150/min")


def test_replay_shows_when_it_would_have_fired_on_a_timeline(
    hub: HubProcess, home: dict, context: BrowserContext
) -> None:
    page = sign_in(context, hub, "ann")
    page.goto(hub.url + "/rules/ease-off")
    page.get_by_text("1 day", exact=True).click()
    replayed(page)
    expect(page.locator(".replay-chart canvas")).to_be_visible()
    marks = page.evaluate(
        """() => {
          const id = document.querySelector('.replay-chart').id.slice(1);
          return getElement(Number(id)).chart.getOption().series.map(each => [each.type, each.data.length]);
        }"""
    )
    assert marks[0][0] == "line"
    assert marks[0][1] >= 1
    assert ["scatter", 1] in marks[1:]
    expect(page.locator("#replay-result .firing[data-level=warning]")).to_be_visible()
    fits(page)
    shoot(page, "rule-en")


def test_a_fault_is_said_beside_its_line_and_nothing_is_saved_until_there_is_none(
    hub: HubProcess, home: dict, context: BrowserContext
) -> None:
    page = sign_in(context, hub, "operator")
    page.goto(hub.url + "/rules/ease-off?scope=ann")
    with hub.api() as api:
        before = ok(api.get("/v1/rules/ease-off"))
        bad = before["text"].replace("metric: heart_rate\n", "metric: heart_rat\n", 1)
        line = next(number for number, each in enumerate(bad.splitlines(), start=1) if each.endswith("heart_rat"))
        write(page, bad)
        page.click("#save")
        expect(page.locator(f"#editor .fault[data-line='{line}']")).to_contain_text("heart_rat")
        expect(page.locator("#editor .cm-line.fault-line")).to_contain_text("no device model has the metric")
        shoot(page, "editor-en")
        assert len(ok(api.get("/v1/rules/ease-off"))["versions"]) == 1
        write(page, before["text"].replace("cooldown: 2m", "cooldown: 3m"))
        page.click("#check")
        expect(page.locator("#edit-said")).to_contain_text("Nothing is wrong")
        assert len(ok(api.get("/v1/rules/ease-off"))["versions"]) == 1
        page.click("#save")
        expect(page.locator("#edit-said")).to_contain_text("Saved as version 2")
        expect(page.locator("#versions [data-version='2'] .chip.on")).to_be_visible()
        page.click("#replay-compare")
        page.get_by_role("option", name="Version 1").click()
        page.click("#replay-go")
        expect(page.locator("#replay-result")).to_contain_text("Both versions would have fired the same")
        shoot(page, "operator-en")
        page.click("#versions [data-version='1'] >> text=Roll back to it")
        expect(page.locator("#versions [data-version='1'] .chip.on")).to_be_visible()
        page.click("#versions [data-version='2'] >> text=Run in the shadow")
        expect(page.locator("#rule-state .chip.shadow")).to_be_visible()
        page.click("#versions [data-version='2'] >> text=End the shadow")
        expect(page.locator("#rule-state .chip.shadow")).to_have_count(0)
        page.click("#switch-off")
        expect(page.locator("#rule-state .chip.off")).to_be_visible()
        expect(page.locator("#why-not")).to_contain_text("It is off")
        ok(api.post("/v1/rules/ease-off/activate", json={"version": before["active"]}))


def test_an_operator_chooses_whose(hub: HubProcess, home: dict, context: BrowserContext) -> None:
    page = sign_in(context, hub, "operator")
    page.goto(hub.url + "/rules/ease-off")
    assert page.locator("#fired").count() == 0
    page.click("#whose")
    page.get_by_role("option", name="Ann").click()
    page.wait_for_url("**/rules/ease-off?scope=ann")
    expect(page.locator("#fired .firing[data-level=notice]")).to_be_visible()


def test_the_page_speaks_korean_on_a_phone(hub: HubProcess, home: dict, browser: Browser) -> None:
    with TestDevice(home) as device:
        device.say({"ts": int(time.time() * 1000), "values": {"heart_rate": 92}})
    korean = open_context(browser, locale="ko-KR", phone=True)
    page = sign_in(korean, hub, "ann")
    page.goto(hub.url + "/rules")
    expect(page.locator("[data-rule=ease-off] .chip.on")).to_have_text("켜짐")
    fits(page)
    shoot(page, "list-ko-phone")
    page.goto(hub.url + "/rules/ease-off")
    expect(page.locator("#rule-when")).to_contain_text("심박수가")
    expect(page.locator("#why-not [data-outcome=false]")).to_contain_text("지금은 아니에요: 심박수 92/min, 한계")
    expect(page.locator("#fired .firing[data-level=notice]")).to_contain_text("심박수가 분당 185회예요")
    replayed(page)
    fits(page)
    shoot(page, "rule-ko-phone")
    page.click("#language")
    expect(page.locator("#rule-when")).to_contain_text("heart rate is above")
    page.wait_for_url("**/rules/ease-off")
    replayed(page)
    fits(page)
    shoot(page, "rule-en-phone")
    korean.close()
    operators = open_context(browser, locale="ko-KR", phone=True)
    page = sign_in(operators, hub, "operator")
    page.goto(hub.url + "/rules/ease-off?scope=ann")
    expect(page.locator("#editor .cm-content")).to_be_visible()
    write(page, "id: ease-off\ntitle: 1\n")
    page.click("#check")
    expect(page.locator("#edit-said .fault").first).to_be_visible()
    fits(page)
    shoot(page, "operator-ko-phone")
    operators.close()


def test_every_rule_that_ships_has_a_page(hub: HubProcess, home: dict, browser: Browser) -> None:
    for locale, phone in (("en-US", True), ("ko-KR", False)):
        context = open_context(browser, locale=locale, phone=phone)
        page = sign_in(context, hub, "ann")
        page.goto(hub.url + "/rules")
        expect(page.locator("[data-rule]").first).to_be_visible()
        shoot(page, f"list-{locale}")
        for rule in [each.get_attribute("data-rule") for each in page.locator("[data-rule]").all()]:
            page.goto(f"{hub.url}/rules/{rule}")
            expect(page.locator("#rule-when")).to_be_visible()
            expect(page.locator("#why-not")).to_be_visible()
            fits(page)
            if rule in ("irregular-recovery", "fridge-warm"):
                shoot(page, f"{rule}-{locale}")
        context.close()


def limit(birth_year: int) -> str:
    """The recommended limit, as the pages say it."""
    return f"{208 - 0.7 * (time.gmtime().tm_year - birth_year):.0f}"
