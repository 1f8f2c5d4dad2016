"""Batches: what is due, put together."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.kit.db import violates
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id
from portal.payouts import files, queries
from portal.payouts.models import (
    ONE_OPEN_ROW,
    BatchRow,
    BatchStatus,
    PayoutBatch,
    RowStatus,
)
from portal.payouts.rules import FileFormat, end_to_end_id, is_weekend
from portal.payouts.service.freezing import require_not_frozen

_LATEST_DAYS = 60


class NothingDue(Conflict):
    """Nobody would be paid."""

    code = "nothing_due"


class PreviewOutdated(Conflict):
    """What is due is not what the person saw, or somebody else was faster."""

    code = "payout_preview_outdated"


class NotSetUp(Conflict):
    """The portal does not know the vendor's own account."""

    code = "payer_not_set_up"


class WrongDay(Invalid):
    """The bank cannot pay on this day."""

    code = "payout_day"


def missing_setup(payer: files.Payer, file_format: FileFormat) -> list[str]:
    """Return the settings without which a kind of file cannot be made."""
    needed = {
        FileFormat.CSV: {},
        FileFormat.NACHA_CCD: {
            "PORTAL_PAYER_ROUTING_NUMBER": payer.routing_number,
            "PORTAL_PAYER_COMPANY_ID": payer.company_id,
            "PORTAL_PAYER_BANK_NAME": payer.bank_name,
        },
    }.get(file_format, {"PORTAL_PAYER_IBAN": payer.iban})
    return [name for name, value in needed.items() if not value]


def make_batch(
    session: Session,
    *,
    currency: str,
    file_format: FileFormat,
    pay_on: date,
    fingerprint: str,
    form_id: UUID,
    payer: files.Payer,
    four_eyes: bool,
    actor: User,
    now: datetime,
) -> PayoutBatch:
    """Put what is due into a batch, each payout with the account of this moment.

    Sending the same form again returns the batch that it made.

    Args:
        session: The session that holds the open transaction.
        currency: Which balances.
        file_format: What the bank reads.
        pay_on: The day on which the bank is asked to pay.
        fingerprint: Of the preview that the person saw.
        form_id: Names the rendered form.
        payer: Whose money it is.
        four_eyes: Whether somebody else has to approve it.
        actor: Who makes it.
        now: The moment.

    Raises:
        PayoutsFrozen: The books are being looked into.
        NotSetUp: The settings lack the vendor's account.
        WrongDay: It is a weekend, in the past, or far away.
        NothingDue: Nobody would be paid.
        PreviewOutdated: Something changed since the preview.
    """
    first = queries.batch_by_form(session, form_id)
    if first is not None:
        return first
    require_not_frozen(session)
    require_setup(payer, file_format)
    require_day(pay_on, now)
    found = queries.collect(
        session,
        currency=currency,
        file_format=file_format,
        pay_on=pay_on,
        now=now,
        lock=True,
    )
    if not found.payable:
        raise NothingDue(_("Nobody can be paid this way now."))
    if found.fingerprint != fingerprint:
        raise _outdated()
    batch = PayoutBatch(
        id=new_id(),
        currency=currency,
        format=file_format,
        pay_on=pay_on,
        four_eyes=four_eyes,
        form_id=form_id,
        made_at=now,
        made_by_id=actor.id,
    )
    session.add(batch)
    session.flush()  # The database gives the number, which the rows carry.
    add_rows(session, batch, found.payable)
    audit.record(
        session,
        "payout_batch.made",
        batch.id,
        actor=actor,
        at=now,
        name=batch.name,
        format=file_format.value,
        payouts=len(found.payable),
        total_minor=found.total.minor,
        currency=currency,
    )
    return batch


def require_day(pay_on: date, now: datetime) -> None:
    """Refuse a day on which no bank pays.

    Raises:
        WrongDay: It is a weekend, in the past, or far away.
    """
    today = now.date()
    if is_weekend(pay_on) or not today <= pay_on <= today + timedelta(_LATEST_DAYS):
        raise WrongDay(
            _(
                "Enter a working day from today on, at most %(days)s days ahead.",
                days=_LATEST_DAYS,
            ),
            field="pay_on",
        )


def require_setup(payer: files.Payer, file_format: FileFormat) -> None:
    """Refuse a kind of file for which settings are missing.

    Raises:
        NotSetUp: They are; the message names them.
    """
    missing = missing_setup(payer, file_format)
    if missing:
        raise NotSetUp(
            _(
                "Set %(names)s first, so that the file can name your account.",
                names=", ".join(missing),
            )
        )


def _outdated() -> PreviewOutdated:
    return PreviewOutdated(
        _("What is due has changed since you looked. Look at it again.")
    )


def add_rows(
    session: Session, batch: PayoutBatch, payable: Iterable[queries.Candidate]
) -> None:
    """Write the rows of a batch, each with the account of this moment.

    Raises:
        PreviewOutdated: Somebody is in another batch that is not sent yet.
    """
    rows = [
        BatchRow(
            id=new_id(),
            batch_id=batch.id,
            position=position,
            end_to_end_id=end_to_end_id(batch.number, position),
            partner_id=one.enrollment.partner_id,
            program_id=one.enrollment.program_id,
            enrollment_id=one.enrollment.id,
            account_id=one.account.id,
            amount_minor=one.due.minor,
            currency=batch.currency,
            statements=[
                {"id": str(row.id), "number": row.number} for row in one.statements
            ],
        )
        for position, one in enumerate(payable, 1)
        if one.account
    ]
    try:
        with session.begin_nested():
            session.add_all(rows)
    except IntegrityError as error:
        if not violates(error, ONE_OPEN_ROW):
            raise
        raise _outdated() from error


def leave_out(
    session: Session,
    batch: PayoutBatch,
    row: BatchRow,
    *,
    reason: str,
    actor: User,
    now: datetime,
) -> None:
    """Take one payout out of a batch that is not approved; it is due again.

    Raises:
        PayoutTransition: The batch is approved already, or the row is out.
    """
    if batch.status is not BatchStatus.DRAFT:
        batch.require_move_to(BatchStatus.DRAFT)
    row.move_to(RowStatus.CANCELED)
    row.reason = reason
    audit.record(
        session,
        "payout.left_out",
        row.id,
        actor=actor,
        at=now,
        name=row.end_to_end_id,
        why=reason,
    )
