from datetime import timedelta

from flask import Flask
from sqlalchemy.orm import Session

from portal.enrollments import queries, service, tasks
from portal.enrollments.models import EnrollmentStatus
from portal.kit.clock import utc_now
from tests.factories.programs import EnrollmentFactory


def test_an_enrollment_waits_again_when_a_certificate_has_ended(
    app: Flask, session: Session
) -> None:
    now = utc_now()
    one, two = EnrollmentFactory.create_batch(2, joined_at=now - timedelta(days=9))
    for enrollment, end in ((one, now - timedelta(hours=1)), (two, None)):
        for gate in enrollment.version.definition.gates:
            service.meet_gate(
                session,
                enrollment,
                gate.key,
                now=now - timedelta(days=5),
                until=end if gate.key == "certification" else None,
            )
        assert enrollment.status is EnrollmentStatus.ACTIVE
    session.flush()
    since = now - tasks.LOOK_BACK
    assert queries.with_gate_ended(session, since=since, now=now) == [one.id]

    with app.app_context():
        tasks.close_expired()

    session.expire_all()
    assert one.status is EnrollmentStatus.PENDING
    assert two.status is EnrollmentStatus.ACTIVE
