"""A partner in a program, and which gates were met when."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.enrollments.rules import Interval
from portal.kit.db import Base
from portal.kit.errors import Conflict
from portal.kit.ids import new_id, public_id
from portal.partners.models import Partner
from portal.programs.models import ProgramVersion

ONE_PER_PROGRAM = "uq_enrollments_partner_id_program_id"
ONE_OPEN_INTERVAL = "uq_gate_intervals_open"


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
    note: Mapped[str] = mapped_column(default="")

    @property
    def interval(self) -> Interval:
        """The interval as the rules see it."""
        return Interval(self.met_from, self.met_until, self.in_grace)


class AgreementAcceptance(Base):
    """Who accepted which text when, and from where. Added, never changed."""

    __tablename__ = "agreement_acceptances"
    __table_args__ = (UniqueConstraint("enrollment_id", "version"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    enrollment_id: Mapped[UUID] = mapped_column(ForeignKey("enrollments.id"))
    version: Mapped[str]
    text_sha256: Mapped[str]
    """Of the exact Markdown that was shown, in hexadecimal."""
    accepted_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    accepted_at: Mapped[datetime]
    remote_address: Mapped[str]
