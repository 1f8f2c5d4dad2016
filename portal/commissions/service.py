from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from portal import jobs
from portal.attribution import queries as attribution_queries
from portal.attribution import service as attribution
from portal.audit import service as audit
from portal.commissions import queries
from portal.commissions.calculation import RatedLine, Terms, rate_in_order
from portal.commissions.models import Commission, CommissionKind
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.enrollments.rules import History
from portal.kit.db import copy_in
from portal.kit.ids import new_id
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
_NOTHING = {"base_minor": 0, "amount_minor": 0}


@dataclass(slots=True)
class Recomputed:
    """What a recompute changed; all zero when everything was right already."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    adjusted: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether nothing had to change."""
        return self == Recomputed()


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
    facts = _Facts.read(session, members)
    added: list[dict[str, Any]] = []
    results = {
        member.id: _recompute(session, member, facts, now, added) for member in members
    }
    copy_in(session, Commission, added)
    session.flush()  # The next recompute or close in this transaction reads the lines.
    return results


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """All that decides the lines of some enrollments, and what is kept of them."""

    terms: Mapping[UUID | None, Mapping[UUID, Terms]]
    events: Mapping[UUID, Sequence[Event]]
    versions: Mapping[UUID, Sequence[ProgramVersion]]
    inputs: Mapping[UUID, TierInputs]
    histories: Mapping[UUID, History]
    customers: Mapping[UUID, Mapping[UUID, CustomerFact]]
    lines: Mapping[UUID, Sequence[Commission]]
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
    added: list[dict[str, Any]],
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
    kept: dict[str, list[Commission]] = defaultdict(list)
    for row in facts.lines[key]:
        kept[row.settles].append(row)
    settlement = _Settlement(
        session,
        enrollment,
        {version.number: version.id for version in versions},
        {line.sale_id for line in lines},
        now,
        added,
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


def freeze(
    session: Session,
    enrollment_ids: Sequence[UUID],
    *,
    until: datetime,
    period_label: str,
    now: datetime,
) -> list[Commission]:
    """Freeze the lines that cleared before `until` for statements.

    Args:
        session: The session that holds the open transaction.
        enrollment_ids: Whose lines; locked here, so that no recompute runs meanwhile.
        until: The end of the period.
        period_label: The period, `YYYY-MM`.
        now: When they are frozen.

    Returns:
        The lines, in the order of the statements. None of them can change any more.
    """
    enrollments.locked(session, enrollment_ids)
    rows = session.scalars(
        update(Commission)
        .where(
            Commission.enrollment_id.in_(enrollment_ids),
            Commission.frozen_at.is_(None),
            Commission.clears_at < until,
        )
        .values(frozen_at=now, period_label=period_label)
        .returning(Commission)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).all()
    return sorted(rows, key=lambda row: (row.occurred_at, row.id))


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


@dataclass(slots=True)
class _Settlement:
    """Puts rated lines into rows, one event and rule at a time."""

    session: Session
    enrollment: Enrollment
    versions: dict[int, UUID]
    credited: set[UUID]
    now: datetime
    added: list[dict[str, Any]]
    """The rows of lines that are new: a first recompute has many, so all of them are
    written at once."""
    result: Recomputed = field(default_factory=Recomputed)

    def settle(self, line: RatedLine | None, rows: Sequence[Commission]) -> None:
        """Bring the rows of one event and rule in line; no line: it earns no more."""
        frozen = [row for row in rows if row.frozen_at is not None]
        waiting = [row for row in rows if row.frozen_at is None]
        if len(waiting) > 1:
            # A month was reopened: what adjusted its line is part of the line again.
            waiting.sort(key=lambda row: (len(row.key), row.key))
            for row in waiting[1:]:
                self._remove(row)
        unfrozen = waiting[0] if waiting else None
        if frozen:
            self._adjust(line, frozen, unfrozen)
        elif line is None:
            self._remove(unfrozen)
        elif unfrozen is None:
            self.added.append({**self._owner(), **self._values(line)})
            self.result.added += 1
        else:
            self._write(unfrozen, self._values(line))

    def _adjust(
        self,
        line: RatedLine | None,
        frozen: Sequence[Commission],
        unfrozen: Commission | None,
    ) -> None:
        settled = sum(row.amount_minor for row in frozen)
        rated = line.amount_minor if line else 0
        if rated == settled:
            self._remove(unfrozen)
            return
        first = frozen[0]
        trace = (line.trace if line else first.trace) | {
            "amount_minor": rated - settled,
            "adjustment": {
                "settled_minor": settled,
                "rated_minor": rated,
                "is_gone": line is None and first.sale_id not in self.credited,
                "is_other_rule": line is None and first.sale_id in self.credited,
            },
        }
        base = line.base_minor if line else 0
        values = {
            "key": f"{first.settles}/adj{len(frozen)}",
            "customer_id": first.customer_id,
            "version_id": first.version_id,
            "sale_id": first.sale_id,
            "refund_id": first.refund_id,
            "kind": CommissionKind.ADJUSTMENT,
            "rule_key": first.rule_key,
            "base_minor": base - sum(row.base_minor for row in frozen),
            "amount_minor": rated - settled,
            "currency": first.currency,
            "trace": trace,
        }
        if unfrozen is None:
            # An adjustment keeps the day on which it was first found.
            values |= {"occurred_at": self.now, "clears_at": self.now}
            self.result.adjusted += 1
        row = self._write(unfrozen, values)
        if unfrozen is None:
            audit.record(
                self.session,
                "commission.adjusted",
                row.id,
                actor=None,
                at=self.now,
                line=first.settles,
                amount_minor=rated - settled,
                currency=first.currency,
            )

    def _values(self, line: RatedLine) -> dict[str, Any]:
        return {
            "key": line.key,
            "customer_id": line.customer_id,
            "version_id": self.versions[line.version_number],
            "sale_id": line.sale_id,
            "refund_id": line.refund_id,
            "kind": CommissionKind(line.kind),
            "rule_key": line.rule_key,
            "base_minor": line.base_minor,
            "amount_minor": line.amount_minor,
            "currency": line.currency,
            "occurred_at": line.occurred_at,
            "clears_at": line.clears_at,
            "trace": line.trace,
        }

    def _write(self, row: Commission | None, values: dict[str, Any]) -> Commission:
        if row is None:
            row = Commission(**self._owner(), **values)
            self.session.add(row)
            self.result.added += 1
            return row
        changed = {
            name: value for name, value in values.items() if getattr(row, name) != value
        }
        for name, value in changed.items():
            setattr(row, name, value)
        self.result.changed += bool(changed)
        return row

    def _owner(self) -> dict[str, Any]:
        return {
            "id": new_id(),
            "enrollment_id": self.enrollment.id,
            "partner_id": self.enrollment.partner_id,
            "program_id": self.enrollment.program_id,
        }

    def _remove(self, row: Commission | None) -> None:
        if row is None:
            return
        if row.thawed_at is None:
            self.session.delete(row)
            self.result.removed += 1
        elif row.amount_minor or row.base_minor:
            self._write(row, {"trace": self._gone(row), **_NOTHING})

    def _gone(self, row: Commission) -> dict[str, Any]:
        """Return the trace of a line that earns no more, and was stated once."""
        is_credited = row.sale_id in self.credited
        return row.trace | {
            "amount_minor": 0,
            "adjustment": {
                "settled_minor": row.amount_minor,
                "rated_minor": 0,
                "is_gone": not is_credited,
                "is_other_rule": is_credited,
            },
        }
