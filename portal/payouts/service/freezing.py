"""Stopping payouts and letting them go on."""

from collections.abc import Sequence
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.kit.errors import Conflict
from portal.kit.ids import new_id
from portal.payouts import emails, queries
from portal.payouts.freezes import PayoutFreeze

_KEY = func.hashtextextended("payouts.freeze", 0)


class PayoutsFrozen(Conflict):
    """Nothing is paid out at the moment; the message says since when and why."""

    code = "payouts_frozen"


class NotFrozen(Conflict):
    """There is nothing to thaw."""

    code = "payouts_not_frozen"


def require_not_frozen(session: Session) -> None:
    """Refuse while payouts are frozen. Every verb that moves money out calls this.

    A freeze waits for the transactions that passed here, and whoever comes after it
    waits for the freeze: once it is committed, nothing that did not see it goes on.

    Raises:
        PayoutsFrozen: They are.
    """
    session.execute(select(func.pg_advisory_xact_lock_shared(_KEY)))
    found = queries.freeze(session)
    if found is not None:
        raise PayoutsFrozen(
            _(
                "Payouts are frozen, so nothing can be paid now: %(reason)s",
                reason=found.reason,
            )
        )


def freeze(
    session: Session,
    *,
    reason: str,
    findings: Sequence[str],
    actor: User | None,
    now: datetime,
) -> PayoutFreeze:
    """Stop payouts and tell admins and finance; what is frozen already stays so.

    Args:
        session: The session that holds the open transaction.
        reason: Why, for people.
        findings: What `portal verify` found, a sentence each.
        actor: Who freezes; none for the portal itself and the command line.
        now: The moment.
    """
    session.execute(select(func.pg_advisory_xact_lock(_KEY)))
    found = queries.freeze(session)
    if found is not None:
        return found
    made = PayoutFreeze(
        id=new_id(),
        reason=reason,
        findings=list(findings),
        frozen_at=now,
        frozen_by_id=actor.id if actor else None,
    )
    session.add(made)
    session.flush()
    audit.record(
        session,
        "payouts.frozen",
        made.id,
        actor=actor,
        at=now,
        why=reason,
        findings=len(findings),
    )
    emails.payouts_frozen(session, made, now=now)
    return made


def thaw(
    session: Session, *, reason: str, actor: User | None, now: datetime
) -> PayoutFreeze:
    """Let payouts go on.

    Raises:
        NotFrozen: They are not frozen.
    """
    session.execute(select(func.pg_advisory_xact_lock(_KEY)))
    found = queries.freeze(session)
    if found is None:
        raise NotFrozen(_("Payouts are not frozen."))
    found.thawed_at = now
    found.thawed_by_id = actor.id if actor else None
    found.thaw_reason = reason
    audit.record(session, "payouts.thawed", found.id, actor=actor, at=now, why=reason)
    return found
