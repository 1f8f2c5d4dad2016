"""Money sent to partners, where it goes, and the files that tell the bank.

A `Payout` is noted by hand and written once. A `BatchRow` is a payout that the portal
asks a bank for, as part of a file. In both cases the books are what counts.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import User
from portal.kit.db import Base
from portal.kit.errors import Conflict
from portal.kit.ids import new_id, public_id
from portal.kit.money import Money
from portal.partners.models import Partner
from portal.payouts.rules import HOLD, AccountKind, FileFormat, batch_name

ONE_PER_REFERENCE = "uq_payouts_partner_id_reference"
ONE_ACCOUNT_PER_KIND = "uq_payout_accounts_current"
ONE_OPEN_ROW = "uq_payout_batch_rows_open"


class Payout(Base):
    """A transfer that finance made at the bank and noted here."""

    __tablename__ = "payouts"
    __table_args__ = (
        UniqueConstraint("partner_id", "reference"),
        CheckConstraint("amount_minor > 0", name="positive"),
        CheckConstraint("reference <> ''", name="has_reference"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"))
    program_id: Mapped[UUID] = mapped_column(ForeignKey("programs.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    paid_on: Mapped[date]
    reference: Mapped[str]
    """What the bank shows on both sides; unique for the partner."""
    form_id: Mapped[UUID] = mapped_column(unique=True)
    """Of the rendered form, so that sending it twice notes one transfer."""
    recorded_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    recorded_at: Mapped[datetime]

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("pay", self.id)

    @property
    def amount(self) -> Money:
        """How much was sent."""
        return Money(self.amount_minor, self.currency)


class PayoutAccount(Base):
    """Where a partner is paid. A change ends it and adds another; none is removed."""

    __tablename__ = "payout_accounts"
    __table_args__ = (
        Index(
            ONE_ACCOUNT_PER_KIND,
            "partner_id",
            "kind",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        CheckConstraint("usable_from >= added_at", name="usable_from"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"), index=True)
    kind: Mapped[AccountKind]
    holder: Mapped[str]
    """As the bank knows it."""
    last_four: Mapped[str] = mapped_column(String(4))
    details: Mapped[str]
    """The numbers as JSON, encrypted by `portal.kit.secrets`."""
    added_at: Mapped[datetime]
    added_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    usable_from: Mapped[datetime]
    """Nothing is sent there before."""
    ended_at: Mapped[datetime | None]

    added_by: Mapped[User] = relationship(lazy="raise")

    @property
    def masked(self) -> str:
        """What people see of its number."""
        return f"•••• {self.last_four}"

    def is_held(self, now: datetime) -> bool:
        """Tell whether it is too new to be paid to."""
        return now < self.usable_from

    @classmethod
    def usable_after(cls, moment: datetime) -> datetime:
        """Return from when on an account added at `moment` may be used."""
        return moment + HOLD


class BatchStatus(StrEnum):
    """Where a batch stands."""

    DRAFT = "draft"
    APPROVED = "approved"
    """Its file is made and does not change any more."""
    SENT = "sent"
    """The bank has the file; the books say that the money left."""
    SETTLED = "settled"
    """The bank's answer for every row is known."""
    CANCELED = "canceled"


_B = BatchStatus

BATCH_TRANSITIONS: Mapping[BatchStatus, frozenset[BatchStatus]] = MappingProxyType(
    {
        _B.DRAFT: frozenset({_B.APPROVED, _B.CANCELED}),
        _B.APPROVED: frozenset({_B.SENT, _B.CANCELED}),
        _B.SENT: frozenset({_B.SETTLED}),
        _B.SETTLED: frozenset(),
        _B.CANCELED: frozenset(),
    }
)
"""Every move a batch can make. A status that maps to nothing is final."""


class RowStatus(StrEnum):
    """Where one payout of a batch stands."""

    PENDING = "pending"
    PROCESSING = "processing"
    """It is in an approved file."""
    SENT = "sent"
    PAID = "paid"
    FAILED = "failed"
    """The bank did not carry it out; it is owed again."""
    RETURNED = "returned"
    """It was paid and came back; it is owed again."""
    CANCELED = "canceled"


_R = RowStatus

ROW_TRANSITIONS: Mapping[RowStatus, frozenset[RowStatus]] = MappingProxyType(
    {
        _R.PENDING: frozenset({_R.PROCESSING, _R.CANCELED}),
        _R.PROCESSING: frozenset({_R.SENT, _R.CANCELED}),
        _R.SENT: frozenset({_R.PAID, _R.FAILED}),
        _R.PAID: frozenset({_R.RETURNED}),
        _R.FAILED: frozenset(),
        _R.RETURNED: frozenset(),
        _R.CANCELED: frozenset(),
    }
)
"""Every move a row can make. A status that maps to nothing is final."""

COMMITTED = (RowStatus.PENDING, RowStatus.PROCESSING)
"""Not in the books yet, and not free for anything else either."""
BOOKED = (RowStatus.SENT, RowStatus.PAID)
BOOKED_BACK = (RowStatus.FAILED, RowStatus.RETURNED)


ROWS_OF: Mapping[BatchStatus, frozenset[RowStatus]] = MappingProxyType(
    {
        _B.DRAFT: frozenset({_R.PENDING, _R.CANCELED}),
        _B.APPROVED: frozenset({_R.PROCESSING, _R.CANCELED}),
        _B.SENT: frozenset({_R.SENT, _R.PAID, _R.FAILED, _R.RETURNED, _R.CANCELED}),
        _B.SETTLED: frozenset({_R.PAID, _R.FAILED, _R.RETURNED, _R.CANCELED}),
        _B.CANCELED: frozenset({_R.CANCELED}),
    }
)
"""Where the rows of a batch can stand."""


class PayoutTransition(Conflict):
    """A batch or a row cannot move from where it is to where it was sent."""

    code = "payout_transition"


class PayoutBatch(Base):
    """Payouts in one currency that one file tells the bank to make."""

    __tablename__ = "payout_batches"
    __table_args__ = (
        CheckConstraint(
            "NOT four_eyes OR approved_by_id IS NULL OR approved_by_id <> made_by_id",
            name="four_eyes",
        ),
        CheckConstraint(
            "(approved_at IS NULL) = (file IS NULL)", name="file_once_approved"
        ),
        CheckConstraint(
            "status NOT IN ('approved', 'sent', 'settled') OR approved_at IS NOT NULL",
            name="approved_first",
        ),
        CheckConstraint(
            "(status IN ('sent', 'settled')) = (sent_at IS NOT NULL)", name="sent_at"
        ),
        Index("ix_payout_batches_page", "made_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    number: Mapped[int] = mapped_column(Identity(always=True), unique=True)
    currency: Mapped[str] = mapped_column(String(3))
    format: Mapped[FileFormat]
    pay_on: Mapped[date]
    """The day on which the bank is asked to pay."""
    status: Mapped[BatchStatus] = mapped_column(default=BatchStatus.DRAFT)
    four_eyes: Mapped[bool]
    """Whether somebody else than its maker has to approve it."""
    form_id: Mapped[UUID] = mapped_column(unique=True)
    """Of the rendered form, so that sending it twice makes one batch."""
    made_at: Mapped[datetime]
    made_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    approved_at: Mapped[datetime | None]
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    file: Mapped[str | None]
    """What the bank gets, encrypted by `portal.kit.secrets`: it names accounts."""
    file_sha256: Mapped[str | None] = mapped_column(String(64))
    """Of what the bank gets, in hexadecimal."""
    sent_at: Mapped[datetime | None]
    sent_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    note: Mapped[str] = mapped_column(default="")
    """Why it was canceled."""

    made_by: Mapped[User] = relationship(lazy="raise", foreign_keys=[made_by_id])
    approved_by: Mapped[User | None] = relationship(
        lazy="raise", foreign_keys=[approved_by_id]
    )
    sent_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys=[sent_by_id])
    rows: Mapped[list["BatchRow"]] = relationship(
        lazy="raise", order_by="BatchRow.position", back_populates="batch"
    )

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("bat", self.id)

    @property
    def name(self) -> str:
        """How people call it: `P000012`; it is in every end-to-end id."""
        return batch_name(self.number)

    def money(self, minor: int) -> Money:
        """Return an amount in the currency of the batch."""
        return Money(minor, self.currency)

    def move_to(self, status: BatchStatus) -> None:
        """Change the status.

        Raises:
            PayoutTransition: `BATCH_TRANSITIONS` does not allow the move.
        """
        self.require_move_to(status)
        self.status = status

    def require_move_to(self, status: BatchStatus) -> None:
        """Refuse what `BATCH_TRANSITIONS` does not allow, and change nothing.

        Raises:
            PayoutTransition: It cannot become that.
        """
        if status not in BATCH_TRANSITIONS[self.status]:
            raise PayoutTransition(
                _(
                    "The batch %(name)s is %(status)s and cannot become %(to)s.",
                    name=self.name,
                    status=self.status,
                    to=status,
                )
            )


class BatchRow(Base):
    """One payout of a batch: how much, to which account, for which statements."""

    __tablename__ = "payout_batch_rows"
    __table_args__ = (
        UniqueConstraint("batch_id", "position"),
        CheckConstraint("amount_minor > 0", name="positive"),
        Index(
            ONE_OPEN_ROW,
            "enrollment_id",
            unique=True,
            postgresql_where=text("status IN ('pending', 'processing')"),
        ),
        Index("ix_payout_batch_rows_partner", "partner_id", "currency"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("payout_batches.id"))
    position: Mapped[int]
    """1 for the first."""
    end_to_end_id: Mapped[str] = mapped_column(unique=True)
    """Names the payment at both banks, for good."""
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"))
    program_id: Mapped[UUID] = mapped_column(ForeignKey("programs.id"))
    enrollment_id: Mapped[UUID] = mapped_column(
        ForeignKey("enrollments.id"), index=True
    )
    account_id: Mapped[UUID] = mapped_column(ForeignKey("payout_accounts.id"))
    """The account when the batch was made; a change later does not move it."""
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    statements: Mapped[list[Any]]
    """Id and number of each statement that it pays, earliest first."""
    status: Mapped[RowStatus] = mapped_column(default=RowStatus.PENDING)
    sent_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    """When the bank's last answer was noted."""
    reason: Mapped[str] = mapped_column(default="")
    """Why it failed, came back or was left out."""

    batch: Mapped[PayoutBatch] = relationship(lazy="raise", back_populates="rows")
    partner: Mapped[Partner] = relationship(lazy="raise")
    account: Mapped[PayoutAccount] = relationship(lazy="raise")

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("pay", self.id)

    @property
    def amount(self) -> Money:
        """How much."""
        return Money(self.amount_minor, self.currency)

    @property
    def statement_numbers(self) -> list[str]:
        """The numbers of the statements that it pays."""
        return [str(row["number"]) for row in self.statements]

    def move_to(self, status: RowStatus) -> None:
        """Change the status.

        Raises:
            PayoutTransition: `ROW_TRANSITIONS` does not allow the move.
        """
        if status not in ROW_TRANSITIONS[self.status]:
            raise PayoutTransition(
                _(
                    "The payout %(name)s is %(status)s and cannot become %(to)s.",
                    name=self.end_to_end_id,
                    status=self.status,
                    to=status,
                )
            )
        self.status = status
