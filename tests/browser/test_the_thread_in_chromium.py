"""The thread once more, clicked and typed in Chromium; axe looks at every page.

The browser's clock is the story's: `page.clock` begins where the world stands, so that
the undo counts down as it would.
"""

from datetime import UTC, datetime
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import OpenContext
from tests.browser.watching import Watch
from tests.journeys import steps
from tests.journeys.world import World

pytestmark = pytest.mark.browser

OWNER = "mina@hanbit.example"
REVIEWER = "rex@acme.example"
FINANCE = "fin@acme.example"


class Person:
    """Somebody at a keyboard, whose clicks are counted."""

    def __init__(self, world: World, context: BrowserContext, watch: Watch) -> None:
        if watch.has_script:
            context.clock.install(time=world.now)
        self.world, self.watch = world, watch
        self.page: Page = context.new_page()
        self.clicks = 0

    def go(self, path: str) -> None:
        self.page.goto(path if "://" in path else self.world.url + path)
        self.look()

    def look(self) -> None:
        if self.watch.has_script:
            self.watch.look(self.page)

    def click(self, role: Literal["button", "link"], name: str) -> None:
        self.page.get_by_role(role, name=name).first.click()
        self.clicks += 1
        self.page.wait_for_load_state()
        self.look()

    def keys(self, keys: str) -> None:
        """Press a shortcut, such as `g a`; it counts as one click."""
        with self.page.expect_navigation():
            for key in keys.split():
                self.page.keyboard.press(key)
        self.clicks += 1
        self.look()

    def fill(self, values: dict[str, str]) -> None:
        """Type into fields and tick choices, by label."""
        for label, value in values.items():
            field = self.page.get_by_label(label, exact=value == "on").first
            if value == "on":
                self.page.get_by_label(label).first.check()
            elif field.evaluate("e => e.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)

    def sign_in(self, email: str) -> None:
        self.go("/login")
        self.fill({"E-mail address": email, "Password": steps.PASSWORD})
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.look()
        self.clicks = 0

    def read(self, words: str) -> None:
        expect(self.page.get_by_text(words).first).to_be_visible()


def test_from_the_public_page_to_the_statement(
    world: World, open_context: OpenContext, watch: Watch
) -> None:
    applicant = Person(world, open_context(), watch)
    apply(applicant)
    approve_by_keyboard(Person(world, open_context(), watch))
    world.later(seconds=31)
    owner = Person(
        world, open_context(permissions=["clipboard-read", "clipboard-write"]), watch
    )
    link = become_a_partner(owner)
    world.later(minutes=1)
    buy(Person(world, open_context(), watch), link)
    world.travel_to(datetime(2026, 4, 3, 9, tzinfo=UTC))
    close_march(Person(world, open_context(), watch))
    world.later(hours=1)
    read_the_statement(Person(world, open_context(), watch))


def test_without_script_one_applies_approves_and_gets_the_statement(
    world: World, open_context: OpenContext, watch: Watch
) -> None:
    watch.has_script = False
    applicant = Person(world, open_context(java_script_enabled=False), watch)
    apply(applicant)
    reviewer = Person(world, open_context(java_script_enabled=False), watch)
    reviewer.sign_in(REVIEWER)
    reviewer.click("link", "Applications")
    reviewer.click("button", "Approve")
    reviewer.read("Approved Hanbit Digital")
    world.later(seconds=31)
    owner = Person(world, open_context(java_script_enabled=False), watch)
    join(owner)
    owner.read("Accept the solutions partner agreement")
    owner.click("link", "Programs & agreements")
    owner.page.locator("a[href$='/agreement']").first.click()
    owner.page.get_by_role("checkbox").check()
    owner.click("button", "Accept the agreement")
    owner.read("The agreement is accepted.")
    owner.click("link", "Home")
    assert owner.page.url.endswith("/app")


def apply(person: Person) -> None:
    """F1: the clicks of the table, and what is typed."""
    person.go("/")
    person.click("link", "Read the terms of Solutions Partner Program")
    person.clicks = 0
    person.click("link", "Apply")
    person.fill({"E-mail address": OWNER})
    person.click("button", "Continue")
    person.go(person.world.link_in_mail_to(OWNER))
    person.clicks += 1
    person.click("link", "Continue")
    for answers in steps.AGENCY_ANSWERS.values():
        person.fill(dict(answers))
        person.clicks += list(answers.values()).count("on")
        person.click("button", "Save and continue")
    person.page.get_by_role("checkbox").check()
    person.click("button", "Send application")
    person.clicks += 1
    person.read("Your application is sent")
    assert person.clicks <= 14
    person.click("link", "Open status page")
    person.world.settle()


def approve_by_keyboard(person: Person) -> None:
    """F2: two from the sign-in, and the undo."""
    person.sign_in(REVIEWER)
    person.keys("g a")
    person.keys("a")
    assert person.clicks <= 3
    person.read("Approved Hanbit Digital")
    person.keys("u")
    person.read("Undone.")
    reject_by_keyboard(person)
    person.keys("u")
    person.read("Undone.")
    person.keys("g a")
    person.keys("a")
    person.read("Approved Hanbit Digital")


def reject_by_keyboard(person: Person) -> None:
    """F2b: the key, the reason, the button."""
    person.keys("g a")
    person.clicks = 1  # the `g a` that follows a sign-in
    person.page.keyboard.press("r")
    person.page.get_by_label("Not a fit for the program").check()
    person.clicks += 2
    person.click("button", "Reject and notify")
    assert person.clicks <= 4
    person.read("Rejected Hanbit Digital")


def join(person: Person) -> None:
    person.go(person.world.link_in_mail_to(OWNER))
    person.fill(
        {
            "Your name": "Mina Park",
            "New password again": steps.PASSWORD,
        }
    )
    person.page.get_by_label("New password", exact=True).fill(steps.PASSWORD)
    person.click("button", "Join")
    assert person.page.url.endswith("/app")


def become_a_partner(person: Person) -> str:
    """Join, accept, pass, pay; return the link from the clipboard."""
    page = person.page
    join(person)
    person.keys("g a")
    page.locator("a[href$='/agreement']").first.click()
    person.look()
    page.get_by_role("checkbox").check()
    person.click("button", "Accept the agreement")
    person.keys("g x")
    pass_the_exam(person)
    person.keys("g h")
    person.clicks = 0  # F4: the banner, the button, and the provider's own page
    person.click("link", "Pay the fee")
    person.click("button", "Pay ")
    pay(person, "Mina Park")
    assert person.clicks <= 3
    person.world.settle()
    person.go("/app/billing")
    person.read("Next payment")
    person.go("/app/links")  # the first link is made when somebody asks for it
    person.keys("g h")
    person.clicks = 0
    person.click("button", "Copy my link")
    assert person.clicks == 1
    expect(page.locator("#live")).to_have_text("Copied")
    link = str(page.evaluate("navigator.clipboard.readText()"))
    assert link.startswith(f"{person.world.url}/r/")
    return link


def pass_the_exam(person: Person) -> None:
    page = person.page
    person.click("link", "See the rules and start")
    person.click("button", "Start the clock")
    while "/overview" not in page.url:
        for key in steps.right_answers_at(person.world, page.url):
            page.locator(f"input[name=answer][value='{key}']").check()
        with page.expect_navigation():
            page.locator("#question-form button").first.click()
    person.look()
    person.click("button", "Hand in")
    person.world.settle()


def pay(person: Person, name: str, email: str = "") -> None:
    person.fill(dict(steps.CARD) | {"Name on the card": name})
    if email:
        person.fill({"Email": email})
    person.click("button", "Subscribe for")


def buy(person: Person, link: str) -> None:
    person.page.goto(link)
    assert "gh_click=clk_" in person.page.url
    person.page.get_by_role("button", name="Buy").click()
    pay(person, "Bo Lindqvist", "bo@buyer.example")
    person.read("Thank you")
    names = {cookie["name"] for cookie in person.page.context.cookies()}
    assert "visitor" in names
    person.world.settle()


def close_march(person: Person) -> None:
    """F8: from the inbox to the closed month."""
    person.sign_in(FINANCE)
    person.keys("g p")
    with person.world.books() as session:
        period = steps.period_of(session, steps.AGENCY, "2026-03").public_id
    person.page.locator(f"a[href$='{period}']").first.click()
    person.look()
    person.fill({"Type 2026-03 to confirm": "2026-03"})
    person.click("button", "Close March 2026")
    person.world.settle()
    person.page.reload()
    person.read("1 statement was issued")
    person.watch.seen.discard(person.page.title())
    person.look()


def read_the_statement(person: Person) -> None:
    """F7: one click after signing in; then every page that explains it."""
    person.sign_in(OWNER)
    with person.page.expect_download() as download:
        person.click("link", "Download PDF")
    assert person.clicks == 1
    assert download.value.suggested_filename.endswith("-2026-000001.pdf")
    person.keys("g s")
    person.click("link", "March 2026")
    person.read("$24.00")
    person.page.get_by_role("link", name="20%").first.click()
    person.look()
    person.read("Why this amount")
    for keys in ("g c", "g u", "g t", "g l", "g m"):
        person.keys(keys)
