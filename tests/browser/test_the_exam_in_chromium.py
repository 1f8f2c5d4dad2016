"""The exam in a browser: its clicks, a lost connection, a second window."""

from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from portal.accounts.models import User
from portal.kit.postgres import EmbeddedPostgres
from portal.programs import queries as programs
from tests.accounts.signing import PASSWORD, joined
from tests.browser.conftest import OpenContext, browser_of_ones_own
from tests.browser.watching import Watch
from tests.databases import MakeDatabase
from tests.factories import base_factory
from tests.factories.people import PartnerMemberFactory
from tests.factories.programs import EnrollmentFactory
from tests.journeys import steps
from tests.journeys.conftest import START
from tests.journeys.world import World, opened

pytestmark = pytest.mark.browser

QUESTIONS = 12
LOST = "No connection: your answer is not saved yet."
_numbers = count(1)


@pytest.fixture(scope="module")
def world(
    server: EmbeddedPostgres, new_database: MakeDatabase, installed: str
) -> Iterator[World]:
    with opened(server, new_database(installed), start=START) as world:
        yield world


def sign_in(world: World, context: BrowserContext) -> Page:
    """Open the workspace of somebody who has an exam to pass."""
    with world.books() as session:
        base_factory.bind(session)
        user: User = joined(email=f"learner-{next(_numbers)}@people.example")
        member = PartnerMemberFactory.create(user=user)
        program = programs.by_key(session, steps.AGENCY)
        version = programs.current_version(session, program.id, world.now)
        EnrollmentFactory.create(partner=member.partner, version=version)
        email = user.email
        session.commit()
    page = context.new_page()
    page.goto(f"{world.url}/login")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    return page


class Clicks:
    """Somebody with a mouse, whose clicks are counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.made = page, 0

    def on(self, role: str, name: str) -> None:
        target = self.page.get_by_role(role, name=name)  # type: ignore[arg-type]  # a role
        with self.page.expect_navigation():
            target.first.click()
        self.made += 1

    def choose(self) -> None:
        kinds = "#question-form :is(input[type=radio], input[type=checkbox])"
        self.page.locator(kinds).first.check()
        self.made += 1

    def since(self, before: int) -> int:
        return self.made - before


def start(clicks: Clicks) -> None:
    clicks.on("link", "Certifications")
    clicks.on("link", "See the rules and start")
    clicks.on("button", "Start the clock")


def test_three_clicks_to_the_exam_two_a_question_two_to_hand_in(
    world: World, open_context: OpenContext, watch: Watch
) -> None:
    page = sign_in(world, open_context())
    clicks = Clicks(page)

    start(clicks)
    assert clicks.made == 3
    expect(page.get_by_role("heading", level=1)).to_have_text("Question 1 of 12")
    watch.look(page)
    for number in range(1, QUESTIONS + 1):
        before = clicks.made
        clicks.choose()
        is_last = number == QUESTIONS
        clicks.on("button", "Save and hand in" if is_last else "Next")
        assert clicks.since(before) == 2
    before = clicks.made
    clicks.on("button", "Hand in")

    assert clicks.since(before) <= 2
    assert page.url.endswith("/result")
    watch.look(page)
    watch.no_overflow(page)


@pytest.fixture
def own(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that may complain: its connection is cut on purpose."""
    context = browser_of_ones_own(browser, Watch())
    yield context
    context.close()


def test_a_lost_connection_loses_no_answer(world: World, own: BrowserContext) -> None:
    page = sign_in(world, own)
    start(Clicks(page))
    page.clock.install()
    chosen = page.locator("#answer-2")
    status = page.locator("[data-autosave-status]")

    own.set_offline(True)
    chosen.check()
    page.clock.run_for(2_000)
    expect(status).to_contain_text(LOST)
    page.get_by_role("button", name="Next").click()
    expect(status).to_contain_text(LOST)
    expect(chosen).to_be_checked()
    own.set_offline(False)
    page.clock.run_for(10_000)
    expect(status).to_contain_text("Answer saved at")
    page.close()

    again = own.new_page()
    again.goto(f"{world.url}/app/certifications")
    again.get_by_role("link", name="Go on with the exam").click()
    expect(again.locator("#answer-2")).to_be_checked()


def test_a_second_window_can_only_be_read(
    world: World, open_context: OpenContext
) -> None:
    """Control: once the first window is closed, the second one takes answers."""
    context = open_context()
    first = sign_in(world, context)
    start(Clicks(first))
    second = context.new_page()

    second.goto(first.url)

    expect(second.locator("[data-second-window]")).to_be_visible()
    expect(second.locator("#answer-1")).to_be_disabled()
    expect(first.locator("#answer-1")).to_be_enabled()
    first.close()
    second.reload()
    expect(second.locator("[data-second-window]")).to_be_hidden()
    expect(second.locator("#answer-1")).to_be_enabled()
