"""What goes on a statement."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Uuid,
    and_,
    any_,
    case,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from portal.adjustments.models import Adjustment, AdjustmentStatus
from portal.commissions.models import Commission, CommissionKind
from portal.ledger.models import JournalEntry, LedgerAccount, Posting
from portal.sales.models import Customer, Refund, RefundKind, Sale
from portal.statements.models import Period, StatementLine
from portal.statements.queries.standing import lines_stand
from portal.statements.rules import LineKind

PAYOUT_KEYS = "payout:%"
"""Keys of the entries that pay a partner; `portal.payouts` books them."""
RELEASE_KEYS = "release:%"
"""Keys of the entries that release what was held back; the rest is the line's id."""


@dataclass(frozen=True, slots=True)
class PaymentMade:
    """A payout to a partner, or a release, as the books know it."""

    entry: JournalEntry
    posting: Posting
    statement_id: UUID | None
    """The statement that shows it; none until the next close."""

    @property
    def kind(self) -> LineKind:
        """What it is on a statement."""
        is_release = self.entry.key.startswith(RELEASE_KEYS[:-1])
        return LineKind.RELEASE if is_release else LineKind.PAYOUT


def kind_from(starts_at: ColumnElement[datetime]) -> ColumnElement[CommissionKind]:
    """Return what a line does on the statement of a month that begins at `starts_at`.

    What cleared before was reported late: it adjusts a month that is closed. It is
    the same rule as `rules.is_late`.
    """
    adjustment = literal(CommissionKind.ADJUSTMENT, Commission.kind.type)
    return case((Commission.clears_at < starts_at, adjustment), else_=Commission.kind)


def projected(
    session: Session,
    enrollment_ids: Sequence[UUID],
    period: Period,
    *,
    since: datetime | None = None,
) -> dict[UUID, dict[LineKind, int]]:
    """Return what cleared in a month or before and is on no statement.

    Args:
        session: The session to read from.
        enrollment_ids: Whose.
        period: The month.
        since: What cleared before is left out: a month that closes earlier has it.
    """
    rows = session.execute(
        select(
            Commission.enrollment_id,
            kind_from(literal(period.starts_at, Commission.clears_at.type)).label("on"),
            func.sum(Commission.amount_minor),
        )
        .where(
            Commission.enrollment_id.in_(enrollment_ids),
            *_on_no_statement(since, period.ends_at),
        )
        .group_by(Commission.enrollment_id, "on")
    )
    found: dict[UUID, dict[LineKind, int]] = {}
    for enrollment_id, kind, total in rows:
        found.setdefault(enrollment_id, {})[LineKind(kind)] = int(total)
    return found


def _on_no_statement(
    since: datetime | None, until: datetime
) -> list[ColumnElement[bool]]:
    wanted = [Commission.frozen_at.is_(None), Commission.clears_at < until]
    if since is not None:
        wanted.append(Commission.clears_at >= since)
    return wanted


def unfrozen(
    session: Session,
    enrollment_id: UUID,
    until: datetime,
    *,
    since: datetime | None = None,
) -> Sequence[Commission]:
    """Return the lines that cleared before `until` and are on no statement.

    With `since`, without those that cleared before it.
    """
    return session.scalars(
        select(Commission)
        .where(
            Commission.enrollment_id == enrollment_id,
            *_on_no_statement(since, until),
        )
        .order_by(Commission.occurred_at, Commission.id)
    ).all()


class Stated(Protocol):
    """A commission that goes on a statement: a row of many, or one by itself."""

    @property
    def customer_id(self) -> UUID:
        """Who bought."""

    @property
    def sale_id(self) -> UUID:
        """What."""

    @property
    def refund_id(self) -> UUID | None:
        """What took it back; none where it was earned."""


class Buyer(NamedTuple):
    """What a statement knows of a customer."""

    id: UUID
    external_id: str
    name: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Sources:
    """What commissions are about, by id.

    Attributes:
        buyers: The customers.
        sales: What the payment provider calls each sale.
        refunds: The kind of each refund.
    """

    buyers: Mapping[UUID, Buyer]
    sales: Mapping[UUID, str]
    refunds: Mapping[UUID, RefundKind]


def sources_of(
    session: Session,
    rows: Iterable[Stated],
    references: Mapping[UUID, str] = MappingProxyType({}),
) -> Sources:
    """Return what commissions are about, in three statements for however many.

    Args:
        session: The session to read from.
        rows: The commissions.
        references: What the payment provider calls sales, as far as that is known.
    """
    kept = list(rows)
    unknown = {row.sale_id for row in kept}.difference(references)
    columns = (Customer.id, Customer.external_id, Customer.name, Customer.email)
    buyers = _among(session, columns, {row.customer_id for row in kept})
    sales = _among(session, (Sale.id, Sale.external_id), unknown)
    refunds = _among(
        session,
        (Refund.id, Refund.kind),
        {row.refund_id for row in kept if row.refund_id},
    )
    return Sources(
        buyers={row[0]: Buyer(*row) for row in buyers},
        sales={**references, **dict(sales)},
        refunds=dict(refunds),
    )


def _among(
    session: Session,
    columns: Sequence[InstrumentedAttribute[Any]],
    ids: Collection[UUID],
) -> Sequence[Any]:
    """Return these columns, the key first, of the rows with these keys."""
    # One array: there may be more of them than a statement takes parameters.
    wanted = any_(literal(sorted(ids), ARRAY(Uuid)))
    return session.execute(select(*columns).where(columns[0] == wanted)).all()


def adjustments_waiting(
    session: Session, enrollment_ids: Sequence[UUID], until: datetime | None = None
) -> dict[UUID, list[Adjustment]]:
    """Return what was approved and is on no statement, by enrollment, oldest first.

    A close passes the moment at which it began: what is approved while it runs is for
    the next one, in whatever order its chunks are handled.
    """
    query = (
        select(Adjustment)
        .outerjoin(
            StatementLine,
            and_(StatementLine.adjustment_id == Adjustment.id, lines_stand()),
        )
        .where(
            Adjustment.enrollment_id.in_(enrollment_ids),
            Adjustment.status == AdjustmentStatus.APPROVED,
            StatementLine.id.is_(None),
        )
        .order_by(Adjustment.decided_at, Adjustment.id)
    )
    if until is not None:
        query = query.where(Adjustment.decided_at <= until)
    rows = session.scalars(query)
    found: dict[UUID, list[Adjustment]] = {}
    for row in rows:
        found.setdefault(row.enrollment_id, []).append(row)
    return found


def payouts_made(
    session: Session, partner_ids: Sequence[UUID], program_id: UUID
) -> list[PaymentMade]:
    """Return what partners were paid in a program, oldest first."""
    return _moved(session, partner_ids, program_id, PAYOUT_KEYS)


def movements_waiting(
    session: Session, partner_ids: Sequence[UUID], program_id: UUID, until: datetime
) -> dict[UUID, list[PaymentMade]]:
    """Return payouts and releases before `until` that no statement shows yet."""
    found: dict[UUID, list[PaymentMade]] = {}
    for payment in _moved(session, partner_ids, program_id, PAYOUT_KEYS, RELEASE_KEYS):
        partner_id = payment.posting.partner_id
        if (
            partner_id is not None
            and payment.statement_id is None
            and payment.entry.occurred_at < until
        ):
            found.setdefault(partner_id, []).append(payment)
    return found


def _moved(
    session: Session, partner_ids: Sequence[UUID], program_id: UUID, *keys: str
) -> list[PaymentMade]:
    rows = session.execute(
        select(Posting, JournalEntry, StatementLine.statement_id)
        .join(JournalEntry, JournalEntry.id == Posting.entry_id)
        .outerjoin(
            StatementLine, and_(StatementLine.posting_id == Posting.id, lines_stand())
        )
        .where(
            Posting.account == LedgerAccount.PARTNER_PAYABLE,
            Posting.partner_id.in_(partner_ids),
            Posting.program_id == program_id,
            or_(*(JournalEntry.key.like(key) for key in keys)),
        )
        .order_by(JournalEntry.occurred_at, Posting.id)
    )
    return [
        PaymentMade(entry, posting, statement_id)
        for posting, entry, statement_id in rows
    ]
