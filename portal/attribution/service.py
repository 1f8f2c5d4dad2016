from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from portal.attribution import queries
from portal.attribution.models import Attribution
from portal.attribution.queries import FollowedLink
from portal.attribution.records import as_data
from portal.attribution.rules import (
    Candidate,
    Decision,
    LossReason,
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
        One row for each program whose link was followed. In the program that was
        clicked last there is one for each enrollment that shares the customer; in
        the others nobody gets the credit, because a customer earns in one program.
    """
    # Two events of one customer may be handled at once; the second one waits here.
    session.refresh(customer, with_for_update=True)
    known: dict[UUID, list[Attribution]] = defaultdict(list)
    for row in queries.of_customer(session, customer.id):
        known[row.program_id].append(row)
    converted_at = queries.converted_at(session, customer)
    rows = [row for found in known.values() for row in found]
    if rows and all(
        row.converted_at <= converted_at and row.reference == customer.click_reference
        for row in rows
    ):
        return rows
    clicks = queries.clicks_behind(session, customer.click_reference)
    versions, decisions = _decide(session, clicks, converted_at)
    for program_id, found in known.items():
        if program_id not in decisions:
            versions[program_id] = found[0].version
            decisions[program_id] = decide(
                [],
                window_days=found[0].reasons.window_days,
                converted_at=converted_at,
                model=found[0].reasons.model,
            )
    return [
        row
        for program_id, decision in decisions.items()
        for row in _keep(
            session,
            known[program_id],
            customer=customer,
            version=versions[program_id],
            decision=decision,
            now=now,
        )
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
            model=versions[program_id].definition.attribution.model,
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
    known: Sequence[Attribution],
    *,
    customer: Customer,
    version: ProgramVersion,
    decision: Decision,
    now: datetime,
) -> list[Attribution]:
    """Bring the rows of one program in line with what was decided.

    Who keeps a share keeps the row. The other rows go to those who are new to the
    customer, and what is then left over goes away.
    """
    wanted: list[UUID | None] = [winner.enrollment_id for winner in decision.winners]
    wanted = wanted or [None]
    by_owner = {row.enrollment_id: row for row in known}
    spare = [row for row in known if row.enrollment_id not in wanted]
    rows = []
    for owner in wanted:
        row = by_owner.get(owner) or (spare.pop(0) if spare else None)
        is_new = row is None
        row = row or Attribution(program_id=version.program_id)
        _fill(row, owner, decision)
        row.customer = customer
        row.version = version
        row.reference = customer.click_reference
        row.decided_at = now
        session.add(row)
        session.flush()  # The audit event needs the id of a new row.
        _note(session, "decided" if is_new else "changed", row, now)
        rows.append(row)
    for row in spare:
        _note(session, "removed", row, now)
        session.delete(row)
    return rows


def _fill(row: Attribution, owner: UUID | None, decision: Decision) -> None:
    clicks = [
        click
        for winner in decision.winners
        if winner.enrollment_id == owner
        for click in winner.clicks
    ]
    row.enrollment_id = owner
    row.click_id = clicks[0].click_id if clicks else None
    row.weight = decision.weight_of(owner) if owner else 0
    row.of_weight = decision.of_weight
    row.converted_at = decision.converted_at
    row.decision = as_data(decision)


def _note(session: Session, what: str, row: Attribution, now: datetime) -> None:
    share = {"weight": row.weight, "of_weight": row.of_weight} if row.is_shared else {}
    audit.record(
        session,
        f"attribution.{what}",
        row.id,
        actor=None,
        at=now,
        customer=str(row.customer_id),
        enrollment=str(row.enrollment_id) if row.enrollment_id else None,
        **share,
    )
