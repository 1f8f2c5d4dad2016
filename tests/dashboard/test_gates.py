"""Staff confirm requirements on a partner's page."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.commissions.service import TASK
from portal.enrollments import queries, service
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.kit.clock import utc_now
from tests.dashboard.pages import SignIn, page
from tests.enrollments.gates import EXAM, TAX_FORM, enrolled
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory

DAY = timedelta(days=1)


@pytest.fixture
def enrollment(session: Session) -> Enrollment:
    del session
    return enrolled(TAX_FORM, joined_at=utc_now() - 20 * DAY)


@pytest.fixture
def reviewer(session: Session, sign_in: SignIn) -> FlaskClient:
    del session
    return sign_in(UserFactory.create(reviewer=True))


def partner_page(enrollment: Enrollment) -> str:
    return f"/admin/partners/{enrollment.partner.public_id}"


def address(enrollment: Enrollment, verb: str, key: str = "tax-form") -> str:
    place = f"{partner_page(enrollment)}/programs/{enrollment.public_id}"
    return f"{place}/gates/{key}/{verb}"


def fields(enrollment: Enrollment, verb: str, **values: str) -> dict[str, str]:
    prefix = f"{verb}-tax-form-{enrollment.public_id}-"
    return {prefix + name: value for name, value in values.items()}


def is_met(session: Session, enrollment: Enrollment) -> bool:
    session.expire_all()
    found = queries.get(session, enrollment.id)
    return queries.checklist(session, found, now=utc_now())[-1].is_met


def queued(session: Session) -> int:
    query = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :task")
    return int(session.scalar(query, {"task": TASK}) or 0)


def test_a_requirement_is_confirmed_and_withdrawn(
    session: Session, enrollment: Enrollment, reviewer: FlaskClient
) -> None:
    before = page(reviewer, partner_page(enrollment))
    assert "Confirm: Send us your tax form" in before

    day = (utc_now() - 3 * DAY).date()
    data = fields(enrollment, "confirm", since_on=day.isoformat(), reason="W-8")
    answer = reviewer.post(
        address(enrollment, "confirm"), data=data, follow_redirects=True
    )
    assert "Done. The requirement is up to date" in answer.text
    assert "Withdraw: Send us your tax form" in answer.text
    assert is_met(session, enrollment)
    assert queued(session) == 1

    data = fields(enrollment, "withdraw", reason="It has expired")
    answer = reviewer.post(
        address(enrollment, "withdraw"), data=data, follow_redirects=True
    )
    assert "Confirm: Send us your tax form" in answer.text
    assert not is_met(session, enrollment)


def test_what_is_wrong_is_said_beside_the_field(
    session: Session, enrollment: Enrollment, reviewer: FlaskClient
) -> None:
    empty = reviewer.post(address(enrollment, "confirm"))
    assert empty.status_code == 422
    assert "Write why, so that others understand it later." in empty.text

    odd = reviewer.post(
        address(enrollment, "confirm"),
        data=fields(enrollment, "confirm", reason="bell \x07"),
    )
    assert odd.status_code == 422
    assert "characters we cannot show" in odd.text

    tomorrow = (utc_now() + 2 * DAY).date().isoformat()
    future = reviewer.post(
        address(enrollment, "confirm"),
        data=fields(enrollment, "confirm", reason="soon", since_on=tomorrow),
    )
    assert future.status_code == 422
    assert "Enter today or a day in the past." in future.text
    assert tomorrow in future.text
    assert not is_met(session, enrollment)


def test_a_second_click_is_harmless(
    session: Session, enrollment: Enrollment, reviewer: FlaskClient
) -> None:
    data = fields(enrollment, "confirm", reason="W-8")
    for words in ("Done. The requirement", "is confirmed for this time already"):
        answer = reviewer.post(
            address(enrollment, "confirm"), data=data, follow_redirects=True
        )
        assert words in answer.text
    data = fields(enrollment, "withdraw", reason="gone")
    for words in ("Done. The requirement", "is not confirmed now"):
        answer = reviewer.post(
            address(enrollment, "withdraw"), data=data, follow_redirects=True
        )
        assert words in answer.text
    assert not is_met(session, enrollment)


def test_other_requirements_are_not_confirmed_by_hand(
    enrollment: Enrollment, reviewer: FlaskClient
) -> None:
    key = f"confirm-review-{enrollment.public_id}-reason"

    answer = reviewer.post(
        address(enrollment, "confirm", "review"), data={key: "please"}
    )

    assert answer.status_code == 404


def test_who_may_not_confirm_is_offered_nothing(
    session: Session, enrollment: Enrollment, sign_in: SignIn
) -> None:
    auditor = sign_in(UserFactory.create(auditor=True))

    assert "Confirm: " not in page(auditor, partner_page(enrollment))
    answer = auditor.post(
        address(enrollment, "confirm"), data=fields(enrollment, "confirm", reason="x")
    )
    assert answer.status_code == 403
    assert not is_met(session, enrollment)


def test_in_a_place_that_has_ended_there_is_nothing_to_confirm(
    session: Session, enrollment: Enrollment, reviewer: FlaskClient
) -> None:
    enrollment.move_to(EnrollmentStatus.TERMINATED)
    session.flush()

    assert "Confirm: " not in page(reviewer, partner_page(enrollment))


def test_a_missed_deadline_is_shown(session: Session, reviewer: FlaskClient) -> None:
    del session
    shut = {"deadline_days": 5, "shuts_at_deadline": True}
    joined_at = utc_now().replace(year=2026, month=3, day=1)
    enrollment = enrolled(EXAM | shut, TAX_FORM | shut, joined_at=joined_at)

    shown = page(reviewer, partner_page(enrollment))

    assert shown.count("Missed on Mar 6, 2026") == 2
    assert "You can still confirm it if the partner had it by then." in shown


def test_a_fee_in_grace_is_marked(
    session: Session, enrollment: Enrollment, reviewer: FlaskClient
) -> None:
    service.meet_gate(
        session,
        enrollment,
        "email",
        now=utc_now() - DAY,
        until=utc_now() + DAY,
        in_grace=True,
    )
    session.flush()

    shown = page(reviewer, partner_page(enrollment))

    assert "Met, but the last payment failed" in shown


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("Send it to us.", "Send it to us. We check this."),
        ("", "There is nothing for you to do. We check this."),
    ],
)
def test_the_home_page_says_what_to_do_and_who_checks(
    session: Session, sign_in: SignIn, how: str, words: str
) -> None:
    enrollment = enrolled(TAX_FORM | {"how": how, "deadline_days": 3_000})
    for key in ("email", "review"):
        service.meet_gate(session, enrollment, key, now=NOW)
    user = PartnerMemberFactory.create(partner=enrollment.partner).user
    session.flush()

    shown = page(sign_in(user))

    assert "Next: Send us your tax form" in shown
    assert f"{words} The last day for it: May 18, 2034." in shown
