from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent
from portal.enrollments import queries, service
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.enrollments.rules import Interval, unmet_at
from portal.programs.definition import Blocks
from tests.enrollments.gates import EXAM, enrolled

JOINED = datetime(2025, 3, 1, 15, tzinfo=UTC)
SHUT = EXAM | {"deadline_days": 60, "shuts_at_deadline": True}


def passed(session: Session, moment: datetime) -> Enrollment:
    enrollment = enrolled(SHUT, joined_at=JOINED)
    for key in ("email", "review"):
        service.meet_gate(session, enrollment, key, now=JOINED)
    service.meet_gate(session, enrollment, "certification", now=moment, note="passed")
    session.flush()
    return enrollment


@pytest.mark.parametrize(
    ("moment", "in_time"),
    [
        (datetime(2025, 4, 30, 23, 59, tzinfo=UTC), True),
        (datetime(2025, 5, 1, tzinfo=UTC), False),
    ],
)
def test_who_passes_after_the_deadline_never_earns(
    session: Session, moment: datetime, *, in_time: bool
) -> None:
    enrollment = passed(session, moment)
    gates = enrollment.version.definition.gates
    history = queries.history(session, enrollment)

    later = moment + timedelta(days=30)
    unmet = unmet_at(gates, history, Blocks.EARN, later)

    assert (not unmet) is in_time
    assert (enrollment.status is EnrollmentStatus.ACTIVE) is in_time
    status = queries.checklist(session, enrollment, now=later)[-1]
    assert status.is_met is in_time
    assert status.is_missed is not in_time
    assert status.due_on == (None if in_time else date(2025, 4, 30))


def test_the_log_says_that_it_came_too_late_and_the_fact_is_kept(
    session: Session,
) -> None:
    late = datetime(2025, 5, 1, tzinfo=UTC)
    enrollment = passed(session, late)

    actions = session.scalars(
        select(AuditEvent.action)
        .where(AuditEvent.subject_id == enrollment.id)
        .order_by(AuditEvent.id)
    ).all()

    assert actions[-1] == "gate.met_too_late"
    rows = queries.intervals(session, enrollment.id, "certification")
    assert [row.interval for row in rows] == [Interval(late)]
    assert "certification" not in queries.history(session, enrollment)


def test_histories_of_nobody_are_none(session: Session) -> None:
    assert queries.histories(session, []) == {}
    assert queries.checklists(session, [], now=JOINED) == {}
