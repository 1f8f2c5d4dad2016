"""What people do, step by step; each leaves the world at rest."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.certification.models import (
    AnswerKey,
    Attempt,
    AttemptQuestion,
    AttemptStatus,
)
from portal.programs.models import Program
from portal.statements.models import Period
from tests.journeys.pages import Page
from tests.journeys.visitor import Visitor
from tests.journeys.world import World

AGENCY = "hubspot-solutions-partner"
AFFILIATE = "monday-affiliate"
PASSWORD = "harbour-lantern-quilt-57"
STAFF = {"ada@acme.example": "admin", "rex@acme.example": "reviewer",
         "fin@acme.example": "finance"}  # fmt: skip
CARD = {"Card number": "4242 4242 4242 4242", "Expiry": "12/34", "Security code": "123"}

Answers = Mapping[str, Mapping[str, str]]

AGENCY_ANSWERS: Answers = {
    "About you": {
        "What is your name?": "Mina Park",
        "What do you do at your company?": "Owner",
    },
    "Your business": {
        "What is the name of your company?": "Hanbit Digital",
        "What is the address of your website?": "https://hanbit.example",
        "In which country is your company registered?": "KR",
        "2 to 10": "on",
    },
    "How you work with customers": {
        "Setting up and moving data": "on",
        "Training": "on",
        "How many clients do you work for today?": "24",
        "Tell us about two clients you are proud of.": "A bakery.\nA clinic.",
    },
}
AFFILIATE_ANSWERS: Answers = {
    "You and your audience": {
        "What is your name?": "Sam Ortiz",
        "Under which name do you work?": "Ortiz Reviews",
        "In which country do you live": "ES",
        "My newsletter": "on",
        "10,000 to 100,000": "on",
        "How will you promote the product?": "A series of letters.",
    },
}


def install(world: World) -> None:
    """Do what the operator does once: programs, exams, the vendor's people."""
    for key in (AGENCY, AFFILIATE):
        world.portal("programs", "publish", "--preset", key)
    world.portal("cert", "install")
    for email, role in STAFF.items():
        world.staff(email, role, PASSWORD)


@dataclass(frozen=True)
class Applicant:
    """Somebody who applied, in the browser they used."""

    email: str
    reference: str
    visitor: Visitor


def start_application(world: World, program: str, email: str) -> Visitor:
    """Find the program, leave an address, open the mailed link."""
    visitor = world.visitor()
    visitor.open("/")
    visitor.open(visitor.page.link("Read the terms of " + _name(program)))
    visitor.follow("Apply")
    page = visitor.press("Continue", {"E-mail address": email})
    assert page.heading == "Check your e-mail"
    visitor.open(world.link_in_mail_to(email))
    return visitor


def apply(world: World, program: str, email: str, answers: Answers) -> Applicant:
    """Apply from the public page to "your application is sent"."""
    visitor = start_application(world, program, email)
    if len(answers) > 1:  # a form of one page opens at once
        visitor.follow("Continue")
    for step, typed in answers.items():
        assert visitor.page.heading == step, visitor.page.text
        visitor.press("Save and continue", typed)
    assert visitor.page.heading == "Check your answers"
    page = visitor.press("Send application", {"I agree that you may check": "on"})
    assert page.heading == "Your application is sent", page.text
    reference = page.url.split("/")[-2]
    world.settle()
    return Applicant(email, reference, visitor)


def staff(world: World, role: str) -> Visitor:
    """One of the vendor's people, signed in."""
    email = next(email for email, its in STAFF.items() if its == role)
    return world.signed_in(email, PASSWORD)


def approve(world: World, company: str) -> None:
    """Approve one company, and let the hold of its mail pass."""
    reviewer = staff(world, "reviewer")
    reviewer.open("/admin/applications")
    if not reviewer.page.text.count(f"{company} "):
        reviewer.follow(company)
    reviewer.press("Approve")
    assert f"Approved {company}" in reviewer.page.text
    world.later(seconds=31)


def join(world: World, email: str, name: str) -> Visitor:
    """Follow the link of the welcome mail, choose a password, be let in."""
    owner = world.visitor()
    owner.open(world.link_in_mail_to(email))
    page = owner.press(
        "Join",
        {"Your name": name, "New password": PASSWORD, "New password again": PASSWORD},
    )
    assert page.status == 200, page.text
    return owner


def accept_agreement(owner: Visitor) -> Page:
    owner.open("/app/programs")
    href = next(href for _, href in owner.page.links if href.endswith("/agreement"))
    owner.open(href)
    return owner.press("Accept the agreement", {"accept": "on"})


def pass_exam(world: World, owner: Visitor) -> Page:
    """Answer every question right; the answers are read where only staff may look."""
    owner.open("/app/certifications")
    owner.follow("See the rules and start")
    page = owner.press("Start the clock")
    while "/overview" not in page.url:
        right = right_answers_at(world, page.url)
        form = page.form("Next" if any(
            "Next" in b.text for f in page.forms for b in f.controls
        ) else "Save and hand in")  # fmt: skip
        fields = [
            (c.name, c.value)
            for c in form.controls
            if c.kind == "hidden" or (c.name == "answer" and c.value in right)
        ]
        page = owner._follow(owner.ask("POST", form.action, fields))
    page = owner.press("Hand in")
    world.settle()
    return page


def right_answers_at(world: World, url: str) -> set[str]:
    """The right options of the question at an address, counted as they are shown."""
    position = int(url.rsplit("/", 1)[-1])
    with world.books() as session:
        attempt = session.scalars(
            select(Attempt).where(Attempt.status == AttemptStatus.IN_PROGRESS)
        ).one()
        asked = session.get_one(AttemptQuestion, (attempt.id, position))
        right = session.get_one(AnswerKey, asked.question_id).right
        return {str(asked.option_order.index(key) + 1) for key in right}


def _name(program: str) -> str:
    return {AGENCY: "Solutions Partner Program", AFFILIATE: "Affiliate Program"}[
        program
    ]


def pay_fee(world: World, owner: Visitor) -> Page:
    """Pay on the hosted page, and come back."""
    owner.open("/app/billing")
    page = owner.press("Pay ")
    assert "/c/pay/" in page.url, page.text
    page = owner.press("Subscribe", CARD | {"Name on the card": "Mina Park"})
    assert "/app/billing" in page.url, page.text
    world.settle()
    return owner.open("/app/billing")


def copy_link(owner: Visitor) -> str:
    """The address that "Copy" copies."""
    page = owner.open("/app/links")
    return next(text for text in page.copied if "/r/" in text)


def follow(world: World, link: str) -> Visitor:
    """Follow a referral link to the vendor."""
    customer = world.visitor()
    page = customer.open(link)
    assert page.url.startswith(world.vendor_url)
    assert "gh_click=clk_" in page.url
    return customer


def check_out(world: World, customer: Visitor, name: str, email: str) -> None:
    """Buy at the vendor, where one has arrived."""
    customer.press("Buy the Team plan")
    page = customer.press(
        "Subscribe", CARD | {"Name on the card": name, "Email": email}
    )
    assert page.heading == "Thank you", page.text
    world.settle()


def buy(world: World, link: str, name: str, email: str) -> None:
    """Follow a referral link and buy."""
    check_out(world, follow(world, link), name, email)


def close_month(world: World, program: str, label: str) -> Page:
    """Close a month as finance does: look, type its label, confirm."""
    finance = staff(world, "finance")
    with world.books() as session:
        period_id = period_of(session, program, label).public_id
    finance.open(f"/admin/periods/{period_id}")
    typed = {f"Type {label} to confirm": label}
    for control in finance.page.form("Close").controls:
        if control.name.startswith("known_"):
            typed[control.name] = "on"
        elif control.name.startswith("note_"):
            typed[control.name] = "Looked at it."
    page = finance.press("Close", typed)
    assert "The close has begun" in page.text, page.text
    world.settle()
    return finance.open(f"/admin/periods/{period_id}")


def period_of(session: Session, program: str, label: str) -> Period:
    return session.scalars(
        select(Period)
        .join(Program)
        .where(Program.key == program, Period.label == label)
    ).one()
