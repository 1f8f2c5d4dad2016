"""Make the pictures of the README from the running demo.

Start it first, in another window: `make demo`. The pictures land in docs/screenshots.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "screenshots"
STATE = Path(os.environ.get("PORTAL_INSTANCE_DIR", ROOT / "instance")) / "demo.json"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
HEIGHTS = {1280: 860, 390: 844}

Scheme = Literal["light", "dark"]


def home(page: Page) -> None:
    """Show a partner's home."""
    page.goto("/app")


def statement(page: Page) -> None:
    """Show the newest statement."""
    page.goto("/app")
    page.get_by_role("link", name="View", exact=True).first.click()


def line(page: Page) -> None:
    """Show why one amount is what it is."""
    page.goto("/app/earnings")
    page.locator("tbody th a").first.click()


def review(page: Page) -> None:
    """Show the queue with the oldest application in the pane."""
    page.goto("/admin/applications")


def close(page: Page) -> None:
    """Show the month that waits to be closed."""
    page.goto("/admin")
    page.get_by_role("link", name=re.compile("^Close")).first.click()


PICTURES: tuple[tuple[str, str, Callable[[Page], None], int, Scheme], ...] = (
    ("partner-home", "noor@noorhaddad.test", home, 1280, "light"),
    ("partner-home", "noor@noorhaddad.test", home, 390, "dark"),
    ("statement", "noor@noorhaddad.test", statement, 1280, "light"),
    ("line", "noor@noorhaddad.test", line, 1280, "dark"),
    ("review", "dana@demo.test", review, 1280, "light"),
    ("close", "dana@demo.test", close, 1280, "light"),
)


def shoot(
    browser: Browser,
    state: dict[str, object],
    picture: tuple[str, str, Callable[[Page], None], int, Scheme],
) -> Path:
    """Sign in, go where the picture is, and take it."""
    name, email, go, width, scheme = picture
    addresses = state["addresses"]
    assert isinstance(addresses, dict)  # noqa: S101 - the demo wrote it so
    context = browser.new_context(
        base_url=f"http://localhost:{addresses['web']}",
        viewport={"width": width, "height": HEIGHTS[width]},
        color_scheme=scheme,
    )
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(str(state["password"]))
    page.get_by_role("main").get_by_role("button").first.click()
    go(page)
    page.wait_for_load_state("networkidle")
    path = FOLDER / f"{name}-{width}-{scheme}.png"
    page.screenshot(path=path)
    context.close()
    return path


def main() -> int:
    """Take every picture; say what is missing when that is not possible."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        print("There is no Chromium. On Debian: apt-get install chromium")
        return 2
    if not STATE.exists():
        print("The demo has not been started. In another window: make demo")
        return 2
    state = json.loads(STATE.read_text(encoding="utf-8"))
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox"]
        )
        for picture in PICTURES:
            print(shoot(browser, state, picture).relative_to(ROOT))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
