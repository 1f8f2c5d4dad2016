from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.enrollments import queries, service
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.enrollments.rules import Interval
from portal.kit.errors import Invalid
from tests.enrollments.gates import TAX_FORM, enrolled
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory

DAY = timedelta(days=1)
LATER = NOW + 30 * DAY


@pytest.fixture
def staff(session: Session) -> User:
    del session
    user: User = UserFactory.create(reviewer=True)
    return user


def confirm(
    session: Session,
    enrollment: Enrollment,
    staff: User,
    *,
    since_on: date | None = None,
    last_on: date | None = None,
    now: datetime = LATER,
    key: str = "tax-form",
) -> None:
    service.confirm_gate(
        session,
        enrollment,
        key,
        actor=staff,
        reason="W-8 of 1 March",
        now=now,
        since_on=since_on,
        last_on=last_on,
    )


def kept(session: Session, enrollment: Enrollment) -> list[Interval]:
    session.flush()
    return list(queries.history(session, enrollment).get("tax-form", ()))


def events(session: Session, enrollment: Enrollment) -> list[AuditEvent]:
    session.flush()
    query = (
        select(AuditEvent)
        .where(AuditEvent.subject_id == enrollment.id)
        .order_by(AuditEvent.id)
    )
    return list(session.scalars(query))


class TestConfirm:
    def test_it_holds_from_now_on_and_the_log_says_who_and_why(
        self, session: Session, staff: User
    ) -> None:
        enrollment = enrolled(TAX_FORM)

        confirm(session, enrollment, staff)

        assert kept(session, enrollment) == [Interval(LATER)]
        [event] = events(session, enrollment)
        assert event.action == "gate.confirmed"
        assert event.actor_id == staff.id
        assert event.details["gate"] == "tax-form"
        assert event.details["why"] == "W-8 of 1 March"

    def test_days_begin_and_end_in_the_programs_zone(
        self, session: Session, staff: User
    ) -> None:
        enrollment = enrolled(TAX_FORM, time_zone="America/New_York")

        confirm(
            session,
            enrollment,
            staff,
            since_on=date(2026, 3, 5),
            last_on=date(2026, 12, 31),
        )

        assert kept(session, enrollment) == [
            Interval(
                datetime(2026, 3, 5, 5, tzinfo=UTC),
                datetime(2027, 1, 1, 5, tzinfo=UTC),
            )
        ]

    def test_the_past_is_answered_from_history(
        self, session: Session, staff: User
    ) -> None:
        enrollment = enrolled(TAX_FORM | {"blocks": ["earn"]})

        confirm(session, enrollment, staff, since_on=date(2026, 3, 5))

        for at, is_met in ((4, False), (5, True)):
            moment = datetime(2026, 3, at, 12, tzinfo=UTC)
            status = queries.checklist(session, enrollment, now=moment)[-1]
            assert status.is_met is is_met

    def test_what_stood_in_the_way_opens(self, session: Session, staff: User) -> None:
        enrollment = enrolled(TAX_FORM | {"blocks": ["earn"]})
        for key in ("email", "review"):
            service.meet_gate(session, enrollment, key, now=NOW)
        assert enrollment.status is EnrollmentStatus.PENDING

        confirm(session, enrollment, staff)

        assert str(enrollment.status) == "active"

    def test_today_counts_from_its_beginning(
        self, session: Session, staff: User
    ) -> None:
        enrollment = enrolled(TAX_FORM)

        confirm(session, enrollment, staff, since_on=LATER.date(), last_on=LATER.date())

        assert kept(session, enrollment) == [
            Interval(
                datetime(2026, 3, 31, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
            )
        ]

    @pytest.mark.parametrize(
        ("days", "field", "words"),
        [
            ((date(2026, 4, 1), None), "since_on", "today or a day in the past"),
            ((date(2026, 2, 28), None), "since_on", "joining or a later one: 01 March"),
            ((date(2026, 3, 5), date(2026, 3, 4)), "last_on", "not before the first"),
            ((None, date(2026, 3, 30)), "last_on", "not before the first"),
            ((None, date.max), "last_on", "no end in sight"),
        ],
    )
    def test_impossible_days_are_refused(
        self,
        session: Session,
        staff: User,
        *,
        days: tuple[date | None, date | None],
        field: str,
        words: str,
    ) -> None:
        enrollment = enrolled(TAX_FORM)
        since_on, last_on = days

        with pytest.raises(Invalid, match=words) as refusal:
            confirm(session, enrollment, staff, since_on=since_on, last_on=last_on)

        assert refusal.value.field == field
        assert kept(session, enrollment) == []

    @pytest.mark.parametrize("key", ["review", "nothing"])
    def test_only_what_staff_confirm_is_confirmed(
        self, session: Session, staff: User, key: str
    ) -> None:
        enrollment = enrolled(TAX_FORM)

        with pytest.raises(service.NotConfirmable):
            confirm(session, enrollment, staff, key=key)
        with pytest.raises(service.NotConfirmable):
            service.withdraw_gate(
                session, enrollment, key, actor=staff, reason="no", now=LATER
            )


class TestAgain:
    def test_a_new_end_extends_it(self, session: Session, staff: User) -> None:
        enrollment = enrolled(TAX_FORM)
        confirm(session, enrollment, staff, last_on=date(2026, 12, 31))

        confirm(session, enrollment, staff, last_on=date(2027, 12, 31), now=LATER + DAY)

        assert kept(session, enrollment) == [
            Interval(LATER, datetime(2028, 1, 1, tzinfo=UTC))
        ]

    def test_an_end_can_be_taken_away(self, session: Session, staff: User) -> None:
        enrollment = enrolled(TAX_FORM)
        confirm(session, enrollment, staff, last_on=date(2026, 12, 31))

        confirm(session, enrollment, staff)

        assert kept(session, enrollment) == [Interval(LATER)]

    @pytest.mark.parametrize("first_end", [None, date(2027, 12, 31)])
    def test_what_is_covered_already_is_refused(
        self, session: Session, staff: User, first_end: date | None
    ) -> None:
        enrollment = enrolled(TAX_FORM)
        confirm(session, enrollment, staff, last_on=first_end)
        before = kept(session, enrollment)

        with pytest.raises(service.AlreadyConfirmed, match="for this time"):
            confirm(session, enrollment, staff, last_on=date(2026, 12, 31))

        assert kept(session, enrollment) == before

    def test_an_earlier_time_can_be_added_up_to_the_one_that_is_there(
        self, session: Session, staff: User
    ) -> None:
        enrollment = enrolled(TAX_FORM)
        confirm(session, enrollment, staff, since_on=date(2026, 3, 20))

        for last_on in (None, date(2026, 3, 20)):
            with pytest.raises(service.AlreadyConfirmed, match="later time"):
                confirm(
                    session,
                    enrollment,
                    staff,
                    since_on=date(2026, 3, 10),
                    last_on=last_on,
                )
        confirm(
            session,
            enrollment,
            staff,
            since_on=date(2026, 3, 10),
            last_on=date(2026, 3, 19),
        )

        assert kept(session, enrollment) == [
            Interval(
                datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC)
            ),
            Interval(datetime(2026, 3, 20, tzinfo=UTC)),
        ]

    def test_it_can_be_confirmed_again_after_it_was_withdrawn(
        self, session: Session, staff: User
    ) -> None:
        enrollment = enrolled(TAX_FORM)
        confirm(session, enrollment, staff)
        withdraw(session, enrollment, staff, LATER)

        confirm(session, enrollment, staff)

        assert kept(session, enrollment) == [Interval(LATER)]


def withdraw(
    session: Session, enrollment: Enrollment, staff: User, now: datetime
) -> None:
    service.withdraw_gate(
        session, enrollment, "tax-form", actor=staff, reason="expired", now=now
    )


class TestWithdraw:
    def test_it_ends_now_and_the_past_stays(
        self, session: Session, staff: User
    ) -> None:
        enrollment = enrolled(TAX_FORM | {"blocks": ["earn"]})
        for key in ("email", "review"):
            service.meet_gate(session, enrollment, key, now=NOW)
        confirm(session, enrollment, staff, last_on=date(2026, 12, 31))

        withdraw(session, enrollment, staff, LATER + DAY)

        assert kept(session, enrollment) == [Interval(LATER, LATER + DAY)]
        assert enrollment.status is EnrollmentStatus.PENDING
        withdrawn, blocked = events(session, enrollment)[-2:]
        assert withdrawn.action == "gate.withdrawn"
        assert withdrawn.actor_id == staff.id
        assert withdrawn.details == {"gate": "tax-form", "why": "expired"}
        assert blocked.action == "enrollment.blocked"

    def test_what_is_not_there_cannot_be_taken_away(
        self, session: Session, staff: User
    ) -> None:
        enrollment = enrolled(TAX_FORM)

        with pytest.raises(service.NotConfirmed):
            withdraw(session, enrollment, staff, LATER)


class TestDeadline:
    LISTING = TAX_FORM | {"deadline_days": 10, "shuts_at_deadline": True}

    def test_after_the_last_day_only_an_earlier_day_is_taken(
        self, session: Session, staff: User
    ) -> None:
        enrollment = enrolled(self.LISTING)  # joined on 1 March: until 11 March

        for since_on in (None, date(2026, 3, 12)):
            with pytest.raises(Invalid, match="The last day for this was"):
                confirm(session, enrollment, staff, since_on=since_on)
        confirm(session, enrollment, staff, since_on=date(2026, 3, 11))

        assert queries.checklist(session, enrollment, now=LATER)[-1].is_met

    def test_who_had_it_in_time_gets_it_again_later(
        self, session: Session, staff: User
    ) -> None:
        enrollment = enrolled(self.LISTING)
        confirm(
            session,
            enrollment,
            staff,
            since_on=date(2026, 3, 5),
            last_on=date(2026, 3, 8),
        )

        confirm(session, enrollment, staff)

        assert queries.checklist(session, enrollment, now=LATER)[-1].is_met
