"""A screen to look at pages on: wide or a phone's, in a language."""

from __future__ import annotations

from playwright.sync_api import Browser, BrowserContext, expect

PATIENCE_MS = 15_000
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 840}


def open_context(browser: Browser, *, locale: str = "en-US", phone: bool = False) -> BrowserContext:
    """A fresh visitor; whoever opens it closes it."""
    opened = browser.new_context(locale=locale, viewport=PHONE if phone else WIDE)
    opened.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    return opened
