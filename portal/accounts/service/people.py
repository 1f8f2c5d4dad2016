"""Who there is, with which role. Callers own the transaction."""

import re
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts import outlets, passwords, queries, tokens
from portal.accounts.models import ONE_USER_PER_EMAIL, User
from portal.accounts.permissions import Role
from portal.accounts.rules import may_change_role
from portal.accounts.service.sessions import end_other_sessions
from portal.kit.db import violates
from portal.kit.errors import Conflict, Forbidden, Invalid

_ADDRESS = re.compile(r"[^@\s<>,;:\"\\]+@[^@\s<>,;:\"\\]+\.[^@\s<>,;:\"\\]+")
_LONGEST_ADDRESS = 254


class EmailTaken(Invalid):
    """Somebody signs in with this address already."""

    code = "email_taken"


class RoleNotYours(Forbidden):
    """This actor may not give this role to this user."""

    code = "role_not_yours"


class LastAdmin(Conflict):
    """Without this admin nobody could let anybody in."""

    code = "last_admin"


def normal_email(text: str) -> str:
    """Return the one form of an address that the portal keeps.

    Raises:
        Invalid: It is no address.
    """
    email = text.strip().lower()
    if len(email) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(email):
        raise Invalid(
            _("Enter an e-mail address, such as name@example.com."), field="email"
        )
    return email


def create_user(
    session: Session,
    *,
    email: str,
    name: str,
    role: Role,
    now: datetime,
    password: str | None = None,
    locale: str = "en",
    about: tuple[str, ...] = (),
) -> User:
    """Add a person; without a password they need an invitation to get in.

    Raises:
        EmailTaken: The address has a user.
        Invalid: It is no address, or the password is weak.
    """
    email = normal_email(email)
    if password is not None:
        passwords.require_strong(password, about=(email.partition("@")[0], *about))
    user = User(
        email=email,
        name=name.strip() or email.partition("@")[0],
        role=role,
        locale=locale,
        password_hash=None if password is None else passwords.hash_password(password),
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError as error:
        if not violates(error, ONE_USER_PER_EMAIL):
            raise
        raise EmailTaken(
            _("Somebody signs in with this address already."), field="email"
        ) from error
    return user


def as_typed(email: str) -> str:
    """Return what was typed as an address in the form of the portal, unchecked."""
    printable = "".join(c for c in email if c.isprintable())
    return printable.strip().lower()[:_LONGEST_ADDRESS]


def change_role(
    session: Session, user: User, role: Role, *, actor: User | None, now: datetime
) -> None:
    """Give `user` another role on their own side; their sessions end.

    Raises:
        RoleNotYours: It is the actor's own role, or belongs to the other side.
        LastAdmin: Nobody else could let anybody in.
    """
    problem = may_change_role(
        is_self=actor is not None and actor.id == user.id,
        crosses_sides=role.is_staff != user.is_staff,
    )
    if problem:
        raise RoleNotYours(problem)
    if role is user.role:
        return
    if user.role is Role.ADMIN:
        _require_another_admin(session, user)
    before, user.role = user.role, role
    end_other_sessions(session, user)
    outlets.record(
        session,
        "role_changed",
        user,
        actor=actor,
        now=now,
        before=before.value,
        after=role.value,
    )


def deactivate(
    session: Session, user: User, *, actor: User | None, now: datetime
) -> None:
    """Keep `user` out from now on; sessions and open links end.

    Raises:
        RoleNotYours: It is the actor.
        LastAdmin: Nobody else could let anybody in.
    """
    if actor is not None and actor.id == user.id:
        raise RoleNotYours(
            _("Nobody shuts themselves out. Ask somebody else to do it.")
        )
    if not user.is_active:
        return
    if user.role is Role.ADMIN:
        _require_another_admin(session, user)
    user.is_active = False
    end_other_sessions(session, user)
    tokens.revoke(session, user)
    outlets.record(session, "deactivated", user, actor=actor, now=now)
    outlets.came_or_left(session, user, is_in=False, now=now)


def reactivate(
    session: Session, user: User, *, actor: User | None, now: datetime
) -> None:
    """Let somebody in again who was kept out."""
    if user.is_active:
        return
    user.is_active = True
    outlets.record(session, "reactivated", user, actor=actor, now=now)
    if user.password_hash is not None:
        outlets.came_or_left(session, user, is_in=True, now=now)


def _require_another_admin(session: Session, user: User) -> None:
    if all(admin.id == user.id for admin in queries.locked_admins(session)):
        raise LastAdmin(_("Make somebody else an admin first: the portal needs one."))
