"""What accounts tell the rest of the portal: mails, events, who came and left.

The packages that act on it live above this one, because they know people. The app
plugs them in.
"""

from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from portal.accounts.models import User


class Mailer(Protocol):
    """`portal.mail.service.enqueue`."""

    def __call__(  # noqa: D102 - the class says it
        self,
        session: Session,
        *,
        to: str,
        template: str,
        context: dict[str, Any],
        now: datetime,
        locale: str = ...,
    ) -> object: ...


class Recorder(Protocol):
    """`portal.audit.service.record`."""

    def __call__(  # noqa: D102 - the class says it
        self,
        session: Session,
        action: str,
        subject_id: UUID,
        *,
        actor: User | None,
        at: datetime,
        **details: str | int | None,
    ) -> None: ...


class Doorkeeper(Protocol):
    """`portal.certification.service.follow_person`."""

    def __call__(  # noqa: D102 - the class says it
        self, session: Session, user: User, *, is_in: bool, now: datetime
    ) -> None: ...


class _Outlets(NamedTuple):
    mail: Mailer
    record: Recorder
    door: Doorkeeper


_plugged: list[_Outlets] = []


def plug(*, mail: Mailer, record: Recorder, door: Doorkeeper) -> None:
    """Say who sends the mails, who records the events, and who watches the door."""
    _plugged[:] = [_Outlets(mail, record, door)]


def mail(
    session: Session,
    user: User,
    template: str,
    *,
    now: datetime,
    **context: str,
) -> None:
    """Promise `user` a mail in their language."""
    _plugged[0].mail(
        session,
        to=user.email,
        template=f"accounts/{template}",
        context={"name": user.name, **context},
        now=now,
        locale=user.locale,
    )


def record(
    session: Session,
    action: str,
    user: User,
    *,
    actor: User | None,
    now: datetime,
    **details: str | int | None,
) -> None:
    """Add an event about `user` to the audit trail."""
    _plugged[0].record(
        session, f"user.{action}", user.id, actor=actor, at=now, **details
    )


def came_or_left(session: Session, user: User, *, is_in: bool, now: datetime) -> None:
    """Say that `user` was let in, or is kept out, from `now` on."""
    _plugged[0].door(session, user, is_in=is_in, now=now)
