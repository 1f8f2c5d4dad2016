"""The gates of the named programs, from the day of joining to the consequence.

Each journey is written from what the program publishes; services with moved days.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.applications import service as applications
from portal.applications.models import Application
from portal.certification import service as certification
from portal.enrollments import queries, service
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.invitations import service as invitations
from portal.mail.models import OutboxEmail
from portal.partners import queries as partner_queries
from portal.partners import service as partners
from portal.programs.definition import Blocks
from portal.programs.documents import dump_json, preset
from portal.programs.models import ProgramVersion
from portal.tiers import standing
from tests.agreements.signing import signed
from tests.commissions.story import Story, a_version
from tests.factories.applications import ANSWERS
from tests.factories.certification import passed
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.programs import ProgramVersionFactory

DAY = timedelta(days=1)


def on(year: int, month: int, day: int, hour: int = 12) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def could(
    session: Session,
    enrollment: Enrollment,
    blocks: Blocks,
    moments: Sequence[datetime],
) -> list[bool]:
    session.flush()
    return [
        queries.answer(session, enrollment, at=moment).may(blocks) for moment in moments
    ]


def in_program(
    session: Session,
    key: str,
    joined_at: datetime,
    **parts: Any,  # noqa: ANN401 - any part
) -> Enrollment:
    """A partner who has joined a preset's program and signed what it asks for."""
    version: ProgramVersion = ProgramVersionFactory.create(
        definition_json=dump_json(preset(key)) | parts, effective_from=on(2020, 1, 1)
    )
    member = PartnerMemberFactory.create()
    session.flush()
    enrollment = service.join(
        session, partner=member.partner, version=version, now=joined_at
    )
    session.flush()
    certification.follow_person(session, member.user, is_in=True, now=joined_at)
    signed(session, enrollment, user=member.user, now=joined_at)
    return queries.get(session, enrollment.id)


def owner_of(session: Session, enrollment: Enrollment) -> User:
    members = partner_queries.members(session, enrollment.partner_id)
    return members[0].user


class TestHubSpot:
    """Reach Gold within 24 months; bring the papers within 6 months of a sale."""

    JOINED = on(2024, 8, 1)
    DUE = on(2026, 8, 1)

    def a_partner(self, session: Session, **duty: object) -> Story:
        tiers = dump_json(preset("hubspot-solutions-partner"))["tiers"]
        duty = tiers["duty"] | duty
        story = Story(session, a_version(tiers=tiers | {"duty": duty}))
        story.enrollment.joined_at = self.JOINED
        story.enrollment.move_to(EnrollmentStatus.ACTIVE)
        PartnerMemberFactory.create(partner=story.enrollment.partner)
        session.flush()
        return story

    def test_who_is_not_gold_after_24_months_is_out_and_was_told_three_times(
        self, session: Session
    ) -> None:
        story = self.a_partner(session)
        for days in (-60, -30, -7, 1):
            standing.act(session, story.enrollment, now=self.DUE + days * DAY)
        session.flush()

        assert story.enrollment.status is EnrollmentStatus.TERMINATED
        moments = [self.DUE - timedelta.resolution, self.DUE]
        assert could(session, story.enrollment, Blocks.EARN, moments) == [True, False]
        templates = session.scalars(
            select(OutboxEmail.template).where(OutboxEmail.template.like("tiers/%"))
        ).all()
        assert sorted(templates) == ["tiers/duty_missed"] + 3 * ["tiers/duty_warning"]

    def test_who_reaches_gold_in_the_last_month_stays(self, session: Session) -> None:
        story = self.a_partner(session)
        customer = story.credited(first_seen_at=self.DUE - 40 * DAY)
        story.sale(customer, self.DUE - 20 * DAY, 2_500_000)  # 1,250 points

        standing.act(session, story.enrollment, now=self.DUE + 400 * DAY)

        assert story.enrollment.status is not EnrollmentStatus.TERMINATED

    def test_the_older_terms_move_down_and_do_not_end(self, session: Session) -> None:
        story = self.a_partner(session, move_to="partner")

        standing.act(session, story.enrollment, now=self.DUE + DAY)

        assert story.enrollment.status is not EnrollmentStatus.TERMINATED
        assert story.enrollment.tier == "partner"

    @pytest.mark.parametrize(
        ("filed", "earned"),
        [(on(2025, 7, 15, 23), [17_800]), (on(2025, 7, 16, 12), [0])],
    )
    def test_a_w9_on_the_last_day_of_six_months_is_in_time(
        self, session: Session, filed: datetime, earned: list[int]
    ) -> None:
        gates = [
            gate
            for gate in dump_json(preset("hubspot-provider"))["gates"]
            if gate["key"] in ("email", "review", "tax-form")
        ]
        story = Story(
            session, a_version(based_on="hubspot-provider", gates=gates, agreement=None)
        )
        for row in queries.intervals(session, story.enrollment.id, "tax-form"):
            row.met_until = row.met_from  # Not filed yet.
        customer = story.credited(first_seen_at=on(2025, 1, 10))
        story.sale(customer, on(2025, 1, 15), 89_000)
        session.flush()

        service.meet_gate(session, story.enrollment, "tax-form", now=filed)
        session.flush()
        story.recompute(filed + 30 * DAY)

        assert story.amounts() == earned


class TestMonday:
    """Certified within 60 days; every member renews each year."""

    JOINED = on(2025, 3, 1)

    @pytest.mark.parametrize(
        ("day", "qualified"), [(on(2025, 4, 30, 23), True), (on(2025, 5, 1, 0), False)]
    )
    def test_the_sixtieth_day_is_in_time_and_the_next_is_missed(
        self,
        session: Session,
        day: datetime,
        qualified: bool,  # noqa: FBT001 - a parameter of the test
    ) -> None:
        enrollment = in_program(session, "monday-partner", self.JOINED)

        passed(session, owner_of(session, enrollment), enrollment, day)

        later = [day - DAY, day + DAY, day + 300 * DAY]
        assert could(session, enrollment, Blocks.EARN, later) == [
            False,
            qualified,
            qualified,
        ]

    def test_nothing_is_earned_for_what_was_sold_before_the_certificate(
        self, session: Session
    ) -> None:
        enrollment = in_program(session, "monday-partner", self.JOINED)
        passed(session, owner_of(session, enrollment), enrollment, on(2025, 4, 1))

        answer = queries.answer(session, enrollment, at=on(2025, 3, 20))

        assert answer.sale.value == "forfeited"
        assert [one.key for one in answer.in_the_way[Blocks.EARN]] == ["certification"]

    def test_each_member_renews_within_the_year_or_nobody_earns(
        self, session: Session
    ) -> None:
        gates = dump_json(preset("monday-partner"))["gates"]
        gates[-1] |= {"team": {"who": "everyone", "newcomer_days": 60}}
        enrollment = in_program(session, "monday-partner", self.JOINED, gates=gates)
        ana = owner_of(session, enrollment)
        passed(session, ana, enrollment, on(2025, 4, 1))
        bo = PartnerMemberFactory.create(partner=enrollment.partner).user
        session.flush()
        certification.follow_person(session, bo, is_in=True, now=on(2025, 6, 1))
        passed(session, bo, enrollment, on(2025, 7, 1))

        # Ana's ends on 1 April 2026; she renews on the 9th, Bo a month too late.
        with_both = [on(2025, 6, 15), on(2025, 8, 1), on(2026, 3, 31)]
        assert could(session, enrollment, Blocks.EARN, with_both) == [True] * 3
        assert could(session, enrollment, Blocks.EARN, [on(2026, 4, 2)]) == [False]
        passed(session, ana, enrollment, on(2026, 4, 9))
        passed(session, bo, enrollment, on(2026, 8, 1))
        moments = [on(2026, 4, 2), on(2026, 4, 10), on(2026, 7, 2), on(2026, 8, 2)]
        assert could(session, enrollment, Blocks.EARN, moments) == [
            False,
            True,
            False,
            True,
        ]


class TestSalesforce:
    """Two credentials: one person with two, or two people with one each."""

    def an_application(self, session: Session) -> Application:
        version: ProgramVersion = ProgramVersionFactory.create(
            definition_json=dump_json(preset("salesforce-consulting"))
        )
        application = a_full_draft(session, version)
        applications.submit(
            session, application, agrees_to_checks=True, now=on(2026, 3, 2)
        )
        return application

    def test_nobody_is_in_before_somebody_has_looked_at_them(
        self, session: Session
    ) -> None:
        application = self.an_application(session)
        rae = UserFactory.create(reviewer=True)
        parts: dict[str, Any] = {"reviewer": rae, "hold_seconds": 0}

        with pytest.raises(applications.NotConfirmed, match="Hold two credentials"):
            applications.approve(session, application, now=on(2026, 3, 3), **parts)
        applications.approve(
            session,
            application,
            confirmed=["credentials"],
            now=on(2026, 3, 3),
            **parts,
        )
        applications.complete_approval(session, application, now=on(2026, 3, 3))

        enrollment = queries.get(session, session.scalars(select(Enrollment.id)).one())
        assert could(session, enrollment, Blocks.JOIN, [on(2026, 3, 4)]) == [True]
        service.withdraw_gate(
            session,
            enrollment,
            "credentials",
            actor=rae,
            reason="One of them has ended",
            now=on(2026, 9, 1),
        )
        moments = [on(2026, 8, 31), on(2026, 9, 2)]
        assert could(session, enrollment, Blocks.JOIN, moments) == [True, False]

    def test_two_certificates_of_our_own_count_while_their_holders_are_here(
        self, session: Session
    ) -> None:
        gate = {
            "key": "credentials",
            "kind": "certification",
            "title": "Hold two credentials",
            "blocks": ["earn"],
            "certification": "solutions-partner",
            "team": {"who": "at_least", "number": 2, "counts": "certificates"},
        }
        gates = dump_json(preset("salesforce-consulting"))["gates"]
        kept = [one for one in gates if one["kind"] in ("email", "review", "agreement")]
        enrollment = in_program(
            session,
            "salesforce-consulting",
            on(2026, 3, 1),
            gates=[*kept, gate],
            fee=None,
        )
        ana = owner_of(session, enrollment)
        bo = PartnerMemberFactory.create(
            partner=enrollment.partner, user__role=Role.PARTNER_MARKETER
        ).user
        session.flush()
        certification.follow_person(session, bo, is_in=True, now=on(2026, 3, 1))

        passed(session, ana, enrollment, on(2026, 3, 10))
        passed(session, bo, enrollment, on(2026, 3, 20))
        member = partner_queries.member(session, enrollment.partner_id, bo.id)
        partners.remove_member(
            session, enrollment.partner, member, actor=ana, now=on(2026, 6, 1)
        )

        moments = [on(2026, 3, 15), on(2026, 3, 21), on(2026, 6, 2)]
        assert could(session, enrollment, Blocks.EARN, moments) == [False, True, False]


def test_a_private_program_is_joined_by_invitation_and_no_other_way(
    session: Session,
) -> None:
    """From the code in a mail to the first sale that would earn."""
    version: ProgramVersion = ProgramVersionFactory.create(
        definition_json=dump_json(preset("salesforce-private-referral"))
    )
    rae, mina = UserFactory.create(reviewer=True), "mina@hanbit.example"
    with pytest.raises(applications.NotOpen):
        applications.start(
            session,
            version,
            email=mina,
            country=None,
            remote_address=None,
            locale="en",
            now=on(2026, 3, 1),
        )
    invitations.invite(session, version, email=mina, actor=rae, now=on(2026, 3, 1))
    session.flush()
    [mail] = session.scalars(select(OutboxEmail)).all()
    token = mail.context["secret_path"].removeprefix("/invitations/")

    _invitation, application = invitations.use(
        session, token, email=mina, locale="en", now=on(2026, 3, 5)
    )
    assert application is not None
    application.answers = dict(ANSWERS)
    applications.submit(session, application, agrees_to_checks=True, now=on(2026, 3, 5))
    applications.approve(
        session, application, reviewer=rae, hold_seconds=0, now=on(2026, 3, 6)
    )
    applications.complete_approval(session, application, now=on(2026, 3, 6))
    enrollment = queries.get(session, session.scalars(select(Enrollment.id)).one())
    signed(session, enrollment, now=on(2026, 3, 8))

    moments = [on(2026, 3, 7), on(2026, 3, 9)]
    assert could(session, enrollment, Blocks.EARN, moments) == [False, True]
    assert enrollment.status is EnrollmentStatus.ACTIVE


def a_full_draft(session: Session, version: ProgramVersion) -> Application:
    """A draft with every answer."""
    application = applications.start_invited(
        session,
        version,
        email="mina@hanbit.example",
        known={},
        locale="en",
        now=on(2026, 3, 1),
    )
    join = version.definition.join
    application.answers = {
        question.key: ANSWERS.get(
            question.key,
            [question.choices[0].key]
            if question.kind == "multiple_choice"
            else question.choices[0].key
            if question.choices
            else "12",
        )
        for question in join.questions
    }
    return application
