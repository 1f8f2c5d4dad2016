from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User, UserSession
from portal.accounts.permissions import STAFF_ROLES, Role
from portal.kit.errors import NotFound


def get(session: Session, user_id: UUID, *, lock: bool = False) -> User:
    """Return one user.

    Raises:
        NotFound: There is none with this id.
    """
    user = session.get(
        User, user_id, with_for_update=lock or None, populate_existing=lock
    )
    if user is None:
        raise NotFound(_("There is no such user."))
    return user


def by_email(session: Session, email: str) -> User | None:
    """Return the user with this normal address, if any."""
    return session.scalar(select(User).where(User.email == email))


def staff(session: Session) -> Sequence[User]:
    """Return the vendor's people by name, those who left last."""
    return session.scalars(
        select(User)
        .where(User.role.in_(STAFF_ROLES))
        .order_by(User.is_active.desc(), User.name, User.id)
    ).all()


def everyone(session: Session) -> Sequence[User]:
    """Return every user by address."""
    return session.scalars(select(User).order_by(User.email)).all()


def locked_admins(session: Session) -> Sequence[User]:
    """Return the active admins who can sign in, locked until the commit.

    Two admins who take away each other's role at once wait for each other here.
    """
    return session.scalars(
        select(User)
        .where(User.role == Role.ADMIN, User.is_active, User.password_hash.is_not(None))
        .order_by(User.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def live_sessions(
    session: Session, user_id: UUID, *, idle: timedelta, now: datetime
) -> Sequence[UserSession]:
    """Return where a user is signed in, the latest seen first."""
    return session.scalars(
        select(UserSession)
        .where(
            UserSession.user_id == user_id,
            UserSession.expires_at > now,
            UserSession.last_seen_at > now - idle,
        )
        .order_by(UserSession.last_seen_at.desc(), UserSession.id)
    ).all()
