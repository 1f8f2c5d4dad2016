"""Where people are signed in. Callers own the transaction."""

from datetime import datetime, timedelta
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import delete
from sqlalchemy.orm import Session

from portal.accounts import throttle, tokens
from portal.accounts.models import MailedToken, ThrottleHit, User, UserSession
from portal.kit.errors import NotFound
from portal.kit.ids import new_token

TOUCH_EVERY = timedelta(minutes=1)
"""A session that is used notes it no more often than this."""


def start_session(
    session: Session,
    user: User,
    *,
    user_agent: str,
    lifetime: timedelta,
    now: datetime,
) -> str:
    """Sign `user` in and return the token for the cookie."""
    token = new_token()
    session.add(
        UserSession(
            user_id=user.id,
            token_sha256=tokens.token_hash(token),
            created_at=now,
            last_seen_at=now,
            expires_at=now + lifetime,
            user_agent=user_agent[:300],
        )
    )
    return token


def touch(session: Session, session_id: UUID, *, now: datetime) -> None:
    """Note that a session is in use. A session that was ended meanwhile stays so."""
    row = session.get(UserSession, session_id)
    if row is not None:
        row.last_seen_at = now


def end_session(session: Session, user: User, session_id: UUID) -> None:
    """Sign `user` out in one place.

    Raises:
        NotFound: The session is not theirs, or has ended.
    """
    ended = session.execute(
        delete(UserSession)
        .where(UserSession.id == session_id, UserSession.user_id == user.id)
        .returning(UserSession.id)
    ).all()
    if not ended:
        raise NotFound(_("You are not signed in there."))


def end_other_sessions(
    session: Session, user: User, *, keep: UUID | None = None
) -> None:
    """Sign `user` out everywhere, or everywhere but in one place."""
    statement = delete(UserSession).where(UserSession.user_id == user.id)
    if keep is not None:
        statement = statement.where(UserSession.id != keep)
    session.execute(statement)


def tidy(session: Session, *, now: datetime) -> None:
    """Take away sessions, links and counts that no longer matter."""
    session.execute(delete(UserSession).where(UserSession.expires_at <= now))
    session.execute(
        delete(MailedToken).where(MailedToken.expires_at <= now - timedelta(days=30))
    )
    session.execute(
        delete(ThrottleHit).where(ThrottleHit.at <= now - throttle.LONGEST_WINDOW)
    )
