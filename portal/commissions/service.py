from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, delete, literal, update
from sqlalchemy.orm import Session

from portal import jobs
from portal.attribution import queries as attribution_queries
from portal.attribution import service as attribution
from portal.audit import service as audit
from portal.commissions import queries
from portal.commissions.calculation import Terms, rate_in_order
from portal.commissions.models import Commission, LineRow
from portal.commissions.settling import Changes, Owner, Recomputed, Settlement
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.enrollments.rules import History
from portal.kit.copying import copy_in
from portal.programs import queries as programs
from portal.programs.definition import ProgramDefinition
from portal.programs.models import ProgramVersion
from portal.programs.rules import looks_at_facts
from portal.sales.models import Customer
from portal.tiers import queries as tier_queries
from portal.tiers import service as tiers
from portal.tiers.facts import CustomerFact, Event, TierInputs
from portal.tiers.models import TierChange

TASK = "commissions.recompute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What a close froze.

    Attributes:
        lines: The lines of each enrollment, in the order of the statements.
        references: What the payment provider calls the sales that were rated.
    """

    lines: Mapping[UUID, Sequence[LineRow]]
    references: Mapping[UUID, str]


def recompute(session: Session, enrollment_id: UUID, *, now: datetime) -> Recomputed:
    """Bring an enrollment's lines in line with its sales, refunds and gates.

    Lines on no statement are replaced where they differ and keep their id. Lines on
    a statement never change: what they differ by becomes an adjustment that clears
    at once. Doing this again changes nothing.

    Args:
        session: The session that holds the open transaction.
        enrollment_id: Whose lines. The row is locked, so that two of these wait for
            each other.
        now: The date of adjustments.
    """
    return recompute_all(session, [enrollment_id], now=now)[enrollment_id]


def recompute_all(
    session: Session, enrollment_ids: Sequence[UUID], *, now: datetime
) -> dict[UUID, Recomputed]:
    """Do for several enrollments what `recompute` does for one.

    It takes as many statements for many enrollments of a program as for one. All that
    they sold is in memory meanwhile, so a caller with many passes a few at a time.
    """
    members = enrollments.locked(session, enrollment_ids)
    changes = Changes()
    results = _rate(session, members, _Facts.read(session, members), changes, now)
    _write(session, changes, now)
    return results


def settle(
    session: Session,
    members: Sequence[Enrollment],
    *,
    until: datetime,
    period_label: str,
    now: datetime,
) -> Frozen:
    """Work lines out anew and freeze those that clear before `until` for statements.

    What is new is written as frozen at once.

    Args:
        session: The session that holds the open transaction.
        members: Whose lines; the caller holds their rows, so that no recompute runs
            meanwhile.
        until: The end of the period.
        period_label: The period, `YYYY-MM`.
        now: When they are frozen.

    Returns:
        What is frozen now. None of it can change any more.
    """
    changes = Changes()
    facts = _Facts.read(session, members)
    _rate(session, members, facts, changes, now)

    def clears(row: LineRow) -> bool:
        return row.clears_at is not None and row.clears_at < until

    def frozen(row: LineRow) -> LineRow:
        return row._replace(frozen_at=now, period_label=period_label)

    open_before = [*filter(clears, changes.same), *filter(clears, changes.changed)]
    changes.added = [frozen(row) if clears(row) else row for row in changes.added]
    _write(session, changes, now)
    if open_before:
        session.execute(
            update(Commission)
            .where(
                Commission.enrollment_id.in_([member.id for member in members]),
                Commission.frozen_at.is_(None),
                Commission.clears_at < until,
            )
            .values(frozen_at=now, period_label=period_label)
            .execution_options(synchronize_session=False)
        )
    stated: dict[UUID, list[LineRow]] = {member.id: [] for member in members}
    for row in [*map(frozen, open_before), *changes.added]:
        if row.frozen_at is not None:
            stated[row.enrollment_id].append(row)
    for rows in stated.values():
        rows.sort(key=attrgetter("occurred_at", "id"))
    references = {
        event.sale.id: event.sale.reference
        for events in facts.events.values()
        for event in events
    }
    return Frozen(lines=stated, references=references)


def _rate(
    session: Session,
    members: Sequence[Enrollment],
    facts: "_Facts",
    changes: Changes,
    now: datetime,
) -> dict[UUID, Recomputed]:
    return {
        member.id: _recompute(session, member, facts, now, changes)
        for member in members
    }


def _write(session: Session, changes: Changes, now: datetime) -> None:
    """Write what lines need. A line that goes makes room for one that comes."""
    if changes.removed:
        session.execute(
            delete(Commission)
            .where(Commission.id == any_(literal(changes.removed, ARRAY(Uuid))))
            .execution_options(synchronize_session=False)
        )
    if changes.changed:
        session.execute(update(Commission), [row._asdict() for row in changes.changed])
    copy_in(session, Commission, LineRow._fields, changes.added)
    for row in changes.corrections:
        audit.record(
            session,
            "commission.adjusted",
            row.id,
            actor=None,
            at=now,
            line=row.settles,
            amount_minor=row.amount_minor,
            currency=row.currency,
        )
    session.flush()  # The next recompute or close in this transaction reads it all.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """All that decides the lines of some enrollments, and what is kept of them."""

    terms: Mapping[UUID | None, Mapping[UUID, Terms]]
    events: Mapping[UUID, Sequence[Event]]
    versions: Mapping[UUID, Sequence[ProgramVersion]]
    inputs: Mapping[UUID, TierInputs]
    histories: Mapping[UUID, History]
    customers: Mapping[UUID, Mapping[UUID, CustomerFact]]
    lines: Mapping[UUID, Sequence[LineRow]]
    tiers: Mapping[UUID, Sequence[TierChange]]

    @classmethod
    def read(cls, session: Session, members: Sequence[Enrollment]) -> "_Facts":
        """Read everything. The caller holds the enrollments, so nobody else writes."""
        keys = [member.id for member in members]
        terms: dict[UUID | None, dict[UUID, Terms]] = defaultdict(dict)
        for row in attribution_queries.of_enrollments(session, keys):
            terms[row.enrollment_id][row.customer_id] = queries.terms_of(row.version)
        versions = {
            program_id: programs.versions_of(session, program_id)
            for program_id in sorted({member.program_id for member in members})
        }
        known = [one.definition for found in versions.values() for one in found]
        return cls(
            terms=terms,
            events=tier_queries.events_of(session, keys),
            versions=versions,
            inputs=tier_queries.inputs_of(
                session, keys, with_facts=any(map(looks_at_facts, known))
            ),
            histories=enrollments.histories_of(session, members),
            customers=tier_queries.customers_of(session, keys),
            lines=queries.of_enrollments(session, keys),
            tiers=tier_queries.histories(session, keys),
        )


def _recompute(
    session: Session,
    enrollment: Enrollment,
    facts: _Facts,
    now: datetime,
    changes: Changes,
) -> Recomputed:
    key = enrollment.id
    events, inputs = facts.events[key], facts.inputs[key]
    versions = facts.versions[enrollment.program_id]
    lines = rate_in_order(
        events,
        terms=facts.terms[key],
        later=[queries.terms_of(version) for version in versions],
        gates=enrollment.version.definition.gates,
        gate_history=facts.histories[key],
        customers=facts.customers[key],
        tier_inputs=inputs,
        as_of=now,
    )
    kept: dict[str, list[LineRow]] = defaultdict(list)
    for row in facts.lines[key]:
        kept[row.settles].append(row)
    settlement = Settlement(
        Owner(
            enrollment_id=key,
            partner_id=enrollment.partner_id,
            program_id=enrollment.program_id,
            versions={version.number: version.id for version in versions},
        ),
        {line.sale_id for line in lines},
        now,
        changes,
    )
    for line in lines:
        settlement.settle(line, kept.pop(line.key, []))
    for rows in kept.values():
        settlement.settle(None, rows)
    tiers.rebuild(
        session,
        enrollment,
        definition=_in_force(versions, now) or enrollment.version.definition,
        events=events,
        now=now,
        inputs=inputs,
        kept=facts.tiers[key],
    )
    return settlement.result


def recompute_later(session: Session, enrollment_id: UUID) -> None:
    """Queue a recompute in the caller's transaction; one waiting is enough."""
    lock = f"{TASK}:{enrollment_id}"
    jobs.defer(
        session,
        TASK,
        {"enrollment_id": str(enrollment_id)},
        lock=lock,
        queueing_lock=lock,
    )


def customer_changed(
    session: Session, customer: Customer, *, now: datetime
) -> list[UUID]:
    """Decide who gets the credit for a customer and queue what follows from it.

    Called after each sale, refund or sign-up.

    Returns:
        The enrollments whose lines will be worked out anew: who has the credit now,
        and who had it before if that changed.
    """
    before = attribution_queries.of_customer(session, customer.id)
    touched = {row.enrollment_id for row in before}
    after = attribution.attribute(session, customer, now=now)
    touched |= {row.enrollment_id for row in after}
    affected = sorted(key for key in touched if key is not None)
    for enrollment_id in affected:
        recompute_later(session, enrollment_id)
    return affected


def thaw(session: Session, commission_ids: Sequence[UUID], *, now: datetime) -> None:
    """Make lines projections again, whose statement was reversed a moment ago.

    The caller holds the enrollments. The database refuses it while a statement that is
    not reversed shows one of them.
    """
    session.execute(
        update(Commission)
        .where(Commission.id.in_(commission_ids), Commission.frozen_at.is_not(None))
        .values(frozen_at=None, period_label=None, thawed_at=now)
        .execution_options(synchronize_session=False)
    )


def _in_force(
    versions: Sequence[ProgramVersion], now: datetime
) -> ProgramDefinition | None:
    begun = [version for version in versions if version.effective_from <= now]
    return begun[-1].definition if begun else None
