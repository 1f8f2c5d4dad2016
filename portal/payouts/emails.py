from collections.abc import Sequence
from datetime import date, datetime

from babel import Locale
from babel.dates import format_date, format_datetime
from sqlalchemy.orm import Session

from portal.accounts import queries as accounts
from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.mail import service as mail
from portal.partners import queries as partners
from portal.partners.models import Partner
from portal.payouts.freezes import PayoutFreeze
from portal.payouts.models import BatchRow, PayoutAccount, PayoutBatch
from portal.web.formats import format_money

_WORKSPACE = "/app/payouts"
_STAFF = "/admin/payouts"


def account_changed(
    session: Session,
    partner: Partner,
    account: PayoutAccount,
    *,
    former: PayoutAccount | None,
    actor: User,
    now: datetime,
) -> list[User]:
    """Tell every owner that money goes elsewhere from now on; return them."""
    owners = list(partners.owners(session, partner.id))
    for owner in owners:
        mail.enqueue(
            session,
            to=owner.email,
            template="payouts/account_changed",
            context={
                "name": owner.name,
                "partner": partner.name,
                "actor": actor.name,
                "account": account.masked,
                "holder": account.holder,
                "former": former.masked if former else "",
                "usable_from": format_datetime(
                    account.usable_from, "long", locale=Locale.parse(owner.locale)
                ),
                "path": _WORKSPACE,
            },
            now=now,
            locale=owner.locale,
        )
    return owners


def payouts_sent(
    session: Session, batch: PayoutBatch, rows: Sequence[BatchRow], *, now: datetime
) -> None:
    """Send the remittance advice: what for, to which account, when."""
    _tell(session, rows, "payouts/sent", now=now, pay_on=batch.pay_on)


def payouts_failed(
    session: Session, rows: Sequence[BatchRow], *, now: datetime
) -> None:
    """Tell partners that a payout did not reach them, and that it is owed again."""
    _tell(session, rows, "payouts/failed", now=now, pay_on=None)


def payouts_frozen(session: Session, freeze: PayoutFreeze, *, now: datetime) -> None:
    """Alert the admins and finance: nothing is paid out until somebody thaws."""
    for user in accounts.staff(session):
        if user.is_active and user.role in (Role.ADMIN, Role.FINANCE):
            mail.enqueue(
                session,
                to=user.email,
                template="payouts/frozen",
                context={
                    "name": user.name,
                    "reason": freeze.reason,
                    "frozen_at": format_datetime(
                        freeze.frozen_at, "long", locale=Locale.parse(user.locale)
                    ),
                    "findings": list(freeze.findings),
                    "path": _STAFF,
                },
                now=now,
                locale=user.locale,
            )


def _tell(
    session: Session,
    rows: Sequence[BatchRow],
    template: str,
    *,
    now: datetime,
    pay_on: date | None,
) -> None:
    readers = partners.money_readers(session, {row.partner_id for row in rows})
    for row in rows:
        for user in readers.get(row.partner_id, ()):
            language = Locale.parse(user.locale)
            mail.enqueue(
                session,
                to=user.email,
                template=template,
                context={
                    "name": user.name,
                    "amount": format_money(row.amount, language),
                    "account": row.account.masked,
                    "holder": row.account.holder,
                    "reference": row.end_to_end_id,
                    "statements": ", ".join(row.statement_numbers),
                    "pay_on": format_date(pay_on, locale=language) if pay_on else "",
                    "reason": row.reason,
                    "path": _WORKSPACE,
                },
                now=now,
                locale=user.locale,
            )
