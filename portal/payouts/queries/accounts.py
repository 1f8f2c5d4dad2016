from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.enrollments.models import Enrollment
from portal.payouts.models import PayoutAccount, PayoutBatch
from portal.payouts.rules import AccountKind


def accounts(session: Session, partner_id: UUID) -> Sequence[PayoutAccount]:
    """Return every account that a partner ever had, the newest first."""
    return session.scalars(
        select(PayoutAccount)
        .where(PayoutAccount.partner_id == partner_id)
        .options(joinedload(PayoutAccount.added_by))
        .order_by(PayoutAccount.added_at.desc(), PayoutAccount.id.desc())
    ).all()


def current_account(
    session: Session, partner_id: UUID, kind: AccountKind
) -> PayoutAccount | None:
    """Return the account of this kind that the partner has now, if any."""
    return session.scalar(
        select(PayoutAccount).where(
            PayoutAccount.partner_id == partner_id,
            PayoutAccount.kind == kind,
            PayoutAccount.ended_at.is_(None),
        )
    )


def current_accounts(
    session: Session, partner_ids: Collection[UUID]
) -> dict[UUID, dict[AccountKind, PayoutAccount]]:
    """Return the accounts that partners have now, by kind."""
    rows = session.scalars(
        select(PayoutAccount).where(
            PayoutAccount.partner_id.in_(partner_ids), PayoutAccount.ended_at.is_(None)
        )
    )
    found: dict[UUID, dict[AccountKind, PayoutAccount]] = {}
    for account in rows:
        found.setdefault(account.partner_id, {})[account.kind] = account
    return found


def joined_with_account(session: Session, *, since: datetime) -> Sequence[UUID]:
    """Return the partners with an account who joined a program since then."""
    return session.scalars(
        select(Enrollment.partner_id)
        .join(PayoutAccount, PayoutAccount.partner_id == Enrollment.partner_id)
        .where(Enrollment.joined_at >= since, PayoutAccount.ended_at.is_(None))
        .distinct()
        .order_by(Enrollment.partner_id)
    ).all()


def every_secret(session: Session) -> list[PayoutAccount | PayoutBatch]:
    """Return the rows that hold something encrypted, locked."""
    return [
        *session.scalars(
            select(PayoutAccount).order_by(PayoutAccount.id).with_for_update()
        ),
        *session.scalars(
            select(PayoutBatch)
            .where(PayoutBatch.file.is_not(None))
            .order_by(PayoutBatch.id)
            .with_for_update()
        ),
    ]
