"""Which customers a partner no longer looks after. Callers own the transaction.

The credit stays: only rules that ask whether the partner still manages a customer see
the difference, from the moment on that is written down here.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.accounts.models import User
from portal.attribution.models import Attribution, UnmanagedCustomer
from portal.audit import service as audit
from portal.kit.errors import Conflict, Invalid, NotFound
from portal.programs.models import ProgramVersion
from portal.sales.models import Customer


class NoSuchCredit(NotFound):
    """The enrollment has no part of this customer."""

    code = "credit_not_found"


class NotYetOver(Invalid):
    """The day on which it stopped has not come yet."""

    code = "not_yet_over"


class LookedAfter(Conflict):
    """Nobody said that the partner stopped; or somebody took it back already."""

    code = "customer_looked_after"


class Credit(NamedTuple):
    """A customer, who has a part of it, and the version that governs its sales."""

    enrollment_id: UUID
    customer: Customer
    version: ProgramVersion


def credit(session: Session, enrollment_id: UUID, customer_id: UUID) -> Credit:
    """Return a customer of an enrollment.

    Raises:
        NoSuchCredit: It has none.
    """
    found = session.scalar(
        select(Attribution)
        .where(
            Attribution.enrollment_id == enrollment_id,
            Attribution.customer_id == customer_id,
        )
        .options(joinedload(Attribution.customer), joinedload(Attribution.version))
    )
    if found is None:
        raise NoSuchCredit(_("This partner has no part of this customer."))
    return Credit(enrollment_id, found.customer, found.version)


def unmanaged(session: Session, found: Credit) -> UnmanagedCustomer | None:
    """Return since when the customer is not looked after; none while it is."""
    return session.scalar(
        select(UnmanagedCustomer)
        .where(
            UnmanagedCustomer.enrollment_id == found.enrollment_id,
            UnmanagedCustomer.customer_id == found.customer.id,
        )
        .options(joinedload(UnmanagedCustomer.noted_by))
    )


def stop_managing(
    session: Session,
    found: Credit,
    *,
    since: datetime,
    reason: str,
    actor: User | None,
    now: datetime,
) -> UnmanagedCustomer:
    """Write down since when the customer is not looked after; the last word counts.

    Args:
        session: The session that holds the open transaction.
        found: Whose customer it is.
        since: From when on; not later than now.
        reason: For the staff.
        actor: Who says so.
        now: When it is written down.

    Raises:
        NotYetOver: `since` is still to come.
    """
    if since > now:
        raise NotYetOver(
            _("Enter a day that has begun. Until then, the partner looks after it."),
            field="since_on",
        )
    row = session.get(UnmanagedCustomer, (found.enrollment_id, found.customer.id))
    if row is None:
        row = UnmanagedCustomer(
            enrollment_id=found.enrollment_id, customer_id=found.customer.id
        )
        session.add(row)
    row.unmanaged_from, row.reason = since, reason
    row.noted_at, row.noted_by_id = now, actor.id if actor else None
    audit.record(
        session,
        "customer.unmanaged",
        found.enrollment_id,
        actor=actor,
        at=now,
        customer=found.customer.public_id,
        since=since.isoformat(),
        reason=reason,
    )
    return row


def manage_again(
    session: Session, found: Credit, *, actor: User | None, now: datetime
) -> None:
    """Take it back: the partner looks after the customer, as if it never stopped.

    Raises:
        LookedAfter: There is nothing to take back.
    """
    row = session.get(UnmanagedCustomer, (found.enrollment_id, found.customer.id))
    if row is None:
        raise LookedAfter(_("This partner looks after the customer already."))
    session.delete(row)
    audit.record(
        session,
        "customer.managed",
        found.enrollment_id,
        actor=actor,
        at=now,
        customer=found.customer.public_id,
        since=row.unmanaged_from.isoformat(),
    )
