"""Manual adjustments: a correction by finance, with a reason and a second person."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import User
from portal.adjustments.rules import AdjustmentReason
from portal.enrollments.models import Enrollment
from portal.kit.db import Base
from portal.kit.errors import Conflict
from portal.kit.ids import new_id, public_id
from portal.kit.money import Money


class AdjustmentStatus(StrEnum):
    """Where an adjustment stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    """The next close puts it on a statement."""
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


_S = AdjustmentStatus

TRANSITIONS: Mapping[AdjustmentStatus, frozenset[AdjustmentStatus]] = MappingProxyType(
    {
        _S.PROPOSED: frozenset({_S.APPROVED, _S.REJECTED, _S.WITHDRAWN}),
        _S.APPROVED: frozenset(),
        _S.REJECTED: frozenset(),
        _S.WITHDRAWN: frozenset(),
    }
)
"""Every move an adjustment can make. A status that maps to nothing is final."""


class AlreadyDecided(Conflict):
    """Somebody decided on the adjustment before."""

    code = "adjustment_already_decided"


class Adjustment(Base):
    """Money that a partner gets or gives back for a reason that no sale explains."""

    __tablename__ = "adjustments"
    __table_args__ = (
        CheckConstraint("amount_minor <> 0", name="not_zero"),
        CheckConstraint(
            "(status = 'proposed') = (decided_at IS NULL)", name="decided_at_a_moment"
        ),
        CheckConstraint(
            "(decided_at IS NULL) = (decided_by_id IS NULL)",
            name="decided_by_somebody",
        ),
        CheckConstraint(
            "status NOT IN ('approved', 'rejected') OR decided_by_id <> proposed_by_id",
            name="two_people",
        ),
        Index("ix_adjustments_enrollment_id", "enrollment_id", "proposed_at"),
        Index(
            "ix_adjustments_waiting",
            "proposed_at",
            postgresql_where=text("status = 'proposed'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    enrollment_id: Mapped[UUID] = mapped_column(ForeignKey("enrollments.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    """Above zero the partner gets it, below zero the partner gives it back."""
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[AdjustmentReason]
    note: Mapped[str]
    """What the partner reads on the statement."""
    status: Mapped[AdjustmentStatus] = mapped_column(default=AdjustmentStatus.PROPOSED)
    proposed_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[datetime]
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    decision_note: Mapped[str] = mapped_column(default="")
    """What the second person wrote; the partner does not read it."""

    enrollment: Mapped[Enrollment] = relationship(lazy="raise")
    proposed_by: Mapped[User] = relationship(
        lazy="raise", foreign_keys=[proposed_by_id]
    )
    decided_by: Mapped[User | None] = relationship(
        lazy="raise", foreign_keys=[decided_by_id]
    )

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("adj", self.id)

    @property
    def amount(self) -> Money:
        """The signed amount."""
        return Money(self.amount_minor, self.currency)

    def move_to(self, status: AdjustmentStatus) -> None:
        """Change the status.

        Raises:
            AlreadyDecided: `TRANSITIONS` does not allow the move.
        """
        if status not in TRANSITIONS[self.status]:
            raise AlreadyDecided(
                _(
                    "This adjustment is %(status)s already. Propose a new one to "
                    "change the balance again.",
                    status=self.status,
                )
            )
        self.status = status
