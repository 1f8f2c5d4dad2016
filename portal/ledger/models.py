"""The books. Rows are written once; a correction is a new row."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    event,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from portal.kit.db import Base
from portal.kit.ids import new_id
from portal.kit.money import Money


class LedgerAccount(StrEnum):
    """Whose money a posting is about. Positive: credit, such as owed to a partner."""

    PARTNER_PAYABLE = "partner_payable"
    COMMISSION_EXPENSE = "commission_expense"
    HOLDBACK = "holdback"
    """Owed to a partner, from the day of its release on."""
    WITHHELD_TAX = "withheld_tax"
    """Owed to the tax office."""
    PAYOUT_CLEARING = "payout_clearing"
    ENTRY_FEE_CASH = "entry_fee_cash"
    ENTRY_FEE_REVENUE = "entry_fee_revenue"


class JournalEntry(Base):
    """One business event in the books: its postings add up to zero."""

    __tablename__ = "ledger_journal_entries"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(unique=True)
    """`<event>:<source id>`: the same event is booked once."""
    description: Mapped[str]
    occurred_at: Mapped[datetime]
    """When it happened in the world."""
    recorded_at: Mapped[datetime]

    postings: Mapped[list["Posting"]] = relationship(
        back_populates="entry", lazy="raise"
    )


class Posting(Base):
    """One line of a journal entry."""

    __tablename__ = "ledger_postings"
    __table_args__ = (
        CheckConstraint("amount_minor <> 0", name="not_zero"),
        CheckConstraint(
            "account <> 'partner_payable' OR "
            "(partner_id IS NOT NULL AND program_id IS NOT NULL)",
            name="payable_to_someone",
        ),
        Index("ix_ledger_postings_balance", "partner_id", "program_id", "account"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    entry_id: Mapped[UUID] = mapped_column(
        ForeignKey("ledger_journal_entries.id"), index=True
    )
    account: Mapped[LedgerAccount]
    partner_id: Mapped[UUID | None] = mapped_column(ForeignKey("partners.id"))
    program_id: Mapped[UUID | None]
    """Whose books: statements are per program. No foreign key: programs lie above."""
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))

    entry: Mapped[JournalEntry] = relationship(back_populates="postings", lazy="raise")

    @property
    def amount(self) -> Money:
        """The signed amount."""
        return Money(self.amount_minor, self.currency)


class Seal(Base):
    """The place of an entry in the chain; see `portal.ledger.rules`."""

    __tablename__ = "ledger_seals"
    __table_args__ = (CheckConstraint("seq > 0", name="place"),)

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """1 for the first; without gaps."""
    entry_id: Mapped[UUID] = mapped_column(
        ForeignKey("ledger_journal_entries.id"), unique=True
    )
    seal: Mapped[str] = mapped_column(String(64))
    """SHA-256 in hexadecimal."""
    sealed_at: Mapped[datetime]


class LedgerIsAppendOnly(RuntimeError):
    """A bug: something tried to rewrite the books."""


@event.listens_for(Session, "before_flush")
def _refuse_rewrites(session: Session, _context: object, _instances: object) -> None:
    # The database's triggers and grants refuse it too; this says it earlier and
    # with a Python traceback.
    for row in [*session.dirty, *session.deleted]:
        if isinstance(row, JournalEntry | Posting | Seal) and (
            row in session.deleted or session.is_modified(row)
        ):
            raise LedgerIsAppendOnly(f"{row!r} is already in the books")
