"""Staff say since when a partner no longer looks after a customer."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.accounts.permissions import Role
from portal.attribution import care
from portal.attribution.models import UnmanagedCustomer
from portal.audit.models import AuditEvent
from portal.kit.clock import utc_now
from portal.sales.models import Customer
from tests.commissions.facts import rule
from tests.commissions.story import Story, a_version
from tests.conftest import SignIn
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.tiers.test_staff_pages import recompute_is_queued

DAY = timedelta(days=1)
ASKS = rule(title="Long-standing", when={"managed_from": "2025-10-01"})


@pytest.fixture
def story(session: Session) -> Story:
    return Story(session, a_version(rules=[ASKS]))


@pytest.fixture
def customer(story: Story) -> Customer:
    """Paid 600.00 before the rule asks, and twice after."""
    customer = story.credited()
    for days in (200, 90, 30):
        story.sale(customer, NOW - days * DAY)
    return customer


@pytest.fixture
def admin(sign_in: SignIn) -> FlaskClient:
    return sign_in(UserFactory.create(role=Role.ADMIN, name="Dana"))


def address(story: Story, customer: Customer, rest: str = "") -> str:
    enrollment = story.enrollment
    return (
        f"/admin/partners/{enrollment.partner.public_id}/programs/"
        f"{enrollment.public_id}/customers/{customer.public_id}/care{rest}"
    )


def stop(
    client: FlaskClient, story: Story, customer: Customer, **parts: str
) -> TestResponse:
    form = {"since_on": "2026-01-01", "reason": "They told us", **parts}
    return client.post(address(story, customer), data=form)


def credited(story: Story, customer: Customer, since_days: int) -> None:
    care.stop_managing(
        story.session,
        care.credit(story.session, story.enrollment.id, customer.id),
        since=NOW - since_days * DAY,
        reason="Gone",
        actor=None,
        now=NOW,
    )


def test_row_1_7_who_no_longer_manages_earns_nothing_from_that_day_on(
    story: Story, customer: Customer
) -> None:
    story.recompute()
    assert story.amounts() == [12_000, 12_000, 12_000]

    credited(story, customer, since_days=250)
    story.recompute()
    # What came before the rule asks stays, although nobody looked after it then.
    assert [amount for amount in story.amounts() if amount] == [12_000]

    credited(story, customer, since_days=60)
    story.recompute()
    assert [amount for amount in story.amounts() if amount] == [12_000, 12_000]

    found = care.credit(story.session, story.enrollment.id, customer.id)
    care.manage_again(story.session, found, actor=None, now=NOW)
    story.recompute()
    assert story.amounts() == [12_000, 12_000, 12_000]


def test_what_was_frozen_is_corrected_and_not_changed(
    story: Story, customer: Customer
) -> None:
    story.recompute()
    story.freeze()
    frozen = story.amounts()

    credited(story, customer, since_days=60)
    story.recompute()

    assert sum(frozen) - sum(story.amounts()) == 12_000
    assert story.amounts()[: len(frozen)] == frozen


def test_staff_write_it_down_and_take_it_back(
    session: Session, story: Story, customer: Customer, admin: FlaskClient
) -> None:
    before = admin.get(address(story, customer)).text
    assert "looks after this customer." in before
    assert "Long-standing: for sales from Oct 1, 2025 on" in before

    saved = stop(admin, story, customer)
    assert saved.status_code == 303
    assert recompute_is_queued(session, story)
    shown = admin.get(address(story, customer)).text
    assert "Jan 1, 2026" in shown
    assert "They told us" in shown
    assert "Dana" in shown

    assert admin.post(address(story, customer, "/again")).status_code == 303
    assert session.scalars(select(UnmanagedCustomer)).all() == []
    logged = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert [action for action in logged if action.startswith("customer.")] == [
        "customer.unmanaged",
        "customer.managed",
    ]


def test_the_last_word_counts(
    session: Session, story: Story, customer: Customer, admin: FlaskClient
) -> None:
    stop(admin, story, customer)
    stop(admin, story, customer, since_on="2026-02-01", reason="Later, it turned out")

    row = session.scalars(select(UnmanagedCustomer)).one()
    session.refresh(row)
    assert (row.unmanaged_from.month, row.reason) == (2, "Later, it turned out")


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"since_on": ""}, "Enter the first day on which it was so"),
        ({"since_on": "soon"}, "Not a valid date"),
        ({"reason": " "}, "Write why, so that others understand it later."),
        ({"reason": "a\0b"}, "characters we cannot show"),
        ({"reason": "x" * 501}, "Write at most 500 characters."),
    ],
)
def test_what_is_missing_or_wrong_is_said_at_the_field(
    story: Story,
    customer: Customer,
    admin: FlaskClient,
    parts: dict[str, str],
    says: str,
) -> None:
    answer = stop(admin, story, customer, **parts)

    assert answer.status_code == 422
    assert says in answer.text
    assert story.session.scalars(select(UnmanagedCustomer)).all() == []


def test_a_day_that_has_not_begun_is_refused(
    story: Story, customer: Customer, admin: FlaskClient
) -> None:
    tomorrow = (utc_now() + 2 * DAY).date().isoformat()

    answer = stop(admin, story, customer, since_on=tomorrow)

    assert answer.status_code == 422
    assert "Enter a day that has begun." in answer.text


def test_a_second_click_changes_nothing_and_says_so(
    story: Story, customer: Customer, admin: FlaskClient
) -> None:
    answer = admin.post(address(story, customer, "/again"), follow_redirects=True)

    assert answer.status_code == 200
    assert "looks after the customer already" in answer.text


def test_a_customer_of_somebody_else_is_not_found(
    session: Session, story: Story, admin: FlaskClient
) -> None:
    other = Story(session, story.version)

    assert admin.get(address(story, other.credited())).status_code == 404


def test_a_program_that_does_not_ask_says_that_it_changes_nothing(
    session: Session, admin: FlaskClient
) -> None:
    story = Story(session, a_version(rules=[rule()]))
    customer = story.credited()

    assert "it changes no commission" in admin.get(address(story, customer)).text


def test_the_partners_page_leads_there_where_a_rule_asks(
    session: Session, story: Story, customer: Customer, sign_in: SignIn
) -> None:
    auditor = sign_in(UserFactory.create(role=Role.AUDITOR))
    plain = Story(session, a_version(rules=[rule()]))
    plain.credited()

    asked, unasked = (
        auditor.get(
            f"/admin/partners/{one.enrollment.partner.public_id}?tab=customers"
        ).text
        for one in (story, plain)
    )

    assert address(story, customer) in asked
    assert "/care" not in unasked
    page = auditor.get(address(story, customer)).text
    assert "Write it down" not in page
