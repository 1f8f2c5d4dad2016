from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.permissions import Role
from portal.audit.models import AuditEvent
from portal.enrollments import service as gates
from portal.kit.errors import Conflict
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.mail.models import OutboxEmail
from portal.payouts import queries, service
from portal.payouts.models import (
    BATCH_TRANSITIONS,
    ROW_TRANSITIONS,
    ROWS_OF,
    BatchRow,
    BatchStatus,
    PayoutBatch,
    PayoutTransition,
    RowStatus,
)
from portal.payouts.rules import FileFormat, LeftOut
from portal.payouts.service.batches import add_rows
from portal.statements.rules import LineKind
from tests.commissions.story import Story
from tests.payouts.paying import (
    KEYS,
    NOW,
    PAY_ON,
    PAYER,
    SEPA,
    an_account,
    approve,
    broken,
    collected,
    finance,
    loaded,
    make,
    owed,
    owed_120,
    results,
    sent_batch,
    take,
)
from tests.statements.books import a_month, a_period, at, close, entry_of


@pytest.fixture
def story(session: Session) -> Story:
    return owed_120(session)


class TestStates:
    @pytest.mark.parametrize("to", list(BatchStatus))
    @pytest.mark.parametrize("status", list(BatchStatus))
    def test_a_batch_moves_as_its_table_says(
        self, app: Flask, status: BatchStatus, to: BatchStatus
    ) -> None:
        batch = PayoutBatch(number=12, status=status)

        with app.test_request_context():
            if to in BATCH_TRANSITIONS[status]:
                batch.move_to(to)
                assert batch.status is to
            else:
                with pytest.raises(PayoutTransition, match="P000012"):
                    batch.move_to(to)
                assert batch.status is status

    @pytest.mark.parametrize("to", list(RowStatus))
    @pytest.mark.parametrize("status", list(RowStatus))
    def test_a_row_moves_as_its_table_says(
        self, app: Flask, status: RowStatus, to: RowStatus
    ) -> None:
        row = BatchRow(end_to_end_id="P000012-00001", status=status)

        with app.test_request_context():
            if to in ROW_TRANSITIONS[status]:
                row.move_to(to)
                assert row.status is to
            else:
                with pytest.raises(PayoutTransition, match="P000012-00001"):
                    row.move_to(to)
                assert row.status is status

    def test_every_status_can_be_reached_and_left_for_good(self) -> None:
        for table, first in (
            (BATCH_TRANSITIONS, BatchStatus.DRAFT),
            (ROW_TRANSITIONS, RowStatus.PENDING),
        ):
            reached, waiting = {first}, [first]
            while waiting:
                following = table[waiting.pop()] - reached  # type: ignore[index]  # two tables
                reached |= following
                waiting += following
            assert reached == set(table)
            assert any(not table[status] for status in reached)  # type: ignore[index]  # two tables
        assert set(ROWS_OF) == set(BatchStatus)


class TestCollecting:
    def test_what_is_due_is_collected_with_its_statements(
        self, session: Session, story: Story
    ) -> None:
        found = collected(session)

        [one] = found.payable
        assert one.enrollment.id == story.enrollment.id
        assert one.due == one.balance == found.total == Money(12_000, "USD")
        assert [row.number[-6:] for row in one.statements] == ["000001"]
        assert one.account is not None
        assert one.account.masked == "•••• 6789"
        assert queries.balances(session) == {"USD": 1}

    def test_who_is_left_out_comes_with_the_reason(self, session: Session) -> None:
        story = Story(session)
        close(session, a_month(story))

        def reason(**change: object) -> LeftOut | None:
            [one] = collected(session, **change).left_out  # type: ignore[arg-type]  # any
            return one.left_out

        assert reason() == LeftOut.NO_ACCOUNT
        partner = story.enrollment.partner
        account = an_account(session, partner, usable_from=NOW + timedelta(hours=1))
        assert reason() == LeftOut.ACCOUNT_HELD
        assert collected(session, now=account.usable_from).payable
        assert reason(file_format=FileFormat.SEPA_03) == LeftOut.NO_ACCOUNT
        early = collected(session, now=account.usable_from, pay_on=date(2026, 5, 8))
        assert early.left_out[0].left_out == LeftOut.NOT_DUE
        assert early.left_out[0].pays_on == date(2026, 5, 15)

    def test_a_gate_that_stops_payment_is_named(self, session: Session) -> None:
        story = Story(session)
        close(session, a_month(story))
        an_account(session, story.enrollment.partner)
        [gate, *_] = [
            gate
            for gate in story.version.definition.gates
            if "payout" in {blocks.value for blocks in gate.blocks}
        ]
        gates.lose_gate(session, story.enrollment, gate.key, now=NOW)
        session.flush()

        [one] = collected(session, now=NOW + timedelta(minutes=1)).left_out

        assert one.left_out == LeftOut.GATE
        assert one.detail == gate.title

    def test_a_table_goes_to_whatever_account_there_is(self, session: Session) -> None:
        story = owed_120(session)
        an_account(session, story.enrollment.partner, SEPA)

        [one] = collected(session, file_format=FileFormat.CSV).payable

        assert one.account is not None
        assert one.account.last_four == "6789"

    def test_a_preview_asks_the_database_as_often_for_many_as_for_one(
        self, session: Session, count_queries: object
    ) -> None:
        first = owed_120(session)
        assert callable(count_queries)
        with count_queries() as for_one:
            collected(session)
        another = Story(session, first.version)
        close(session, a_month(another, "2026-02"))
        an_account(session, another.enrollment.partner)
        session.expire_all()

        with count_queries() as for_two:
            found = collected(session)

        assert len(found.payable) == 2
        assert len(for_two) <= len(for_one) + 1


class TestMaking:
    def test_a_payout_holds_its_account_and_its_name(
        self, session: Session, story: Story
    ) -> None:
        batch = make(session, finance())

        [row] = batch.rows
        assert row.end_to_end_id == f"{batch.name}-00001"
        assert row.public_id.startswith("pay_")
        assert batch.public_id.startswith("bat_")
        assert row.account.partner_id == story.enrollment.partner_id
        assert len(row.statement_numbers) == 1
        assert owed(story) == Money(0, "USD")
        assert entry_of(session, f"payout:{row.id}") == []

    @pytest.mark.usefixtures("story")
    def test_the_same_form_makes_one_batch(self, session: Session) -> None:
        form_id = new_id()

        first = make(session, finance(), form_id=form_id)
        again = make(session, finance(), form_id=form_id, fingerprint="anything")

        assert again.id == first.id

    @pytest.mark.usefixtures("story")
    def test_nobody_is_in_two_open_batches(self, session: Session) -> None:
        batch = make(session, finance())

        [one] = collected(session).left_out
        assert (one.left_out, one.detail) == (LeftOut.IN_BATCH, batch.name)
        with pytest.raises(service.NothingDue):
            make(session, finance())

    @pytest.mark.usefixtures("story")
    def test_the_database_refuses_a_second_open_row(self, session: Session) -> None:
        """Even where the program would not: somebody's code forgets to look."""
        seen = collected(session)
        make(session, finance())
        batch = a_batch(session)

        with pytest.raises(service.PreviewOutdated):
            add_rows(session, batch, seen.payable)

    @pytest.mark.usefixtures("story")
    def test_another_broken_rule_of_the_table_is_not_hidden(
        self, session: Session
    ) -> None:
        batch = make(session, finance())
        seen = collected(session)
        service.leave_out(
            session,
            batch,
            batch.rows[0],
            reason="wrong",
            actor=finance(),
            now=NOW,
        )
        session.flush()

        with pytest.raises(IntegrityError, match="position"):
            add_rows(session, batch, [*collected(session).payable, *seen.payable])

    @pytest.mark.parametrize(
        ("change", "refusal"),
        [
            ({"fingerprint": "of yesterday"}, service.PreviewOutdated),
            ({"pay_on": date(2026, 5, 15)}, service.WrongDay),
            ({"pay_on": date(2026, 5, 23)}, service.WrongDay),
            ({"pay_on": date(2026, 7, 20)}, service.WrongDay),
            ({"currency": "EUR"}, service.NothingDue),
            ({"payer": type(PAYER)(name="Acme")}, service.NotSetUp),
        ],
    )
    @pytest.mark.usefixtures("story")
    def test_what_cannot_be_sent_is_refused(
        self, session: Session, change: dict[str, Any], refusal: type[Exception]
    ) -> None:
        with pytest.raises(refusal):
            make(session, finance(), **change)

    def test_the_settings_that_a_file_needs_are_named(self) -> None:
        nobody = type(PAYER)(name="Acme")

        assert service.missing_setup(nobody, FileFormat.CSV) == []
        assert service.missing_setup(nobody, FileFormat.SEPA_03) == [
            "PORTAL_PAYER_IBAN"
        ]
        assert len(service.missing_setup(nobody, FileFormat.NACHA_CCD)) == 3


def a_batch(session: Session) -> PayoutBatch:
    batch = PayoutBatch(
        id=new_id(),
        currency="USD",
        format=FileFormat.CSV,
        pay_on=PAY_ON,
        four_eyes=False,
        form_id=new_id(),
        made_at=NOW,
        made_by_id=finance().id,
    )
    session.add(batch)
    session.flush()
    return batch


class TestLeavingOut:
    def test_it_is_due_again(self, session: Session, story: Story) -> None:
        batch = make(session, finance())

        service.leave_out(
            session, batch, batch.rows[0], reason="asked", actor=finance(), now=NOW
        )

        assert batch.rows[0].status is RowStatus.CANCELED
        session.flush()
        assert owed(story) == Money(12_000, "USD")
        with pytest.raises(service.NothingDue):
            approve(session, batch, finance())

    def test_an_approved_batch_stays_as_it_is(
        self, session: Session, story: Story
    ) -> None:
        batch = approve(session, make(session, finance()), finance())

        with pytest.raises(PayoutTransition):
            service.leave_out(
                session, batch, batch.rows[0], reason="x", actor=finance(), now=NOW
            )
        assert owed(story) == Money(0, "USD")

    @pytest.mark.usefixtures("story")
    def test_a_row_of_another_batch_is_not_found(self, session: Session) -> None:
        with pytest.raises(queries.NoSuchRow):
            queries.row(make(session, finance()), new_id())
        with pytest.raises(queries.NoSuchBatch):
            queries.batch(session, new_id())


class TestApproving:
    @pytest.mark.usefixtures("story")
    def test_who_made_it_cannot_approve_it(self, session: Session) -> None:
        maker = finance()
        batch = make(session, maker)

        with pytest.raises(service.SecondPersonNeeded):
            approve(session, batch, maker)

    @pytest.mark.usefixtures("story")
    def test_the_database_refuses_it_as_well(self, session: Session) -> None:
        maker = finance()
        batch = make(session, maker)
        batch.approved_by_id = maker.id

        with pytest.raises(IntegrityError, match="four_eyes"):
            session.flush()

    @pytest.mark.usefixtures("story")
    def test_one_person_is_enough_where_the_setting_says_so(
        self, session: Session
    ) -> None:
        maker = finance()

        batch = approve(session, make(session, maker, four_eyes=False), maker)

        assert batch.status is BatchStatus.APPROVED

    @pytest.mark.usefixtures("story")
    def test_its_file_is_made_once_and_does_not_lie_open(
        self, session: Session
    ) -> None:
        batch = approve(session, make(session, finance()), finance())

        first = service.file_of(session, batch, keys=KEYS)
        session.flush()
        session.expire_all()
        again = service.file_of(session, loaded(session, batch), keys=KEYS)

        assert first == again
        assert b"000123456789" in first
        assert batch.file is not None
        assert "000123456789" not in batch.file
        with pytest.raises(PayoutTransition):
            approve(session, batch, finance())

    @pytest.mark.usefixtures("story")
    def test_a_draft_has_no_file(self, session: Session) -> None:
        with pytest.raises(Conflict):
            service.file_of(session, make(session, finance()), keys=KEYS)

    @pytest.mark.parametrize("change", ["account", "balance"])
    def test_who_changed_since_is_named(
        self, session: Session, story: Story, change: str
    ) -> None:
        name = story.enrollment.partner.name
        batch = make(session, finance())
        [row] = batch.rows
        if change == "account":
            row.account.ended_at = NOW
        else:
            less = Money(1, "USD")
            ledger.book(
                session,
                "correction:1",
                [
                    ledger.Line(account, side, row.partner_id, row.program_id)
                    for account, side in (
                        (LedgerAccount.PARTNER_PAYABLE, -less),
                        (LedgerAccount.COMMISSION_EXPENSE, less),
                    )
                ],
                occurred_at=NOW,
                now=NOW,
            )

        with pytest.raises(service.RowsChanged, match=name):
            approve(session, batch, finance())

    @pytest.mark.usefixtures("story")
    def test_a_day_that_has_passed_is_refused(self, session: Session) -> None:
        batch = make(session, finance())

        with pytest.raises(service.WrongDay):
            service.approve(
                session,
                batch,
                payer=PAYER,
                keys=KEYS,
                actor=finance(),
                now=NOW + timedelta(days=2),
            )


class TestCanceling:
    @pytest.mark.parametrize("approved", [False, True])
    def test_everything_in_it_is_due_again(
        self, session: Session, story: Story, *, approved: bool
    ) -> None:
        batch = make(session, finance())
        if approved:
            batch = approve(session, batch, finance())

        service.cancel(session, batch, reason="no", actor=finance(), now=NOW)

        session.flush()
        assert owed(story) == Money(12_000, "USD")
        assert (batch.note, batch.rows[0].reason) == ("no", "no")
        with pytest.raises(Conflict):
            service.file_of(session, batch, keys=KEYS)
        assert make(session, finance()).rows

    def test_what_was_left_out_keeps_its_reason(
        self, session: Session, story: Story
    ) -> None:
        batch = make(session, finance())
        service.leave_out(
            session, batch, batch.rows[0], reason="asked", actor=finance(), now=NOW
        )

        service.cancel(session, batch, reason="no", actor=finance(), now=NOW)

        assert batch.rows[0].reason == "asked"
        assert owed(story) == Money(12_000, "USD")

    @pytest.mark.usefixtures("story")
    def test_what_the_bank_has_cannot_be_canceled(self, session: Session) -> None:
        batch = sent_batch(session)

        with pytest.raises(PayoutTransition):
            service.cancel(session, batch, reason="no", actor=finance(), now=NOW)


class TestSending:
    def test_the_balance_goes_down_once(self, session: Session, story: Story) -> None:
        batch = sent_batch(session)

        [row] = batch.rows
        sides = {
            posting.account: posting.amount_minor
            for posting in entry_of(session, f"payout:{row.id}")
        }
        assert sides == {
            LedgerAccount.PARTNER_PAYABLE: -12_000,
            LedgerAccount.PAYOUT_CLEARING: 12_000,
        }
        assert owed(story) == Money(0, "USD")
        with pytest.raises(PayoutTransition):
            service.mark_sent(session, loaded(session, batch), actor=finance(), now=NOW)
        assert broken(session, NOW) == []

    def test_the_partner_is_told_what_for_where_and_when(
        self, session: Session, story: Story
    ) -> None:
        user = story.user()

        batch = sent_batch(session)

        mail = session.scalar(
            select(OutboxEmail).where(OutboxEmail.template == "payouts/sent")
        )
        assert mail is not None
        assert mail.to == user.email
        said = mail.context
        assert said["amount"] == "$120.00"
        assert said["account"] == "•••• 6789"
        assert said["statements"] == batch.rows[0].statement_numbers[0]
        assert said["pay_on"] == "May 19, 2026"
        [shown] = queries.of_partner(session, story.enrollment.partner_id)
        assert (shown.state, shown.account) == ("sent", "•••• 6789")
        assert shown.reference == batch.rows[0].end_to_end_id

    def test_it_is_on_the_next_statement(self, session: Session, story: Story) -> None:
        batch = sent_batch(session)
        for month in ("2026-02", "2026-03", "2026-04"):
            close(session, a_period(session, story.version.program_id, month))

        [may] = close(session, a_period(session, story.version.program_id, "2026-05"))

        [line] = may.lines
        assert (line.kind, line.amount_minor) == (LineKind.PAYOUT, -12_000)
        assert batch.rows[0].end_to_end_id in line.what
        assert may.closing_minor == 0

    def test_it_cannot_be_paid_by_hand_as_well(
        self, session: Session, story: Story
    ) -> None:
        make(session, finance())

        with pytest.raises(service.MoreThanOwed):
            service.record(
                session,
                enrollment_id=story.enrollment.id,
                amount=Money(1, "USD"),
                paid_on=date(2026, 5, 18),
                reference="by hand",
                form_id=new_id(),
                actor=finance(),
                now=NOW,
            )


class TestResults:
    def test_paid_ends_the_batch(self, session: Session, story: Story) -> None:
        batch = sent_batch(session)
        name = batch.rows[0].end_to_end_id

        first = take(session, batch, f"{name},paid,")
        again = take(session, batch, f"{name},paid,")

        assert (first.paid, first.failed, first.known) == (1, 0, 0)
        assert (again.paid, again.failed, again.known) == (0, 0, 1)
        assert batch.status is BatchStatus.SETTLED
        assert queries.view_of(batch).state == "paid"
        assert owed(story) == Money(0, "USD")
        assert broken(session, NOW) == []

    def test_failed_puts_the_balance_back_once(
        self, session: Session, story: Story
    ) -> None:
        story.user(Role.PARTNER_FINANCE)
        batch = sent_batch(session)
        name = batch.rows[0].end_to_end_id

        take(session, batch, f"{name},failed,account closed")
        take(session, batch, f"{name},failed,account closed")

        assert owed(story) == Money(12_000, "USD")
        assert batch.rows[0].reason == "account closed"
        assert queries.view_of(batch).state == "partly_paid"
        assert broken(session, NOW) == []
        mails = session.scalars(
            select(OutboxEmail).where(OutboxEmail.template == "payouts/failed")
        ).all()
        assert [mail.context["reason"] for mail in mails] == ["account closed"]

    def test_what_failed_is_paid_by_a_new_batch(
        self, session: Session, story: Story
    ) -> None:
        batch = sent_batch(session)
        first = batch.rows[0]
        take(session, batch, f"{first.end_to_end_id},failed,account closed")

        again = sent_batch(session)
        take(session, again, f"{again.rows[0].end_to_end_id},paid,")

        assert again.rows[0].end_to_end_id != first.end_to_end_id
        assert again.rows[0].statement_numbers == first.statement_numbers
        assert owed(story) == Money(0, "USD")
        assert broken(session, NOW) == []
        states = {
            one.state
            for one in queries.of_partner(session, story.enrollment.partner_id)
        }
        assert states == {"failed", "paid"}

    def test_what_was_paid_may_come_back(self, session: Session, story: Story) -> None:
        batch = sent_batch(session)
        name = batch.rows[0].end_to_end_id
        take(session, batch, f"{name},paid,")

        take(
            session, batch, f"{name},failed,returned by the bank", now=at("2026-05-22")
        )

        assert batch.rows[0].status is RowStatus.RETURNED
        assert owed(story) == Money(12_000, "USD")
        assert broken(session, at("2026-05-23")) == []
        for month in ("2026-02", "2026-03", "2026-04"):
            close(session, a_period(session, story.version.program_id, month))
        [may] = close(session, a_period(session, story.version.program_id, "2026-05"))
        assert [line.amount_minor for line in may.lines] == [-12_000, 12_000]
        assert "came back" in may.lines[1].why
        assert may.closing_minor == 12_000

    def test_one_of_two_may_fail(self, session: Session, story: Story) -> None:
        another = Story(session, story.version)
        close(session, a_month(another, "2026-02"))
        an_account(session, another.enrollment.partner)
        batch = sent_batch(session)
        one, two = batch.rows

        take(session, batch, f"{one.end_to_end_id},failed,closed")

        assert [batch.status, one.status, two.status] == ["sent", "failed", "sent"]
        take(session, batch, f"{two.end_to_end_id},paid,")
        assert str(batch.status) == "settled"
        assert broken(session, NOW) == []

    def test_a_wrong_file_writes_nothing_and_names_every_line(
        self, session: Session, story: Story
    ) -> None:
        other = sent_batch(session)
        stranger = other.rows[0].end_to_end_id
        take(session, other, f"{stranger},failed,closed")
        batch = sent_batch(session)
        name = batch.rows[0].end_to_end_id
        entries = session.scalar(select(func.count()).select_from(AuditEvent))

        with pytest.raises(service.ResultsRefused) as caught:
            take(
                session,
                batch,
                f"{name},paid,",
                f"{name},paid,",
                f"{stranger},paid,",
                "P999999-00001,paid,",
                f"{name},perhaps,",
            )

        assert [
            (one.line, one.text.split(" ", 1)[1]) for one in caught.value.problems
        ] == [
            (3, "stands on line 2 already."),
            (4, f"belongs to the batch {other.name}, not to {batch.name}."),
            (5, "batch has a payout P999999-00001."),
            (6, "result is “perhaps”; write paid or failed."),
        ]
        session.flush()
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == entries
        assert batch.rows[0].status is RowStatus.SENT
        assert owed(story) == Money(0, "USD")

    @pytest.mark.usefixtures("story")
    def test_an_answer_that_contradicts_an_earlier_one_is_named(
        self, session: Session
    ) -> None:
        batch = sent_batch(session)
        name = batch.rows[0].end_to_end_id
        take(session, batch, f"{name},failed,closed")

        with pytest.raises(service.ResultsRefused) as caught:
            take(session, batch, f"{name},paid,")

        assert "failed before" in caught.value.problems[0].text

    def test_what_was_left_out_gets_no_answer(
        self, session: Session, story: Story
    ) -> None:
        another = Story(session, story.version)
        close(session, a_month(another, "2026-02"))
        an_account(session, another.enrollment.partner)
        batch = make(session, finance())
        out, kept = batch.rows
        service.leave_out(session, batch, out, reason="x", actor=finance(), now=NOW)
        batch = approve(session, batch, finance())
        service.mark_sent(session, batch, actor=finance(), now=NOW)

        with pytest.raises(service.ResultsRefused, match="one line"):
            take(session, batch, f"{out.end_to_end_id},paid,")
        take(session, batch, f"{kept.end_to_end_id},paid,")

        assert batch.status is BatchStatus.SETTLED

    @pytest.mark.usefixtures("story")
    def test_a_batch_that_was_not_sent_takes_no_answers(self, session: Session) -> None:
        batch = make(session, finance())

        with pytest.raises(PayoutTransition):
            service.import_results(
                session, batch, results("x,paid,"), actor=finance(), now=NOW
            )
