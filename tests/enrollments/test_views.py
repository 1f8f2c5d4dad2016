from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.enrollments import service
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.enrollments.rules import GateStatus
from portal.enrollments.steps import next_step
from portal.kit.clock import utc_now
from tests.enrollments.gates import EXAM, FEE, TAX_FORM, enrolled
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.programs import EnrollmentFactory, ProgramVersionFactory

SignIn = Callable[[User], FlaskClient]


@pytest.fixture
def enrollment(session: Session) -> Enrollment:
    member = PartnerMemberFactory.create(user__name="Mina Park")
    return service.join(
        session,
        partner=member.partner,
        version=ProgramVersionFactory.create(),
        now=NOW,
    )


def member_of(enrollment: Enrollment, role: Role = Role.PARTNER_OWNER) -> User:
    user: User = PartnerMemberFactory.create(
        partner=enrollment.partner, user__role=role, user__name="Mina Park"
    ).user
    return user


def address(enrollment: Enrollment) -> str:
    return f"/app/programs/{enrollment.public_id}/agreement"


class TestPrograms:
    def test_what_is_done_and_what_is_next(
        self, session: Session, sign_in: SignIn, enrollment: Enrollment
    ) -> None:
        service.meet_gate(session, enrollment, "email", now=NOW, until=utc_now())
        session.flush()

        page = sign_in(member_of(enrollment)).get("/app/programs").text

        for text in (
            "Solutions Partner Program",
            "Done on Mar 1, 2026.",
            "You need this to:",
            address(enrollment),
            "/app/certifications",
        ):
            assert text in page

    def test_a_gate_with_an_end_says_so(
        self, session: Session, sign_in: SignIn, enrollment: Enrollment
    ) -> None:
        end = utc_now().replace(year=utc_now().year + 1)
        service.meet_gate(session, enrollment, "email", now=NOW, until=end)
        session.flush()

        page = sign_in(member_of(enrollment)).get("/app/programs").text

        assert "Holds until" in page

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (EnrollmentStatus.SUSPENDED, "We have paused your place"),
            (EnrollmentStatus.TERMINATED, "Your place in this program has ended."),
        ],
    )
    def test_a_stopped_place_says_what_is_going_on(
        self,
        session: Session,
        sign_in: SignIn,
        enrollment: Enrollment,
        status: EnrollmentStatus,
        words: str,
    ) -> None:
        enrollment.move_to(status)
        session.flush()

        assert words in sign_in(member_of(enrollment)).get("/app/programs").text

    def test_when_all_is_done_it_says_so(
        self, session: Session, sign_in: SignIn, enrollment: Enrollment
    ) -> None:
        for gate in enrollment.version.definition.gates:
            service.meet_gate(session, enrollment, gate.key, now=NOW)
        session.flush()

        page = sign_in(member_of(enrollment)).get("/app/programs").text

        assert "Everything is done." in page

    @pytest.mark.parametrize(
        ("days", "shuts", "words", "tag"),
        [
            (3_000, False, "Do it by May 18, 2034.", "To do"),
            (3_000, True, "Do it by May 18, 2034; after that, it is not", "To do"),
            (30, False, "It was due on Mar 31, 2026; do it now.", "To do"),
            (30, True, "Missed on Mar 31, 2026: that was the last day.", "Missed"),
        ],
    )
    def test_a_deadline_is_shown(
        self,
        session: Session,
        sign_in: SignIn,
        days: int,
        words: str,
        tag: str,
        *,
        shuts: bool,
    ) -> None:
        del session
        enrollment = enrolled(
            EXAM | {"deadline_days": days, "shuts_at_deadline": shuts}
        )

        page = sign_in(member_of(enrollment)).get("/app/programs").text

        assert words in page
        assert f">{tag}<" in page

    def test_after_a_missed_deadline_the_next_step_is_another_one(
        self, session: Session
    ) -> None:
        del session
        missed = enrolled(EXAM | {"deadline_days": 1, "shuts_at_deadline": True})
        exam = missed.version.definition.gates[-1]
        rest = missed.version.definition.gates[0]
        statuses = [
            GateStatus(exam, due_on=NOW.date(), is_overdue=True),
            GateStatus(rest),
        ]

        assert next_step(statuses) is statuses[1]
        assert next_step(statuses[:1]) is None

    def test_what_we_confirm_says_how_and_who_checks(
        self, session: Session, sign_in: SignIn
    ) -> None:
        enrollment = enrolled(TAX_FORM)
        client = sign_in(member_of(enrollment))

        page = client.get("/app/programs").text
        assert "Send us your tax form" in page
        assert "Send form W-8 or W-9 to tax@vendor.example." in page
        assert "You need this to: get paid." in page
        assert "We check this" in page

        service.confirm_gate(
            session,
            enrollment,
            "tax-form",
            actor=UserFactory.create(admin=True),
            reason="there",
            now=utc_now(),
            last_on=date(utc_now().year + 1, 12, 31),
        )
        session.flush()

        page = client.get("/app/programs").text
        assert "We check this" not in page
        assert f"Holds until Dec 31, {utc_now().year + 1}." in page

    def test_sales_that_can_be_lost_are_named(
        self, session: Session, sign_in: SignIn
    ) -> None:
        del session
        enrollment = enrolled(
            TAX_FORM | {"blocks": ["earn"], "forfeits_after_months": 6}
        )

        page = sign_in(member_of(enrollment)).get("/app/programs").text

        assert "not done within 6 months of the first one." in page

    def test_a_fee_in_grace_is_not_simply_done(
        self, session: Session, sign_in: SignIn, enrollment: Enrollment
    ) -> None:
        end = datetime(utc_now().year + 1, 6, 15, 12, tzinfo=UTC)
        for gate in enrollment.version.definition.gates:
            service.meet_gate(
                session,
                enrollment,
                gate.key,
                now=NOW,
                until=end if gate.kind == "fee" else None,
                in_grace=gate.kind == "fee",
            )
        session.flush()

        page = sign_in(member_of(enrollment)).get("/app/programs").text

        day = f"Jun 15, {end.year}"
        assert f"Done until {day}" in page
        assert f"The last payment failed. Pay by {day} to keep it." in page
        assert "Everything is done." not in page

    @pytest.mark.parametrize("interval", ["month", "year"])
    def test_a_fee_that_is_left_to_pay_names_its_price(
        self, session: Session, sign_in: SignIn, interval: str
    ) -> None:
        enrollment = enrolled(FEE, interval=interval)
        session.flush()

        page = sign_in(member_of(enrollment)).get("/app/programs").text

        assert f"It costs $50.00 a {interval}." in page

    def test_in_no_program_yet(self, session: Session, sign_in: SignIn) -> None:
        del session
        user = PartnerMemberFactory.create().user

        page = sign_in(user).get("/app/programs").text

        assert "You are in no program yet" in page

    def test_it_costs_the_same_with_many_programs(
        self,
        sign_in: SignIn,
        enrollment: Enrollment,
        count_queries: Callable[[], AbstractContextManager[list[str]]],
    ) -> None:
        client = sign_in(member_of(enrollment))
        costs = []
        for _ in range(2):
            EnrollmentFactory.create_batch(3, partner=enrollment.partner)
            with count_queries() as statements:
                client.get("/app/programs")
            costs.append(len(statements))

        assert costs[0] == costs[1]

    def test_staff_have_no_programs(self, session: Session, sign_in: SignIn) -> None:
        del session
        client = sign_in(UserFactory.create(admin=True))

        assert client.get("/app/programs").status_code in {403, 404}
