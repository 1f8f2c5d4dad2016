"""Pages that belong to no feature: health, preferences, the list of components."""

from functools import lru_cache

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import (
    Blueprint,
    abort,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from portal.extensions import db
from portal.kit.clock import utc_now
from portal.web import preferences
from portal.web.access_rule import public
from portal.web.component_page import component_examples
from portal.web.redirects import safe_path
from portal.web.static_files import static_url

bp = Blueprint("web", __name__)


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """Say that the process answers."""
    return jsonify(status="ok")


@bp.get("/readyz")
@public
def readyz() -> ResponseReturnValue:
    """Say whether requests can be served: the database answers and is migrated."""
    reason = _why_not_ready()
    if reason:
        return jsonify(status="not ready", reason=reason), 503
    return jsonify(status="ready")


@lru_cache
def _migration_heads(folder: str) -> frozenset[str]:
    """Return the newest revisions in `folder`; they come with the code."""
    return frozenset(ScriptDirectory(folder).get_heads())


def _why_not_ready() -> str | None:
    wanted = _migration_heads(str(current_app.extensions["migrate"].directory))
    try:
        connection = db.session().connection()
        found = set(MigrationContext.configure(connection).get_current_heads())
    except SQLAlchemyError:
        current_app.logger.exception("web.readyz database does not answer")
        return "the database does not answer"
    if found != wanted:
        return "the database is not migrated: run `portal db upgrade`"
    return None


@bp.get("/favicon.ico")
@public
def favicon() -> ResponseReturnValue:
    """Lead browsers that ask for the old name to the icon."""
    return redirect(static_url("favicon.svg"), 301)


@bp.post("/preferences/theme")
@public
def set_theme() -> ResponseReturnValue:
    """Keep the colours that somebody chose."""
    chosen = request.form.get("theme", "")
    if chosen not in preferences.THEMES:
        abort(400)
    return _remember("theme", chosen)


@bp.post("/preferences/shortcuts")
@public
def set_shortcuts() -> ResponseReturnValue:
    """Switch keyboard shortcuts on or off."""
    chosen = request.form.get("shortcuts", "")
    if chosen not in {"on", "off"}:
        abort(400)
    return _remember("shortcuts", chosen)


def _remember(name: str, value: str) -> Response:
    response = redirect(safe_path(request.form.get("next")), 303)
    response.set_cookie(
        name,
        value,
        max_age=preferences.COOKIE_AGE,
        secure=current_app.config["PREFERRED_URL_SCHEME"] == "https",
        httponly=True,
        samesite="Lax",
    )
    return response


@bp.get("/dev/components")
@public
def components() -> ResponseReturnValue:
    """Show every component in its states, where developers' pages are switched on."""
    _only_developers()
    return render_template("web/components.html", **component_examples(utc_now()))


@bp.get("/dev/job")
@public
def example_job() -> ResponseReturnValue:
    """Answer as a running job does, for the page of components."""
    _only_developers()
    text = _("%(done)s of %(total)s partners done", done=14, total=24)
    return jsonify(done=14, total=24, text=text, finished=False)


def _only_developers() -> None:
    if not current_app.config.get("DEV_PAGES"):
        abort(404)
