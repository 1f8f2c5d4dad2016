"""Proving who one is: passwords, and new ones by mail. Callers own the transaction."""

from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal import jobs
from portal.accounts import outlets, passwords, queries, throttle, tokens
from portal.accounts.models import TokenPurpose, User
from portal.accounts.service.invitations import invitation_path
from portal.accounts.service.people import as_typed
from portal.accounts.service.sessions import end_other_sessions
from portal.kit.errors import Invalid

MAIL_RESET_LINK = "accounts.mail_reset_link"


class WrongCredentials(Invalid):
    """The address or the password is wrong; which one is not said."""

    code = "wrong_credentials"


def count_sign_in(
    session: Session, *, email: str, address: str | None, now: datetime
) -> None:
    """Count one try to sign in, before it is made and in a transaction of its own.

    Raises:
        TooManyTries: For this account or from this address.
    """
    network = throttle.network_of(address)
    throttle.count(session, throttle.SIGN_IN_PER_ADDRESS, network, now=now)
    throttle.count(session, throttle.SIGN_IN_PER_ACCOUNT, as_typed(email), now=now)


def authenticate(session: Session, *, email: str, password: str) -> User:
    """Return the user with this address and password.

    An unknown address, a user who never joined and one who left all cost one hash and
    get the same answer. Success clears the count of the account, not of the address
    it came from, and moves an old hash to today's parameters.

    Raises:
        WrongCredentials: Something does not fit.
    """
    typed = as_typed(email)
    user = queries.by_email(session, typed)
    usable = user is not None and user.is_active
    stored = user.password_hash if user is not None and usable else None
    if not passwords.matches(stored, password) or user is None or stored is None:
        raise WrongCredentials(
            _("The e-mail address or the password is wrong."), field="password"
        )
    if passwords.needs_rehash(stored):
        user.password_hash = passwords.hash_password(password)
    throttle.forget(session, throttle.SIGN_IN_PER_ACCOUNT, typed)
    return user


def confirm_password(session: Session, user: User, password: str) -> None:
    """Have somebody who is signed in prove who they are, before something weighty.

    Count the try first, with `count_sign_in` and in a transaction of its own.

    Raises:
        WrongCredentials: It is not their password.
    """
    if not passwords.matches(user.password_hash, password):
        raise WrongCredentials(_("This is not your password."), field="password")
    throttle.forget(session, throttle.SIGN_IN_PER_ACCOUNT, user.email)


def change_password(
    session: Session,
    user: User,
    *,
    current: str,
    new: str,
    keep_session: UUID,
    about: tuple[str, ...],
    now: datetime,
) -> None:
    """Replace a password by somebody who knows it; other sessions end.

    Raises:
        WrongCredentials: `current` is not the password.
        Invalid: `new` is weak.
    """
    if not passwords.matches(user.password_hash, current):
        raise WrongCredentials(_("This is not your password."), field="current")
    throttle.forget(session, throttle.SIGN_IN_PER_ACCOUNT, user.email)
    _set_password(session, user, new, about=about, now=now)
    end_other_sessions(session, user, keep=keep_session)
    outlets.record(session, "password_changed", user, actor=user, now=now)


def request_reset(
    session: Session, *, email: str, address: str | None, now: datetime
) -> None:
    """Answer a request for a reset link: the same for every address that is typed.

    A job looks whether there is such a user, so that not even the time tells.

    Raises:
        TooManyTries: Too many requests came from this address.
    """
    network = throttle.network_of(address)
    throttle.count(session, throttle.RESET_PER_ADDRESS, network, now=now)
    jobs.defer(session, MAIL_RESET_LINK, {"email": as_typed(email)})


def mail_reset_link(session: Session, email: str, *, now: datetime) -> None:
    """Mail a link to set a new password, at most twice a day, if there is a user.

    Who never accepted an invitation gets a new invitation instead.
    """
    user = queries.by_email(session, email)
    if user is None or not user.is_active:
        return
    limit = throttle.RESET_MAILS_PER_TARGET
    if not throttle.allows(session, limit, email, now=now):
        return
    if user.password_hash is None:
        path = invitation_path(session, user, now=now)
        outlets.mail(session, user, "invited", now=now, secret_path=path)
        return
    path = reset_path(session, user, now=now)
    outlets.mail(session, user, "reset", now=now, secret_path=path)


def reset_path(session: Session, user: User, *, now: datetime) -> str:
    """Return the path of a link that sets a new password, for 30 minutes."""
    token = tokens.issue(session, user, TokenPurpose.RESET_PASSWORD, now=now)
    return f"/login/reset/{token}"


def reset_password(
    session: Session,
    token: str,
    *,
    password: str,
    about: tuple[str, ...],
    now: datetime,
) -> User:
    """Set a new password by a mailed link; every session ends.

    The account's count of tries begins anew: the owner gets in by mail even while
    somebody else keeps guessing.

    Raises:
        LinkEnded: The link opens nothing any more.
        Invalid: The password is weak.
    """
    user = tokens.redeem(session, token, TokenPurpose.RESET_PASSWORD, now=now)
    set_password(session, user, password, about=about, now=now, actor=user)
    return user


def set_password(
    session: Session,
    user: User,
    password: str,
    *,
    about: tuple[str, ...],
    now: datetime,
    actor: User | None,
) -> None:
    """Set a password without knowing the old one; every session ends.

    Raises:
        Invalid: The password is weak.
    """
    _set_password(session, user, password, about=about, now=now)
    throttle.forget(session, throttle.SIGN_IN_PER_ACCOUNT, user.email)
    end_other_sessions(session, user)
    outlets.record(session, "password_reset", user, actor=actor, now=now)


def _set_password(
    session: Session,
    user: User,
    password: str,
    *,
    about: tuple[str, ...],
    now: datetime,
) -> None:
    words = (user.email.partition("@")[0], *about)
    passwords.require_strong(password, about=words)
    user.password_hash = passwords.hash_password(password)
    tokens.revoke(session, user)
    outlets.mail(session, user, "password_changed", now=now)
