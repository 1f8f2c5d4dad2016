"""Every main page in the dark and light on a phone: axe, width, no complaint."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, StorageState, ViewportSize
from sqlalchemy import select

from portal.accounts.models import User
from portal.applications.models import Application
from portal.attribution.models import Attribution
from portal.certification.courses.models import Lesson
from portal.certification.models import Certificate
from portal.commissions.models import Commission
from portal.enrollments.models import Enrollment
from portal.kit.ids import public_id
from portal.kit.postgres import EmbeddedPostgres
from portal.partners.models import Partner
from portal.programs.models import Program
from portal.sales.models import Customer
from portal.statements import queries as statements
from portal.statements.models import Period, Statement
from portal.threads.models import Thread
from portal.tracking.models import ReferralLink
from tests.browser.conftest import OpenContext, browser_of_ones_own
from tests.browser.watching import Watch
from tests.databases import MakeDatabase
from tests.enrollments.gates import EXAM, FEE, TAX_FORM, TERMS, definition_with_gates
from tests.factories import base_factory
from tests.factories.invitations import InvitationFactory
from tests.factories.programs import EnrollmentFactory, ProgramVersionFactory
from tests.journeys import steps
from tests.journeys.conftest import START
from tests.journeys.world import World, opened
from tests.threads.asking import a_question

pytestmark = pytest.mark.browser

OWNER = "mina@hanbit.example"
BUYER = "bo@buyer.example"
PHONE = ViewportSize(width=390, height=844)
INVITATION = "i" * 43
NARROWEST = ViewportSize(width=320, height=700)

PAGES = {
    "": [
        "/", "/programs/{program}", "/programs/nowhere", "/apply/{program}", "/verify",
        "/verify/{certificate}", "/verify/NOPE-NOPE", "/verify/statement",
        "/verify/statement/{sha256}",
        "/login", "/login/recover", "/invitations/{invitation}",
    ],
    "partner": [
        "/app", "/app/links", "/app/links/new", "/app/links/{link}", "/app/customers",
        "/app/customers/{customer}", "/app/earnings", "/app/earnings/{commission}",
        "/app/statements", "/app/statements/{statement}", "/app/billing",
        "/app/certifications", "/app/certifications/solutions-partner/start",
        "/app/certifications/solutions-partner/course",
        "/app/certifications/solutions-partner/course/the-right-customer",
        "/app/certifications/certificates/{own_certificate}", "/app/tier",
        "/app/programs",
        "/app/programs/{enrollment}/agreement", "/app/team", "/account/security",
        "/app/steps", "/app/questions", "/app/questions/{thread}",
        "/app/statements/{statement}/question",
    ],
    "staff": [
        "/admin", "/admin/applications", "/admin/applications/{application}",
        "/admin/applications/several",
        "/admin/partners", "/admin/partners/{partner}", "/admin/commissions",
        "/admin/partners/{partner}/programs/{credited}/customers/{customer}/care",
        "/admin/commissions/{commission}", "/admin/periods", "/admin/periods/{period}",
        "/admin/periods/{open_period}", "/admin/periods/{open_period}/preview",
        "/admin/statements",
        "/admin/statements/{statement}", "/admin/fees",
        "/admin/fees/{enrollment}/waive", "/admin/programs",
        "/admin/programs/{program}", "/admin/programs/{program}/versions",
        "/admin/programs/{program}/changes", "/admin/programs/{program}/edit",
        "/admin/programs/{program}/trial", "/admin/forms/{program}",
        "/admin/forms/{program}/preview", "/admin/forms/{program}/questions/role",
        "/admin/programs/new", "/admin/certifications",
        "/admin/certifications/solutions-partner/course",
        "/admin/certifications/solutions-partner/course/new",
        "/admin/certifications/lessons/{lesson}", "/admin/events",
        "/admin/mail", "/admin/users", "/admin/audit", "/admin/requirements",
        "/admin/enrollments/{enrollment}/gates", "/admin/invitations",
        "/admin/invitations/new", "/admin/invitations/import",
        "/admin/questions", "/admin/questions/{thread}",
        "/admin/periods/{period}/reopen", "/admin/payouts/1099",
        "/admin/payouts/freeze",
    ],
}  # fmt: skip
EVERY = [(who, path) for who, paths in PAGES.items() for path in paths]


class Story(NamedTuple):
    """A world in which every page has something to show."""

    world: World
    names: dict[str, str]
    signed_in: dict[str, StorageState | None]


class Phone(NamedTuple):
    """Somebody's phone in the dark, which goes from page to page."""

    page: Page
    watch: Watch


@pytest.fixture(scope="module")
def story(
    server: EmbeddedPostgres,
    new_database: MakeDatabase,
    installed: str,
    browser: Browser,
) -> Iterator[Story]:
    database = new_database(installed)
    with opened(server, database, start=START, mail_hold_seconds=0) as world:
        tell(world)
        states = {
            "": None,
            "partner": signed_in(browser, world, OWNER),
            "staff": signed_in(browser, world, "ada@acme.example"),
        }
        yield Story(world, names(world), states)


@pytest.fixture(scope="module")
def phones(story: Story, browser: Browser) -> Iterator[dict[str, Phone]]:
    """A phone for each of them: opening one costs more than most pages."""
    phones = {}
    for who, state in story.signed_in.items():
        watch = Watch()
        context = browser_of_ones_own(
            browser, watch, viewport=PHONE, color_scheme="dark", storage_state=state
        )
        phones[who] = Phone(context.new_page(), watch)
    yield phones
    for phone in phones.values():
        phone.page.context.close()


def tell(world: World) -> None:
    """Two months of an agency, one application that waits, one affiliate."""
    steps.apply(world, steps.AGENCY, OWNER, steps.AGENCY_ANSWERS)
    steps.approve(world, "Hanbit Digital")
    owner = steps.join(world, OWNER, "Mina Park")
    steps.accept_agreement(owner)
    steps.pass_exam(world, owner)
    steps.pay_fee(world, owner)
    link = steps.copy_link(owner)
    world.later(days=1)
    steps.buy(world, link, "Bo Lindqvist", BUYER)
    world.travel_to(datetime(2026, 4, 3, 9, tzinfo=UTC))
    steps.close_month(world, steps.AGENCY, "2026-03")
    steps.apply(world, steps.AFFILIATE, "sam@ortiz.example", steps.AFFILIATE_ANSWERS)
    with world.books() as session:
        base_factory.bind(session)
        # A second program of the agency's, in which nearly everything is left to do.
        EnrollmentFactory.create(
            partner=session.scalars(select(Partner)).first(),
            version=ProgramVersionFactory.create(
                definition_json=definition_with_gates(
                    EXAM | {"team": {"who": "everyone", "newcomer_days": 30}},
                    FEE | {"blocks": ["link"], "deadline_days": 40},
                    TAX_FORM | {"kind": "deals"},
                    TERMS,
                )
                | {"name": "Team Program", "visibility": "unlisted"}
            ),
            joined_at=world.now,
        )
        program = session.scalars(
            select(Program).where(Program.key == steps.AFFILIATE)
        ).one()
        InvitationFactory.create(
            program=program,
            invited_by=session.scalars(
                select(User).where(User.email == "ada@acme.example")
            ).one(),
            token=INVITATION,
            sent_at=world.now,
            expires_at=world.now + timedelta(days=30),
        )
        asker = session.scalars(select(User).where(User.email == OWNER)).one()
        statement = session.scalars(select(Statement)).one()
        whole = statements.get(session, statement.id).statement
        a_question(session, whole, asker, now=world.now)
        session.commit()


def names(world: World) -> dict[str, str]:
    """The ids of one thing of each kind."""
    with world.books() as session:

        def first(model: type[Any]) -> str:
            newest = select(model).order_by(model.id.desc()).limit(1)
            return str(session.scalars(newest).one().public_id)

        statement = session.scalars(select(Statement)).one()
        program = session.scalars(
            select(Program).where(Program.key == steps.AGENCY)
        ).one()
        months = session.scalars(
            select(Period).where(Period.program_id == program.id).order_by(Period.label)
        ).all()
        customer = session.scalars(
            select(Customer).where(Customer.email == BUYER)
        ).one()
        credited = (
            select(Enrollment)
            .join(Attribution, Attribution.enrollment_id == Enrollment.id)
            .where(Attribution.customer_id == customer.id)
        )
        return {
            "program": steps.AGENCY,
            "invitation": INVITATION,
            "certificate": session.scalars(select(Certificate.number)).one(),
            "own_certificate": first(Certificate),
            "lesson": first(Lesson),
            "sha256": statement.sha256,
            "statement": statement.public_id,
            "partner": public_id("prt", statement.partner_id),
            "link": first(ReferralLink),
            "thread": first(Thread),
            "customer": customer.public_id,
            "credited": session.scalars(credited).one().public_id,
            "commission": first(Commission),
            "enrollment": first(Enrollment),
            "application": first(Application),
            "period": months[0].public_id,
            "open_period": months[1].public_id,
        }


def signed_in(browser: Browser, world: World, email: str) -> StorageState:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{world.url}/login")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(steps.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: not url.endswith("/login"))
    state = context.storage_state()
    context.close()
    return state


@pytest.mark.parametrize(("who", "path"), EVERY, ids=[f"{w}{p}" for w, p in EVERY])
def test_in_the_dark_and_light_on_a_phone(
    story: Story, phones: dict[str, Phone], who: str, path: str
) -> None:
    page, watch = phones[who]
    watch.begin_anew(expected={404} if "nowhere" in path else set())
    page.set_viewport_size(PHONE)

    page.goto(story.world.url + path.format(**story.names))

    assert page.get_by_role("heading", level=1).count() == 1
    assert page.url.endswith(path.format(**story.names)), page.url
    watch.look(page)
    page.emulate_media(color_scheme="light")
    watch.contrast(page)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(NARROWEST)
    watch.no_overflow(page)
    page.goto("about:blank")  # whatever the page still does, it does before this
    watch.assert_clean()


def test_the_first_visit_of_the_home_page_is_light(
    story: Story, open_context: OpenContext
) -> None:
    context = open_context(storage_state=story.signed_in["partner"])
    page = context.new_page()

    weight = weigh(page, f"{story.world.url}/app")

    assert weight["Script"] <= 10_000
    assert weight["Stylesheet"] <= 14_000
    assert sum(weight.values()) <= 60_000


def weigh(page: Page, url: str) -> dict[str, int]:
    """How many bytes came over the network, by the kind of what they are."""
    kinds: dict[str, str] = {}
    weight: dict[str, int] = {}
    line = page.context.new_cdp_session(page)

    def finished(event: dict) -> None:
        kind = kinds.get(event["requestId"], "Other")
        weight[kind] = weight.get(kind, 0) + int(event["encodedDataLength"])

    line.on(
        "Network.responseReceived", lambda e: kinds.update({e["requestId"]: e["type"]})
    )
    line.on("Network.loadingFinished", finished)
    line.send("Network.enable")
    page.goto(url, wait_until="networkidle")
    return weight
