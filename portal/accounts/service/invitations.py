"""Letting new people in by a mailed link. Callers own the transaction."""

from datetime import datetime
from typing import NamedTuple

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts import outlets, passwords, throttle, tokens
from portal.accounts.models import TokenPurpose, User
from portal.accounts.permissions import Role
from portal.accounts.service.people import RoleNotYours, create_user
from portal.accounts.service.sessions import end_other_sessions
from portal.kit.errors import Conflict


class Invitation(NamedTuple):
    """A new user and the path of the link that lets them in, for 72 hours."""

    user: User
    path: str


def invite(
    session: Session,
    *,
    email: str,
    name: str,
    role: Role,
    now: datetime,
    actor: User | None = None,
    locale: str = "en",
) -> Invitation:
    """Add a person without a password and return the link that lets them in.

    The caller mails the link, under the context key `secret_path`.

    Raises:
        EmailTaken: The address has a user.
    """
    user = create_user(
        session, email=email, name=name, role=role, now=now, locale=locale
    )
    outlets.record(session, "invited", user, actor=actor, now=now, role=role.value)
    return Invitation(user, invitation_path(session, user, now=now))


def invite_again(
    session: Session, user: User, *, actor: User, now: datetime
) -> Invitation:
    """Return a new link for somebody who did not use the first; that one ends.

    Raises:
        Conflict: They have joined, or left.
        TooManyTries: The address has had enough for a day.
    """
    if user.password_hash is not None or not user.is_active:
        raise Conflict(_("This person does not wait for an invitation."))
    throttle.count(session, throttle.INVITATIONS_PER_TARGET, user.email, now=now)
    outlets.record(session, "invited", user, actor=actor, now=now, role=user.role.value)
    return Invitation(user, invitation_path(session, user, now=now))


def welcome_back(
    session: Session, user: User, *, role: Role, actor: User, now: datetime
) -> Invitation:
    """Invite somebody who left as if they were new: no name, no password."""
    user.is_active = True
    user.role = role
    user.name = user.email.partition("@")[0]
    user.password_hash = None
    outlets.record(session, "invited", user, actor=actor, now=now, role=role.value)
    return Invitation(user, invitation_path(session, user, now=now))


def invitation_path(session: Session, user: User, *, now: datetime) -> str:
    """Return the path of a link that lets `user` in for the first time."""
    return f"/join/{tokens.issue(session, user, TokenPurpose.JOIN, now=now)}"


def invite_staff(
    session: Session, *, email: str, name: str, role: Role, actor: User, now: datetime
) -> Invitation:
    """Invite somebody of the vendor's people by mail.

    Raises:
        RoleNotYours: The role is a partner's.
        EmailTaken: The address has a user.
    """
    if not role.is_staff:
        raise RoleNotYours(_("Partners invite their own people."))
    invitation = invite(
        session, email=email, name=name, role=role, now=now, actor=actor
    )
    mail_invitation(session, invitation, now=now)
    return invitation


def mail_invitation(session: Session, invitation: Invitation, *, now: datetime) -> None:
    """Mail the link of an invitation to the vendor's own people."""
    outlets.mail(
        session, invitation.user, "invited", now=now, secret_path=invitation.path
    )


def accept_invitation(
    session: Session,
    token: str,
    *,
    name: str,
    password: str,
    about: tuple[str, ...],
    now: datetime,
) -> User:
    """Let an invited person in, under the name and password that they chose.

    Raises:
        LinkEnded: The invitation was used, replaced, or is older than 72 hours.
        Invalid: The password is weak.
    """
    user = tokens.redeem(session, token, TokenPurpose.JOIN, now=now)
    words = (user.email.partition("@")[0], *about)
    passwords.require_strong(password, about=words)
    user.name = name.strip()
    user.password_hash = passwords.hash_password(password)
    end_other_sessions(session, user)
    tokens.revoke(session, user)
    outlets.record(session, "joined", user, actor=user, now=now)
    outlets.came_or_left(session, user, is_in=True, now=now)
    return user


def count_invitation(session: Session, actor: User, *, now: datetime) -> None:
    """Count one invitation, before it is made and in a transaction of its own.

    Refused ones count too, so that nobody learns by trying which addresses have users.

    Raises:
        TooManyTries: The actor has invited enough people for a day.
    """
    throttle.count(session, throttle.INVITATIONS_PER_ACTOR, str(actor.id), now=now)
