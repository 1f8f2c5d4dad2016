from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.accounts import queries as accounts
from portal.accounts import service as sign_in
from portal.accounts.permissions import Role
from portal.applications.models import Application, ApplicationStatus
from portal.attribution.models import Attribution
from portal.certification.models import Certificate
from portal.certification.rules import CertificateState
from portal.commissions.models import Commission, CommissionKind
from portal.demo.story import cast, people
from portal.demo.story.cast import Applicant, Cast
from portal.demo.story.dates import MONTHS, Calendar
from portal.demo.story.script import DemoStory, has_begun
from portal.enrollments import queries as enrollments
from portal.enrollments.models import EnrollmentStatus
from portal.enrollments.rules import unmet
from portal.fees import queries as fees
from portal.fees.rules import FeeStatus
from portal.kit.clock import utc_now
from portal.mail.models import MailStatus, OutboxEmail
from portal.partners import queries as partners
from portal.payments.models import InboxEvent, InboxStatus
from portal.payouts.models import Payout
from portal.programs.definition import Blocks
from portal.sales.models import Customer, Refund, RefundKind
from portal.statements.models import Period, PeriodStatus, Statement
from portal.statements.rules import Payment
from portal.stripe_sandbox.sandbox import Sandbox
from portal.tiers.models import TierChange
from portal.verification.service import verify
from tests.demo.conftest import SETTING


def application_of(session: Session, who: Applicant) -> Application:
    return session.scalars(
        select(Application).where(Application.email == who.email)
    ).one()


def statements_of(session: Session, who: Cast) -> list[Statement]:
    return list(
        session.scalars(
            select(Statement)
            .where(Statement.partner_name == who.company)
            .order_by(Statement.period_label)
        )
    )


class TestTheStory:
    def test_leaves_books_in_which_every_invariant_holds(self, after: Session) -> None:
        assert verify(after, utc_now()) == []
        assert has_begun(after)

    def test_has_a_dozen_partners_and_about_forty_customers(
        self, after: Session
    ) -> None:
        customers = after.scalar(select(func.count()).select_from(Customer)) or 0
        credited = after.scalar(
            select(func.count(Attribution.customer_id.distinct())).where(
                Attribution.enrollment_id.is_not(None)
            )
        )
        assert len(cast.PARTNERS) == 12
        assert 35 <= customers <= 50
        assert credited == customers

    def test_lets_staff_and_partners_sign_in_with_its_password(
        self, after: Session
    ) -> None:
        for email in (cast.ADMIN, cast.NOOR.email, "fin@northwind.test"):
            user = sign_in.authenticate(after, email=email, password=SETTING.password)
            assert user.email == email

    def test_acted_on_every_event(self, after: Session) -> None:
        statuses = set(after.scalars(select(InboxEvent.status).distinct()))
        assert statuses <= {InboxStatus.HANDLED, InboxStatus.IGNORED}

    def test_closed_every_full_month_but_the_last_one(
        self, after: Session, story: DemoStory
    ) -> None:
        dates = story.stage.dates
        found = after.execute(select(Period.label, Period.status).distinct())
        by_label = {label: status for label, status in found}  # noqa: C416 - typed rows
        closed = {dates.label(month) for month in range(MONTHS - 1)}
        assert {k for k, v in by_label.items() if v is PeriodStatus.CLOSED} == closed
        assert by_label[dates.label(MONTHS - 1)] is PeriodStatus.OPEN

    def test_paid_what_statements_said(self, after: Session) -> None:
        assert (after.scalar(select(func.count()).select_from(Payout)) or 0) > 20

    def test_delivers_only_the_mails_of_the_last_week(
        self, after: Session, story: DemoStory
    ) -> None:
        week_ago = story.stage.dates.now - timedelta(days=7)
        queued = after.scalars(
            select(OutboxEmail).where(OutboxEmail.status == MailStatus.QUEUED)
        ).all()
        assert queued
        assert all(email.queued_at >= week_ago for email in queued)

    def test_leaves_a_sandbox_that_goes_on_from_there(
        self, state: Path, story: DemoStory
    ) -> None:
        sandbox = Sandbox.load(state)
        assert sandbox.clock == story.stage.sandbox.clock
        oldest = min(event["created"] for event in sandbox.events())
        assert oldest >= (story.stage.dates.now - timedelta(days=31)).timestamp()
        assert sandbox.pending_events() == []
        assert state.stat().st_mode & 0o077 == 0


class TestTheCharacters:
    def test_noor_earns_and_has_statements(self, after: Session) -> None:
        mine = statements_of(after, cast.NOOR)
        assert len(mine) > 8
        assert mine[-1].payment is Payment.DUE
        assert mine[-1].earned_minor > 10_000

    def test_jiwoo_is_certified_pays_and_has_climbed_tiers(
        self, after: Session
    ) -> None:
        enrollment = people.enrollment_of(after, cast.JIWOO)
        fee = fees.live(after, enrollment.id)
        tiers = after.scalars(
            select(TierChange.tier)
            .where(TierChange.enrollment_id == enrollment.id)
            .order_by(TierChange.from_at)
        ).all()
        assert enrollment.status is EnrollmentStatus.ACTIVE
        assert fee is not None
        assert fee.status is FeeStatus.ACTIVE
        assert list(tiers[:2]) == ["partner", "gold"]

    def test_hanbit_applied_today_and_waits(
        self, after: Session, story: DemoStory
    ) -> None:
        application = application_of(after, cast.HANBIT)
        assert application.status is ApplicationStatus.SUBMITTED
        assert application.submitted_at is not None
        assert story.stage.dates.now - application.submitted_at < timedelta(hours=4)

    def test_blue_fern_owes_after_a_refund_and_carries_it_on(
        self, after: Session
    ) -> None:
        mine = statements_of(after, cast.BLUE_FERN)
        below = [row for row in mine if row.payment is Payment.CARRIED]
        assert any(row.reversals_minor < 0 for row in mine)
        assert len(below) > 1
        assert mine[-1].opening_minor < 0

    def test_coupon_king_was_rejected_with_a_reason(self, after: Session) -> None:
        application = application_of(after, cast.COUPON_KING)
        assert application.status is ApplicationStatus.REJECTED
        assert application.reason is not None
        assert application.decision_note

    def test_kairas_certificate_expired_and_her_fee_is_past_due(
        self, after: Session
    ) -> None:
        now = utc_now()
        enrollment = people.enrollment_of(after, cast.KAIRA)
        fee = fees.live(after, enrollment.id)
        states = [
            row.state(now)
            for row in after.scalars(
                select(Certificate).where(
                    Certificate.partner_id == enrollment.partner_id
                )
            )
        ]
        closed = unmet(enrollments.checklist(after, enrollment, now=now), Blocks.EARN)
        assert states == [CertificateState.EXPIRED]
        assert fee is not None
        assert fee.status is FeeStatus.PAST_DUE
        assert [status.gate.key for status in closed] == ["certification"]
        assert enrollment.status is EnrollmentStatus.PENDING

    def test_lumen_has_signed_and_not_sat_the_exam(self, after: Session) -> None:
        enrollment = people.enrollment_of(after, cast.LUMEN)
        checklist = enrollments.checklist(after, enrollment, now=utc_now())
        met = {status.gate.key: status.is_met for status in checklist}
        assert met["agreement"]
        assert not met["certification"]

    def test_one_applicant_was_asked_and_one_has_a_draft(self, after: Session) -> None:
        asked = application_of(after, cast.TIDEWATER)
        draft = application_of(after, cast.OLIVE)
        assert asked.status is ApplicationStatus.INFO_REQUESTED
        assert draft.status is ApplicationStatus.DRAFT
        assert draft.company == "Olive & Oak"

    def test_one_partner_is_suspended(self, after: Session) -> None:
        enrollment = people.enrollment_of(after, cast.FAST_TRAFFIC)
        assert enrollment.status is EnrollmentStatus.SUSPENDED

    def test_northwind_is_a_team_of_four_roles(self, after: Session) -> None:
        user = accounts.by_email(after, cast.NORTHWIND.email)
        assert user is not None
        partner = partners.of_user(after, user.id)
        assert partner is not None
        roles = {member.user.role for member in partners.members(after, partner.id)}
        assert roles == {
            Role.PARTNER_OWNER,
            Role.PARTNER_FINANCE,
            Role.PARTNER_MARKETER,
            Role.PARTNER_VIEWER,
        }

    def test_there_are_refunds_in_full_and_in_part_and_a_dispute(
        self, after: Session
    ) -> None:
        kinds = set(after.scalars(select(Refund.kind).distinct()))
        reversals = after.scalar(
            select(func.count()).where(Commission.kind == CommissionKind.REVERSAL)
        )
        assert kinds == {RefundKind.REFUND, RefundKind.DISPUTE}
        assert (reversals or 0) >= 5


class TestTheCalendar:
    def test_begins_fourteen_full_months_ago(self, story: DemoStory) -> None:
        dates = story.stage.dates
        assert dates.month(MONTHS) <= dates.now < dates.month(MONTHS + 1)

    def test_finds_a_moment_of_today_at_any_hour(self, story: DemoStory) -> None:
        midnight = story.stage.dates.now.replace(hour=0, minute=0, second=30)
        for hours in (0, 1, 12, 23):
            dates = Calendar(midnight + timedelta(hours=hours))
            assert dates.today().date() == midnight.date()
            assert dates.today() <= dates.now
