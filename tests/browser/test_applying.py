"""Applying in Chromium: how many clicks it takes, and files, conditions, the editor."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenContext
from tests.browser.test_the_thread_in_chromium import Person
from tests.browser.watching import Watch
from tests.factories import files
from tests.journeys import steps
from tests.journeys.world import World

pytestmark = pytest.mark.browser

[ANSWERS] = map(dict, steps.AFFILIATE_ANSWERS.values())


def narrow(person: Person) -> None:
    """Look again in the dark, 360 pixels wide: nothing is cut off."""
    person.page.set_viewport_size({"width": 360, "height": 800})
    person.page.emulate_media(color_scheme="dark")
    person.look()
    width = person.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360
    person.page.set_viewport_size({"width": 1280, "height": 900})
    person.page.emulate_media(color_scheme="light")


def begin(person: Person, name: str, email: str) -> None:
    """From the public page to the first question."""
    person.go("/")
    person.click("link", f"Apply to {name}")
    person.fill({"E-mail address": email})
    person.click("button", "Continue")
    person.go(person.world.link_in_mail_to(email))
    person.clicks += 1  # the link in the mail


def typed(person: Person, answers: dict[str, str]) -> None:
    """Answer a page; each tick is a click, typing is none."""
    person.fill(answers)
    person.clicks += sum(value == "on" for value in answers.values())


def send(person: Person) -> None:
    typed(person, {"I agree that you may check": "on"})
    person.click("button", "Send application")
    person.read("Your application is sent")


def test_an_affiliate_applies_in_at_most_8_clicks(
    world: World, open_context: OpenContext, watch: Watch
) -> None:
    """F1b; F1, the agency's, is counted in the thread."""
    sam = Person(world, open_context(), watch)
    begin(sam, "Affiliate Program", "sam@ortiz.example")
    typed(sam, ANSWERS)
    sam.click("button", "Save and continue")
    send(sam)

    assert sam.clicks <= 8


def test_staff_build_a_form_and_an_applicant_fills_it_in(
    world: World, open_context: OpenContext, watch: Watch
) -> None:
    ada = Person(world, open_context(), watch)
    ada.sign_in("ada@acme.example")
    ada.go(f"/admin/forms/{steps.AFFILIATE}")
    ada.click("link", "Add a question")
    narrow(ada)
    ada.fill(
        {"Question": "Do you write reviews?", "Answers to choose from": "Yes = 20\nNo"}
    )
    ada.page.get_by_label("Page", exact=True).select_option("you")
    ada.page.get_by_label("Kind of answer").select_option("choice")
    ada.click("button", "Save question")
    ada.click("link", "Add a question")
    ada.fill({"Question": "Show us some of them", "An answer is needed": "on"})
    ada.page.get_by_label("Page", exact=True).select_option("you")
    ada.page.get_by_label("Kind of answer").select_option("file")
    ada.page.get_by_text("Ask only after certain answers").click()
    ada.page.get_by_label("Do you write reviews? – Yes").check()
    ada.click("button", "Save question")
    narrow(ada)
    ada.click("link", "Preview")
    narrow(ada)
    ada.go(f"/admin/forms/{steps.AFFILIATE}")
    ada.click("button", "Review and publish")
    ada.fill({"Type the program's key to confirm": steps.AFFILIATE})
    ada.click("button", "Publish")
    ada.read("Version 2 is published.")

    sam = Person(world, open_context(), watch)
    begin(sam, "Affiliate Program", "sam@ortiz.example")
    papers = sam.page.get_by_label("Show us some of them")
    expect(papers).to_be_hidden()
    typed(sam, ANSWERS | {"Yes": "on"})
    expect(papers).to_be_visible()
    papers.set_input_files(
        {"name": "letters.pdf", "mimeType": "application/pdf", "buffer": files.pdf()}
    )
    sam.click("button", "Add the chosen files")
    sam.read("letters.pdf")
    narrow(sam)
    sam.click("button", "Save and continue")
    sam.read("letters.pdf")
    send(sam)
    ada.go("/admin/applications")
    ada.read("letters.pdf")
    with ada.page.expect_download() as download:
        ada.page.get_by_role("link", name="letters.pdf").click()
    assert download.value.suggested_filename == "letters.pdf"
