"""The daily look at everybody's standing: for any day, twice, or late."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.enrollments import service as gates
from portal.enrollments.models import (
    Enrollment,
    EnrollmentStatus,
    GateInterval,
    GateNotice,
)
from portal.enrollments.rules import STOPPED
from portal.kit.clock import utc_now
from portal.mail.models import OutboxEmail
from portal.mail.rendering import render
from portal.tiers import standing, tasks
from tests.commissions.story import Story
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory
from tests.tiers.test_views import needing, storied

DAY = timedelta(days=1)
DUTY = {"level": "top", "within_months": 12}
DUE = NOW + 365 * DAY
CERTIFIED_UNTIL = NOW + 200 * DAY

Kept = tuple[EnrollmentStatus, list[datetime], list[tuple[str, str, datetime]]]


def a_partner(session: Session, **duty: object) -> Story:
    """Certified for 200 days, with a duty after 365."""
    story = storied(session, needing(duty=DUTY | duty))
    story.enrollment.joined_at = NOW
    story.enrollment.status = EnrollmentStatus.ACTIVE
    PartnerMemberFactory.create(partner=story.enrollment.partner)
    session.flush()
    gates.meet_gate(
        session, story.enrollment, "certification", now=NOW, until=CERTIFIED_UNTIL
    )
    return story


def run(session: Session, enrollment: Enrollment, days: Sequence[int]) -> Kept:
    """Run the job on these days; return what is kept when it is over."""
    for day in days:
        standing.act(session, enrollment, now=NOW + day * DAY)
    session.flush()
    stops = session.scalars(
        select(GateInterval.met_from).where(
            GateInterval.enrollment_id == enrollment.id,
            GateInterval.gate_key == STOPPED,
        )
    )
    notices = session.scalars(
        select(GateNotice)
        .where(GateNotice.enrollment_id == enrollment.id)
        .order_by(GateNotice.about_at, GateNotice.step.desc())
    )
    return (
        enrollment.status,
        list(stops),
        [
            (one.gate_key, f"{one.kind} {one.step}", one.about_at)
            for one in notices
            if one.kind in {"missed", "shut"}
        ],
    )


def mails(app: Flask, session: Session) -> list[str]:
    with app.app_context():
        return [
            render(one.template, one.context, one.locale).text
            for one in session.scalars(
                select(OutboxEmail).order_by(OutboxEmail.queued_at, OutboxEmail.id)
            )
        ]


@pytest.mark.parametrize(
    "days",
    [
        [199, 201, 305, 335, 358, 366, 367],
        [199, 199, 201, 201, 305, 305, 366, 366],
        [208, 373],  # a week late each time
        [201, 300, 372],
    ],
    ids=["on time", "twice", "a week late", "seldom"],
)
def test_however_often_it_runs_it_ends_the_same(
    session: Session, days: list[int]
) -> None:
    story = a_partner(session)

    assert run(session, story.enrollment, days) == (
        EnrollmentStatus.TERMINATED,
        [DUE],
        [
            ("certification", "shut 0", CERTIFIED_UNTIL),
            (standing.DUTY, "missed 0", DUE),
        ],
    )


def test_each_mail_of_a_duty_goes_out_once_and_names_what_follows(
    app: Flask, session: Session
) -> None:
    story = a_partner(session)
    for day in (300, 305, 305, 335, 358, 364, 366, 366):
        standing.act(session, story.enrollment, now=NOW + day * DAY)
    session.flush()

    warnings = [one for one in mails(app, session) if "Reach Top by" in one]
    missed = [one for one in mails(app, session) if "was not reached in time" in one]
    assert len(warnings) == 3
    assert all("Your place in the program ends." in one for one in warnings)
    assert len(missed) == 1
    assert "Your place in the program has ended." in missed[0]
    assert "March 1, 2027" in missed[0]


def test_who_only_moves_down_is_told_where(app: Flask, session: Session) -> None:
    story = a_partner(session, move_to="base")
    for day in (360, 370, 400):
        standing.act(session, story.enrollment, now=NOW + day * DAY)
    session.flush()

    told = mails(app, session)
    assert story.enrollment.status is not EnrollmentStatus.TERMINATED
    assert sum("You move to Base until you reach it." in one for one in told) == 1
    assert sum("You are now at Base." in one for one in told) == 1


def test_news_of_more_than_a_month_ago_is_not_told(session: Session) -> None:
    story = a_partner(session)

    assert run(session, story.enrollment, [500]) == (
        EnrollmentStatus.TERMINATED,
        [DUE],
        [],
    )


def test_a_run_for_a_past_day_tells_and_does_not_go_back(
    app: Flask, session: Session
) -> None:
    story = a_partner(session)
    now = NOW + 310 * DAY

    standing.act(session, story.enrollment, now=now, on=NOW + 306 * DAY)
    standing.act(session, story.enrollment, now=now, on=NOW + 150 * DAY)

    assert story.enrollment.status is EnrollmentStatus.PENDING
    assert sum("Reach Top by" in one for one in mails(app, session)) == 1


def test_the_job_and_the_command_look_at_everybody(
    app: Flask, session: Session
) -> None:
    story = a_partner(session, within_months=600)
    ended = utc_now() - DAY
    gates.meet_gate(session, story.enrollment, "certification", now=NOW, until=ended)
    session.flush()

    with app.app_context():
        tasks.keep_up()
    runner = app.test_cli_runner()
    result = runner.invoke(args=["standing"])
    late = runner.invoke(args=["standing", "--on", "2999-01-01"])

    assert "1 enrollments looked at." in result.output
    assert late.exit_code == 1
    assert "in the past" in late.output
    shut = session.scalars(
        select(GateNotice.about_at).where(
            GateNotice.enrollment_id == story.enrollment.id,
            GateNotice.gate_key == "certification",
        )
    ).all()
    assert shut == [ended]
