"""What the payments mean for the gate of the fee."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from portal.enrollments import queries as enrollments
from portal.enrollments import service as gates
from portal.enrollments.models import Enrollment
from portal.fees import queries, rules
from portal.fees.rules import FeeStatus, InvoiceFacts, SubscriptionFacts
from portal.programs.definition import GateKind


def follow_gate(
    session: Session,
    enrollment: Enrollment,
    facts: SubscriptionFacts,
    invoices: Sequence[InvoiceFacts],
    *,
    now: datetime,
) -> None:
    """Open, extend or shut the gate as the payments say.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        facts: The subscription that decides.
        invoices: All its invoices.
        now: The moment.
    """
    waivers = queries.waivers(session, enrollment.id)
    plan = rules.plan_gate(
        facts,
        invoices,
        grace=grace_of(enrollment),
        waived=[waiver.spell for waiver in waivers],
    )
    running = next((one.spell for one in waivers if one.spell.holds(now)), None)
    if running is not None:
        plan = rules.with_waiver(plan, running)
    for gate in enrollment.version.definition.gates:
        if gate.kind is not GateKind.FEE:
            continue
        if plan.met_from is None or plan.met_until is None:
            gates.lose_gate(session, enrollment, gate.key, now=now, note="fee")
            continue
        _shut_what_is_gone(session, enrollment, gate.key, plan.met_from, now=now)
        if plan.met_until <= now and facts.status is FeeStatus.CANCELED:
            gates.lose_gate(
                session, enrollment, gate.key, now=plan.met_until, note="fee ended"
            )
        else:
            gates.meet_gate(
                session,
                enrollment,
                gate.key,
                now=min(plan.met_from, now),
                until=plan.met_until,
                note=f"paid until {plan.met_until:%Y-%m-%d}",
                in_grace=facts.status is FeeStatus.PAST_DUE and running is None,
                renews=not facts.cancel_at_period_end,
            )
    gates.reevaluate(session, enrollment, now=now)


def _shut_what_is_gone(
    session: Session,
    enrollment: Enrollment,
    gate_key: str,
    met_from: datetime,
    *,
    now: datetime,
) -> None:
    """Shut a gate that a payment opened which is not kept any more.

    The plan rests on an earlier payment then, whose time is another interval: to move
    the end of that one would leave this one open.
    """
    session.flush()  # An interval added a moment ago must be found.
    if any(
        row.interval.holds(now) and row.met_from > met_from
        for row in enrollments.intervals(session, enrollment.id, gate_key)
    ):
        gates.lose_gate(session, enrollment, gate_key, now=now, note="fee taken back")


def grace_of(enrollment: Enrollment) -> timedelta:
    """Return how long a failed renewal keeps the gate open."""
    fee = enrollment.version.definition.fee
    return timedelta(days=fee.grace_days if fee else 0)
