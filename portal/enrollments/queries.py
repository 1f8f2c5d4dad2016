from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.enrollments import rules
from portal.enrollments.models import (
    Enrollment,
    EnrollmentStatus,
    GateInterval,
    GateNotice,
)
from portal.enrollments.notices import NoticeKind
from portal.enrollments.rules import Answer, GateStatus, History, Interval
from portal.kit.errors import NotFound

RUNNING = (EnrollmentStatus.PENDING, EnrollmentStatus.ACTIVE)
"""Neither stopped by staff nor at its end."""

_WITH = (joinedload(Enrollment.partner), joinedload(Enrollment.version))


def get(
    session: Session,
    enrollment_id: UUID,
    *,
    partner_id: UUID | None = None,
    lock: bool = False,
) -> Enrollment:
    """Return one enrollment with its partner and version.

    Args:
        session: The session to read from.
        enrollment_id: Which one.
        partner_id: Whose it must be; partner views always pass it.
        lock: Hold the row until the transaction ends; pass it before deciding.

    Raises:
        NotFound: There is none, or it is another partner's.
    """
    query = select(Enrollment).where(Enrollment.id == enrollment_id).options(*_WITH)
    if partner_id is not None:
        query = query.where(Enrollment.partner_id == partner_id)
    if lock:
        query = query.with_for_update(of=Enrollment).execution_options(
            populate_existing=True
        )
    enrollment = session.scalar(query)
    if enrollment is None:
        raise NotFound(_("There is no such enrollment."))
    return enrollment


def of_partner(session: Session, partner_id: UUID) -> Sequence[Enrollment]:
    """Return the partner's enrollments, oldest first."""
    return session.scalars(
        select(Enrollment)
        .where(Enrollment.partner_id == partner_id)
        .options(*_WITH)
        .order_by(Enrollment.joined_at, Enrollment.id)
    ).all()


def of_partner_in(
    session: Session, partner_id: UUID, program_id: UUID
) -> Enrollment | None:
    """Return the partner's enrollment in one program, if there is one."""
    return session.scalar(
        select(Enrollment)
        .where(Enrollment.partner_id == partner_id, Enrollment.program_id == program_id)
        .options(*_WITH)
    )


def by_ids(session: Session, keys: Sequence[UUID]) -> Sequence[Enrollment]:
    """Return these enrollments, in the order in which they are given."""
    found = session.scalars(
        select(Enrollment).where(Enrollment.id.in_(keys)).options(*_WITH)
    ).all()
    return sorted(found, key=lambda enrollment: keys.index(enrollment.id))


def locked(session: Session, keys: Sequence[UUID]) -> Sequence[Enrollment]:
    """Return these enrollments, ordered by id, and hold their rows.

    Everybody takes the rows in that order, so that nobody waits in a circle.

    Raises:
        NotFound: One of them is not there.
    """
    found = session.scalars(
        select(Enrollment)
        .where(Enrollment.id.in_(keys))
        # One version has many enrollments and a long text: it is not sent with each.
        .options(joinedload(Enrollment.partner), selectinload(Enrollment.version))
        .order_by(Enrollment.id)
        .with_for_update(of=Enrollment)
        .execution_options(populate_existing=True)
    ).all()
    if len(found) != len(set(keys)):
        raise NotFound(_("There is no such enrollment."))
    return found


def in_program(session: Session, program_id: UUID) -> Sequence[Enrollment]:
    """Return the enrollments of a program, ordered by id."""
    return session.scalars(
        select(Enrollment)
        .where(Enrollment.program_id == program_id)
        .options(*_WITH)
        .order_by(Enrollment.id)
    ).all()


def histories(session: Session, enrollment_ids: Sequence[UUID]) -> dict[UUID, History]:
    """Return the gate history of each enrollment, without what came too late.

    However many enrollments there are, it takes the same number of statements.
    """
    found = _everything(session, enrollment_ids)
    enrollments = session.scalars(
        select(Enrollment)
        .where(Enrollment.id.in_(enrollment_ids))
        # A version that is in the session already is not read again.
        .options(selectinload(Enrollment.version))
    )
    return {one.id: _effective(one, found[one.id]) for one in enrollments}


def history(session: Session, enrollment: Enrollment) -> History:
    """Return the gate history of one enrollment, without what came too late."""
    return histories_of(session, [enrollment])[enrollment.id]


def histories_of(
    session: Session, enrollments: Sequence[Enrollment]
) -> dict[UUID, History]:
    """Return the gate history of each enrollment, in one statement."""
    found = _everything(session, [one.id for one in enrollments])
    return {one.id: _effective(one, found[one.id]) for one in enrollments}


def answer(session: Session, enrollment: Enrollment, *, at: datetime) -> Answer:
    """Return what the partner could do at a moment, past or present."""
    return rules.answer(
        enrollment.version.definition.gates,
        history(session, enrollment),
        joined_at=enrollment.joined_at,
        moment=at,
    )


def told(
    session: Session, enrollment_id: UUID
) -> set[tuple[str, NoticeKind, datetime, int]]:
    """Return the key of everything that the partner was told about its gates."""
    rows = session.execute(
        select(
            GateNotice.gate_key, GateNotice.kind, GateNotice.about_at, GateNotice.step
        ).where(GateNotice.enrollment_id == enrollment_id)
    )
    return {(key, kind, about_at, step) for key, kind, about_at, step in rows}


def _everything(
    session: Session, enrollment_ids: Sequence[UUID]
) -> dict[UUID, dict[str, list[Interval]]]:
    """Return all that is kept, what came too late as well."""
    found: dict[UUID, dict[str, list[Interval]]] = {
        enrollment_id: defaultdict(list) for enrollment_id in enrollment_ids
    }
    rows = session.scalars(
        select(GateInterval)
        .where(GateInterval.enrollment_id.in_(enrollment_ids))
        .order_by(GateInterval.met_from, GateInterval.id)
    )
    for row in rows:
        found[row.enrollment_id][row.gate_key].append(row.interval)
    return found


def _effective(enrollment: Enrollment, history: History) -> History:
    definition = enrollment.version.definition
    return rules.effective_history(
        definition.gates,
        history,
        joined_at=enrollment.joined_at,
        zone=definition.zone,
    )


def checklists(
    session: Session, enrollments: Sequence[Enrollment], *, now: datetime
) -> dict[UUID, list[GateStatus]]:
    """Return how each gate of each enrollment stands, in one statement."""
    found = _everything(session, [one.id for one in enrollments])
    return {
        one.id: rules.checklist(
            one.version.definition.gates,
            found[one.id],
            joined_at=one.joined_at,
            zone=one.version.definition.zone,
            at=now,
        )
        for one in enrollments
    }


def checklist(
    session: Session, enrollment: Enrollment, *, now: datetime
) -> list[GateStatus]:
    """Return how each gate of the enrollment stands."""
    return checklists(session, [enrollment], now=now)[enrollment.id]


def intervals(
    session: Session, enrollment_id: UUID, gate_key: str
) -> Sequence[GateInterval]:
    """Return when a gate was met, oldest first, in time or not."""
    return session.scalars(
        select(GateInterval)
        .where(
            GateInterval.enrollment_id == enrollment_id,
            GateInterval.gate_key == gate_key,
        )
        .order_by(GateInterval.met_from, GateInterval.id)
    ).all()


def with_gate_ended(
    session: Session, *, since: datetime, now: datetime
) -> Sequence[UUID]:
    """Return the running enrollments of which a gate ended in `(since, now]`."""
    return session.scalars(
        select(Enrollment.id)
        .join(GateInterval, GateInterval.enrollment_id == Enrollment.id)
        .where(
            Enrollment.status.in_(RUNNING),
            GateInterval.met_until > since,
            GateInterval.met_until <= now,
        )
        .distinct()
        .order_by(Enrollment.id)
    ).all()
