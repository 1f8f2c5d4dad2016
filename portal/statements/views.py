from uuid import UUID

from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires
from portal.accounts.permissions import Permission
from portal.extensions import db
from portal.partners.access import current_partner_id
from portal.statements import documents, queries
from portal.web.downloads import download as file_download

bp = Blueprint("statements", __name__, url_prefix="/app")


@bp.get("/statements")
@requires(Permission.STATEMENTS_READ)
def index() -> ResponseReturnValue:
    """List the partner's statements, the running month on top."""
    session, partner_id = db.session(), current_partner_id()
    years = queries.years_of_partner(session, partner_id)
    asked = request.args.get("year", "")
    year = int(asked) if asked in {str(y) for y in years} else None
    return render_template(
        "statements/index.html",
        views=queries.of_partner(session, partner_id, year=year),
        running=queries.so_far(session, partner_id),
        chips=_chips(years, year),
        formats=tuple(documents.FORMATS),
    )


def _chips(
    years: list[int], chosen: int | None
) -> list[tuple[str, str, bool, int | None]]:
    """Return a link for each year; none while one year is all there is."""
    if len(years) < 2:  # noqa: PLR2004 - nothing to choose from
        return []
    return [
        (_("All"), url_for(".index"), chosen is None, None),
        *((str(y), url_for(".index", year=y), y == chosen, None) for y in years),
    ]


@bp.get("/statements/<pid(stm):statement_id>")
@requires(Permission.STATEMENTS_READ)
def show(statement_id: UUID) -> ResponseReturnValue:
    """Show one statement: the same as its PDF."""
    view = queries.get_for_partner(db.session(), statement_id, current_partner_id())
    return render_template(
        "statements/show.html",
        view=view,
        statement=view.statement,
        formats=tuple(documents.FORMATS),
    )


@bp.get(
    "/statements/<pid(stm):statement_id>.<any(pdf, csv, xlsx, json):fmt>",
)
@requires(Permission.STATEMENTS_READ)
def download(statement_id: UUID, fmt: str) -> Response:
    """Answer with one statement as a file."""
    view = queries.get_for_partner(db.session(), statement_id, current_partner_id())
    return file_download(
        documents.render(view.statement, fmt, current_app.config["BASE_URL"]),
        filename=documents.filename(view.statement, fmt),
        mimetype=documents.FORMATS[fmt].mimetype,
    )
