"""The outbox: mails that the database has promised to send."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.db import Base
from portal.kit.ids import new_id


class MailStatus(StrEnum):
    """Where a mail stands."""

    QUEUED = "queued"
    SENT = "sent"
    CANCELLED = "cancelled"
    FAILED = "failed"


SECRET = "secret_"  # noqa: S105 - a prefix, not a secret
"""Context keys that begin so are hidden from staff, and forgotten once sent."""
HIDDEN = "(hidden)"

PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
)
"""How long to wait after each try that failed; after the last one, a person looks."""

CLAIM = timedelta(minutes=5)
"""How long a worker has to send a mail before another one may try."""


class OutboxEmail(Base):
    """One mail, written in the transaction that causes it.

    A job delivers it after the commit, so that an approval that was rolled back
    congratulates nobody.
    """

    __tablename__ = "outbox_emails"
    __table_args__ = (Index("ix_outbox_emails_queued_at_id", "queued_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    to: Mapped[str]
    template: Mapped[str]
    """Folder under `templates/emails/` with subject.txt, body.txt and body.html."""
    context: Mapped[dict[str, Any]]
    locale: Mapped[str] = mapped_column(default="en")
    status: Mapped[MailStatus] = mapped_column(default=MailStatus.QUEUED, index=True)
    queued_at: Mapped[datetime]
    hold_until: Mapped[datetime | None]
    """Not sent before this moment: what caused it can be undone, or a try failed."""
    claimed_until: Mapped[datetime | None]
    """A worker is sending it; after this moment that worker is taken for dead."""
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(default="")

    @property
    def shown_context(self) -> dict[str, Any]:
        """What staff may see of what the template is filled with."""
        return {
            key: HIDDEN if key.startswith(SECRET) else value
            for key, value in self.context.items()
        }

    def cancel(self) -> bool:
        """Take the mail back; return whether that was still possible."""
        if self.status is MailStatus.QUEUED and self.claimed_until is None:
            self.status = MailStatus.CANCELLED
        return self.status is MailStatus.CANCELLED

    def may_be_claimed(self, *, now: datetime) -> bool:
        """Tell whether it waits for a worker at this moment."""
        return self.status is MailStatus.QUEUED and not (
            (self.hold_until and self.hold_until > now)
            or (self.claimed_until and self.claimed_until > now)
        )

    def claim(self, *, now: datetime) -> None:
        """Keep other workers off while this one sends."""
        self.claimed_until = now + CLAIM

    def mark_sent(self, *, at: datetime) -> None:
        """Note that the mail server took it, and forget what its links open."""
        self.status = MailStatus.SENT
        self.sent_at = at
        self.claimed_until = None
        self.last_error = ""
        self.context = self.shown_context

    def mark_failed(self, error: str, *, is_final: bool, now: datetime) -> None:
        """Note that a try failed, and when the next one is due.

        Args:
            error: What the mail server, or the template, said.
            is_final: Whether another try would fail alike.
            now: The moment of the try.
        """
        self.last_error = error[:500]
        self.claimed_until = None
        if is_final or self.attempts >= len(PAUSES):
            self.status = MailStatus.FAILED
        else:
            self.hold_until = now + PAUSES[self.attempts]
        self.attempts += 1

    def queue_again(self) -> bool:
        """Have a failed mail tried anew; return whether it had failed."""
        if self.status is not MailStatus.FAILED:
            return False
        self.status = MailStatus.QUEUED
        self.hold_until = None
        self.attempts = 0
        return True
