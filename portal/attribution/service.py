from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from portal.attribution import queries
from portal.attribution.models import Attribution
from portal.attribution.queries import FollowedLink
from portal.attribution.rules import (
    Candidate,
    Decision,
    LossReason,
    as_data,
    decide,
    one_program_wins,
)
from portal.audit import service as audit
from portal.enrollments import queries as enrollments
from portal.enrollments.rules import History, unmet_at
from portal.programs import queries as programs
from portal.programs.definition import Blocks
from portal.programs.models import ProgramVersion
from portal.programs.queries import NoSuchProgram
from portal.sales.models import Customer


def attribute(
    session: Session, customer: Customer, *, now: datetime
) -> list[Attribution]:
    """Decide who gets the credit for a customer.

    The first conversion decides and the decision stays: calling this again changes
    nothing. Only when an event that arrived late tells of an earlier conversion, or
    of another click that the customer came with, is it decided anew.

    Args:
        session: The session that holds the open transaction.
        customer: Who signed up or bought.
        now: When this is decided.

    Returns:
        One decision for each program whose link was followed; at most one of them
        names an enrollment, because a customer earns in one program.
    """
    # Two events of one customer may be handled at once; the second one waits here.
    session.refresh(customer, with_for_update=True)
    known = {row.program_id: row for row in queries.of_customer(session, customer.id)}
    converted_at = queries.converted_at(session, customer)
    if known and all(
        row.converted_at <= converted_at and row.reference == customer.click_reference
        for row in known.values()
    ):
        return list(known.values())
    clicks = queries.clicks_behind(session, customer.click_reference)
    versions, decisions = _decide(session, clicks, converted_at)
    for program_id, row in known.items():
        if program_id not in decisions:
            versions[program_id] = row.version
            decisions[program_id] = decide(
                [], window_days=row.reasons.window_days, converted_at=converted_at
            )
    return [
        _keep(
            session,
            known.get(program_id) or Attribution(program_id=program_id),
            customer=customer,
            version=versions[program_id],
            decision=decision,
            now=now,
        )
        for program_id, decision in decisions.items()
    ]


def _decide(
    session: Session, clicks: Sequence[FollowedLink], converted_at: datetime
) -> tuple[dict[UUID, ProgramVersion], dict[UUID, Decision]]:
    """Return the version and the decision of each program that was clicked."""
    histories = enrollments.histories(
        session, list({followed.enrollment.id for followed in clicks})
    )
    by_program: dict[UUID, list[FollowedLink]] = defaultdict(list)
    for followed in clicks:
        by_program[followed.enrollment.program_id].append(followed)
    versions = {
        program_id: _version_at(session, followed[0], converted_at)
        for program_id, followed in by_program.items()
    }
    decisions = {
        program_id: decide(
            [_candidate(one, histories[one.enrollment.id]) for one in followed],
            window_days=versions[program_id].definition.attribution.window_days,
            converted_at=converted_at,
        )
        for program_id, followed in by_program.items()
    }
    return versions, one_program_wins(decisions)


def _version_at(
    session: Session, followed: FollowedLink, moment: datetime
) -> ProgramVersion:
    """Return the program's version in force; the one joined if there was none yet."""
    try:
        return programs.current_version(session, followed.enrollment.program_id, moment)
    except NoSuchProgram:
        return followed.enrollment.version


def _candidate(followed: FollowedLink, history: History) -> Candidate:
    return Candidate(
        click_id=followed.click.id,
        link_id=followed.link.id,
        enrollment_id=followed.enrollment.id,
        clicked_at=followed.click.clicked_at,
        refused=_refusal(followed, history),
    )


def _refusal(followed: FollowedLink, history: History) -> LossReason | None:
    click, link = followed.click, followed.link
    if click.is_bot:
        return LossReason.BOT
    if link.disabled_at is not None and link.disabled_at <= click.clicked_at:
        return LossReason.LINK_DISABLED
    gates = followed.enrollment.version.definition.gates
    if unmet_at(gates, history, Blocks.LINK, click.clicked_at):
        return LossReason.LINK_GATE
    return None if click.counts else LossReason.NOT_COUNTED


def _keep(
    session: Session,
    row: Attribution,
    *,
    customer: Customer,
    version: ProgramVersion,
    decision: Decision,
    now: datetime,
) -> Attribution:
    is_new = row.id is None
    winner = decision.winner
    row.customer = customer
    row.version = version
    row.enrollment_id = winner.enrollment_id if winner else None
    row.click_id = winner.click_id if winner else None
    row.converted_at = decision.converted_at
    row.decided_at = now
    row.reference = customer.click_reference
    row.decision = as_data(decision)
    session.add(row)
    session.flush()  # The audit event needs the id of a new row.
    audit.record(
        session,
        "attribution.decided" if is_new else "attribution.changed",
        row.id,
        actor=None,
        at=now,
        **_details(row),
    )
    return row


def _details(row: Attribution) -> Mapping[str, str | None]:
    return {
        "customer": str(row.customer_id),
        "enrollment": str(row.enrollment_id) if row.enrollment_id else None,
    }
