"""Invitations to a program: single-use links, each bound to one e-mail address."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import User
from portal.applications.models import Application
from portal.kit.db import Base
from portal.kit.errors import Conflict
from portal.kit.ids import new_id, public_id
from portal.programs.models import Program

ONE_OPEN_PER_EMAIL = "uq_invitations_open"


class InvitationStatus(StrEnum):
    """What has become of an invitation."""

    SENT = "sent"
    OPENED = "opened"
    """Its link was followed; a mail program that looks ahead does that too."""
    USED = "used"
    """It was answered with an application."""
    REVOKED = "revoked"


class InvitationState(StrEnum):
    """What an invitation is worth at a moment: its status, or that its time is over."""

    SENT = "sent"
    OPENED = "opened"
    USED = "used"
    EXPIRED = "expired"
    REVOKED = "revoked"


_S = InvitationStatus

TRANSITIONS: Mapping[InvitationStatus, frozenset[InvitationStatus]] = MappingProxyType(
    {
        _S.SENT: frozenset({_S.OPENED, _S.USED, _S.REVOKED}),
        _S.OPENED: frozenset({_S.SENT, _S.USED, _S.REVOKED}),
        _S.USED: frozenset(),
        _S.REVOKED: frozenset(),
    }
)
"""Every move an invitation can make. A status that maps to nothing is final."""

OPEN = (_S.SENT, _S.OPENED)
"""One program and e-mail address have at most one invitation in these."""


class InvitationTransition(Conflict):
    """The invitation cannot move from where it is to where it was sent."""

    code = "invitation_transition"


class Invitation(Base):
    """One address that may apply to one program, until a moment."""

    __tablename__ = "invitations"
    __table_args__ = (
        Index(
            ONE_OPEN_PER_EMAIL,
            "program_id",
            "email",
            unique=True,
            postgresql_where=text("status IN ('sent', 'opened')"),
        ),
        Index("ix_invitations_created_at_id", "created_at", "id"),
        CheckConstraint("expires_at > sent_at", name="expires_after_it_was_sent"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    program_id: Mapped[UUID] = mapped_column(ForeignKey("programs.id"))
    email: Mapped[str]
    """Lower case; only who knows it can use the link."""
    name: Mapped[str] = mapped_column(default="")
    company: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    """What the mail says in the sender's own words."""
    locale: Mapped[str] = mapped_column(default="en")
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """Hash of the token in the newest mail: a stolen table opens nothing."""
    status: Mapped[InvitationStatus] = mapped_column(default=_S.SENT)
    created_at: Mapped[datetime]
    invited_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    sent_at: Mapped[datetime]
    """When the newest mail was promised."""
    expires_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    application_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("applications.id", ondelete="SET NULL")
    )
    """What it was answered with; none again when the draft was deleted unfinished."""

    program: Mapped[Program] = relationship(lazy="raise")
    invited_by: Mapped[User] = relationship(lazy="raise")
    application: Mapped[Application | None] = relationship(lazy="raise")

    @property
    def public_id(self) -> str:
        """The id that staff and programs see."""
        return public_id("inv", self.id)

    def state(self, now: datetime) -> InvitationState:
        """Return what it is worth at `now`."""
        if self.status in OPEN and self.expires_at <= now:
            return InvitationState.EXPIRED
        return InvitationState(self.status.value)

    def is_usable(self, now: datetime) -> bool:
        """Tell whether somebody can still answer it."""
        return self.state(now) in (InvitationState.SENT, InvitationState.OPENED)

    def move_to(self, status: InvitationStatus) -> None:
        """Change the status.

        Raises:
            InvitationTransition: `TRANSITIONS` does not allow the move.
        """
        if status not in TRANSITIONS[self.status]:
            raise InvitationTransition(
                _(
                    "An invitation that is %(status)s cannot become %(to)s.",
                    status=self.status,
                    to=status,
                )
            )
        self.status = status
