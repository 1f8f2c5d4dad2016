"""Where a partner is paid: added, changed, read for a file."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.kit import secrets
from portal.kit.bank_numbers import (
    bank_code,
    routing_number,
    sepa_iban,
    us_account_number,
)
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id
from portal.partners.models import Partner
from portal.payouts import emails, queries
from portal.payouts.models import PayoutAccount, PayoutBatch
from portal.payouts.rules import AccountKind, AccountType, Details, is_bank_name
from portal.payouts.service.gates import follow_gates


class WrongNumber(Invalid):
    """A number of an account or a bank cannot be right."""

    code = "payout_account_wrong_number"


class SameAccount(Conflict):
    """The partner is paid to this account already."""

    code = "payout_account_unchanged"


def change_account(
    session: Session,
    partner: Partner,
    kind: AccountKind,
    *,
    holder: str,
    details: Details,
    actor: User,
    keys: Sequence[str],
    now: datetime,
) -> tuple[PayoutAccount, list[User]]:
    """Have a partner paid to another account from 72 hours on; mail every owner.

    What is in a batch already goes to the account it was made with, if that batch is
    approved; a batch that is not approved yet cannot be any more.

    Args:
        session: The session that holds the open transaction.
        partner: Whose account, locked by the caller.
        kind: Which of the partner's accounts.
        holder: Whose account it is, as the bank knows it.
        details: Its numbers.
        actor: Who changes it; has just proved who they are.
        keys: What the numbers are encrypted with.
        now: The moment.

    Returns:
        The new account, and the owners who get a mail about it.

    Raises:
        Invalid: The holder's name cannot stand in a bank file.
        WrongNumber: A number is wrong.
        SameAccount: Nothing would change.
    """
    details = checked_details(kind, details)
    if not is_bank_name(holder):
        raise Invalid(
            _("Write the name in Latin letters, as it stands on bank statements."),
            field="holder",
        )
    former = queries.current_account(session, partner.id, kind)
    if former is not None:
        if former.holder == holder and details_of(former, keys=keys) == details:
            raise SameAccount(_("You are paid to this account already."))
        former.ended_at = now
        session.flush()  # One current account of a kind: the old one ends first.
    account = PayoutAccount(
        id=new_id(),
        partner_id=partner.id,
        kind=kind,
        holder=holder,
        last_four=details.last_four,
        details=secrets.encrypt(json.dumps(asdict(details)), keys=keys),
        added_at=now,
        added_by_id=actor.id,
        usable_from=PayoutAccount.usable_after(now),
    )
    session.add(account)
    audit.record(
        session,
        "payout_account.changed" if former else "payout_account.added",
        account.id,
        actor=actor,
        at=now,
        partner=partner.name,
        kind=kind.value,
        last_four=account.last_four,
        former=former.last_four if former else None,
        usable_from=account.usable_from.isoformat(),
    )
    follow_gates(session, partner.id, now=now)
    told = emails.account_changed(
        session, partner, account, former=former, actor=actor, now=now
    )
    return account, told


def checked_details(kind: AccountKind, details: Details) -> Details:
    """Return the numbers as banks write them.

    Raises:
        WrongNumber: One of them is wrong; it is named.
    """
    if kind is AccountKind.SEPA:
        return Details(
            iban=_checked(
                sepa_iban,
                details.iban,
                "iban",
                _(
                    "Check the IBAN digit by digit: it is wrong, or its country takes "
                    "no SEPA transfers."
                ),
            ),
            bic=_checked(
                bank_code,
                details.bic,
                "bic",
                _("Check the BIC: it has 8 or 11 characters. Or leave it empty."),
            )
            if details.bic.strip()
            else "",
        )
    return Details(
        routing_number=_checked(
            routing_number,
            details.routing_number,
            "routing_number",
            _("Check the routing number: it has 9 digits, and one of them is wrong."),
        ),
        account_number=_checked(
            us_account_number,
            details.account_number,
            "account_number",
            _("Enter the account number: 4 to 17 digits."),
        ),
        account_type=AccountType(details.account_type).value,
    )


def _checked(
    check: Callable[[str], str], typed: str, field: str, what_to_do: str
) -> str:
    try:
        return check(typed)
    except ValueError as error:
        raise WrongNumber(what_to_do, field=field) from error


def details_of(account: PayoutAccount, *, keys: Sequence[str]) -> Details:
    """Return the numbers of an account.

    Raises:
        UnreadableSecret: The keys are not those they were encrypted with.
    """
    return Details(**json.loads(secrets.decrypt(account.details, keys=keys)))


def reencrypt(session: Session, *, keys: Sequence[str]) -> int:
    """Encrypt everything of payouts anew with the first of `keys`; return how much.

    Raises:
        UnreadableSecret: None of the keys reads some of it; nothing is changed.
    """
    found = queries.every_secret(session)
    for one in found:
        if isinstance(one, PayoutBatch):
            one.file = secrets.rotate(one.file or "", keys=keys)
        else:
            one.details = secrets.rotate(one.details, keys=keys)
    return len(found)
