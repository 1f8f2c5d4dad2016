"""Who has signed what, for staff: every enrollment whose gates ask for an agreement."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, true
from sqlalchemy.orm import Session, aliased, joinedload

from portal.agreements.models import AgreementSignature
from portal.agreements.queries import agreement_gates
from portal.enrollments import rules
from portal.enrollments.models import Enrollment, EnrollmentStatus, GateInterval
from portal.programs.definition import GateKind
from portal.web.pagination import TOTAL_CAP, Page, PageRequest

_BATCH = 500


class SigningState(StrEnum):
    """How an enrollment stands with its agreement."""

    SIGNED = "signed"
    DUE = "due"
    """Signed, and a newer text must be signed by a date."""
    LAPSED = "lapsed"
    """Signed, and the date for the newer text is over."""
    MISSING = "missing"
    """Not signed yet."""
    ENDED = "ended"
    """The partner is not in the program any more."""


_S = SigningState


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which rows to show; none for all."""

    program_id: UUID | None = None
    partner_id: UUID | None = None
    version: str | None = None
    state: SigningState | None = None


@dataclass(frozen=True, slots=True)
class SigningRow:
    """One enrollment.

    Attributes:
        enrollment: The enrollment with its partner and version.
        signature: The newest signature, without its text; none without one.
        state: How it stands.
        last_day: The last day for signing, past or to come; none without one.
    """

    enrollment: Enrollment
    signature: AgreementSignature | None
    state: SigningState
    last_day: date | None


@dataclass(frozen=True, slots=True)
class _Source:
    """The statement behind the list, and the columns that are made in it."""

    statement: Select[Any]
    signature: type[AgreementSignature]
    state: ColumnElement[str]
    ends_at: ColumnElement[datetime | None]

    def rows(
        self,
    ) -> Select[Enrollment, AgreementSignature, str, datetime | None]:
        """Select what a row shows."""
        return self.statement.with_only_columns(
            Enrollment,
            self.signature,
            self.state.label("state"),
            self.ends_at.label("ends_at"),
        ).options(joinedload(Enrollment.partner), joinedload(Enrollment.version))


def page_of(
    session: Session, filters: Filters, asked: PageRequest, *, now: datetime
) -> Page[SigningRow]:
    """Return one page of enrollments, those that joined last first."""
    source = _source(filters, now)
    found = session.execute(
        asked.limit(source.rows(), Enrollment.joined_at, Enrollment.id)
    )
    counted = source.statement.limit(TOTAL_CAP + 1).subquery()
    return asked.page(
        [_row(*row) for row in found],
        key=lambda row: (row.enrollment.joined_at, row.enrollment.id),
        total=session.scalar(select(func.count()).select_from(counted)),
    )


def every(session: Session, filters: Filters, *, now: datetime) -> Iterator[SigningRow]:
    """Yield all rows of a filter, a batch at a time."""
    statement = _source(filters, now).rows().order_by(Enrollment.id)
    # The block ends the database's cursor even when the reader leaves half-way.
    with session.execute(statement, execution_options={"yield_per": _BATCH}) as found:
        for row in found:
            yield _row(*row)


def counts(
    session: Session, filters: Filters, *, now: datetime
) -> Mapping[SigningState, int]:
    """Return how many enrollments are in each state, whatever state is asked for."""
    source = _source(replace(filters, state=None), now)
    states = source.statement.with_only_columns(source.state.label("state")).subquery()
    rows = session.execute(
        select(states.c.state, func.count()).group_by(states.c.state)
    )
    found = {SigningState(name): count for name, count in rows}
    return {state: found.get(state, 0) for state in SigningState}


def signed_versions(session: Session) -> Sequence[str]:
    """Return the versions of agreements that somebody signed, newest first."""
    return session.scalars(
        select(AgreementSignature.version)
        .distinct()
        .order_by(AgreementSignature.version.desc())
    ).all()


def _source(filters: Filters, now: datetime) -> _Source:
    gates = agreement_gates()
    newest = aliased(
        AgreementSignature,
        select(AgreementSignature)
        .where(AgreementSignature.enrollment_id == Enrollment.id)
        .order_by(AgreementSignature.signed_at.desc(), AgreementSignature.id.desc())
        .limit(1)
        .correlate(Enrollment)
        .lateral("newest"),
    )
    of_gate = and_(
        GateInterval.enrollment_id == Enrollment.id,
        GateInterval.gate_key == gates.c.gate_key,
    )
    is_open = and_(
        of_gate,
        GateInterval.met_from <= now,
        or_(GateInterval.met_until.is_(None), GateInterval.met_until > now),
    )
    last = aliased(GateInterval)
    ended = (
        select(func.max(last.met_until))
        .where(
            last.enrollment_id == Enrollment.id,
            last.gate_key == gates.c.gate_key,
        )
        .correlate(Enrollment, gates)
        .scalar_subquery()
    )
    statement = (
        select(Enrollment.id)
        .join(gates, gates.c.version_id == Enrollment.version_id)
        .outerjoin(GateInterval, is_open)
        .outerjoin(newest, true())
    )
    is_met, is_signed = GateInterval.id.is_not(None), newest.id.is_not(None)
    state = case(
        (Enrollment.status == EnrollmentStatus.TERMINATED, _S.ENDED.value),
        (and_(is_met, GateInterval.met_until.is_(None)), _S.SIGNED.value),
        (is_met, _S.DUE.value),
        (is_signed, _S.LAPSED.value),
        else_=_S.MISSING.value,
    )
    for wanted, condition in (
        (filters.program_id, Enrollment.program_id == filters.program_id),
        (filters.partner_id, Enrollment.partner_id == filters.partner_id),
        (filters.version, newest.version == filters.version),
        (filters.state, state == (filters.state or "")),
    ):
        if wanted is not None:
            statement = statement.where(condition)
    return _Source(statement, newest, state, ended)


def _row(
    enrollment: Enrollment,
    signature: AgreementSignature | None,
    state: str,
    ends_at: datetime | None,
) -> SigningRow:
    return SigningRow(
        enrollment,
        signature,
        SigningState(state),
        _last_day(enrollment, SigningState(state), ends_at),
    )


def _last_day(
    enrollment: Enrollment, state: SigningState, ends_at: datetime | None
) -> date | None:
    definition = enrollment.version.definition
    if state in (_S.DUE, _S.LAPSED) and ends_at is not None:
        return (ends_at - timedelta.resolution).astimezone(definition.zone).date()
    if state is not _S.MISSING:
        return None
    gate = next(one for one in definition.gates if one.kind is GateKind.AGREEMENT)
    return rules.due_on(gate, joined_at=enrollment.joined_at, zone=definition.zone)
