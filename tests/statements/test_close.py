from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from portal.accounts.permissions import Role
from portal.audit.models import AuditEvent
from portal.commissions.models import Commission
from portal.enrollments.models import GateInterval
from portal.kit.money import Money
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.mail.models import OutboxEmail
from portal.payments.models import InboxEvent, InboxSource, InboxStatus
from portal.sales.models import RefundKind
from portal.statements import queries, service
from portal.statements.documents.data import sha256_of, statement_data
from portal.statements.models import (
    TRANSITIONS,
    Period,
    PeriodStatus,
    PeriodTransition,
    Statement,
    StatementCounter,
)
from portal.statements.rules import LineKind, Payment, Severity, Totals
from tests.commissions.story import LONG_AGO, Story, a_version
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.factories.programs import EnrollmentFactory, ProgramFactory
from tests.factories.sales import SaleFactory
from tests.statements.books import (
    a_month,
    a_period,
    at,
    begin,
    close,
    entry_of,
    rename,
    settle,
)


class TestPeriods:
    def test_a_program_has_every_month_from_its_first_to_the_running_one(
        self, session: Session
    ) -> None:
        version = a_version()

        periods = service.ensure_periods(session, version.program, NOW)

        assert periods[0].label == f"{LONG_AGO:%Y-%m}"
        assert periods[-1].label == "2026-03"
        assert all(
            before.ends_at == after.starts_at for before, after in pairwise(periods)
        )

    def test_asking_again_adds_nothing(self, session: Session) -> None:
        version = a_version()
        first = service.ensure_periods(session, version.program, NOW)

        again = service.ensure_periods(session, version.program, NOW)

        assert [row.id for row in again] == [row.id for row in first]

    def test_months_begin_in_the_zone_of_the_program(self, session: Session) -> None:
        version = a_version(time_zone="America/New_York")

        service.ensure_all_periods(session, NOW)

        period = queries.period_labelled(session, version.program_id, "2026-02")
        assert period.starts_at.isoformat() == "2026-02-01T05:00:00+00:00"
        assert period.first_day.isoformat() == "2026-02-01"
        assert period.last_day.isoformat() == "2026-02-28"
        assert period.public_id.startswith("per_")

    def test_a_program_without_a_version_has_no_months(self, session: Session) -> None:
        program = ProgramFactory.create()

        assert service.ensure_periods(session, program, NOW) == []

    def test_a_month_that_does_not_exist_is_not_found(self, session: Session) -> None:
        version = a_version()

        with pytest.raises(queries.NoSuchPeriod):
            queries.period_labelled(session, version.program_id, "2026-02")

    @pytest.mark.parametrize("source", PeriodStatus)
    @pytest.mark.parametrize("target", PeriodStatus)
    def test_every_move_that_is_not_listed_is_refused(
        self, source: PeriodStatus, target: PeriodStatus
    ) -> None:
        period = Period(label="2026-01", status=source)

        if target in TRANSITIONS[source]:
            period.move_to(target)
            assert period.status is target
        else:
            with pytest.raises(PeriodTransition):
                period.move_to(target)


class TestChecks:
    def stops(self, session: Session, period: Period) -> set[str]:
        return {
            found.key
            for found in service.check(session, period, period.ends_at)
            if found.severity is Severity.STOP
        }

    def warnings(self, session: Session, period: Period) -> set[str]:
        return {
            found.key
            for found in service.check(session, period, period.ends_at)
            if found.severity is Severity.WARNING
        }

    def event(self, session: Session, status: InboxStatus) -> None:
        session.add(
            InboxEvent(
                id=f"evt_{status}",
                type="invoice.paid",
                payload={},
                occurred_at=at("2026-01-10"),
                received_at=at("2026-01-10"),
                source=InboxSource.WEBHOOK,
                status=status,
            )
        )
        session.flush()

    def test_a_sound_month_has_nothing_in_the_way(self, session: Session) -> None:
        period = a_month(Story(session))

        checks = service.check(session, period, period.ends_at)

        assert {found.severity for found in checks} == {Severity.FINE}

    def test_a_month_that_is_not_over_stops(self, session: Session) -> None:
        period = a_month(Story(session))

        checks = service.check(session, period, period.ends_at - timedelta(seconds=1))

        assert checks[0].severity is Severity.STOP

    def test_an_earlier_open_month_stops(self, session: Session) -> None:
        story = Story(session)
        a_period(session, story.version.program_id, "2025-12")
        period = a_month(story)

        assert self.stops(session, period) == {"earlier_months"}

    @pytest.mark.parametrize(
        ("status", "key"),
        [
            (InboxStatus.RECEIVED, "events_waiting"),
            (InboxStatus.FAILED, "events_failed"),
        ],
    )
    def test_an_event_that_was_not_handled_stops(
        self, session: Session, status: InboxStatus, key: str
    ) -> None:
        period = a_month(Story(session))

        self.event(session, status)

        assert self.stops(session, period) == {key}

    def test_a_parked_event_is_a_warning(self, session: Session) -> None:
        period = a_month(Story(session))

        self.event(session, InboxStatus.PARKED)

        assert self.warnings(session, period) == {"events_parked"}

    def test_a_sale_in_another_currency_is_a_warning_with_its_sum(
        self, session: Session
    ) -> None:
        story = Story(session)
        period = a_month(story)
        customer = story.credited(first_seen_at=at("2026-01-02"))
        story.sale(customer, at("2026-01-11"), 5_000, "EUR")
        story.recompute()

        checks = service.check(session, period, period.ends_at)

        found = next(c for c in checks if c.severity is Severity.WARNING)
        assert found.key == "other_currency_eur"
        assert found.detail == "€50.00"

    def test_a_balance_below_zero_is_a_warning(self, session: Session) -> None:
        story = Story(session)
        period = below_zero(story)

        assert self.warnings(session, period) == {"negative_balances"}

    def test_new_terms_in_the_month_are_noted(self, session: Session) -> None:
        story = Story(session)
        period = a_month(story)
        from_january = story.version.__class__(
            program_id=story.version.program_id,
            number=2,
            definition_json=story.version.definition_json,
            effective_from=at("2026-01-20"),
            published_at=at("2026-01-19"),
        )
        session.add(from_january)
        session.flush()

        checks = service.check(session, period, period.ends_at)

        assert checks[-1].severity is Severity.NOTE
        assert "version 2" in checks[-1].text


def below_zero(story: Story) -> Period:
    """A paid January whose sale is refunded in February; return February."""
    customer = story.credited(first_seen_at=at("2026-01-02"))
    sale = story.sale(customer, at("2026-01-10"), 60_000)
    story.recompute()
    january = a_period(story.session, story.version.program_id, "2026-01")
    [statement] = close(story.session, january)
    pay(story, statement.closing)
    story.refund(sale, at("2026-02-05"), sale.gross_minor)
    story.recompute(at("2026-02-05"))
    return a_period(story.session, story.version.program_id, "2026-02")


def pay(story: Story, amount: Money, day: str = "2026-02-03") -> None:
    """Book a payout as `portal.payouts` does."""
    ledger.book(
        story.session,
        f"payout:{story.enrollment.id}:{day}",
        [
            ledger.Line(
                account, side, story.enrollment.partner_id, story.version.program_id
            )
            for account, side in (
                (LedgerAccount.PARTNER_PAYABLE, -amount),
                (LedgerAccount.PAYOUT_CLEARING, amount),
            )
        ],
        occurred_at=at(day),
        now=at(day),
        description="Bank transfer E2E-1",
    )


class TestBegin:
    def test_a_stopped_month_stays_open(self, session: Session) -> None:
        period = a_month(Story(session))

        with pytest.raises(service.NotReadyToClose, match="not over"):
            begin(session, period, now=period.starts_at)

    def test_a_second_begin_is_refused(self, session: Session) -> None:
        period = a_month(Story(session))
        begin(session, period)

        with pytest.raises(PeriodTransition):
            begin(session, period)

    @pytest.mark.parametrize("notes", [{}, {"negative_balances": "  "}])
    def test_a_warning_needs_a_note(
        self, session: Session, notes: dict[str, str]
    ) -> None:
        period = below_zero(Story(session))

        with pytest.raises(service.WarningsUnanswered) as refusal:
            begin(session, period, notes=notes)

        assert refusal.value.field == "note_negative_balances"

    def test_the_notes_are_kept_and_audited(self, session: Session) -> None:
        period = below_zero(Story(session))
        actor = UserFactory.create(finance=True)

        begin(
            session,
            period,
            actor=actor,
            notes={"negative_balances": "one refund", "made_up": "no"},
        )

        session.flush()
        event = session.scalar(
            select(AuditEvent).where(
                AuditEvent.action == "period.close_began",
                AuditEvent.subject_id == period.id,
            )
        )
        assert period.acknowledged == {"negative_balances": "one refund"}
        assert period.closed_by_id == actor.id
        assert event is not None
        assert event.details["acknowledged"] == "negative_balances: one refund"

    def test_a_program_without_partners_closes_at_once(self, session: Session) -> None:
        period = a_period(session, a_version().program_id, "2026-01")

        assert close(session, period) == []
        assert period.status is PeriodStatus.CLOSED

    def test_a_chunk_of_an_open_month_is_a_bug(self, session: Session) -> None:
        period = a_month(Story(session))
        begin(session, period)
        session.execute(
            text("UPDATE periods SET status = 'open', close_began_at = NULL")
        )
        session.expire_all()

        with pytest.raises(RuntimeError, match="open"):
            service.close_chunk(session, period.id, 1)


class TestStatement:
    def test_it_says_what_was_earned_and_why(self, session: Session) -> None:
        story = Story(session)

        [statement] = close(session, a_month(story))

        [line] = statement.lines
        assert statement.totals == Totals(earned=12_000)
        assert statement.closing == Money(12_000, "USD")
        assert statement.payment is Payment.DUE
        assert statement.pays_on is not None
        assert statement.issuer_name == "Acme Inc."
        assert statement.public_id.startswith("stm_")
        assert (line.kind, line.amount_minor, line.rate) == (
            LineKind.EARNED,
            12_000,
            "20%",
        )
        assert line.what.startswith("Invoice in_")
        assert line.customer.startswith("cus_")
        assert "20% of $600.00" in line.why
        assert line.commission_public_id.startswith("com_")

    def test_its_lines_are_frozen_and_booked(self, session: Session) -> None:
        story = Story(session)

        [statement] = close(session, a_month(story))

        [commission] = story.lines()
        assert commission.period_label == "2026-01"
        expense, payable = entry_of(session, f"statement:{statement.id}")
        assert (payable.account, payable.amount_minor) == (
            LedgerAccount.PARTNER_PAYABLE,
            12_000,
        )
        assert (expense.account, expense.amount_minor) == (
            LedgerAccount.COMMISSION_EXPENSE,
            -12_000,
        )

    def test_what_clears_later_is_on_the_next_one(self, session: Session) -> None:
        story = Story(session)
        january = a_month(story)
        story.sale(
            story.credited(first_seen_at=at("2026-01-02")), january.ends_at, 10_000
        )
        story.recompute()
        close(session, january)

        [statement] = close(session, a_period(session, january.program_id, "2026-02"))

        assert statement.totals == Totals(opening=12_000, earned=2_000)

    def test_a_balance_below_zero_is_carried_on(self, session: Session) -> None:
        story = Story(session)
        period = below_zero(story)

        [statement] = close(session, period, notes={"negative_balances": "known"})

        assert statement.totals == Totals(
            opening=12_000, reversals=-12_000, payouts=12_000
        )
        assert statement.closing_minor == -12_000
        assert statement.payment is Payment.CARRIED
        assert [line.kind for line in statement.lines] == [
            LineKind.REVERSAL,
            LineKind.PAYOUT,
        ]
        assert statement.lines[0].what.startswith("Refund of in_")
        assert statement.lines[1].what == "Bank transfer E2E-1"
        assert statement.lines[1].commission_public_id == ""

    def test_a_late_change_of_the_past_is_an_adjustment(self, session: Session) -> None:
        story = Story(session)
        january = a_month(story)
        [first] = close(session, january)
        for interval in session.scalars(
            select(GateInterval).where(
                GateInterval.enrollment_id == story.enrollment.id
            )
        ):
            interval.met_until = at("2026-01-01")
        story.recompute(at("2026-02-10"))

        [statement] = close(session, a_period(session, january.program_id, "2026-02"))

        [line] = statement.lines
        assert first.closing_minor == 12_000
        assert statement.totals == Totals(opening=12_000, adjustments=-12_000)
        assert line.what.startswith("Correction of in_")
        assert statement.payment is Payment.NOTHING

    def test_other_refunds_and_sales_have_their_names(self, session: Session) -> None:
        story = Story(session)
        january = a_month(story)
        customer = story.credited(first_seen_at=at("2026-01-02"), name=None, email=None)
        checkout = SaleFactory.create(
            customer=customer, external_id="cs_1", occurred_at=at("2026-01-11")
        )
        SaleFactory.create(
            customer=customer, external_id="odd_1", occurred_at=at("2026-01-12")
        )
        story.refund(checkout, at("2026-01-13"), 11_900, RefundKind.DISPUTE)
        story.refund(checkout, at("2026-01-14"), -11_900, RefundKind.DISPUTE_WON)
        story.refund(checkout, at("2026-01-15"), 900)
        story.refund(checkout, at("2026-01-16"), -900, RefundKind.REFUND_FAILED)
        story.recompute()

        [statement] = close(session, january)

        whats = [line.what for line in statement.lines[1:]]
        assert whats == [
            "Checkout cs_1",
            "Sale odd_1",
            "Dispute of cs_1",
            "Won dispute over cs_1",
            "Refund of cs_1",
            "Failed refund of cs_1",
        ]
        assert statement.lines[1].customer == customer.external_id

    def test_nobody_gets_a_statement_about_nothing(self, session: Session) -> None:
        story = Story(session)
        EnrollmentFactory.create(version=story.version)

        assert len(close(session, a_month(story))) == 1

    def test_a_balance_alone_is_stated(self, session: Session) -> None:
        story = Story(session)
        january = a_month(story)
        close(session, january)

        [statement] = close(session, a_period(session, january.program_id, "2026-02"))

        assert statement.lines == []
        assert statement.totals == Totals(opening=12_000)

    def test_an_unmet_requirement_holds_the_payment(self, session: Session) -> None:
        story = Story(session)
        gate = next(
            gate for gate in story.version.definition.gates if "payout" in gate.blocks
        )
        period = a_month(story)
        for interval in session.scalars(
            select(GateInterval).where(GateInterval.gate_key == gate.key)
        ):
            interval.met_until = at("2026-01-20")
        session.flush()
        story.user()

        [statement] = close(session, period)

        assert statement.payment is Payment.HELD
        assert statement.payment_gate == gate.title
        assert statement.pays_on is None
        assert session.scalars(select(OutboxEmail.template)).all() == [
            "statements/held"
        ]

    def test_less_than_the_minimum_is_carried_on(self, session: Session) -> None:
        version = a_version(payout={"minimum_minor": 12_001})
        story = Story(session, version)

        [statement] = close(session, a_month(story))

        assert statement.payment is Payment.BELOW_MINIMUM

    def test_its_hash_is_that_of_what_is_stored(self, session: Session) -> None:
        story = Story(session)
        rename(story, '=HYPERLINK("https://evil.example") Ünïcode 한')
        [issued] = close(session, a_month(story))
        session.expire_all()

        stored = queries.get(session, issued.id).statement

        assert sha256_of(statement_data(stored)) == issued.sha256

    def test_money_people_of_the_partner_get_a_mail_after_half_an_hour(
        self, session: Session
    ) -> None:
        story = Story(session)
        owner = story.user()
        finance = story.user(Role.PARTNER_FINANCE)
        story.user(Role.PARTNER_MARKETER)
        period = a_month(story)

        close(session, period)

        mails = session.scalars(select(OutboxEmail)).all()
        assert {mail.to for mail in mails} == {owner.email, finance.email}
        assert {mail.template for mail in mails} == {"statements/ready"}
        assert {mail.hold_until for mail in mails} == {
            period.ends_at + timedelta(minutes=30)
        }
        assert mails[0].context["closing"] == "$120.00"


class TestResuming:
    def many(self, session: Session, count: int = 5) -> Period:
        version = a_version()
        stories = [Story(session, version) for _ in range(count)]
        for story in stories:
            customer = story.credited(first_seen_at=at("2026-01-02"))
            story.sale(customer, at("2026-01-10"))
            story.recompute()
        return a_period(session, version.program_id, "2026-01")

    def test_chunks_in_any_order_number_without_gaps(self, session: Session) -> None:
        period = self.many(session)
        begin(session, period, chunk_size=2)

        for number in (3, 1, 2):
            service.close_chunk(session, period.id, number)
        service.finish_close(session, period.id, now=period.ends_at)

        counts = [row.count for row in queries.of_period(session, period.id)]
        assert counts == [1, 2, 3, 4, 5]
        assert period.status is PeriodStatus.CLOSED

    def test_doing_a_chunk_again_changes_nothing(self, session: Session) -> None:
        period = self.many(session)
        begin(session, period, chunk_size=2)

        assert service.close_chunk(session, period.id, 1) == 2
        assert service.close_chunk(session, period.id, 1) == 0

    def test_it_is_not_finished_before_its_last_chunk(self, session: Session) -> None:
        period = self.many(session)
        begin(session, period, chunk_size=2)
        service.close_chunk(session, period.id, 1)

        service.finish_close(session, period.id, now=period.ends_at)

        assert period.status is PeriodStatus.CLOSING

    def test_finishing_again_sends_no_second_mail(self, session: Session) -> None:
        story = Story(session)
        story.user()
        period = a_month(story)
        close(session, period)

        service.finish_close(session, period.id, now=period.ends_at)

        assert session.scalar(select(func.count()).select_from(OutboxEmail)) == 1

    def test_the_numbers_of_a_chunk_that_was_rolled_back_are_given_again(
        self, session: Session
    ) -> None:
        period = self.many(session)
        begin(session, period, chunk_size=2)
        session.flush()

        with pytest.raises(KilledHalfWay), session.begin_nested():
            service.close_chunk(session, period.id, 1)
            raise KilledHalfWay
        for number in (2, 3, 1):
            service.close_chunk(session, period.id, number)

        counts = [row.count for row in queries.of_period(session, period.id)]
        counter = session.get_one(StatementCounter, period.program_id)
        assert counts == [1, 2, 3, 4, 5]
        assert counter.last_count == 5

    def test_an_interrupted_close_ends_in_the_same_statements(
        self, session: Session
    ) -> None:
        period = self.many(session, 3)
        straight = self.dump_of_close(session, period, interrupted=False)
        broken = self.dump_of_close(session, period, interrupted=True)

        assert broken == straight

    def dump_of_close(
        self, session: Session, period: Period, *, interrupted: bool
    ) -> list[tuple[str, int, str]]:
        """Close inside a savepoint that is rolled back, and return the outcome."""
        nested = session.begin_nested()
        began = queries.period(session, period.id)
        begin(session, began, chunk_size=1)
        session.flush()
        for number in (1, 2, 3):
            if interrupted:
                with pytest.raises(KilledHalfWay), session.begin_nested():
                    service.close_chunk(session, period.id, number)
                    raise KilledHalfWay
            service.close_chunk(session, period.id, number)
        service.finish_close(session, period.id, now=period.ends_at)
        settle(session)
        dump = [
            (row.number, row.closing_minor, row.sha256)
            for row in queries.of_period(session, period.id)
        ]
        nested.rollback()
        session.expire_all()
        return dump


class KilledHalfWay(Exception):
    """Stands for a worker that dies before its transaction commits."""


class TestPreview:
    def test_it_says_what_the_close_will_issue(self, session: Session) -> None:
        story = Story(session)
        period = a_month(story)

        before = service.preview(session, period)
        drafted = service.draft_now(session, story.enrollment, period)
        [statement] = close(session, period)
        after = service.preview(session, period)

        assert before.totals == statement.totals == after.totals
        assert drafted.totals == statement.totals
        assert [line.why for line in drafted.lines] == [
            line.why for line in statement.lines
        ]
        assert drafted.money(1) == before.money(1) == Money(1, "USD")
        assert after.rows[0].statement_id == statement.id

    def test_it_writes_nothing(self, session: Session) -> None:
        period = a_month(Story(session))

        service.preview(session, period)

        assert not session.new
        assert not session.dirty
        assert session.scalar(select(func.count()).select_from(Statement)) == 0

    def test_payouts_and_openings_are_in_it(self, session: Session) -> None:
        story = Story(session)
        period = below_zero(story)

        figures = service.preview(session, period)

        [row] = figures.negative
        assert row.totals == Totals(opening=12_000, reversals=-12_000, payouts=12_000)
        assert row.moved == -24_000
        assert figures.movers == [row]
        assert figures.looked_at == [row]

    def test_a_close_under_way_shows_what_is_issued_already(
        self, session: Session
    ) -> None:
        version = a_version()
        for _ in range(2):
            story = Story(session, version)
            story.sale(story.credited(first_seen_at=at("2026-01-02")), at("2026-01-10"))
            story.recompute()
        period = a_period(session, version.program_id, "2026-01")
        begin(session, period, chunk_size=1)
        service.close_chunk(session, period.id, 1)

        figures = service.preview(session, period)

        assert sorted(row.statement_id is not None for row in figures.rows) == [
            False,
            True,
        ]
        assert figures.totals == Totals(earned=24_000)

    def test_frozen_lines_belong_to_one_statement(self, session: Session) -> None:
        story = Story(session)
        january = a_month(story)
        close(session, january)
        close(session, a_period(session, january.program_id, "2026-02"))

        on_lines = session.scalars(
            select(Commission.period_label).where(Commission.frozen_at.is_not(None))
        ).all()

        assert on_lines == ["2026-01"]
