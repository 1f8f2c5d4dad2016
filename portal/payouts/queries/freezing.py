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
