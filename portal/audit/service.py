from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit.models import AuditEvent


def record(
    session: Session,
    action: str,
    subject_id: UUID,
    *,
    actor: User | None,
    at: datetime,
    **details: str | int | None,
) -> None:
    """Add one event to the audit trail.

    Args:
        session: The session that holds the open transaction.
        action: `<feature>.<past participle>`, such as `application.approved`.
        subject_id: The row that it happened to.
        actor: Who did it; none for the portal itself.
        at: When.
        **details: Facts a reader needs, such as a reason; no secrets.
    """
    session.add(
        AuditEvent(
            at=at,
            actor_id=actor.id if actor else None,
            action=action,
            subject_id=subject_id,
            details={k: v for k, v in details.items() if v is not None},
        )
    )
