from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from portal.accounts import throttle
from portal.accounts.models import User
from portal.accounts.passwords import hash_password
from portal.accounts.permissions import Role
from portal.audit.models import AuditEvent
from portal.kit.clock import utc_now
from portal.kit.errors import Invalid
from portal.mail.models import OutboxEmail
from portal.payouts import queries, service
from portal.payouts.forms import AccountForm
from portal.payouts.models import PayoutAccount
from portal.payouts.rules import AccountKind, Details
from tests.commissions.story import Story
from tests.conftest import SignIn
from tests.payouts.paying import (
    KEYS,
    NOW,
    SEPA,
    US,
    an_account,
    approve,
    finance,
    make,
    owed_120,
    sent_batch,
)
from tests.statements.books import at

PASSWORD = "seven quiet otters sing"


@pytest.fixture
def story(session: Session) -> Story:
    return Story(session)


@pytest.fixture
def owner(story: Story) -> User:
    return story.user()


def change(
    story: Story,
    owner: User,
    details: Details = SEPA,
    *,
    kind: AccountKind = AccountKind.SEPA,
    holder: str = "Hanbit Söhne",
) -> tuple[PayoutAccount, list[User]]:
    return service.change_account(
        story.session,
        story.enrollment.partner,
        kind,
        holder=holder,
        details=details,
        actor=owner,
        keys=KEYS,
        now=NOW,
    )


class TestChanging:
    def test_its_number_does_not_lie_open(self, story: Story, owner: User) -> None:
        account, _told = change(story, owner)
        story.session.flush()

        row = story.session.execute(
            text("SELECT payout_accounts::text FROM payout_accounts")
        )
        assert SEPA.iban not in str(row.all())
        assert account.masked == "•••• 4300"
        assert service.details_of(account, keys=KEYS) == SEPA

    def test_it_is_held_for_72_hours(self, story: Story, owner: User) -> None:
        account, _told = change(story, owner)

        assert account.is_held(NOW + timedelta(hours=72) - timedelta.resolution)
        assert not account.is_held(NOW + timedelta(hours=72))

    def test_the_old_one_stays_on_record(self, story: Story, owner: User) -> None:
        first, _told = change(story, owner)
        second, _told = change(story, owner, Details(iban="NO9386011117947"))
        story.session.flush()

        partner_id = story.enrollment.partner_id
        assert first.ended_at == NOW
        assert {one.id for one in queries.accounts(story.session, partner_id)} == {
            first.id,
            second.id,
        }
        current = queries.current_account(story.session, partner_id, AccountKind.SEPA)
        assert current is second
        actions = story.session.scalars(
            select(AuditEvent.action).where(
                AuditEvent.subject_id.in_([first.id, second.id])
            )
        ).all()
        assert sorted(actions) == ["payout_account.added", "payout_account.changed"]

    def test_each_kind_has_its_own(self, story: Story, owner: User) -> None:
        change(story, owner)
        change(story, owner, US, kind=AccountKind.US_BANK)
        story.session.flush()

        partner_id = story.enrollment.partner_id
        found = queries.current_accounts(story.session, [partner_id])[partner_id]
        assert set(found) == set(AccountKind)

    def test_all_owners_are_told(self, story: Story, owner: User) -> None:
        other = story.user()
        story.user(Role.PARTNER_FINANCE)
        change(story, owner)

        _account, told = change(story, owner, Details(iban="NO9386011117947"))

        assert {user.id for user in told} == {owner.id, other.id}
        story.session.flush()
        mails = story.session.scalars(
            select(OutboxEmail).where(OutboxEmail.template == "payouts/account_changed")
        ).all()
        assert {mail.to for mail in mails} == {owner.email, other.email}
        assert [mail.context["former"] for mail in mails].count("•••• 4300") == 2

    def test_the_same_account_is_refused(self, story: Story, owner: User) -> None:
        change(story, owner)

        with pytest.raises(service.SameAccount):
            change(story, owner, Details(iban="NL91 ABNA 0417 1643 00"))
        account, _told = change(story, owner, holder="Somebody Else")
        assert account.holder == "Somebody Else"

    @pytest.mark.parametrize(
        ("kind", "details", "field"),
        [
            (AccountKind.SEPA, Details(iban="NL91ABNA0417164301"), "iban"),
            (AccountKind.SEPA, Details(iban=SEPA.iban, bic="ABN"), "bic"),
            (
                AccountKind.US_BANK,
                Details(routing_number="021000022", account_number="12345"),
                "routing_number",
            ),
            (
                AccountKind.US_BANK,
                Details(routing_number="021000021", account_number="12"),
                "account_number",
            ),
        ],
    )
    def test_a_wrong_number_is_named(
        self,
        story: Story,
        owner: User,
        kind: AccountKind,
        details: Details,
        field: str,
    ) -> None:
        with pytest.raises(service.WrongNumber) as caught:
            change(story, owner, details, kind=kind)

        assert caught.value.field == field

    def test_a_bic_is_kept_where_it_is_given(self, story: Story, owner: User) -> None:
        account, _told = change(story, owner, Details(iban=SEPA.iban, bic="abna nl 2a"))

        assert service.details_of(account, keys=KEYS).bic == "ABNANL2A"

    def test_a_name_that_no_bank_can_write_is_refused(
        self, story: Story, owner: User
    ) -> None:
        with pytest.raises(Invalid) as caught:
            change(story, owner, holder="한빛")

        assert caught.value.field == "holder"

    def test_where_money_goes_cannot_be_rewritten(
        self, story: Story, owner: User
    ) -> None:
        change(story, owner)
        story.session.flush()

        with pytest.raises(ProgrammingError, match="permission denied"):
            story.session.execute(text("UPDATE payout_accounts SET holder = 'me'"))

    def test_a_second_current_account_is_refused(
        self, story: Story, owner: User
    ) -> None:
        change(story, owner)

        with pytest.raises(IntegrityError, match="uq_payout_accounts_current"):
            an_account(story.session, story.enrollment.partner, SEPA)


class TestPinning:
    def test_a_file_pays_to_the_account_of_the_day_it_was_approved(
        self, session: Session
    ) -> None:
        story = owed_120(session)
        batch = approve(session, make(session, finance()), finance())
        change(
            story,
            story.user(),
            Details(
                routing_number="021000021",
                account_number="99999999",
                account_type="savings",
            ),
            kind=AccountKind.US_BANK,
        )
        session.flush()

        assert b"000123456789" in service.file_of(session, batch, keys=KEYS)
        assert batch.rows[0].account.masked == "•••• 6789"


class TestRotating:
    def test_everything_is_encrypted_anew(self, app: Flask, session: Session) -> None:
        owed_120(session)
        batch = sent_batch(session)
        content = service.file_of(session, batch, keys=KEYS)
        new = ("n" * 32,)

        count = service.reencrypt(session, keys=new + KEYS)

        assert count == 2
        assert service.file_of(session, batch, keys=new) == content
        assert service.details_of(batch.rows[0].account, keys=new) == US
        service.reencrypt(session, keys=KEYS + new)
        session.flush()
        said = app.test_cli_runner().invoke(args=["payouts", "re-encrypt"]).output
        assert said.startswith("2 accounts and files")


class TestPages:
    SEPA_FORM = {  # noqa: RUF012 - read only
        "holder": "Hanbit Digital",
        "iban": "NL91 ABNA 0417 1643 00",
        "bic": "",
        "password": PASSWORD,
    }
    US_FORM = {  # noqa: RUF012 - read only
        "holder": "Hanbit Digital",
        "routing_number": "011401533",
        "account_number": "000123456789",
        "account_type": "savings",
        "password": PASSWORD,
    }

    @pytest.fixture
    def owner(self, story: Story) -> User:
        user = story.user()
        user.password_hash = hash_password(PASSWORD)
        story.session.flush()
        return user

    @pytest.fixture
    def client(self, owner: User, sign_in: SignIn) -> FlaskClient:
        return sign_in(owner)

    def test_an_empty_page_says_what_to_do(self, client: FlaskClient) -> None:
        page = client.get("/app/payouts").text

        assert "You have no payout account yet" in page
        assert "Nothing sent yet" in page

    @pytest.mark.parametrize(
        ("path", "form"), [("sepa", SEPA_FORM), ("us-bank", US_FORM)]
    )
    def test_an_account_is_added(
        self, client: FlaskClient, owner: User, path: str, form: dict[str, str]
    ) -> None:
        url = f"/app/payouts/accounts/{path}"

        assert "72 hours" in client.get(url).text
        answer = client.post(url, data=form)

        assert answer.status_code == 303
        page = client.get("/app/payouts").text
        assert owner.email in page
        assert "This account is new" in page
        assert "0417" not in page
        assert "000123456789" not in page
        assert client.get(url).text.count("••••") == 1

    def test_the_password_is_asked_again(
        self, client: FlaskClient, session: Session
    ) -> None:
        url = "/app/payouts/accounts/sepa"

        wrong = client.post(url, data=self.SEPA_FORM | {"password": "guess"})
        missing = client.post(url, data=self.SEPA_FORM | {"password": ""})

        assert (wrong.status_code, missing.status_code) == (422, 422)
        assert "This is not your password" in wrong.text
        assert "so that we know it is you" in missing.text
        assert session.scalar(select(func.count()).select_from(PayoutAccount)) == 0

    def test_guessing_the_password_ends_soon(
        self, client: FlaskClient, session: Session, owner: User
    ) -> None:
        limit = throttle.SIGN_IN_PER_ACCOUNT
        for _ in range(limit.times):
            throttle.count(session, limit, owner.email, now=utc_now())
            session.flush()

        answer = client.post("/app/payouts/accounts/sepa", data=self.SEPA_FORM)

        assert answer.status_code == 429

    def test_a_wrong_iban_stays_on_the_page(self, client: FlaskClient) -> None:
        answer = client.post(
            "/app/payouts/accounts/sepa",
            data=self.SEPA_FORM | {"iban": "NL91ABNA0417164301"},
        )

        assert answer.status_code == 422
        assert "digit by digit" in answer.text
        assert "NL91ABNA0417164301" in answer.text

    def test_the_same_account_says_so(self, client: FlaskClient) -> None:
        client.post("/app/payouts/accounts/sepa", data=self.SEPA_FORM)

        answer = client.post("/app/payouts/accounts/sepa", data=self.SEPA_FORM)

        assert answer.status_code == 422
        assert "to this account already" in answer.text

    def test_a_viewer_looks_and_changes_nothing(
        self, story: Story, sign_in: SignIn
    ) -> None:
        viewer = sign_in(story.user(Role.PARTNER_VIEWER))

        assert "An owner or a finance person" in viewer.get("/app/payouts").text
        assert viewer.get("/app/payouts/accounts/sepa").status_code == 403

    def test_what_was_sent_is_listed(
        self, session: Session, sign_in: SignIn, client: FlaskClient
    ) -> None:
        story = owed_120(session)
        batch = sent_batch(session)
        an_account(session, story.enrollment.partner, SEPA, ended_at=at("2026-05-01"))

        page = sign_in(story.user()).get("/app/payouts").text

        assert batch.rows[0].end_to_end_id in page
        assert batch.rows[0].statement_numbers[0] in page
        assert "Accounts you had before" in page
        assert batch.rows[0].end_to_end_id not in client.get("/app/payouts").text


def test_every_kind_of_account_has_its_numbers() -> None:
    with pytest.raises(NotImplementedError):
        _ = AccountForm().details
