"""A partner in a program, and which gates were met when."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.enrollments.notices import NoticeKind
from portal.enrollments.rules import Interval
from portal.kit.db import Base
from portal.kit.errors import Conflict
from portal.kit.ids import new_id, public_id
from portal.partners.models import Partner
from portal.programs.models import ProgramVersion

ONE_PER_PROGRAM = "uq_enrollments_partner_id_program_id"
ONE_OPEN_INTERVAL = "uq_gate_intervals_open"
ONE_NOTICE = "uq_gate_notices_once"


class EnrollmentStatus(StrEnum):
    """Where a partner stands in a program."""

    PENDING = "pending"
    """Some gate that blocks joining, linking or earning is still unmet."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    """Staff stopped it for now; links keep redirecting but do not earn."""
    TERMINATED = "terminated"


_S = EnrollmentStatus

TRANSITIONS: Mapping[EnrollmentStatus, frozenset[EnrollmentStatus]] = MappingProxyType(
    {
        _S.PENDING: frozenset({_S.ACTIVE, _S.SUSPENDED, _S.TERMINATED}),
        _S.ACTIVE: frozenset({_S.PENDING, _S.SUSPENDED, _S.TERMINATED}),
        _S.SUSPENDED: frozenset({_S.PENDING, _S.ACTIVE, _S.TERMINATED}),
        _S.TERMINATED: frozenset(),
    }
)
"""Every move an enrollment can make. A status that maps to nothing is final."""


class EnrollmentTransition(Conflict):
    """The enrollment cannot move from where it is to where it was sent."""

    code = "enrollment_transition"


class Enrollment(Base):
    """A partner in a program; at most one for each pair."""

    __tablename__ = "enrollments"
    __table_args__ = (UniqueConstraint("partner_id", "program_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"))
    program_id: Mapped[UUID] = mapped_column(ForeignKey("programs.id"), index=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("program_versions.id"))
    """The version in force when the partner joined; its gates apply."""
    status: Mapped[EnrollmentStatus] = mapped_column(
        default=EnrollmentStatus.PENDING, index=True
    )
    joined_at: Mapped[datetime]
    tier: Mapped[str | None]
    """The level the partner is at now, for the price of the fee; kept by `tiers`,
    which has the history. None: no sale yet, or no tiers."""

    partner: Mapped[Partner] = relationship(lazy="raise")
    version: Mapped[ProgramVersion] = relationship(lazy="raise")

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("enr", self.id)

    def move_to(self, status: EnrollmentStatus) -> None:
        """Change the status.

        Raises:
            EnrollmentTransition: `TRANSITIONS` does not allow the move.
        """
        if status not in TRANSITIONS[self.status]:
            raise EnrollmentTransition(
                _(
                    "An enrollment that is %(status)s cannot become %(to)s.",
                    status=self.status,
                    to=status,
                )
            )
        self.status = status


class GateInterval(Base):
    """A time during which a gate was met; closed by `met_until`, never deleted."""

    __tablename__ = "gate_intervals"
    __table_args__ = (
        Index(
            ONE_OPEN_INTERVAL,
            "enrollment_id",
            "gate_key",
            unique=True,
            postgresql_where=text("met_until IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    enrollment_id: Mapped[UUID] = mapped_column(
        ForeignKey("enrollments.id"), index=True
    )
    gate_key: Mapped[str]
    met_from: Mapped[datetime]
    met_until: Mapped[datetime | None]
    """When it stopped, or will stop, being met; none: nobody knows of an end."""
    in_grace: Mapped[bool] = mapped_column(default=False)
    """Whether a payment failed, so that only the days of grace hold it open."""
    renews: Mapped[bool] = mapped_column(default=False)
    """Whether its end moves on by itself, as that of a fee that is paid again."""
    note: Mapped[str] = mapped_column(default="")

    @property
    def interval(self) -> Interval:
        """The interval as the rules see it."""
        return Interval(self.met_from, self.met_until, self.in_grace, self.renews)


class GateNotice(Base):
    """That the partner was told of one thing, so that it is told once.

    Added, never changed.
    """

    __tablename__ = "gate_notices"
    __table_args__ = (
        UniqueConstraint(
            "enrollment_id", "gate_key", "kind", "about_at", "step", name=ONE_NOTICE
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    enrollment_id: Mapped[UUID] = mapped_column(ForeignKey("enrollments.id"))
    gate_key: Mapped[str]
    """The gate, or what else has a day by which it is done."""
    kind: Mapped[NoticeKind]
    about_at: Mapped[datetime]
    """The first moment after the deadline or the end."""
    step: Mapped[int]
    """How many days before, of 60, 30 and 7; 0 for what has happened."""
    sent_at: Mapped[datetime]
