from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from portal.dashboard.queries.inbox import SHOWN
from portal.fees.models import FeeSubscription
from portal.fees.rules import FeeStatus
from portal.kit.clock import utc_now
from portal.mail.models import MailStatus, OutboxEmail
from portal.payments.models import InboxEvent, InboxSource, InboxStatus
from portal.statements.models import Period, PeriodStatus
from portal.statements.rules import month_of
from tests.commissions.story import Story, a_version
from tests.dashboard.pages import DAY, CountQueries, SignIn, page
from tests.factories.applications import ApplicationFactory
from tests.factories.people import UserFactory
from tests.statements.books import ZONE, a_period


def an_event(
    session: Session, key: str, status: InboxStatus, since: datetime
) -> InboxEvent:
    event = InboxEvent(
        id=f"evt_{key}",
        type="invoice.paid",
        payload={},
        occurred_at=since,
        received_at=since,
        source=InboxSource.WEBHOOK,
        status=status,
        note="The customer is unknown." if status is InboxStatus.FAILED else "",
        parked_for="ch_123" if status is InboxStatus.PARKED else None,
    )
    session.add(event)
    return event


def a_failed_mail(session: Session, to: str, since: datetime) -> None:
    session.add(
        OutboxEmail(
            to=to,
            template="fees/failed",
            context={},
            status=MailStatus.FAILED,
            queued_at=since,
            last_error="550 no such mailbox",
        )
    )


def a_fee(session: Session, story: Story, until: datetime | None) -> None:
    session.add(
        FeeSubscription(
            enrollment_id=story.enrollment.id,
            amount_minor=30_000,
            currency="USD",
            interval="month",
            status=FeeStatus.PAST_DUE,
            created_at=utc_now() - 60 * DAY,
            current_period_end=until,
        )
    )


@pytest.fixture
def story(session: Session) -> Story:
    """One piece of work of every kind."""
    now = utc_now()
    story = Story(session)
    story.sale(story.credited(first_seen_at=now - 9 * DAY), now - timedelta(minutes=1))
    story.recompute(now)
    ApplicationFactory.create(
        version=story.version, submitted_at=now - DAY, answer_by=now + 4 * DAY
    )
    answers = {"company": "<b>Late</b> Ltd"}
    ApplicationFactory.create(
        version=story.version,
        answers=answers,
        submitted_at=now - 8 * DAY,
        answer_by=now - 3 * DAY,
    )
    over = month_of(month_of(now, ZONE).starts_at - DAY, ZONE)
    a_period(session, story.version.program_id, over.label)
    an_event(session, "failed", InboxStatus.FAILED, now - 2 * DAY)
    an_event(session, "parked", InboxStatus.PARKED, now - 2 * DAY)
    an_event(session, "fine", InboxStatus.HANDLED, now - 2 * DAY)
    a_failed_mail(session, "gone@partner.example", now - DAY)
    a_fee(session, story, now - 5 * DAY)
    session.flush()
    return story


def test_everything_that_waits_is_one_list_overdue_first(
    story: Story, sign_in: SignIn
) -> None:
    response = sign_in(UserFactory.create(admin=True)).get("/admin")
    shown = response.get_data(as_text=True)

    assert "7 things wait for a person." in shown
    assert "&lt;b&gt;Late&lt;/b&gt; Ltd" in shown
    assert "<b>Late" not in shown
    assert shown.index("Late") < shown.index("Hanbit Digital")
    assert "Overdue since" in shown
    assert "The month is over and can be closed" in shown
    assert "Failed: The customer is unknown." in shown
    assert "Waits for ch_123" in shown
    assert "Not delivered: 550 no such mailbox" in shown
    assert story.enrollment.partner.name in shown
    assert "is past due" in shown
    assert "evt_fine" not in shown


def test_the_month_of_each_program_is_beside_the_list(
    story: Story, sign_in: SignIn
) -> None:
    shown = page(sign_in(UserFactory.create(finance=True)), "/admin")

    assert story.version.definition.name in shown
    assert "Earned this month" in shown
    assert "$120.00" in shown
    assert "Active partners" in shown


def test_a_reviewer_sees_applications_and_no_money(
    story: Story, sign_in: SignIn
) -> None:
    del story
    shown = page(sign_in(UserFactory.create(reviewer=True)), "/admin")

    assert "Hanbit Digital" in shown
    assert ">Review<span" in shown
    assert "$" not in shown
    assert "can be closed" not in shown
    assert "evt_" not in shown
    assert "gone@partner.example" not in shown
    assert "past due" not in shown


def test_who_may_only_look_is_offered_to_look(story: Story, sign_in: SignIn) -> None:
    del story
    shown = page(sign_in(UserFactory.create(auditor=True)), "/admin")

    assert ">Review<span" not in shown
    assert ">Close<span" not in shown
    assert ">Open<span" in shown


def test_partners_have_no_inbox(story: Story, sign_in: SignIn) -> None:
    assert sign_in(story.user()).get("/admin").status_code == 403


def test_when_nothing_waits_the_next_close_is_named(
    session: Session, sign_in: SignIn
) -> None:
    now = utc_now()
    version = a_version()
    running = month_of(now, ZONE)
    a_period(session, version.program_id, running.label)
    month, first = f"{running.starts_at:%B %Y}", running.ends_at

    finance = page(sign_in(UserFactory.create(finance=True)), "/admin")
    reviewer = page(sign_in(UserFactory.create(reviewer=True)), "/admin")

    assert "Nothing waits" in finance
    assert f"Next: close {month} on" in finance
    assert f'datetime="{first:%Y-%m-%d}"' in finance
    assert "New work appears here by itself." in reviewer


def test_without_a_program_the_next_step_is_to_publish_one(
    session: Session, sign_in: SignIn
) -> None:
    del session
    shown = page(sign_in(UserFactory.create(admin=True)), "/admin")

    assert "No program yet" in shown
    assert "Nothing waits" in shown


def test_a_close_that_does_not_end_is_work(session: Session, sign_in: SignIn) -> None:
    now = utc_now()
    over = month_of(now - 60 * DAY, ZONE)
    session.add(
        Period(
            program_id=a_version().program_id,
            label=over.label,
            starts_at=over.starts_at,
            ends_at=over.ends_at,
            time_zone="UTC",
            status=PeriodStatus.CLOSING,
            close_began_at=now - timedelta(hours=2),
        )
    )
    session.flush()

    shown = page(sign_in(UserFactory.create(finance=True)), "/admin")

    assert "has not come to its end" in shown


def test_a_long_queue_is_cut_and_says_how_much_more_there_is(
    session: Session, sign_in: SignIn
) -> None:
    now = utc_now()
    version = a_version()
    for number in range(SHOWN + 2):
        an_event(session, str(number), InboxStatus.FAILED, now - DAY)
        a_failed_mail(session, f"a{number}@gone.example", now - DAY)
        a_fee(session, Story(session, version), None)
    ApplicationFactory.create_batch(SHOWN + 2, version=version)
    session.flush()

    shown = page(sign_in(UserFactory.create(admin=True)), "/admin")

    for kind in ("events", "mails", "fees", "applications"):
        assert f"2 more {kind}" in shown


@pytest.mark.parametrize("size", [1, 8])
def test_the_number_of_queries_does_not_grow(
    size: int, session: Session, sign_in: SignIn, count_queries: CountQueries
) -> None:
    now = utc_now()
    for number in range(size):
        story = Story(session)
        a_fee(session, story, now - DAY)
        a_period(session, story.version.program_id, "2026-01")
        an_event(session, str(number), InboxStatus.FAILED, now - DAY)
        a_failed_mail(session, f"a{number}@gone.example", now - DAY)
        ApplicationFactory.create(version=story.version)
        customer = story.credited()
        story.sale(customer, now - DAY)
        story.recompute(now)
    session.flush()
    client = sign_in(UserFactory.create(admin=True))

    with count_queries() as statements:
        page(client, "/admin")

    assert len(statements) == 14
