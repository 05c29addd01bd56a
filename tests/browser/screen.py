"""A screen to look at pages on: wide or a phone's, in a language; and what one does with every page."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.harness import PASSWORD, HubProcess

PATIENCE_MS = 15_000
SHOTS = os.environ.get("HUB_TEST_SHOTS", "")
"""Where pictures are kept for whoever wants to look at them."""
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 840}


def open_context(browser: Browser, *, locale: str = "en-US", phone: bool = False) -> BrowserContext:
    """A fresh visitor; whoever opens it closes it."""
    opened = browser.new_context(locale=locale, viewport=PHONE if phone else WIDE)
    opened.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    return opened


def sign_in(context: BrowserContext, hub: HubProcess, username: str) -> Page:
    """A page of somebody who has signed in; it shows Home."""
    password = (hub.data_dir / "operator-password").read_text() if username == "operator" else PASSWORD
    page = context.new_page()
    page.goto(hub.url + "/sign-in")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", password)
    page.click("form[action='/sign-in'] button")
    page.wait_for_url("**/home")
    return page


def shoot(page: Page, name: str) -> None:
    """Keep a picture, if somebody wants to look at it."""
    if SHOTS:
        page.wait_for_timeout(1_200)
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def fits(page: Page) -> None:
    """Nothing is wider than the window."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "the page is wider than its window"
