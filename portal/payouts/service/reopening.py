"""Opening a closed month again, as long as nothing of it is paid or about to be.

It stands here because payouts lie above statements: only here both are seen.
"""

from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.kit.errors import Conflict
from portal.payouts import queries
from portal.statements import service as statements
from portal.statements.models import Period


class InBatch(Conflict):
    """A batch that is not sent yet is about to pay partners of the program."""

    code = "month_in_batch"


def ask_to_reopen(
    session: Session,
    period: Period,
    *,
    reason: str,
    four_eyes: bool,
    actor: User,
    now: datetime,
) -> int | None:
    """Ask to open a closed month again; without four eyes, do it at once.

    Args:
        session: The session that holds the open transaction.
        period: The month, locked by the caller.
        reason: Why, for colleagues and for the audit log.
        four_eyes: Whether a second person has to confirm it.
        actor: Who asks.
        now: The moment.

    Returns:
        How many statements were reversed; none while a second person has to confirm.

    Raises:
        InBatch: A batch pays partners of the program.
        NotClosed, LaterMonthBegun, PaidAlready, AlreadyAsked, Invalid: See
            `portal.statements.service.ask_to_reopen`.
    """
    require_no_batch(session, period)
    statements.ask_to_reopen(
        session, period, reason=reason, four_eyes=four_eyes, actor=actor, now=now
    )
    if four_eyes:
        return None
    return confirm_reopening(session, period, actor=actor, now=now)


def confirm_reopening(
    session: Session, period: Period, *, actor: User, now: datetime
) -> int:
    """Reverse the statements of the month and open it; return how many there were.

    Raises:
        InBatch: A batch pays partners of the program.
        NoSuchReopening, SecondPersonNeeded, NotClosed, LaterMonthBegun, PaidAlready:
            See `portal.statements.service.reopen`.
    """
    count = statements.reopen(session, period, actor=actor, now=now)
    # Whoever makes a batch holds the enrollments, as this transaction does by now.
    require_no_batch(session, period)
    return count


def require_no_batch(session: Session, period: Period) -> None:
    """Refuse while a batch that is not sent yet pays partners of the program.

    Raises:
        InBatch: One does.
    """
    names = queries.batches_under_way(session, period.program_id)
    if names:
        raise InBatch(
            _(
                "%(batch)s is about to pay partners of this program. Cancel the batch "
                "first, then reopen the month.",
                batch=", ".join(names),
            )
        )
