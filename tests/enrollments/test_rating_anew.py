"""A gate that opens or shuts has the sales rated anew that it decides on."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal import jobs
from portal.commissions import service as commissions
from portal.enrollments import service
from portal.enrollments.models import Enrollment, GateInterval
from portal.enrollments.service import gates
from tests.commissions.story import Story, a_version
from tests.enrollments.gates import EXAM, TAX_FORM, enrolled
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory

DAY = timedelta(days=1)
PAPERS = TAX_FORM | {"forfeits_after_months": 6}


def queued(session: Session, enrollment: Enrollment) -> int:
    """Return how many recomputes of an enrollment wait, and take them away."""
    session.flush()
    found = session.execute(
        text(
            "UPDATE procrastinate_jobs SET status = 'doing' WHERE status = 'todo' "
            "AND task_name = 'commissions.recompute' "
            "AND args ->> 'enrollment_id' = :id RETURNING id"
        ),
        {"id": str(enrollment.id)},
    ).all()
    session.execute(
        text("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = ANY(:ids)"),
        {"ids": [row.id for row in found]},
    )
    return len(found)


def test_the_job_is_that_of_commissions() -> None:
    assert gates.RECOMPUTE == commissions.TASK
    assert gates.RECOMPUTE in jobs.TASKS


def test_each_change_of_a_gate_that_decides_queues_one(session: Session) -> None:
    enrollment = enrolled(EXAM)
    meet, key = service.meet_gate, "certification"
    found = []

    meet(session, enrollment, key, now=NOW)  # the moment of joining: no sale yet
    found.append(queued(session, enrollment))
    service.lose_gate(session, enrollment, key, now=NOW + DAY)
    found.append(queued(session, enrollment))
    meet(session, enrollment, key, now=NOW + 2 * DAY, until=NOW + 9 * DAY)
    found.append(queued(session, enrollment))
    meet(session, enrollment, key, now=NOW + 3 * DAY, until=NOW + 9 * DAY)
    found.append(queued(session, enrollment))  # nothing changed
    meet(session, enrollment, key, now=NOW + 4 * DAY, until=NOW + 20 * DAY)
    meet(session, enrollment, key, now=NOW + 5 * DAY, until=None, in_grace=True)
    found.append(queued(session, enrollment))  # two changes, one job
    meet(session, enrollment, key, now=NOW + 6 * DAY)
    found.append(queued(session, enrollment))

    assert found == [0, 1, 1, 0, 1, 1]


@pytest.mark.parametrize(("gate", "jobs_queued"), [(TAX_FORM, 0), (PAPERS, 2)])
def test_what_staff_confirm_counts_if_it_decides_on_sales(
    session: Session, gate: dict[str, object], jobs_queued: int
) -> None:
    enrollment, admin = enrolled(gate), UserFactory.create(admin=True)

    service.confirm_gate(
        session, enrollment, "tax-form", actor=admin, reason="Seen", now=NOW + DAY
    )
    found = queued(session, enrollment)
    service.withdraw_gate(
        session, enrollment, "tax-form", actor=admin, reason="No", now=NOW + 2 * DAY
    )

    assert found + queued(session, enrollment) == jobs_queued


def test_a_held_sale_is_rated_by_the_queued_job(app: Flask, session: Session) -> None:
    held = [
        gate | {"sales_while_unmet": "held"}
        for gate in a_version().definition_json["gates"]
    ]
    story = Story(session, a_version(gates=held, hold={"days": 0}))
    session.flush()
    row = session.scalars(
        select(GateInterval).where(
            GateInterval.enrollment_id == story.enrollment.id,
            GateInterval.gate_key == "fee",
        )
    ).one()
    sold = story.sale(story.credited(), NOW - 40 * DAY)
    row.met_until = sold.occurred_at
    story.recompute()
    assert [line.clears_at for line in story.lines()] == [None]

    service.meet_gate(session, story.enrollment, "fee", now=NOW - 5 * DAY)
    assert queued(session, story.enrollment) == 1
    with app.app_context():
        jobs.TASKS[gates.RECOMPUTE](enrollment_id=str(story.enrollment.id))

    session.expire_all()
    assert [line.clears_at for line in story.lines()] == [NOW - 5 * DAY]
