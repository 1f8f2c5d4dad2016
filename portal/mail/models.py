"""The outbox: mails that the database has promised to send."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from portal.kit.db import Base
from portal.kit.ids import new_id


class MailStatus(StrEnum):
    """Where a mail stands."""

    QUEUED = "queued"
    SENT = "sent"
    CANCELLED = "cancelled"
    FAILED = "failed"


class OutboxEmail(Base):
    """One mail, written in the transaction that causes it.

    A job delivers it after the commit, so that an approval that was rolled back
    congratulates nobody.
    """

    __tablename__ = "outbox_emails"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    to: Mapped[str]
    template: Mapped[str]
    """Folder under `templates/emails/` with subject.txt, body.txt and body.html."""
    context: Mapped[dict[str, Any]]
    locale: Mapped[str] = mapped_column(default="en")
    status: Mapped[MailStatus] = mapped_column(default=MailStatus.QUEUED, index=True)
    queued_at: Mapped[datetime]
    hold_until: Mapped[datetime | None]
    """Not sent before this moment, so that what caused it can be undone."""
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(default="")

    def cancel(self) -> bool:
        """Take the mail back; return whether that was still possible."""
        if self.status is MailStatus.QUEUED:
            self.status = MailStatus.CANCELLED
        return self.status is MailStatus.CANCELLED

    def mark_sent(self, *, at: datetime) -> None:
        """Note that the mail server took it."""
        self.status = MailStatus.SENT
        self.sent_at = at

    def mark_failed(self, error: str, *, is_final: bool) -> None:
        """Note that a try failed; `is_final` when there will be no other."""
        self.attempts += 1
        self.last_error = error[:500]
        if is_final:
            self.status = MailStatus.FAILED
