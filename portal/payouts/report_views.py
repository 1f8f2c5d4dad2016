"""The report of a year's payments for form 1099-NEC."""

from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import NotFound
from portal.payouts import queries, reports, service
from portal.tax.words import NEC_OUTCOMES, label
from portal.web.downloads import download

bp = Blueprint("nec_report", __name__, url_prefix="/admin/payouts/1099")


class NoSuchYear(NotFound):
    """Nobody was paid in that year."""

    code = "nothing_paid_in_year"


@bp.get("")
@requires(Permission.TAX_FORMS_READ)
def index() -> ResponseReturnValue:
    """Show who is reported for a year, and who is not for which reason."""
    session = db.session()
    years = queries.years_paid(session)
    asked = request.args.get("year", "")
    year = int(asked) if asked in {str(one) for one in years} else max(years, default=0)
    return render_template(
        "payouts/admin/nec.html",
        years=years,
        year=year,
        report=service.nec_report(session, year) if years else None,
        outcome_label=lambda outcome: label(NEC_OUTCOMES, outcome),
    )


@bp.get("/<int:year>.csv")
@requires(Permission.TAX_FORMS_READ)
def table(year: int) -> Response:
    """Answer with every payee of a year; no tax number in full."""
    report = service.nec_report(db.session(), _known(year))
    return _file(reports.as_csv(report), f"1099-NEC-{year}-all.csv")


@bp.post("/<int:year>/numbers")
@requires(Permission.TAX_FORMS_REVIEW)
def with_numbers(year: int) -> Response:
    """Answer with those that are reported, with numbers; the log keeps it."""
    settings: Settings = current_app.extensions["portal.settings"]
    known, actor = _known(year), signed_in_user()
    with transaction(db.session()) as session:
        report = service.nec_report(session, known)
        found = service.recipients(
            session, report, keys=settings.data_keys, actor=actor, now=utc_now()
        )
        content = reports.as_csv_with_numbers(report, found)
    return _file(content, f"1099-NEC-{year}.csv")


def _known(year: int) -> int:
    if year not in queries.years_paid(db.session()):
        raise NoSuchYear(_("Nobody was paid in that year."))
    return year


def _file(content: bytes, filename: str) -> Response:
    return download(content, filename=filename, mimetype="text/csv")
