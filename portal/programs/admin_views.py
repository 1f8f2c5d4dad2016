from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from portal.accounts.access import requires
from portal.accounts.permissions import Permission
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.programs import queries
from portal.programs.agreements import agreement_html
from portal.programs.documents import dump_yaml
from portal.programs.words import terms_in_words
from portal.web.downloads import download

bp = Blueprint("programs_admin", __name__, url_prefix="/admin/programs")


@bp.get("")
@requires(Permission.PROGRAMS_READ)
def index() -> ResponseReturnValue:
    """List all programs."""
    overviews = queries.overviews(db.session(), utc_now())
    return render_template("programs/admin/index.html", overviews=overviews)


@bp.get("/<slug>", defaults={"number": None})
@bp.get("/<slug>/versions/<int:number>")
@requires(Permission.PROGRAMS_READ)
def detail(slug: str, number: int | None) -> ResponseReturnValue:
    """Show one version in words: the newest one, or the one asked for."""
    session = db.session()
    program = queries.by_key(session, slug)
    history = queries.history(session, program.id)
    version = queries.pick(history, number)
    definition = version.definition
    return render_template(
        "programs/admin/detail.html",
        program=program,
        version=version,
        definition=definition,
        terms=terms_in_words(definition),
        history=history,
        agreement_text=agreement_html(definition.agreement)
        if definition.agreement
        else None,
        now=utc_now(),
    )


@bp.get("/<slug>/versions/<int:number>.yaml")
@requires(Permission.PROGRAMS_READ)
def document(slug: str, number: int) -> ResponseReturnValue:
    """Give one version as a file that `portal program import` reads."""
    session = db.session()
    program = queries.by_key(session, slug)
    version = queries.pick(queries.history(session, program.id), number)
    return download(
        dump_yaml(version.definition).encode(),
        filename=f"{program.key}-version-{version.number}.yaml",
        mimetype="application/yaml",
    )
