"""Batches: approved by a second person, turned into a file, sent or given up."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.kit import secrets
from portal.kit.errors import Conflict, Forbidden
from portal.kit.money import Money
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.payouts import emails, files, queries
from portal.payouts.models import (
    COMMITTED,
    BatchRow,
    BatchStatus,
    PayoutBatch,
    RowStatus,
)
from portal.payouts.service.accounts import details_of
from portal.payouts.service.batches import NothingDue, require_day, require_setup
from portal.payouts.service.freezing import require_not_frozen
from portal.payouts.service.recording import payable


class SecondPersonNeeded(Forbidden):
    """Who made the batch cannot approve it."""

    code = "second_person_needed"


class RowsChanged(Conflict):
    """Somebody in the batch can no longer be paid so; the message names them."""

    code = "payout_rows_changed"


def approve(
    session: Session,
    batch: PayoutBatch,
    *,
    payer: files.Payer,
    keys: Sequence[str],
    actor: User,
    now: datetime,
) -> None:
    """Approve a batch and make its file, once.

    Args:
        session: The session that holds the open transaction.
        batch: The batch, locked by the caller.
        payer: Whose money it is.
        keys: What account numbers and the file are encrypted with.
        actor: Who approves it.
        now: The moment.

    Raises:
        PayoutTransition: It is approved or canceled already.
        PayoutsFrozen: The books are being looked into.
        SecondPersonNeeded: The actor made it.
        NotSetUp: The settings lack the vendor's account.
        WrongDay: The day of payment has passed.
        NothingDue: Every row was left out.
        RowsChanged: Somebody's balance or account is not what it was.
    """
    batch.require_move_to(BatchStatus.APPROVED)
    require_not_frozen(session)
    if batch.four_eyes and batch.made_by_id == actor.id:
        raise SecondPersonNeeded(
            _("You made this batch. Somebody else of your team has to approve it.")
        )
    require_setup(payer, batch.format)
    require_day(batch.pay_on, now)
    rows = [row for row in batch.rows if row.status is RowStatus.PENDING]
    if not rows:
        raise NothingDue(_("Every payout was left out. Cancel the batch instead."))
    _require_unchanged(session, rows)
    content = _file(batch, rows, payer, keys=keys, now=now)
    for row in rows:
        row.move_to(RowStatus.PROCESSING)
    batch.move_to(BatchStatus.APPROVED)
    batch.approved_at = now
    batch.approved_by_id = actor.id
    batch.file = secrets.encrypt(content.decode(), keys=keys)
    batch.file_sha256 = hashlib.sha256(content).hexdigest()
    audit.record(
        session,
        "payout_batch.approved",
        batch.id,
        actor=actor,
        at=now,
        name=batch.name,
        payouts=len(rows),
        total_minor=sum(row.amount_minor for row in rows),
        currency=batch.currency,
        sha256=batch.file_sha256,
    )


def _require_unchanged(session: Session, rows: Sequence[BatchRow]) -> None:
    """Refuse if somebody is owed less than the row says, or has another account."""
    queries.lock_enrollments(session, rows)
    changed = []
    for row in rows:
        free = payable(
            session,
            partner_id=row.partner_id,
            program_id=row.program_id,
            currency=row.currency,
        )
        if free.minor < 0 or row.account.ended_at:
            changed.append(row.partner.name)
    if changed:
        raise RowsChanged(
            _(
                "Leave out, then try again: the balance or the account has changed "
                "for %(names)s.",
                names=", ".join(sorted(changed)),
            )
        )


def _file(
    batch: PayoutBatch,
    rows: Sequence[BatchRow],
    payer: files.Payer,
    *,
    keys: Sequence[str],
    now: datetime,
) -> bytes:
    order = files.Order(
        name=batch.name,
        created_at=now,
        pay_on=batch.pay_on,
        payer=payer,
        instructions=tuple(
            files.Instruction(
                end_to_end_id=row.end_to_end_id,
                amount=row.amount,
                partner=row.partner.name,
                holder=row.account.holder,
                details=details_of(row.account, keys=keys),
                remittance=" ".join([payer.name, *row.statement_numbers]),
            )
            for row in rows
        ),
    )
    return files.render(order, batch.format)


def file_of(session: Session, batch: PayoutBatch, *, keys: Sequence[str]) -> bytes:
    """Return the file of an approved batch: the same bytes each time.

    Raises:
        PayoutsFrozen: The books are being looked into, and the bank has it not yet.
        Conflict: The batch has no file, or must not be sent any more.
    """
    if batch.file is None or batch.status is BatchStatus.CANCELED:
        raise Conflict(_("This batch has no file for the bank."))
    if batch.status is BatchStatus.APPROVED:
        require_not_frozen(session)
    return secrets.decrypt(batch.file, keys=keys).encode()


def cancel(
    session: Session, batch: PayoutBatch, *, reason: str, actor: User, now: datetime
) -> None:
    """Give a batch up before the bank has it; everything in it is due again.

    Raises:
        PayoutTransition: It is sent, or canceled already.
    """
    batch.move_to(BatchStatus.CANCELED)
    batch.note = reason
    for row in batch.rows:
        if row.status in COMMITTED:
            row.move_to(RowStatus.CANCELED)
            row.reason = reason
    audit.record(
        session,
        "payout_batch.canceled",
        batch.id,
        actor=actor,
        at=now,
        name=batch.name,
        why=reason,
    )


def mark_sent(
    session: Session, batch: PayoutBatch, *, actor: User, now: datetime
) -> None:
    """Note that the bank has the file: book every payout and tell the partners.

    Raises:
        PayoutTransition: It is not approved, or sent already.
        PayoutsFrozen: The books are being looked into.
    """
    batch.require_move_to(BatchStatus.SENT)
    require_not_frozen(session)
    batch.move_to(BatchStatus.SENT)
    batch.sent_at = now
    batch.sent_by_id = actor.id
    rows = [row for row in batch.rows if row.status is RowStatus.PROCESSING]
    # Whoever works out a balance holds this lock: a row stops to count as promised at
    # the moment at which the books have it.
    queries.lock_enrollments(session, rows)
    for row in rows:
        row.move_to(RowStatus.SENT)
        row.sent_at = now
        book(session, row, key=f"payout:{row.id}", amount=row.amount, now=now)
        audit.record(
            session,
            "payout.sent",
            row.id,
            actor=actor,
            at=now,
            name=row.end_to_end_id,
            amount_minor=row.amount_minor,
            currency=row.currency,
        )
    audit.record(
        session, "payout_batch.sent", batch.id, actor=actor, at=now, name=batch.name
    )
    emails.payouts_sent(session, batch, rows, now=now)


def book(
    session: Session, row: BatchRow, *, key: str, amount: Money, now: datetime
) -> None:
    """Book that money left for a partner, or below zero, that it came back.

    Args:
        session: The session that holds the open transaction.
        row: The payout.
        key: The key of the entry, so that it is booked once.
        amount: What left.
        now: The moment.
    """
    to = row.account.masked
    words = "Payout {} to {}" if amount.minor > 0 else "Payout {} came back from {}"
    ledger.book(
        session,
        key,
        [
            ledger.Line(account, side, row.partner_id, row.program_id)
            for account, side in (
                (LedgerAccount.PARTNER_PAYABLE, -amount),
                (LedgerAccount.PAYOUT_CLEARING, amount),
            )
        ],
        occurred_at=now,
        now=now,
        description=words.format(row.end_to_end_id, to),
    )
