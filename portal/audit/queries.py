from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.web.pagination import Page, PageRequest

Entry = tuple[AuditEvent, User | None]
"""An event and who did it; nobody when it was the portal itself."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are asked for; what is empty does not matter."""

    actor_id: UUID | None = None
    action: str = ""
    """The beginning of an action, such as `application` or `user.role_changed`."""
    subject_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every event is asked for."""
        return self == Filter()


def events(session: Session, asked: PageRequest, wanted: Filter) -> Page[Entry]:
    """Return one page of the trail, the latest first."""
    statement = asked.limit(_matching(wanted), AuditEvent.at, AuditEvent.id)
    rows = [(event, user) for event, user in session.execute(statement)]
    return asked.page(rows, key=lambda entry: (entry[0].at, entry[0].id))


def every_event(session: Session, wanted: Filter) -> Iterator[Entry]:
    """Yield the whole trail, the oldest first, a thousand rows at a time."""
    statement = _matching(wanted).order_by(AuditEvent.at, AuditEvent.id)
    with session.execute(statement, execution_options={"yield_per": 1_000}) as result:
        yield from ((event, user) for event, user in result)


def actors(session: Session) -> Sequence[User]:
    """Return everybody who has done something, by name."""
    return session.scalars(
        select(User)
        .where(User.id.in_(select(AuditEvent.actor_id)))
        .order_by(User.name, User.id)
    ).all()


def _matching(wanted: Filter) -> Select[AuditEvent, User | None]:
    statement = select(AuditEvent, User).outerjoin(User, User.id == AuditEvent.actor_id)
    if wanted.actor_id is not None:
        statement = statement.where(AuditEvent.actor_id == wanted.actor_id)
    if wanted.action:
        statement = statement.where(
            AuditEvent.action.startswith(wanted.action, autoescape=True)
        )
    if wanted.subject_id is not None:
        statement = statement.where(AuditEvent.subject_id == wanted.subject_id)
    return statement
