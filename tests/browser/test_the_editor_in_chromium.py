"""The editor of programs in a browser: sentences follow what is written."""

import pytest
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from tests.accounts.signing import PASSWORD, joined
from tests.browser.conftest import OpenContext
from tests.browser.watching import Watch
from tests.factories import base_factory
from tests.journeys import steps
from tests.journeys.world import World

pytestmark = pytest.mark.browser


def open_editor(world: World, page: Page) -> None:
    """Sign in as somebody who may publish, and open a program's editor."""
    with world.books() as session:
        base_factory.bind(session)
        user: User = joined(email="writer@acme.example", admin=True)
        email = user.email
        session.commit()
    page.goto(f"{world.url}/login")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.goto(f"{world.url}/admin/programs/{steps.AFFILIATE}/edit")


def test_sentences_problems_and_tiers_follow_what_is_written(
    world: World, open_context: OpenContext, watch: Watch
) -> None:
    page = open_context().new_page()
    watch.expected.add(422)
    open_editor(world, page)
    text = page.get_by_label("The program, as YAML")
    written = text.input_value()
    sentences, tiers = page.locator("#draft-view"), page.locator("#tiers-view")
    expect(sentences).to_contain_text("A commission waits 30 days")
    expect(tiers).to_contain_text("Growth")

    text.fill(written.replace("days: 30", "days: 45").replace("Growth", "Rising"))
    expect(sentences).to_contain_text("A commission waits 45 days")
    expect(sentences).to_contain_text("45 instead of 30")
    expect(tiers).to_contain_text("Rising")

    text.fill(written.replace("days: 30", "days: -1"))
    expect(sentences).to_contain_text("must be at least 0")
    expect(tiers).not_to_contain_text("Growth")

    text.fill(written)
    expect(sentences).to_contain_text("the text says what version 1 says")
    assert text.input_value() == written
    watch.look(page)
