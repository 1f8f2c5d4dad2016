"""Staff waive a fee until a day: the gate is met, and nothing is charged meanwhile."""

from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal import jobs
from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments import service as gates
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.fees import emails, queries
from portal.fees.models import FeeWaiver
from portal.fees.service.dunning import follow_later
from portal.fees.service.paying import NoFee
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id
from portal.programs.definition import GateKind

MATCH_PAUSE = "fees.match_pause"
"""The job that has Stripe charge nothing while a fee is waived, and again after."""


class IsWaived(Conflict):
    """The fee is waived already."""

    code = "fee_is_waived"


class NotWaived(Conflict):
    """The fee is not waived, or not any more."""

    code = "fee_not_waived"


class WaiverEndsTooEarly(Invalid):
    """The waiver would be over before it begins."""

    code = "waiver_ends_too_early"


def waive(
    session: Session,
    enrollment: Enrollment,
    *,
    reason: str,
    until_at: datetime,
    actor: User,
    now: datetime,
) -> FeeWaiver:
    """Let a partner have the fee for nothing until a day.

    A running subscription goes on and is not charged: a period that begins meanwhile is
    free to its end. What was paid stays paid. An invoice that could not be charged
    before stays open, since that money is owed.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        reason: Why; the partner reads it.
        until_at: The first moment after it.
        actor: Who waives it.
        now: The moment.

    Raises:
        NoFee: The program asks for none, or the enrollment has ended.
        IsWaived: It is waived already.
        WaiverEndsTooEarly: `until_at` is not after `now`.
    """
    fee = enrollment.version.definition.fee
    if fee is None or enrollment.status is EnrollmentStatus.TERMINATED:
        raise NoFee(_("There is no fee to pay for this program."))
    if queries.waiver(session, enrollment.id, at=now) is not None:
        raise IsWaived(_("The fee is waived already: end that waiver first."))
    if until_at <= now:
        raise WaiverEndsTooEarly(
            _("Choose a last day that is not over yet."), field="last_on"
        )
    waiver = FeeWaiver(
        id=new_id(),
        enrollment_id=enrollment.id,
        reason=reason,
        from_at=now,
        until_at=until_at,
        set_by_id=actor.id,
    )
    session.add(waiver)
    audit.record(
        session,
        "fee.waived",
        enrollment.id,
        actor=actor,
        at=now,
        until=until_at.isoformat(),
        why=reason,
    )
    for gate in enrollment.version.definition.gates:
        if gate.kind is GateKind.FEE:
            current = gates.current_interval(session, enrollment, gate.key, now)
            paid_until = current.met_until if current else None
            gates.meet_gate(
                session,
                enrollment,
                gate.key,
                now=now,
                until=max(until_at, paid_until or until_at),
                note=f"waived until {until_at:%Y-%m-%d}",
                actor=actor,
                renews=current.renews if current else False,
            )
    emails.send_waived(session, enrollment, reason=reason, until_at=until_at, now=now)
    _match_later(session, enrollment)
    return waiver


def end_waiver(
    session: Session, enrollment: Enrollment, *, actor: User, now: datetime
) -> None:
    """Ask for the fee again from `now` on.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        actor: Who ends it.
        now: The moment.

    Raises:
        NotWaived: It is not waived, or not any more.
    """
    waiver = queries.waiver(session, enrollment.id, at=now)
    if waiver is None:
        raise NotWaived(_("This fee is not waived any more."))
    waiver.ended_at, waiver.ended_by_id = now, actor.id
    audit.record(session, "fee.waiver_ended", enrollment.id, actor=actor, at=now)
    session.flush()
    current = queries.last_at_stripe(session, enrollment.id)
    if current is not None and current.stripe_subscription_id is not None:
        # What was paid may still hold the gate open: that is read from Stripe.
        follow_later(session, current.stripe_subscription_id)
    else:
        for gate in enrollment.version.definition.gates:
            if gate.kind is GateKind.FEE:
                gates.lose_gate(
                    session, enrollment, gate.key, now=now, note="waiver ended"
                )
    _match_later(session, enrollment)


def _match_later(session: Session, enrollment: Enrollment) -> None:
    lock = f"{MATCH_PAUSE}:{enrollment.id}"
    jobs.defer(
        session,
        MATCH_PAUSE,
        {"enrollment_id": str(enrollment.id)},
        lock=lock,
        queueing_lock=lock,
    )
