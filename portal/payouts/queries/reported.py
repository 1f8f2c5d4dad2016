"""What was paid in a calendar year, for the tax office."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import Subquery, extract, func, select, union_all
from sqlalchemy.orm import Session

from portal.kit.money import Money
from portal.partners.models import Partner
from portal.payouts.models import BatchRow, Payout, PayoutBatch, RowStatus
from portal.statements.models import Statement
from portal.statements.queries import statements_stand

_LEFT = (RowStatus.SENT, RowStatus.PAID)
"""What left and did not come back."""


@dataclass(frozen=True, slots=True)
class YearOf:
    """What one partner was paid in a year, in one currency.

    Attributes:
        partner: Who.
        paid: What reached them.
        withheld: The tax that statements of the year kept.
    """

    partner: Partner
    paid: Money
    withheld: Money


def years_paid(session: Session) -> list[int]:
    """Return the years in which somebody was paid, the latest first."""
    by_hand = select(extract("year", Payout.paid_on).label("year"))
    batched = (
        select(extract("year", PayoutBatch.pay_on).label("year"))
        .join(BatchRow, BatchRow.batch_id == PayoutBatch.id)
        .where(BatchRow.status.in_(_LEFT))
    )
    rows = session.scalars(select(union_all(by_hand, batched).subquery().c.year))
    return sorted({int(year) for year in rows}, reverse=True)


def paid_in_year(session: Session, year: int, currency: str) -> list[YearOf]:
    """Return what each partner was paid in a year, by name.

    A payment belongs to the year of the day on which the bank was to make it; what
    was withheld belongs to the year in which the statement that kept it was issued.
    """
    sums = _paid(session, year, currency)
    kept = _withheld(session, year, currency)
    partners = session.scalars(
        select(Partner)
        .where(Partner.id.in_(sums.keys() | kept.keys()))
        .order_by(Partner.name, Partner.id)
    )
    return [
        YearOf(
            partner,
            Money(sums.get(partner.id, 0), currency),
            Money(kept.get(partner.id, 0), currency),
        )
        for partner in partners
    ]


def paid_in_other_currencies(session: Session, year: int, currency: str) -> list[str]:
    """Return the other currencies in which somebody was paid in a year."""
    rows = _payments(year).c
    return list(
        session.scalars(
            select(rows.currency)
            .where(rows.currency != currency)
            .distinct()
            .order_by(rows.currency)
        )
    )


def _payments(year: int) -> Subquery:
    first, last = date(year, 1, 1), date(year, 12, 31)
    by_hand = select(
        Payout.partner_id,
        Payout.currency.label("currency"),
        Payout.amount_minor.label("minor"),
    ).where(Payout.paid_on.between(first, last))
    batched = (
        select(
            BatchRow.partner_id,
            BatchRow.currency.label("currency"),
            BatchRow.amount_minor.label("minor"),
        )
        .join(PayoutBatch, PayoutBatch.id == BatchRow.batch_id)
        .where(BatchRow.status.in_(_LEFT), PayoutBatch.pay_on.between(first, last))
    )
    return union_all(by_hand, batched).subquery()


def _paid(session: Session, year: int, currency: str) -> dict[UUID, int]:
    rows = _payments(year).c
    found = session.execute(
        select(rows.partner_id, func.sum(rows.minor))
        .where(rows.currency == currency)
        .group_by(rows.partner_id)
    )
    return {key: int(total) for key, total in found}


def _withheld(session: Session, year: int, currency: str) -> dict[UUID, int]:
    begins = datetime(year, 1, 1, tzinfo=UTC)
    found = session.execute(
        select(Statement.partner_id, func.sum(Statement.withholding_minor))
        .where(
            Statement.currency == currency,
            Statement.issued_at >= begins,
            Statement.issued_at < begins.replace(year=year + 1),
            statements_stand(),
        )
        .group_by(Statement.partner_id)
        .having(func.sum(Statement.withholding_minor) != 0)
    )
    return {key: int(total) for key, total in found}
