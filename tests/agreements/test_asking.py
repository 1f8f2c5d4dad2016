from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.agreements import queries, tasks
from portal.agreements.models import AgreementNotice
from portal.enrollments import queries as enrollments
from portal.enrollments import service as enrollment_service
from portal.enrollments.models import Enrollment, EnrollmentStatus, GateNotice
from portal.enrollments.notices import NoticeKind, due_notices
from portal.kit.clock import day_start
from portal.mail.models import OutboxEmail
from portal.mail.rendering import render
from portal.programs.models import Program, ProgramVersion
from tests.agreements.signing import (
    DAY,
    NEW_TEXT,
    OLD_TEXT,
    definition_with,
    first_version,
    next_version,
    signed,
)
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory
from tests.factories.programs import EnrollmentFactory

BEGINS = NOW + 10 * DAY
SHUTS = datetime(2026, 4, 11, tzinfo=UTC)
"""The last day is 30 days after 11 March."""

Run = Callable[[datetime], None]


@pytest.fixture
def enrollment(session: Session) -> Enrollment:
    """Mina's company, which signed the first text."""
    joined: Enrollment = EnrollmentFactory.create(
        version=first_version(), joined_at=NOW - 400 * DAY
    )
    owner = PartnerMemberFactory.create(partner=joined.partner, user__name="Mina Park")
    signed(session, joined, user=owner.user, now=NOW - 100 * DAY)
    return joined


@pytest.fixture
def run(app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The periodic job at some moment."""

    def run(at: datetime) -> None:
        session.flush()
        monkeypatch.setattr(tasks, "utc_now", lambda: at)
        with app.app_context():
            tasks.ask_again()
        session.expire_all()
        version = joinedload(Enrollment.version).joinedload(ProgramVersion.program)
        session.scalars(
            select(Enrollment).options(version, joinedload(Enrollment.partner))
        ).all()

    return run


def publish(
    program: Program,
    number: int = 2,
    *,
    days: int | None = 30,
    version: str = "2026-02",
) -> None:
    next_version(
        program,
        number,
        definition_with(version, NEW_TEXT, within_days=days),
        effective_from=BEGINS,
    )


def until(session: Session, enrollment: Enrollment) -> datetime | None:
    [*_, last] = enrollments.history(session, enrollment)["agreement"]
    return last.until


def mails(session: Session) -> list[OutboxEmail]:
    return list(
        session.scalars(
            select(OutboxEmail).where(OutboxEmail.template == "agreements/sign_again")
        )
    )


def test_the_owner_is_told_once_and_the_gate_stays_open_until_the_date(
    app: Flask, session: Session, enrollment: Enrollment, run: Run
) -> None:
    publish(enrollment.version.program)

    for hour in range(3):
        run(NOW + hour * DAY / 24)

    assert until(session, enrollment) == SHUTS
    [mail] = mails(session)
    with app.test_request_context():
        sent = render(mail.template, mail.context, "en")
    assert sent.subject == "New terms: please accept them by April 10, 2026"
    for said in (sent.text, sent.html):
        assert "2026-02" in said
        assert "March 11, 2026" in said
        assert f"/app/programs/{enrollment.public_id}/agreement" in said
    assert "cannot: get your link, earn commission, get paid." in " ".join(
        sent.text.split()
    )
    [notice] = session.scalars(select(AgreementNotice))
    assert notice.shuts_at == SHUTS


def test_the_general_warnings_do_not_repeat_the_mail(
    session: Session, enrollment: Enrollment, run: Run
) -> None:
    """Forty days before the date, the warning of sixty would be due."""
    publish(enrollment.version.program)
    run(NOW)

    [told] = session.scalars(select(GateNotice))
    assert (told.gate_key, told.kind, told.about_at, told.step) == (
        "agreement",
        NoticeKind.EXPIRY,
        SHUTS,
        60,
    )

    def due(day: date) -> list[int]:
        definition = enrollment.version.definition
        found = due_notices(
            definition.gates,
            enrollments.history(session, enrollment),
            enrollments.told(session, enrollment.id),
            joined_at=enrollment.joined_at,
            zone=definition.zone,
            grace_days=0,
            at=day_start(day, definition.zone),
        )
        return [one.step for _, one in found if one.key == "agreement"]

    assert due(date(2026, 3, 2)) == []
    assert due(date(2026, 3, 11)) == [30]
    assert due(date(2026, 4, 3)) == [7]


def test_a_signature_of_the_new_text_takes_the_end_away(
    session: Session, enrollment: Enrollment, run: Run
) -> None:
    publish(enrollment.version.program)
    run(NOW)

    signed(session, enrollment, now=NOW + DAY)
    run(NOW + 2 * DAY)

    assert until(session, enrollment) is None
    assert len(mails(session)) == 1


def test_the_gate_shuts_at_the_second_and_a_late_signature_opens_it(
    session: Session, enrollment: Enrollment, run: Run
) -> None:
    publish(enrollment.version.program)
    run(NOW)
    run(SHUTS)

    def unmet(at: datetime) -> set[str]:
        found = enrollments.checklist(session, enrollment, now=at)
        return {status.gate.key for status in found if not status.is_met}

    assert "agreement" not in unmet(SHUTS - DAY / 86_400)
    assert "agreement" in unmet(SHUTS)

    signed(session, enrollment, now=SHUTS + DAY)

    assert "agreement" not in unmet(SHUTS + DAY)
    assert "agreement" in unmet(SHUTS)  # the past stays
    assert len(mails(session)) == 1


def test_who_signed_while_the_version_came_out_is_found_later(
    session: Session, run: Run
) -> None:
    """The job runs before a first signature, and again after it."""
    enrollment = EnrollmentFactory.create(version=first_version())
    publish(enrollment.version.program)
    run(NOW)
    assert mails(session) == []

    PartnerMemberFactory.create(partner=enrollment.partner)
    signed(session, enrollment, now=NOW + DAY)
    run(NOW + 2 * DAY)

    assert until(session, enrollment) == SHUTS
    assert len(mails(session)) == 1


def test_without_a_demand_earlier_signatures_stay_good(
    session: Session, enrollment: Enrollment, run: Run
) -> None:
    publish(enrollment.version.program, days=None)

    run(NOW)

    assert until(session, enrollment) is None
    assert mails(session) == []


def test_a_demand_can_be_withdrawn_or_moved_before_it_begins(
    session: Session, enrollment: Enrollment, run: Run
) -> None:
    program = enrollment.version.program
    publish(program)
    run(NOW)

    publish(program, 3, days=60)
    run(NOW + DAY)
    assert until(session, enrollment) == SHUTS + 30 * DAY
    assert len(mails(session)) == 2  # another day is news

    publish(program, 4, days=None)
    run(NOW + 2 * DAY)
    assert until(session, enrollment) is None
    assert len(mails(session)) == 2


def test_each_new_text_is_told_and_the_first_date_counts(
    session: Session, enrollment: Enrollment, run: Run
) -> None:
    program = enrollment.version.program
    publish(program)
    run(NOW)
    next_version(
        program,
        3,
        definition_with("2026-03", OLD_TEXT + NEW_TEXT, within_days=5),
        effective_from=BEGINS + DAY,
    )
    run(NOW + DAY)

    assert until(session, enrollment) == datetime(2026, 3, 18, tzinfo=UTC)
    assert len(mails(session)) == 2

    standing = queries.standing(session, enrollment, now=NOW + DAY)
    assert standing is not None
    assert [one.terms.agreement.version for one in standing.asking] == [
        "2026-03",
        "2026-02",
    ]


@pytest.mark.parametrize("days", [1, 2])
def test_a_date_so_near_that_no_warning_comes_before_is_told_all_the_same(
    session: Session, enrollment: Enrollment, run: Run, days: int
) -> None:
    next_version(
        enrollment.version.program,
        2,
        definition_with("2026-02", NEW_TEXT, within_days=days),
        effective_from=NOW,
    )

    run(NOW)

    assert len(mails(session)) == 1


def test_who_left_or_never_signed_is_not_asked(
    session: Session, enrollment: Enrollment, run: Run
) -> None:
    enrollment.status = EnrollmentStatus.TERMINATED
    imported = EnrollmentFactory.create(version=enrollment.version)
    enrollment_service.meet_gate(session, imported, "agreement", now=NOW)
    publish(enrollment.version.program)

    run(NOW)

    assert mails(session) == []
    assert until(session, enrollment) is None
    assert until(session, imported) is None
