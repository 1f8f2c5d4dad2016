"""The gate that asks a partner where it is paid."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from portal.enrollments import queries as enrollments
from portal.enrollments import service as gates
from portal.enrollments.models import EnrollmentStatus
from portal.payouts import queries
from portal.programs.definition import GateKind


def follow_gates(session: Session, partner_id: UUID, *, now: datetime) -> None:
    """Meet the partner's gates that ask for a payout account, if there is one.

    A gate is met from the day of joining on, or since there was an account. A change
    of account leaves it met: it has no moment without one. Safe to repeat.

    Args:
        session: The session that holds the open transaction.
        partner_id: Whose gates.
        now: The moment.
    """
    session.flush()  # An account added a moment ago must count.
    ever = queries.accounts(session, partner_id)
    if not ever:
        return
    first_at = min(account.added_at for account in ever)
    for found in enrollments.of_partner(session, partner_id):
        for gate in found.version.definition.gates:
            is_asked = gate.kind is GateKind.PAYOUT_ACCOUNT
            if not is_asked or found.status is EnrollmentStatus.TERMINATED:
                continue
            enrollment = enrollments.get(session, found.id, lock=True)
            if not enrollments.intervals(session, enrollment.id, gate.key):
                since = max(first_at, enrollment.joined_at)
                gates.meet_gate(
                    session, enrollment, gate.key, now=since, note="payout account"
                )
                gates.reevaluate(session, enrollment, now=now)
