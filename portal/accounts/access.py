"""Guards for views. Every view carries exactly one of them.

`tests/architecture/test_access.py` fails on a view that carries none.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user
from sqlalchemy import select

from portal.accounts import service
from portal.accounts.models import User, UserSession
from portal.accounts.permissions import GRANTS, Permission
from portal.accounts.tokens import token_hash
from portal.config import Settings
from portal.extensions import db, login_manager
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.web.redirects import here

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
        _touch()
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
            _touch()
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


def current_session() -> UserSession:
    """Return the session that this request came with."""
    session: UserSession = current_user.session
    return session


def idle_time() -> timedelta:
    """Return how long a session lives without a request."""
    settings: Settings = current_app.extensions["portal.settings"]
    return timedelta(minutes=settings.idle_minutes)


def _touch() -> None:
    """Note, once a minute, that the session is in use: before the view's own work."""
    session_id, seen_at = current_session().id, current_session().last_seen_at
    now = utc_now()
    if now - seen_at >= service.TOUCH_EVERY:
        with transaction(db.session()) as session:
            service.touch(session, session_id, now=now)


@login_manager.user_loader  # type: ignore[untyped-decorator]  # flask_login
def load_signed_in(token: str) -> SignedIn | None:
    """Return who holds this session token, if the session still lives.

    It ends some hours after the sign-in, and earlier when nobody uses it.
    """
    now = utc_now()
    row = db.session.execute(
        select(UserSession, User)
        .join(User, User.id == UserSession.user_id)
        .where(
            UserSession.token_sha256 == token_hash(token),
            UserSession.expires_at > now,
            UserSession.last_seen_at > now - idle_time(),
            User.is_active,
        )
    ).one_or_none()
    return None if row is None else SignedIn(row.User, row.UserSession, token)


def _ask_to_sign_in() -> ResponseReturnValue:
    """Lead to the sign-in, which leads back to pages; a form would come back empty."""
    back = here() if request.method == "GET" else None
    return redirect(url_for("accounts.sign_in", next=back), 302)


def register(app: Flask) -> None:
    """Give templates `can(permission)`; lead who is not signed in to the sign-in."""
    app.jinja_env.globals["can"] = can
    login_manager.unauthorized_handler(_ask_to_sign_in)
