from datetime import timedelta

from sqlalchemy.orm import Session

from portal.applications import queries, review_queries
from portal.applications.models import ApplicationStatus
from portal.applications.rules import CheckKey
from tests.factories.applications import ApplicationFactory
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory

S = ApplicationStatus


def test_awaiting_review_begins_with_what_is_due_first(session: Session) -> None:
    later = ApplicationFactory.create(answer_by=NOW + timedelta(days=2))
    sooner = ApplicationFactory.create(answer_by=NOW + timedelta(days=1))
    ApplicationFactory.create(waiting=True)

    assert queries.awaiting_review(session) == [sooner, later]
    assert queries.awaiting_review(session, limit=1) == [sooner]


def test_counts_name_every_status_but_drafts(session: Session) -> None:
    ApplicationFactory.create_batch(2)
    ApplicationFactory.create(draft=True)
    ApplicationFactory.create(withdrawn=True)

    assert queries.counts(session) == {
        S.SUBMITTED: 2,
        S.INFO_REQUESTED: 0,
        S.APPROVED: 0,
        S.REJECTED: 0,
        S.WITHDRAWN: 1,
    }


def test_an_open_application_comes_before_a_newer_rejected_one(
    session: Session,
) -> None:
    opened = ApplicationFactory.create()
    ApplicationFactory.create(
        rejected=True,
        version=opened.version,
        email=opened.email,
        created_at=NOW + timedelta(days=1),
    )

    found = queries.latest_locked(session, opened.program_id, opened.email)

    assert found is opened


def test_free_mail_addresses_are_no_company(session: Session) -> None:
    application = ApplicationFactory.create(email="mina@gmail.com")
    ApplicationFactory.create(email="lee@gmail.com")

    keys = [check.key for check in review_queries.review_checks(session, application)]

    assert keys == [CheckKey.FREE_MAIL, CheckKey.NOTHING_EARLIER]


def test_colleagues_and_partners_are_found(session: Session) -> None:
    member = PartnerMemberFactory.create(user__email="mina@hanbit.example")
    application = ApplicationFactory.create(email="mina@hanbit.example")
    other = ApplicationFactory.create(email="lee@hanbit.example")
    ApplicationFactory.create(email="kim@hanbit.example", draft=True)

    evidence = {
        c.key: c.evidence for c in review_queries.review_checks(session, application)
    }

    assert evidence[CheckKey.KNOWN_PARTNER] == member.partner.name
    assert evidence[CheckKey.SAME_DOMAIN] == other.reference
