from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser import chromium
from tests.browser.watching import Watch
from tests.journeys.conftest import installed, world
from tests.journeys.visitor import BROWSER

__all__ = ["installed", "world"]
"""The same installation as in the journeys."""

WIDE = {"width": 1280, "height": 900}

OpenContext = Callable[..., BrowserContext]
PATIENCE_MS = 20_000
"""How long a page may take on a busy machine."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    if path is None:
        if chromium.is_required():
            pytest.fail(chromium.NOT_FOUND)
        pytest.skip(chromium.NOT_FOUND)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=list(chromium.ARGUMENTS)
        )
        yield browser
        browser.close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test when a browser complained about anything."""
    watch = Watch()
    yield watch
    watch.assert_clean()


def browser_of_ones_own(
    browser: Browser,
    watch: Watch,
    **settings: Any,  # noqa: ANN401 - Playwright's own
) -> BrowserContext:
    """Open a browser with cookies of its own, over which a watch is kept."""
    context = browser.new_context(
        **{
            "viewport": WIDE,
            "locale": "en",
            "reduced_motion": "reduce",
            # Without a window Chromium says so, and clicks of robots do not count.
            "user_agent": BROWSER,
            **settings,
        }
    )
    context.set_default_timeout(PATIENCE_MS)
    return watch.over(context)


@pytest.fixture
def open_context(browser: Browser, watch: Watch) -> Iterator[OpenContext]:
    """Open a browser of somebody's own: its cookies, its watch."""
    opened: list[BrowserContext] = []

    def open_context(**settings: Any) -> BrowserContext:  # noqa: ANN401 - Playwright's own
        opened.append(browser_of_ones_own(browser, watch, **settings))
        return opened[-1]

    yield open_context
    for context in opened:
        context.close()
