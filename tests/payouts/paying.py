"""Partners who are owed something and have an account, for the tests of batches."""

import json
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.kit import secrets
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.partners.models import Partner
from portal.payouts import queries, service
from portal.payouts.files import Payer
from portal.payouts.models import PayoutAccount, PayoutBatch
from portal.payouts.rules import AccountKind, Details, FileFormat
from portal.verification.findings import Finding
from portal.verification.service import verify
from tests.commissions.story import Story
from tests.factories.people import UserFactory
from tests.statements.books import a_month, at, close

KEYS = ("0123456789abcdef0123456789abcdef",)
"""What the tests' settings give, so that views read what tests wrote."""
NOW = at("2026-05-18")
PAY_ON = date(2026, 5, 19)
PAYER = Payer(
    name="Acme",
    iban="DE89370400440532013000",
    routing_number="021000021",
    company_id="1234567890",
    bank_name="First Bank",
)
US = Details(
    routing_number="011401533", account_number="000123456789", account_type="checking"
)
SEPA = Details(iban="NL91ABNA0417164300")


def an_account(
    session: Session,
    partner: Partner,
    details: Details = US,
    *,
    usable_from: datetime = NOW - timedelta(days=30),
    ended_at: datetime | None = None,
) -> PayoutAccount:
    account = PayoutAccount(
        id=new_id(),
        partner_id=partner.id,
        kind=AccountKind.SEPA if details.iban else AccountKind.US_BANK,
        holder="Hanbit Digital",
        last_four=details.last_four,
        details=secrets.encrypt(json.dumps(asdict(details)), keys=KEYS),
        added_at=usable_from - timedelta(hours=72),
        added_by_id=UserFactory.create().id,
        usable_from=usable_from,
        ended_at=ended_at,
    )
    session.add(account)
    session.flush()
    return account


def owed_120(session: Session, **parts: Any) -> Story:  # noqa: ANN401 - any part of it
    """A partner with a statement of $120.00, and with an account."""
    story = Story(session, **parts)
    close(session, a_month(story))
    an_account(session, story.enrollment.partner)
    return story


def finance() -> User:
    user: User = UserFactory.create(finance=True)
    return user


def collected(
    session: Session,
    *,
    currency: str = "USD",
    file_format: FileFormat = FileFormat.NACHA_CCD,
    pay_on: date = PAY_ON,
    now: datetime = NOW,
) -> queries.Collected:
    return queries.collect(
        session, currency=currency, file_format=file_format, pay_on=pay_on, now=now
    )


def make(
    session: Session,
    actor: User,
    *,
    now: datetime = NOW,
    **change: Any,  # noqa: ANN401 - any argument
) -> PayoutBatch:
    given: dict[str, Any] = {
        "currency": "USD",
        "file_format": FileFormat.NACHA_CCD,
        "pay_on": PAY_ON,
        "form_id": new_id(),
        "payer": PAYER,
        "four_eyes": True,
        **change,
    }
    if "fingerprint" not in given:
        given["fingerprint"] = collected(
            session,
            currency=given["currency"],
            file_format=given["file_format"],
            pay_on=given["pay_on"],
            now=now,
        ).fingerprint
    batch = service.make_batch(session, actor=actor, now=now, **given)
    return loaded(session, batch)


def loaded(session: Session, batch: PayoutBatch) -> PayoutBatch:
    session.flush()
    return queries.batch(session, batch.id, lock=True)


def approve(session: Session, batch: PayoutBatch, actor: User) -> PayoutBatch:
    found = loaded(session, batch)
    service.approve(session, found, payer=PAYER, keys=KEYS, actor=actor, now=NOW)
    return found


def sent_batch(session: Session, **change: Any) -> PayoutBatch:  # noqa: ANN401 - any
    """A batch that the bank has, with everybody who is due."""
    batch = approve(session, make(session, finance(), **change), finance())
    service.mark_sent(session, loaded(session, batch), actor=finance(), now=NOW)
    return loaded(session, batch)


def owed(story: Story) -> Money:
    return service.payable(
        story.session,
        partner_id=story.enrollment.partner_id,
        program_id=story.version.program_id,
        currency="USD",
    )


def results(*rows: str) -> bytes:
    return "\n".join(["end_to_end_id,result,reason", *rows]).encode()


def take(
    session: Session, batch: PayoutBatch, *rows: str, now: datetime = NOW
) -> service.Imported:
    return service.import_results(
        session, loaded(session, batch), results(*rows), actor=finance(), now=now
    )


def broken(session: Session, when: datetime) -> list[Finding]:
    """What `portal verify` finds, apart from the seals that a worker sets."""
    return [
        found for found in verify(session, when) if found.invariant != "chain-holds"
    ]
