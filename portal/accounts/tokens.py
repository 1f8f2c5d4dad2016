"""Single-use links in mails. The table keeps only their hashes."""

import hashlib
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from portal.accounts.models import MailedToken, TokenPurpose, User
from portal.kit.errors import Gone
from portal.kit.ids import new_token

JOIN_LIFETIME = timedelta(hours=72)
RESET_LIFETIME = timedelta(minutes=30)
LIFETIMES = {
    TokenPurpose.JOIN: JOIN_LIFETIME,
    TokenPurpose.RESET_PASSWORD: RESET_LIFETIME,
}


class LinkEnded(Gone):
    """The link was used, replaced by a later one, or is too old."""

    code = "link_ended"


def token_hash(token: str) -> bytes:
    """Return the form in which a token is kept; its 256 bits need no salt."""
    return hashlib.sha256(token.encode()).digest()


def issue(session: Session, user: User, purpose: TokenPurpose, *, now: datetime) -> str:
    """Return a new token; earlier ones for the same purpose end."""
    revoke(session, user, purpose)
    token = new_token()
    session.add(
        MailedToken(
            user_id=user.id,
            purpose=purpose,
            token_sha256=token_hash(token),
            created_at=now,
            expires_at=now + LIFETIMES[purpose],
        )
    )
    return token


def revoke(session: Session, user: User, *purposes: TokenPurpose) -> None:
    """End the unused links of a user, of these purposes or of all."""
    session.execute(
        delete(MailedToken).where(
            MailedToken.user_id == user.id,
            MailedToken.used_at.is_(None),
            MailedToken.purpose.in_(purposes or tuple(TokenPurpose)),
        )
    )


def holder(
    session: Session, token: str, purpose: TokenPurpose, *, now: datetime
) -> User:
    """Return whom a link was mailed to, without using it up.

    Raises:
        LinkEnded: It opens nothing, or nothing any more.
    """
    _token, user = _find(session, token, purpose, now=now, lock=False)
    return user


def redeem(
    session: Session, token: str, purpose: TokenPurpose, *, now: datetime
) -> User:
    """Use a link up and return whom it was mailed to.

    The row is locked, so that of two requests at once only one succeeds.

    Raises:
        LinkEnded: It opens nothing, or nothing any more.
    """
    row, user = _find(session, token, purpose, now=now, lock=True)
    row.used_at = now
    return user


def _find(
    session: Session, token: str, purpose: TokenPurpose, *, now: datetime, lock: bool
) -> tuple[MailedToken, User]:
    statement = (
        select(MailedToken, User)
        .join(User, User.id == MailedToken.user_id)
        .where(
            MailedToken.token_sha256 == token_hash(token),
            MailedToken.purpose == purpose,
            MailedToken.used_at.is_(None),
            MailedToken.expires_at > now,
            User.is_active,
        )
    )
    if lock:
        statement = statement.with_for_update().execution_options(
            populate_existing=True
        )
    row = session.execute(statement).one_or_none()
    if row is None:
        raise LinkEnded(
            _("This link has been used, was replaced by a newer one, or is too old.")
        )
    return row.MailedToken, row.User
