from datetime import timedelta
from uuid import UUID

from flask import (
    Blueprint,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user, login_user
from werkzeug.wrappers import Response

from portal.accounts import queries, service, tokens
from portal.accounts.access import (
    current_session,
    idle_time,
    load_signed_in,
    public,
    signed_in,
    signed_in_user,
)
from portal.accounts.forms import (
    ChangePasswordForm,
    JoinForm,
    NewPasswordForm,
    RecoverForm,
    SignInForm,
)
from portal.accounts.models import TokenPurpose, User, UserSession
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.web import flashes
from portal.web.forms import blame
from portal.web.navigation import Face, home_url
from portal.web.redirects import safe_path

bp = Blueprint("accounts", __name__)


@bp.get("/login")
@public
def sign_in() -> ResponseReturnValue:
    """Ask for address and password."""
    if current_user.is_authenticated:
        return redirect(_after_sign_in(current_user.user))
    return _sign_in_page(SignInForm())


@bp.post("/login")
@public
def sign_in_submitted() -> ResponseReturnValue:
    """Sign in, then go where one wanted to.

    The try is counted in a transaction of its own: a wrong password undoes the other.
    """
    form = SignInForm(request.form)
    if not form.validate():
        return _sign_in_page(form), 422
    email, now = form.email.data or "", utc_now()
    with transaction(db.session()) as session:
        service.count_sign_in(
            session, email=email, address=request.remote_addr, now=now
        )
    try:
        with transaction(db.session()) as session:
            user = service.authenticate(
                session, email=email, password=form.password.data or ""
            )
            token = _start_session(user)
            target = _after_sign_in(user)
    except service.WrongCredentials as refusal:
        form.form_errors.append(refusal.message)
        return _sign_in_page(form), 422
    _remember(token)
    return redirect(target, 303)


@bp.post("/logout")
@signed_in
def sign_out() -> ResponseReturnValue:
    """End this session."""
    user, session_id = signed_in_user(), current_session().id
    with transaction(db.session()) as session:
        service.end_session(session, user, session_id)
    cookie.clear()
    response = redirect(url_for(".sign_in"), 303)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@bp.get("/login/recover")
@public
def recover() -> ResponseReturnValue:
    """Ask where to mail a link that sets a new password."""
    return render_template("accounts/recover.html", form=RecoverForm())


@bp.post("/login/recover")
@public
def recover_submitted() -> ResponseReturnValue:
    """Say that a link is on its way if there is such a user, and never whether."""
    form = RecoverForm(request.form)
    if not form.validate():
        return render_template("accounts/recover.html", form=form), 422
    with transaction(db.session()) as session:
        service.request_reset(
            session,
            email=form.email.data or "",
            address=request.remote_addr,
            now=utc_now(),
        )
    return render_template("accounts/recover_sent.html")


@bp.get("/login/reset/<token>")
@public
def reset(token: str) -> ResponseReturnValue:
    """Ask for a new password. Looking does not use the link up: mail scanners look."""
    tokens.holder(db.session(), token, TokenPurpose.RESET_PASSWORD, now=utc_now())
    return _token_page("accounts/reset.html", NewPasswordForm())


@bp.post("/login/reset/<token>")
@public
def reset_submitted(token: str) -> ResponseReturnValue:
    """Set the new password, end every session, sign in."""
    form = NewPasswordForm(request.form)
    if not form.validate():
        return _token_page("accounts/reset.html", form, 422)
    try:
        with transaction(db.session()) as session:
            user = service.reset_password(
                session,
                token,
                password=form.password.data or "",
                about=_about(),
                now=utc_now(),
            )
            session_token = _start_session(user)
            target = _after_sign_in(user)
    except Invalid as refusal:
        blame(form, refusal)
        return _token_page("accounts/reset.html", form, 422)
    _remember(session_token)
    flashes.success(_("Your new password is set. You are signed in."))
    return _without_referrer(redirect(target, 303))


@bp.get("/join/<token>")
@public
def join(token: str) -> ResponseReturnValue:
    """Welcome an invited person and ask for name and password."""
    user = tokens.holder(db.session(), token, TokenPurpose.JOIN, now=utc_now())
    return _token_page("accounts/join.html", JoinForm(), user=user)


@bp.post("/join/<token>")
@public
def join_submitted(token: str) -> ResponseReturnValue:
    """Let an invited person in."""
    form = JoinForm(request.form)
    now = utc_now()
    if not form.validate():
        user = tokens.holder(db.session(), token, TokenPurpose.JOIN, now=now)
        return _token_page("accounts/join.html", form, 422, user=user)
    try:
        with transaction(db.session()) as session:
            user = service.accept_invitation(
                session,
                token,
                name=form.name.data or "",
                password=form.password.data or "",
                about=_about(),
                now=now,
            )
            session_token = _start_session(user)
            target = _after_sign_in(user)
    except Invalid as refusal:
        blame(form, refusal)
        user = tokens.holder(db.session(), token, TokenPurpose.JOIN, now=now)
        return _token_page("accounts/join.html", form, 422, user=user)
    _remember(session_token)
    flashes.success(_("Welcome. You are signed in."))
    return _without_referrer(redirect(target, 303))


@bp.get("/account/security")
@signed_in
def security() -> ResponseReturnValue:
    """Show where one is signed in, and the form for a new password."""
    return _security_page(ChangePasswordForm())


@bp.post("/account/security/password")
@signed_in
def change_password() -> ResponseReturnValue:
    """Change the password; every other session ends.

    The try is counted in a transaction of its own, as at the sign-in.
    """
    form = ChangePasswordForm(request.form)
    if not form.validate():
        return _security_page(form), 422
    email, session_id, now = signed_in_user().email, current_session().id, utc_now()
    with transaction(db.session()) as session:
        service.count_sign_in(
            session, email=email, address=request.remote_addr, now=now
        )
    try:
        with transaction(db.session()) as session:
            service.change_password(
                session,
                signed_in_user(),
                current=form.current.data or "",
                new=form.password.data or "",
                keep_session=session_id,
                about=_about(),
                now=now,
            )
    except Invalid as refusal:
        blame(form, refusal)
        return _security_page(form), 422
    flashes.success(_("Your password is changed. All other places are signed out."))
    return redirect(url_for(".security"), 303)


@bp.post("/account/security/sessions/<uuid:session_id>/end")
@signed_in
def end_session(session_id: UUID) -> ResponseReturnValue:
    """Sign out in one place."""
    with transaction(db.session()) as session:
        service.end_session(session, signed_in_user(), session_id)
    flashes.success(_("Signed out there."))
    return redirect(url_for(".security"), 303)


@bp.post("/account/security/sessions/end-others")
@signed_in
def end_other_sessions() -> ResponseReturnValue:
    """Sign out everywhere but here."""
    user, session_id = signed_in_user(), current_session().id
    with transaction(db.session()) as session:
        service.end_other_sessions(session, user, keep=session_id)
    flashes.success(_("Signed out everywhere else."))
    return redirect(url_for(".security"), 303)


def _settings() -> Settings:
    settings: Settings = current_app.extensions["portal.settings"]
    return settings


def _about() -> tuple[str, ...]:
    """Return the words that make a password here easy to guess."""
    return (_settings().org_name, "gatehouse")


def _start_session(user: User) -> str:
    return service.start_session(
        db.session(),
        user,
        user_agent=request.headers.get("User-Agent", ""),
        lifetime=timedelta(hours=_settings().session_hours),
        now=utc_now(),
    )


def _remember(token: str) -> None:
    """Put the session into the cookie; what the visitor's cookie held is dropped.

    So nothing set before the sign-in, such as a CSRF token, is worth anything after.
    """
    cookie.clear()
    login_user(load_signed_in(token))


def _after_sign_in(user: User) -> str:
    home = home_url(Face.STAFF if user.is_staff else Face.WORKSPACE)
    return safe_path(request.args.get("next"), home)


def _sign_in_page(form: SignInForm) -> str:
    return render_template("accounts/sign_in.html", form=form)


def _token_page(
    template: str, form: NewPasswordForm, status: int = 200, *, user: User | None = None
) -> Response:
    page = render_template(template, form=form, user=user)
    return _without_referrer(make_response(page, status))


def _without_referrer(response: Response) -> Response:
    """Keep the token in the address of this page from the next site."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _security_page(form: ChangePasswordForm) -> str:
    user, here = signed_in_user(), current_session()
    places: list[UserSession] = list(
        queries.live_sessions(db.session(), user.id, idle=idle_time(), now=utc_now())
    )
    return render_template(
        "accounts/security.html",
        form=form,
        places=places,
        here_id=here.id,
        layout=f"layouts/{'staff' if user.is_staff else 'workspace'}.html",
    )
