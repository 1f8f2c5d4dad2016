"""Transfers that finance makes at the bank and notes by hand."""

from datetime import date, datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments import queries as enrollments
from portal.kit.clock import day_start
from portal.kit.db import violates
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.payouts import queries
from portal.payouts.models import ONE_PER_REFERENCE, Payout
from portal.payouts.rules import booked_as
from portal.payouts.service.freezing import require_not_frozen
from portal.programs import queries as programs


class AlreadyRecorded(Conflict):
    """A transfer to this partner with this reference is noted already."""

    code = "payout_already_recorded"


class MoreThanOwed(Invalid):
    """The amount is above what the books say is owed."""

    code = "payout_above_balance"


class NotYetPaid(Invalid):
    """The day of payment lies in the future."""

    code = "payout_in_future"


def payable(
    session: Session, *, partner_id: UUID, program_id: UUID, currency: str
) -> Money:
    """Return what may be paid to a partner in a program.

    That is what is issued and not yet paid, without what a batch that is not sent yet
    is about to pay. Lock the enrollment before deciding on it.
    """
    owed = ledger.balance(
        session,
        LedgerAccount.PARTNER_PAYABLE,
        partner_id=partner_id,
        program_id=program_id,
        currency=currency,
    )
    waiting = queries.committed_minor(
        session, partner_id=partner_id, program_id=program_id, currency=currency
    )
    return owed - Money(waiting, currency)


def record(
    session: Session,
    *,
    enrollment_id: UUID,
    amount: Money,
    paid_on: date,
    reference: str,
    form_id: UUID,
    actor: User,
    now: datetime,
) -> Payout:
    """Note a transfer that was made at the bank, and book it.

    It appears on the partner's next statement. Sending the same form again returns
    what was noted the first time.

    Args:
        session: The session that holds the open transaction.
        enrollment_id: Who was paid, in which program. The row is locked, so that
            two transfers cannot both take the same balance.
        amount: How much.
        paid_on: The day on which the money left.
        reference: What the bank shows on both sides.
        form_id: Names the rendered form.
        actor: Who notes it.
        now: The moment of noting it.

    Raises:
        AlreadyRecorded: The partner has a transfer with this reference.
        MoreThanOwed: The amount is not positive, or above the balance.
        NotYetPaid: `paid_on` lies in the future.
        PayoutsFrozen: The books are being looked into.
    """
    enrollment = enrollments.get(session, enrollment_id, lock=True)
    first = session.scalar(select(Payout).where(Payout.form_id == form_id))
    if first is not None:
        return first
    require_not_frozen(session)
    definition = programs.current_version(
        session, enrollment.program_id, now
    ).definition
    owed = payable(
        session,
        partner_id=enrollment.partner_id,
        program_id=enrollment.program_id,
        currency=definition.currency,
    )
    if amount.minor <= 0 or owed < amount:
        raise MoreThanOwed(
            _("Enter an amount up to what is owed; nothing above it can be paid."),
            field="amount",
        )
    if paid_on > now.astimezone(definition.zone).date():
        raise NotYetPaid(_("Enter the day on which the money left."), field="paid_on")
    payout = Payout(
        id=new_id(),
        partner_id=enrollment.partner_id,
        program_id=enrollment.program_id,
        amount_minor=amount.minor,
        currency=amount.currency,
        paid_on=paid_on,
        reference=reference,
        form_id=form_id,
        recorded_by_id=actor.id,
        recorded_at=now,
    )
    _add_once(session, payout)
    _book(session, payout, occurred_at=day_start(paid_on, definition.zone), now=now)
    audit.record(
        session,
        "payout.recorded",
        payout.id,
        actor=actor,
        at=now,
        amount_minor=amount.minor,
        currency=amount.currency,
        reference=reference,
    )
    return payout


def _add_once(session: Session, payout: Payout) -> None:
    try:
        with session.begin_nested():
            session.add(payout)
    except IntegrityError as error:
        if not violates(error, ONE_PER_REFERENCE):
            raise
        raise AlreadyRecorded(
            _(
                "A transfer to this partner with the reference %(reference)s "
                "is recorded.",
                reference=payout.reference,
            )
        ) from error


def _book(
    session: Session, payout: Payout, *, occurred_at: datetime, now: datetime
) -> None:
    amount = payout.amount
    ledger.book(
        session,
        f"payout:{payout.id}",
        [
            ledger.Line(account, side, payout.partner_id, payout.program_id)
            for account, side in (
                (LedgerAccount.PARTNER_PAYABLE, -amount),
                (LedgerAccount.PAYOUT_CLEARING, amount),
            )
        ],
        occurred_at=occurred_at,
        now=now,
        description=booked_as(payout.reference),
    )
