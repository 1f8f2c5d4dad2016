from datetime import date
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.ledger.models import LedgerAccount
from portal.payouts import service
from portal.payouts.forms import PayoutForm
from portal.payouts.models import Payout
from portal.statements.models import Statement
from portal.statements.rules import LineKind
from tests.commissions.story import Story
from tests.conftest import SignIn
from tests.factories.people import UserFactory
from tests.ledger.test_books import OWNERS_TOOLS, REWRITES, refused
from tests.statements.books import a_month, a_period, at, close, entry_of


@pytest.fixture
def story(session: Session) -> Story:
    return Story(session)


@pytest.fixture
def statement(story: Story) -> Statement:
    """A statement with a closing balance of $120.00."""
    [statement] = close(story.session, a_month(story))
    return statement


@pytest.fixture
def finance(session: Session) -> User:
    del session
    user: User = UserFactory.create(finance=True)
    return user


def record(
    story: Story,
    finance: User,
    minor: int = 12_000,
    *,
    reference: str = "E2E-1",
    paid_on: date = date(2026, 2, 16),
    form_id: UUID | None = None,
) -> Payout:
    return service.record(
        story.session,
        enrollment_id=story.enrollment.id,
        amount=Money(minor, "USD"),
        paid_on=paid_on,
        reference=reference,
        form_id=form_id or new_id(),
        actor=finance,
        now=at("2026-02-20"),
    )


def owed(story: Story) -> Money:
    return service.payable(
        story.session,
        partner_id=story.enrollment.partner_id,
        program_id=story.version.program_id,
        currency="USD",
    )


@pytest.mark.usefixtures("statement")
class TestRecording:
    def test_it_is_booked_and_lowers_what_is_owed(
        self, story: Story, finance: User
    ) -> None:
        payout = record(story, finance, 5_000)

        payable, clearing = entry_of(story.session, f"payout:{payout.id}")
        if payable.account is not LedgerAccount.PARTNER_PAYABLE:
            payable, clearing = clearing, payable
        assert (payable.amount_minor, clearing.amount_minor) == (-5_000, 5_000)
        assert owed(story) == Money(7_000, "USD")
        assert payout.public_id.startswith("pay_")
        assert payout.amount == Money(5_000, "USD")

    def test_the_partner_sees_it_among_what_was_sent(
        self, story: Story, finance: User, sign_in: SignIn
    ) -> None:
        record(story, finance, 5_000, reference="E2E-by-hand")

        page = sign_in(story.user()).get("/app/payouts").text

        assert "E2E-by-hand" in page
        assert "$50.00" in page
        assert "Nothing sent yet" not in page

    def test_it_is_on_the_next_statement(self, story: Story, finance: User) -> None:
        record(story, finance, 5_000)
        period = a_period(story.session, story.version.program_id, "2026-02")

        [following] = close(story.session, period)

        [line] = following.lines
        assert (line.kind, line.amount_minor) == (LineKind.PAYOUT, -5_000)
        assert following.closing_minor == 7_000

    def test_it_waits_for_the_month_in_which_it_was_paid(
        self, story: Story, finance: User
    ) -> None:
        service.record(
            story.session,
            enrollment_id=story.enrollment.id,
            amount=Money(12_000, "USD"),
            paid_on=date(2026, 3, 1),
            reference="E2E-1",
            form_id=new_id(),
            actor=finance,
            now=at("2026-03-01"),
        )
        program = story.version.program_id

        [february] = close(story.session, a_period(story.session, program, "2026-02"))
        [march] = close(story.session, a_period(story.session, program, "2026-03"))

        assert february.payouts_minor == 0
        assert march.payouts_minor == 12_000

    def test_it_is_audited(self, story: Story, finance: User) -> None:
        payout = record(story, finance)

        story.session.flush()
        event = story.session.scalar(
            select(AuditEvent).where(AuditEvent.action == "payout.recorded")
        )
        assert event is not None
        assert event.subject_id == payout.id

    def test_the_same_form_notes_one_transfer(
        self, story: Story, finance: User
    ) -> None:
        form_id = new_id()

        first = record(story, finance, form_id=form_id)
        again = record(story, finance, form_id=form_id)

        assert again.id == first.id
        assert owed(story) == Money(0, "USD")

    def test_the_same_reference_is_refused(self, story: Story, finance: User) -> None:
        record(story, finance, 1_000)

        with pytest.raises(service.AlreadyRecorded):
            record(story, finance, 1_000)

    def test_another_broken_rule_of_the_table_is_not_hidden(
        self, story: Story, finance: User
    ) -> None:
        with pytest.raises(IntegrityError, match="has_reference"):
            record(story, finance, reference="")

    @pytest.mark.parametrize("minor", [12_001, 0, -1])
    def test_nothing_above_the_balance_is_paid(
        self, story: Story, finance: User, minor: int
    ) -> None:
        with pytest.raises(service.MoreThanOwed):
            record(story, finance, minor)

    def test_the_future_is_refused(self, story: Story, finance: User) -> None:
        with pytest.raises(service.NotYetPaid):
            record(story, finance, paid_on=date(2026, 2, 21))

    @pytest.mark.parametrize("attack", REWRITES + OWNERS_TOOLS)
    def test_it_cannot_be_rewritten(
        self, story: Story, finance: User, attack: str
    ) -> None:
        record(story, finance)

        assert refused(story.session, attack.format("payouts"))


class TestForm:
    def test_a_form_says_what_to_enter(self) -> None:
        form = PayoutForm(MultiDict({"amount": "x"}), "USD")

        assert not form.validate()
        assert set(form.errors) == {"amount", "paid_on", "reference"}


class TestViews:
    GOOD = {  # noqa: RUF012 - read only
        "amount": "50.00",
        "paid_on": "2026-02-16",
        "reference": " E2E  77 ",
    }

    @pytest.fixture
    def client(self, finance: User, sign_in: SignIn) -> FlaskClient:
        return sign_in(finance)

    def url(self, statement: Statement) -> str:
        return f"/admin/statements/{statement.public_id}/payment"

    def test_the_form_says_what_is_owed(
        self, statement: Statement, client: FlaskClient
    ) -> None:
        page = client.get(self.url(statement)).text

        assert "$120.00" in page
        assert "The portal sends no money itself" in page

    def test_a_payment_is_recorded_once(
        self, statement: Statement, client: FlaskClient, session: Session
    ) -> None:
        form = self.GOOD | {"form_id": str(new_id())}

        first = client.post(self.url(statement), data=form)
        second = client.post(self.url(statement), data=form)

        assert (first.status_code, second.status_code) == (303, 303)
        assert session.scalar(select(func.count()).select_from(Payout)) == 1
        page = client.get(first.location).text
        assert "Bank transfer E2E 77" in page
        assert "Recorded: $50.00 was paid." in page

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"amount": "many"}, "Enter an amount in USD"),
            ({"amount": "120.01"}, "up to what is owed"),
            ({"paid_on": "2999-01-01"}, "the day on which the money left"),
        ],
    )
    def test_a_wrong_field_is_named(
        self,
        statement: Statement,
        client: FlaskClient,
        change: dict[str, str],
        message: str,
    ) -> None:
        response = client.post(self.url(statement), data=self.GOOD | change)

        assert response.status_code == 422
        assert message in response.text

    def test_a_reference_that_is_known_is_named(
        self, statement: Statement, client: FlaskClient
    ) -> None:
        client.post(self.url(statement), data=self.GOOD)

        response = client.post(self.url(statement), data=self.GOOD)

        assert response.status_code == 422
        assert "is recorded" in response.text

    def test_an_auditor_records_nothing(
        self, statement: Statement, sign_in: SignIn
    ) -> None:
        auditor = sign_in(UserFactory.create(auditor=True))

        assert auditor.get(self.url(statement)).status_code == 403
        assert (
            "Record a payment"
            not in auditor.get(f"/admin/statements/{statement.public_id}").text
        )
