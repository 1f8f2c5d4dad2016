"""While staff have stopped an enrollment it earns nothing, and that is remembered."""

from datetime import timedelta

from sqlalchemy.orm import Session

from portal.enrollments import queries, service
from portal.enrollments.models import Enrollment
from portal.enrollments.rules import STANDING, unmet_at
from portal.programs.definition import Blocks, Gate
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.factories.programs import EnrollmentFactory

DAY = timedelta(days=1)


def in_the_way(
    session: Session, enrollment: Enrollment, blocks: Blocks, days: int
) -> list[Gate]:
    return unmet_at((), queries.history(session, enrollment), blocks, NOW + days * DAY)


def test_a_suspension_blocks_earning_from_its_beginning_to_its_end(
    session: Session,
) -> None:
    enrollment, admin = EnrollmentFactory.create(), UserFactory.create(admin=True)

    service.suspend(session, enrollment, actor=admin, reason="Spam", now=NOW + 2 * DAY)
    service.resume(
        session, enrollment, actor=admin, reason="Settled", now=NOW + 4 * DAY
    )

    blocked = [
        day
        for day in range(7)
        if in_the_way(session, enrollment, Blocks.EARN, day) == [STANDING]
    ]
    assert blocked == [2, 3]


def test_a_stopped_partner_keeps_the_links(session: Session) -> None:
    enrollment, admin = EnrollmentFactory.create(), UserFactory.create(admin=True)

    service.suspend(session, enrollment, actor=admin, reason="Spam", now=NOW)
    session.flush()

    assert in_the_way(session, enrollment, Blocks.LINK, 1) == []


def test_ending_a_suspended_enrollment_keeps_the_first_day_of_the_stop(
    session: Session,
) -> None:
    enrollment, admin = EnrollmentFactory.create(), UserFactory.create(admin=True)

    service.suspend(session, enrollment, actor=admin, reason="Spam", now=NOW)
    service.terminate(session, enrollment, actor=admin, reason="Spam", now=NOW + DAY)
    session.flush()

    assert len(queries.history(session, enrollment)) == 1
    assert in_the_way(session, enrollment, Blocks.EARN, 0) == [STANDING]
    assert in_the_way(session, enrollment, Blocks.EARN, 90) == [STANDING]
