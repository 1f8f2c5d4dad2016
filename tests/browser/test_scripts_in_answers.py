"""Staff open applications whose every answer is an attack: abuse case 32.

tests/abuse/test_stored_xss.py looks at the HTML of many more pages; this one at what
Chromium does.
"""

import pytest
from playwright.sync_api import Browser, Page

from portal.applications import service
from portal.kit.db import transaction
from portal.kit.ids import public_id
from tests.browser.conftest import OpenContext
from tests.browser.test_the_thread_in_chromium import Person
from tests.browser.watching import Watch
from tests.factories import base_factory
from tests.factories.applications import ANSWERS, ApplicationFactory
from tests.factories.people import UserFactory
from tests.journeys.world import World

pytestmark = pytest.mark.browser

BREAKOUTS = (
    "", '">', "'>", "-->", "]]>", "</title>", "</textarea>", "</script>", "</style>",
)  # fmt: skip
RUNNERS = (
    "<script>attack()</script>",
    "<img src=x onerror=attack()>",
    "<svg onload=attack()>",
    "<svg><animate onbegin=attack() attributeName=x dur=1s>",
    "<details open ontoggle=attack()>",
    "<input autofocus onfocus=attack()>",
    "<video><source onerror=attack()></video>",
    "<audio src=x onerror=attack()></audio>",
    "<iframe srcdoc='<script>parent.attack()</script>'></iframe>",
    "<iframe src=javascript:parent.attack()></iframe>",
    "<body onload=attack()>",
)
ATTACKS = (
    *(f"{out}{runner}" for out in BREAKOUTS for runner in RUNNERS),
    "{{ attack() }}<a href=javascript:attack() onfocus=attack()>x</a>",
)
"""A hundred texts: each way out of where a text may stand, with each way to run."""
AT_ONCE = 10
_COUNT = "window.attacks = 0; window.attack = () => { window.attacks += 1; };"
_PROVOKE = """() => document.querySelectorAll('main *').forEach((element) => {
  for (const kind of ['mouseover', 'focus', 'toggle', 'error', 'load']) {
    element.dispatchEvent(new Event(kind));
  }
})"""


def groups() -> list[tuple[str, ...]]:
    return [ATTACKS[n : n + AT_ONCE] for n in range(0, len(ATTACKS), AT_ONCE)]


def ran(page: Page) -> int:
    """How often an attack ran, after everything on the page was touched."""
    page.evaluate(_PROVOKE)
    return int(page.evaluate("window.attacks"))


def test_each_attack_runs_where_nothing_guards_against_it(browser: Browser) -> None:
    page = browser.new_page()
    page.add_init_script(_COUNT)
    harmless = []
    for attack in ATTACKS:
        page.goto("about:blank")
        page.set_content(f"<!doctype html><main>{attack}</main>")
        page.wait_for_timeout(20)
        if not ran(page):
            harmless.append(attack)
    page.close()

    assert len(ATTACKS) == 100
    assert harmless == []


def test_none_runs_in_the_browser_of_staff(
    world: World, open_context: OpenContext, watch: Watch
) -> None:
    paths = []
    with world.books() as books, transaction(books) as session:
        base_factory.bind(session)
        reviewer = UserFactory.create(reviewer=True)
        for attacks in groups():
            text = " ".join(attacks)
            typed = {key: text for key in ANSWERS if key != "country"}
            application = ApplicationFactory.create(
                answers=ANSWERS
                | typed
                | {"team-size": "two-to-ten", "services": ["selling"]}
            )
            service.comment(
                session, application, author=reviewer, text=text, now=world.now
            )
            paths.append(f"/admin/applications/{public_id('app', application.id)}")
    context = open_context()
    context.add_init_script(_COUNT)
    ada = Person(world, context, watch)
    ada.sign_in("ada@acme.example")
    for path in [*paths, "/admin/applications", "/admin/applications/several"]:
        ada.page.goto(world.url + path)
        assert "attack()" in ada.page.inner_text("main")
        assert ran(ada.page) == 0, path
