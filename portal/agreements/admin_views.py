"""Signed agreements as staff see them."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _

from portal.accounts.access import requires
from portal.accounts.permissions import Permission
from portal.agreements import documents, overview, queries
from portal.agreements.overview import Filters, SigningRow, SigningState
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.ids import parse_public_id
from portal.programs import queries as programs
from portal.programs.agreements import text_html
from portal.programs.rewording import passages
from portal.web.csv_safe import Cell, csv_lines
from portal.web.downloads import csv_download, download
from portal.web.pagination import page_request
from portal.web.preferences import brand

bp = Blueprint("agreements_admin", __name__, url_prefix="/admin")

STATES = {
    SigningState.SIGNED: ("ok", _("Signed")),
    SigningState.DUE: ("warn", _("Must sign again")),
    SigningState.LAPSED: ("bad", _("Not signed again in time")),
    SigningState.MISSING: ("neutral", _("Not signed yet")),
    SigningState.ENDED: ("neutral", _("Left the program")),
}
"""The tone and the words of each state."""
COLUMNS = (
    "partner",
    "partner_id",
    "program",
    "state",
    "sign_by",
    "signed_version",
    "signed_at",
    "signed_by",
    "signed_by_email",
    "text_sha256",
    "signature",
)


@bp.get("/agreements")
@requires(Permission.PARTNERS_READ)
def index() -> ResponseReturnValue:
    """List who has signed what, and who still has to by when."""
    session, now = db.session(), utc_now()
    filters = _filters()
    return render_template(
        "agreements/admin/index.html",
        page=overview.page_of(session, filters, page_request(request.args), now=now),
        counts=overview.counts(session, filters, now=now),
        programs=programs.all_current(session, now),
        versions=overview.signed_versions(session),
        states=STATES,
        filters=filters,
    )


@bp.get("/agreements.csv")
@requires(Permission.PARTNERS_READ)
def export() -> Response:
    """Answer with the list as a file, filtered as the page is."""
    rows = _csv_rows(_filters(), utc_now())
    return csv_download(csv_lines(COLUMNS, rows), filename="agreements.csv")


@bp.get("/agreements/<pid(sig):signature_id>")
@requires(Permission.PARTNERS_READ)
def signature(signature_id: UUID) -> ResponseReturnValue:
    """Show one signature, the text as it was signed, and what changed since."""
    session = db.session()
    found = queries.signature(session, signature_id)
    standing = queries.standing(session, found.enrollment, now=utc_now())
    current = standing.current.agreement if standing else None
    return render_template(
        "agreements/admin/signature.html",
        signature=found,
        text=text_html(found.text.text),
        current=current,
        changes=passages(found.text.text, current.text) if current else [],
    )


@bp.get("/agreements/<pid(sig):signature_id>.pdf")
@requires(Permission.PARTNERS_READ)
def pdf(signature_id: UUID) -> Response:
    """Answer with the signed agreement as a file."""
    found = queries.signature(db.session(), signature_id)
    return download(
        documents.render(found, brand()),
        filename=documents.filename(found),
        mimetype=documents.MIMETYPE,
    )


def _filters() -> Filters:
    """Return what the query string asks for; what makes no sense is left out."""
    state = request.args.get("state", "")
    return Filters(
        program_id=_key("pgm", request.args.get("program", "")),
        partner_id=_key("prt", request.args.get("partner", "")),
        version=request.args.get("version") or None,
        state=SigningState(state) if state in set(SigningState) else None,
    )


def _key(prefix: str, text: str) -> UUID | None:
    try:
        return parse_public_id(prefix, text)
    except ValueError:
        return None


def _csv_rows(filters: Filters, now: datetime) -> Iterator[list[Cell]]:
    # The session is asked for here, while the file is sent: the view's has ended then.
    for row in overview.every(db.session(), filters, now=now):
        yield _cells(row)


def _cells(row: SigningRow) -> list[Cell]:
    signed = row.signature
    return [
        row.enrollment.partner.name,
        row.enrollment.partner.public_id,
        row.enrollment.version.definition.name,
        row.state.value,
        row.last_day,
        signed.version if signed else None,
        signed.signed_at.isoformat() if signed else None,
        signed.signer_name if signed else None,
        signed.signer_email if signed else None,
        signed.text_sha256 if signed else None,
        signed.public_id if signed else None,
    ]
