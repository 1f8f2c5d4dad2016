from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.enrollments.models import Enrollment
from portal.kit.errors import NotFound
from portal.kit.money import Money
from portal.payouts.models import (
    BOOKED_BACK,
    COMMITTED,
    BatchRow,
    BatchStatus,
    PayoutBatch,
    RowStatus,
)
from portal.payouts.rules import batch_name
from portal.web.pagination import Page, PageRequest


class NoSuchBatch(NotFound):
    """There is no such batch."""

    code = "payout_batch_not_found"


class NoSuchRow(NotFound):
    """The batch has no such row."""

    code = "payout_row_not_found"


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch with what its rows come to, those left out not counted.

    Attributes:
        batch: The batch.
        count: How many payouts.
        total_minor: What they come to.
        paid: How many the bank said it paid.
        back: How many failed or came back.
    """

    batch: PayoutBatch
    count: int
    total_minor: int
    paid: int
    back: int

    @property
    def total(self) -> Money:
        """What its payouts come to."""
        return self.batch.money(self.total_minor)

    @property
    def state(self) -> str:
        """The word for where it stands: also paid, or paid in part."""
        if self.batch.status is BatchStatus.SETTLED:
            return "partly_paid" if self.back else "paid"
        return self.batch.status.value


def batch(session: Session, batch_id: UUID, *, lock: bool = False) -> PayoutBatch:
    """Return one batch with its rows, their accounts and partners.

    Args:
        session: The session to read from.
        batch_id: Which one.
        lock: Hold the batch until the transaction ends; pass it before deciding.

    Raises:
        NoSuchBatch: There is none.
    """
    if lock:
        session.scalar(
            select(PayoutBatch.id).where(PayoutBatch.id == batch_id).with_for_update()
        )
    found = session.scalar(
        select(PayoutBatch)
        .where(PayoutBatch.id == batch_id)
        .options(
            joinedload(PayoutBatch.made_by),
            joinedload(PayoutBatch.approved_by),
            joinedload(PayoutBatch.sent_by),
            selectinload(PayoutBatch.rows).options(
                joinedload(BatchRow.partner), joinedload(BatchRow.account)
            ),
        )
        .execution_options(populate_existing=lock)
    )
    if found is None:
        raise NoSuchBatch(_("There is no such batch."))
    return found


def view_of(found: PayoutBatch) -> BatchView:
    """Return what the rows of a loaded batch come to."""
    kept = [one for one in found.rows if one.status is not RowStatus.CANCELED]
    return BatchView(
        batch=found,
        count=len(kept),
        total_minor=sum(one.amount_minor for one in kept),
        paid=sum(one.status is RowStatus.PAID for one in kept),
        back=sum(one.status in BOOKED_BACK for one in kept),
    )


def row(found: PayoutBatch, row_id: UUID) -> BatchRow:
    """Return one row of a batch.

    Raises:
        NoSuchRow: It has no such row.
    """
    for one in found.rows:
        if one.id == row_id:
            return one
    raise NoSuchRow(_("The batch has no such row."))


def batch_by_form(session: Session, form_id: UUID) -> PayoutBatch | None:
    """Return the batch that a rendered form made, if it did."""
    return session.scalar(select(PayoutBatch).where(PayoutBatch.form_id == form_id))


def batches(session: Session, asked: PageRequest) -> Page[BatchView]:
    """Return one page of all batches, the newest first."""
    statement = select(PayoutBatch).options(joinedload(PayoutBatch.made_by))
    found = session.scalars(
        asked.limit(statement, PayoutBatch.made_at, PayoutBatch.id)
    ).all()
    views = {one.id: BatchView(one, 0, 0, 0, 0) for one in found}
    sums = session.execute(
        select(
            BatchRow.batch_id,
            func.count(),
            func.sum(BatchRow.amount_minor),
            func.count().filter(BatchRow.status == RowStatus.PAID),
            func.count().filter(BatchRow.status.in_(BOOKED_BACK)),
        )
        .where(BatchRow.batch_id.in_(views), BatchRow.status != RowStatus.CANCELED)
        .group_by(BatchRow.batch_id)
    )
    for key, count, total, paid, back in sums:
        views[key] = BatchView(views[key].batch, count, int(total), paid, back)
    return asked.page(
        list(views.values()), key=lambda view: (view.batch.made_at, view.batch.id)
    )


def committed_minor(
    session: Session, *, partner_id: UUID, program_id: UUID, currency: str
) -> int:
    """Return what batches that are not sent yet are about to pay to a partner."""
    total = session.scalar(
        select(func.sum(BatchRow.amount_minor)).where(
            BatchRow.partner_id == partner_id,
            BatchRow.program_id == program_id,
            BatchRow.currency == currency,
            BatchRow.status.in_(COMMITTED),
        )
    )
    return int(total or 0)


def batches_under_way(session: Session, program_id: UUID) -> list[str]:
    """Return the batches that are not sent yet and pay partners of a program."""
    numbers = session.scalars(
        select(PayoutBatch.number)
        .join(BatchRow, BatchRow.batch_id == PayoutBatch.id)
        .where(BatchRow.program_id == program_id, BatchRow.status.in_(COMMITTED))
        .distinct()
        .order_by(PayoutBatch.number)
    )
    return [batch_name(number) for number in numbers]


def owners_of_ids(session: Session, end_to_end_ids: Collection[str]) -> dict[str, int]:
    """Return to which batch, by its number, each end-to-end id belongs."""
    rows = session.execute(
        select(BatchRow.end_to_end_id, PayoutBatch.number)
        .join(PayoutBatch, PayoutBatch.id == BatchRow.batch_id)
        .where(BatchRow.end_to_end_id.in_(end_to_end_ids))
    )
    return dict(rows.all())


def lock_enrollments(session: Session, rows: Iterable[BatchRow]) -> None:
    """Hold the enrollments of rows, in one order for everybody."""
    session.execute(
        select(Enrollment.id)
        .where(Enrollment.id.in_([one.enrollment_id for one in rows]))
        .order_by(Enrollment.id)
        .with_for_update()
    )
