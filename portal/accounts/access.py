"""Guards for views. Every view carries exactly one of them.

`tests/architecture/test_access.py` fails on a view that carries none.
"""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, abort
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user
from sqlalchemy import select

from portal.accounts.models import User, UserSession
from portal.accounts.permissions import GRANTS, Permission
from portal.extensions import db, login_manager
from portal.kit.clock import utc_now

P = ParamSpec("P")
R = TypeVar("R")

PUBLIC = "public"
SIGNED_IN = "signed_in"


class SignedIn(UserMixin):  # type: ignore[misc]  # flask_login is not typed
    """Who is behind this request: the user and the session they came with."""

    def __init__(self, user: User, session: UserSession, token: str) -> None:
        self.user = user
        self.session = session
        self._token = token

    def get_id(self) -> str:
        """Return what Flask-Login keeps in the cookie: the session's token."""
        return self._token


def public(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view that anyone on the internet may call."""
    view.access_rule = PUBLIC  # type: ignore[attr-defined]  # read by a test
    return view


def signed_in(
    view: Callable[P, ResponseReturnValue],
) -> Callable[P, ResponseReturnValue]:
    """Admit every signed-in user, whatever the role."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if not current_user.is_authenticated:
            return login_manager.unauthorized()  # type: ignore[no-any-return]
        return view(*args, **kwargs)

    guarded.access_rule = SIGNED_IN  # type: ignore[attr-defined]  # read by a test
    return guarded


def requires(
    permission: Permission,
) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Admit only signed-in users whose role grants `permission`."""

    def decorate(
        view: Callable[P, ResponseReturnValue],
    ) -> Callable[P, ResponseReturnValue]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            if not current_user.is_authenticated:
                return login_manager.unauthorized()  # type: ignore[no-any-return]
            if not can(permission):
                abort(403)
            return view(*args, **kwargs)

        guarded.access_rule = permission  # type: ignore[attr-defined]  # read by a test
        return guarded

    return decorate


def can(permission: str) -> bool:
    """Tell whether the signed-in user's role grants `permission`."""
    if not current_user.is_authenticated:
        return False
    return permission in GRANTS[current_user.user.role]


def signed_in_user() -> User:
    """Return the user behind this request."""
    if not current_user.is_authenticated:
        abort(401)
    user: User = current_user.user
    return user


def token_hash(token: str) -> bytes:
    """Return the form in which a token is kept; its 256 bits need no salt."""
    return hashlib.sha256(token.encode()).digest()


@login_manager.user_loader  # type: ignore[untyped-decorator]  # flask_login
def load_signed_in(token: str) -> SignedIn | None:
    """Return who holds this session token, if the session still lives."""
    row = db.session.execute(
        select(UserSession, User)
        .join(User, User.id == UserSession.user_id)
        .where(
            UserSession.token_sha256 == token_hash(token),
            UserSession.expires_at > utc_now(),
            User.is_active,
        )
    ).one_or_none()
    return None if row is None else SignedIn(row.User, row.UserSession, token)


def register(app: Flask) -> None:
    """Give templates `can(permission)`."""
    app.jinja_env.globals["can"] = can
