from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.enrollments import queries as enrollments
from portal.enrollments import service as enrollment_service
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.kit.ids import new_id, public_id
from portal.tracking import queries, service
from portal.tracking.models import Click, ReferralLink
from portal.tracking.rules import CODE, Site, Visit
from portal.tracking.service import (
    CodeNotAllowed,
    CodeTaken,
    DestinationNotAllowed,
    LinksLocked,
)
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.factories.programs import EnrollmentFactory
from tests.factories.sales import CustomerFactory
from tests.factories.tracking import ClickFactory, ReferralLinkFactory

SITE = Site("https://vendor.example", frozenset({"vendor.example"}))


def enrollment_with_links_open(session: Session) -> Enrollment:
    """In the preset, the agreement and the certification open the links."""
    enrollment: Enrollment = EnrollmentFactory.create()
    for gate in ("email", "review", "agreement", "certification"):
        enrollment_service.meet_gate(session, enrollment, gate, now=NOW)
    session.flush()
    return enrollments.get(session, enrollment.id)


def test_a_link_gets_a_code_and_the_programs_page(session: Session) -> None:
    enrollment = enrollment_with_links_open(session)

    link = service.create_link(session, enrollment, name="Newsletter", now=NOW)

    assert CODE.fullmatch(link.code)
    assert link.destination_url == "{vendor}/"
    assert link.public_id.startswith("lnk_")
    actions = session.scalars(
        select(AuditEvent.action).where(AuditEvent.subject_id == link.id)
    ).all()
    assert actions == ["link.created"]


def test_a_link_of_ones_own_making(session: Session) -> None:
    enrollment = enrollment_with_links_open(session)

    link = service.create_link(
        session,
        enrollment,
        name="Offer",
        destination_url="https://vendor.example/pricing",
        site=SITE,
        code="summer",
        now=NOW,
    )

    assert (link.code, link.destination_url) == ("summer", "{vendor}/pricing")


def test_a_code_belongs_to_one_link(session: Session) -> None:
    enrollment = enrollment_with_links_open(session)
    ReferralLinkFactory.create(code="summer")

    with pytest.raises(CodeTaken) as refusal:
        service.create_link(session, enrollment, name="x", code="summer", now=NOW)

    assert refusal.value.field == "code"


def test_other_mistakes_of_the_database_are_not_hidden(session: Session) -> None:
    enrollment = enrollment_with_links_open(session)
    session.expunge(enrollment)
    enrollment.id = new_id()

    with pytest.raises((DBAPIError, LinksLocked)):
        service.create_link(session, enrollment, name="x", now=NOW)


@pytest.mark.parametrize("code", ["ab", "UP", "-no-", "a b"])
def test_odd_codes_are_refused(session: Session, code: str) -> None:
    enrollment = enrollment_with_links_open(session)

    with pytest.raises(CodeNotAllowed):
        service.create_link(session, enrollment, name="x", code=code, now=NOW)


def test_links_lead_nowhere_else(session: Session) -> None:
    enrollment = enrollment_with_links_open(session)

    with pytest.raises(DestinationNotAllowed, match=r"vendor\.example"):
        service.create_link(
            session,
            enrollment,
            name="x",
            destination_url="https://evil.example",
            site=SITE,
            now=NOW,
        )
    with pytest.raises(ValueError, match="what is allowed"):
        service.create_link(session, enrollment, name="x", destination_url="/", now=NOW)


def test_links_wait_for_the_gates_and_name_them(session: Session) -> None:
    enrollment = enrollments.get(session, EnrollmentFactory.create().id)

    with pytest.raises(LinksLocked, match="Pass the solutions partner certification"):
        service.create_link(session, enrollment, name="x", now=NOW)
    assert service.ensure_default_link(session, enrollment, now=NOW) is None


@pytest.mark.parametrize(
    "status", [EnrollmentStatus.SUSPENDED, EnrollmentStatus.TERMINATED]
)
def test_a_stopped_enrollment_makes_no_links(
    session: Session, status: EnrollmentStatus
) -> None:
    enrollment = enrollment_with_links_open(session)
    enrollment.move_to(status)

    with pytest.raises(LinksLocked, match="at present"):
        service.create_link(session, enrollment, name="x", now=NOW)


def test_the_first_link_is_made_once(session: Session) -> None:
    enrollment = enrollment_with_links_open(session)

    first = service.ensure_default_link(session, enrollment, now=NOW)
    again = service.ensure_default_link(session, enrollment, now=NOW)

    assert first is not None
    assert first is again
    assert queries.first_link(session, enrollment.id) is first


def test_a_partner_who_switched_all_links_off_gets_no_new_one(
    session: Session,
) -> None:
    enrollment = enrollment_with_links_open(session)
    link = service.ensure_default_link(session, enrollment, now=NOW)
    assert link is not None
    user: User = UserFactory.create()
    service.disable(session, link, actor=user, now=NOW)
    session.flush()

    assert service.ensure_default_link(session, enrollment, now=NOW) is None


def test_switching_off_and_on_is_remembered_once(session: Session) -> None:
    link: ReferralLink = ReferralLinkFactory.create()
    user: User = UserFactory.create()
    for _ in range(2):
        service.disable(session, link, actor=user, now=NOW)
    was_disabled = link.is_disabled
    for _ in range(2):
        service.enable(session, link, actor=user, now=NOW)
    assert (was_disabled, link.is_disabled) == (True, False)

    session.flush()
    actions = session.scalars(
        select(AuditEvent.action).where(AuditEvent.subject_id == link.id)
    ).all()
    assert sorted(actions) == ["link.disabled", "link.enabled"]


def test_a_click_keeps_no_address_of_anybody(session: Session) -> None:
    link: ReferralLink = ReferralLinkFactory.create()
    click = service.record_click(
        session,
        link_id=link.id,
        visitor="",
        visit=Visit.BOT,
        referrer_host="blog.example",
        landing_url="https://vendor.example/",
        now=NOW,
    )
    session.flush()

    assert (click.is_bot, click.counts) == (True, False)
    assert click.public_id.startswith("clk_")
    assert set(Click.__table__.columns.keys()) == {
        "id",
        "link_id",
        "visitor",
        "clicked_at",
        "is_bot",
        "counts",
        "referrer_host",
        "landing_url",
    }


def test_the_portal_may_not_rewrite_clicks(session: Session) -> None:
    ClickFactory.create()

    with pytest.raises(DBAPIError, match="permission denied"), session.begin_nested():
        session.execute(text("UPDATE clicks SET counts = true"))


def test_clicks_are_found_by_visitor_and_by_id(session: Session) -> None:
    first = ClickFactory.create(visitor="a" * 32)
    second = ClickFactory.create(
        visitor="a" * 32, clicked_at=NOW + timedelta(minutes=1)
    )
    ClickFactory.create(visitor="")

    later = NOW + timedelta(hours=1)
    assert queries.clicks_of_visitor(session, "a" * 32, later) == [second, first]
    assert queries.clicks_of_visitor(session, "a" * 32, NOW) == [first]
    assert queries.clicks_of_visitor(session, "", later) == []
    assert queries.click_by_public_id(session, first.public_id) is first
    assert queries.click_by_public_id(session, public_id("clk", new_id())) is None
    assert queries.click_by_public_id(session, "nonsense") is None


def test_a_link_counts_its_clicks_and_customers(session: Session) -> None:
    link: ReferralLink = ReferralLinkFactory.create()
    clicks = [ClickFactory.create(link=link, referrer_host=h) for h in ("a", "a", "b")]
    ClickFactory.create(link=link, counts=False, referrer_host="c")
    for click in clicks[:2]:
        CustomerFactory.create(click_reference=click.public_id, click_id=click.id)
    ReferralLinkFactory.create()
    enrollment = enrollments.get(session, link.enrollment_id)

    (row,) = queries.links_of_partner(session, enrollment.partner_id)

    assert (row.link, row.clicks, row.customers) == (link, 3, 2)
    assert row.program_name == "Solutions Partner Program"
    assert queries.top_referrers(session, link.id) == [("a", 2), ("b", 1)]
    with pytest.raises(queries.NoSuchLink):
        queries.link_of_partner(session, link.id, new_id())
    with pytest.raises(queries.NoSuchLink):
        queries.get_for_partner(session, link.id, new_id())
