"""Adjustments by hand: one person proposes, another decides.

What is approved goes on the next statement; nothing that is issued changes.
"""

from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.adjustments.models import Adjustment, AdjustmentStatus
from portal.adjustments.rules import AdjustmentReason
from portal.audit import service as audit
from portal.enrollments.models import Enrollment
from portal.kit.errors import Forbidden, Invalid
from portal.kit.money import Money
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.web.formats import money_text


class NothingToAdjust(Invalid):
    """The amount is zero."""

    code = "nothing_to_adjust"


class MoreThanOwed(Invalid):
    """More would be written off than the partner owes."""

    code = "more_than_owed"


class SecondPersonNeeded(Forbidden):
    """Whoever proposed an adjustment does not decide on it."""

    code = "second_person_needed"


class NotYours(Forbidden):
    """Only who proposed an adjustment takes it back."""

    code = "adjustment_not_yours"


def propose(
    session: Session,
    enrollment: Enrollment,
    *,
    amount: Money,
    reason: AdjustmentReason,
    note: str,
    form_id: UUID,
    actor: User,
    now: datetime,
) -> Adjustment:
    """Write down what should change a partner's balance; a second person decides.

    Sending the same form again returns what was proposed the first time.

    Args:
        session: The session that holds the open transaction.
        enrollment: Whose balance; locked, so that a form sent twice waits here.
        amount: Above zero for the partner, below zero against; in the currency of
            the program.
        reason: Why, in a word.
        note: Why, in words that the partner reads.
        form_id: Names the rendered form, and then the adjustment.
        actor: Who proposes it.
        now: The moment.

    Raises:
        NothingToAdjust: The amount is zero.
        MoreThanOwed: More would be written off than the partner owes.
    """
    if not amount.minor:
        raise NothingToAdjust(_("Enter an amount above zero."), field="amount")
    if reason is AdjustmentReason.WRITE_OFF:
        _refuse_more_than_owed(session, enrollment, amount)
    first = session.get(Adjustment, form_id)
    if first is not None:
        return first
    adjustment = Adjustment(
        id=form_id,
        enrollment_id=enrollment.id,
        amount_minor=amount.minor,
        currency=amount.currency,
        reason=reason,
        note=note,
        status=AdjustmentStatus.PROPOSED,
        proposed_by_id=actor.id,
        proposed_at=now,
    )
    session.add(adjustment)
    _record(session, "adjustment.proposed", adjustment, actor=actor, at=now, note=note)
    return adjustment


def _refuse_more_than_owed(
    session: Session, enrollment: Enrollment, amount: Money
) -> None:
    balance = ledger.balance(
        session,
        LedgerAccount.PARTNER_PAYABLE,
        partner_id=enrollment.partner_id,
        program_id=enrollment.program_id,
        currency=amount.currency,
    )
    if not 0 < amount.minor <= -balance.minor:
        raise MoreThanOwed(
            _(
                "Only a balance below zero is written off, and no more than it comes "
                "to. It is %(balance)s now.",
                balance=money_text(balance),
            ),
            field="amount",
        )


def approve(
    session: Session, adjustment: Adjustment, *, note: str, actor: User, now: datetime
) -> None:
    """Let the next close put it on a statement. `adjustment` is locked.

    Raises:
        SecondPersonNeeded: The actor proposed it.
        AlreadyDecided: Somebody was faster.
    """
    _decide(
        session,
        adjustment,
        AdjustmentStatus.APPROVED,
        note=note,
        actor=actor,
        now=now,
    )


def reject(
    session: Session, adjustment: Adjustment, *, note: str, actor: User, now: datetime
) -> None:
    """Say no, with a note for who proposed it. `adjustment` is locked.

    Raises:
        SecondPersonNeeded: The actor proposed it.
        AlreadyDecided: Somebody was faster.
    """
    _decide(
        session,
        adjustment,
        AdjustmentStatus.REJECTED,
        note=note,
        actor=actor,
        now=now,
    )


def withdraw(
    session: Session, adjustment: Adjustment, *, actor: User, now: datetime
) -> None:
    """Take one's own proposal back. `adjustment` is locked.

    Raises:
        NotYours: Somebody else proposed it.
        AlreadyDecided: It is decided.
    """
    if actor.id != adjustment.proposed_by_id:
        raise NotYours(
            _("Only the person who proposed an adjustment can withdraw it: reject it.")
        )
    _move(
        session,
        adjustment,
        AdjustmentStatus.WITHDRAWN,
        note="",
        actor=actor,
        now=now,
    )


def _decide(
    session: Session,
    adjustment: Adjustment,
    status: AdjustmentStatus,
    *,
    note: str,
    actor: User,
    now: datetime,
) -> None:
    if actor.id == adjustment.proposed_by_id:
        raise SecondPersonNeeded(
            _("You proposed this adjustment. A second person must decide on it.")
        )
    _move(session, adjustment, status, note=note, actor=actor, now=now)


def _move(
    session: Session,
    adjustment: Adjustment,
    status: AdjustmentStatus,
    *,
    note: str,
    actor: User,
    now: datetime,
) -> None:
    adjustment.move_to(status)
    adjustment.decided_by_id = actor.id
    adjustment.decided_at = now
    adjustment.decision_note = note
    _record(
        session,
        f"adjustment.{status.value}",
        adjustment,
        actor=actor,
        at=now,
        note=note or None,
    )


def _record(
    session: Session,
    action: str,
    adjustment: Adjustment,
    *,
    actor: User,
    at: datetime,
    note: str | None,
) -> None:
    audit.record(
        session,
        action,
        adjustment.id,
        actor=actor,
        at=at,
        enrollment=str(adjustment.enrollment_id),
        amount_minor=adjustment.amount_minor,
        currency=adjustment.currency,
        reason=adjustment.reason.value,
        note=note,
    )
