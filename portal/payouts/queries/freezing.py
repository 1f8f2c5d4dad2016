from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.payouts.freezes import PayoutFreeze


def freeze(session: Session) -> PayoutFreeze | None:
    """Return the freeze that goes on, if any, as it is committed now."""
    return session.scalar(
        select(PayoutFreeze)
        .where(PayoutFreeze.thawed_at.is_(None))
        .execution_options(populate_existing=True)
    )


def former_freezes(session: Session, *, limit: int = 50) -> Sequence[PayoutFreeze]:
    """Return the freezes that are over, the latest first."""
    return session.scalars(
        select(PayoutFreeze)
        .where(PayoutFreeze.thawed_at.is_not(None))
        .order_by(PayoutFreeze.frozen_at.desc(), PayoutFreeze.id)
        .limit(limit)
    ).all()
