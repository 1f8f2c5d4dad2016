from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from flask import (
    Blueprint,
    Response,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.enrollments import queries as enrollments
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.kit.money import Money
from portal.programs import queries as programs
from portal.statements import documents, queries, service
from portal.statements.documents.as_preview import PREVIEW_FIELDS, preview_rows
from portal.statements.forms import ConfirmForm, ReasonForm, close_form, notes_of
from portal.statements.models import Period, PeriodStatus
from portal.statements.rules import Check, Severity, Totals
from portal.statements.service import Preview
from portal.web import flashes
from portal.web.charts import Bridge, Step, bridge
from portal.web.csv_safe import BYTE_ORDER_MARK, csv_text
from portal.web.downloads import download as file_download
from portal.web.formats import money_text, month
from portal.web.forms import blame
from portal.web.pagination import page_request
from portal.web.preferences import text_direction

_ROWS = 100
"""How many statements one page of a preview lists."""

bp = Blueprint("statements_admin", __name__, url_prefix="/admin")


@bp.get("/periods")
@requires(Permission.PERIODS_READ)
def periods() -> ResponseReturnValue:
    """List the months of all programs, newest first."""
    session = db.session()
    return render_template(
        "statements/admin/periods.html",
        views=queries.period_views(session),
        program_names={
            version.program_id: version.definition.name
            for version in programs.all_current(session, utc_now())
        },
    )


@bp.get("/periods/<pid(per):period_id>")
@requires(Permission.PERIODS_READ)
def period(period_id: UUID) -> ResponseReturnValue:
    """Show a month: what to look at, what it comes to, and the button that closes."""
    return _period_page(queries.period(db.session(), period_id))


@bp.post("/periods/<pid(per):period_id>/propose")
@requires(Permission.PERIODS_CLOSE)
def propose(period_id: UUID) -> ResponseReturnValue:
    """Say that the month is ready; a second person confirms it."""
    session, now = db.session(), utc_now()
    wanted = queries.period(session, period_id)
    form = _sent_form(wanted, now)
    if form.errors:
        return _period_page(wanted, request.form), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        with transaction(session):
            service.propose_close(
                session,
                queries.period(session, period_id, lock=True),
                actor=signed_in_user(),
                acknowledged=notes_of(form),
                withholds_us_tax=_withholds(),
                now=now,
            )
    except Invalid as refusal:
        return _refused(period_id, refusal)
    flashes.success(_("The close is proposed. A second person confirms it."))
    return redirect(url_for(".period", period_id=period_id), HTTPStatus.SEE_OTHER)


@bp.post("/periods/<pid(per):period_id>/send-back")
@requires(Permission.PERIODS_CLOSE)
def send_back(period_id: UUID) -> ResponseReturnValue:
    """Take the proposal away, with a reason."""
    session, now = db.session(), utc_now()
    form = ReasonForm(request.form)
    if not form.validate():
        page = _period_page(queries.period(session, period_id), reason=form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    with transaction(session):
        service.send_back(
            session,
            queries.period(session, period_id, lock=True),
            reason=form.reason.data or "",
            actor=signed_in_user(),
            now=now,
        )
    flashes.success(_("The close is not proposed any more."))
    return redirect(url_for(".period", period_id=period_id), HTTPStatus.SEE_OTHER)


@bp.post("/periods/<pid(per):period_id>/close")
@requires(Permission.PERIODS_CLOSE)
def close(period_id: UUID) -> ResponseReturnValue:
    """Begin the close; the worker does the rest."""
    session, now = db.session(), utc_now()
    wanted = queries.period(session, period_id)
    form = _sent_form(wanted, now)
    if form.errors:
        return _period_page(wanted, request.form), HTTPStatus.UNPROCESSABLE_ENTITY
    notes = notes_of(form)
    try:
        with transaction(session):
            service.begin_close(
                session,
                queries.period(session, period_id, lock=True),
                actor=signed_in_user(),
                issuer_name=current_app.config["ORG_NAME"],
                acknowledged=notes,
                withholds_us_tax=_withholds(),
                four_eyes=_four_eyes(),
                now=now,
            )
    except Invalid as refusal:
        return _refused(period_id, refusal)
    flashes.success(_("The close has begun."))
    return redirect(url_for(".period", period_id=period_id), HTTPStatus.SEE_OTHER)


def _sent_form(wanted: Period, now: datetime) -> ConfirmForm:
    """Return the form that was sent, validated while the month is open.

    Somebody may have closed it since the page was shown: then the service says so.
    """
    checks = service.check(db.session(), wanted, now, withholds_us_tax=_withholds())
    form = close_form(wanted.label, _to_answer(wanted, checks), request.form)
    if wanted.status is PeriodStatus.OPEN:
        form.validate()
    return form


def _to_answer(wanted: Period, checks: Sequence[Check]) -> Sequence[Check]:
    """Return the checks that the form asks about: of a proposal all are answered."""
    return () if wanted.proposed_by_id else checks


def _refused(period_id: UUID, refusal: Invalid) -> ResponseReturnValue:
    wanted = queries.period(db.session(), period_id)
    page = _period_page(wanted, request.form, refusal)
    return page, HTTPStatus.UNPROCESSABLE_ENTITY


@bp.get("/periods/<pid(per):period_id>/progress.json")
@requires(Permission.PERIODS_READ)
def progress(period_id: UUID) -> Response:
    """Say how far the close is."""
    session = db.session()
    closing = queries.period(session, period_id)
    parts = queries.chunks(session, period_id)
    done = sum(part.done_at is not None for part in parts)
    return jsonify(
        done=done,
        total=max(len(parts), 1),
        text=_progress_text(done, len(parts)),
        finished=closing.status is PeriodStatus.CLOSED,
    )


@bp.get("/periods/<pid(per):period_id>/preview")
@requires(Permission.PERIODS_READ)
def drafts(period_id: UUID) -> ResponseReturnValue:
    """List what every statement of a month comes to, the largest closing first."""
    session = db.session()
    wanted = queries.period(session, period_id)
    figures = service.preview(session, wanted, withholds_us_tax=_withholds())
    search = request.args.get("q", "").strip()
    rows = [row for row in figures.rows if search.lower() in row.partner_name.lower()]
    first = min(request.args.get("from", 0, type=int), max(len(rows) - 1, 0))
    first = max(first - first % _ROWS, 0)
    return render_template(
        "statements/admin/drafts.html",
        period=wanted,
        figures=figures,
        rows=rows[first : first + _ROWS],
        total=len(rows),
        first=first,
        step=_ROWS,
        search=search,
        month_name=month(wanted.first_day),
    )


@bp.get("/periods/<pid(per):period_id>/preview.csv")
@requires(Permission.PERIODS_READ)
def drafts_csv(period_id: UUID) -> Response:
    """Answer with what every statement of a month comes to, for a spreadsheet."""
    session = db.session()
    wanted = queries.period(session, period_id)
    figures = service.preview(session, wanted, withholds_us_tax=_withholds())
    return file_download(
        (BYTE_ORDER_MARK + csv_text(PREVIEW_FIELDS, preview_rows(figures))).encode(),
        filename=f"{wanted.program.key}-{wanted.label}-preview.csv",
        mimetype="text/csv",
    )


@bp.get("/periods/<pid(per):period_id>/preview/<pid(enr):enrollment_id>")
@requires(Permission.PERIODS_READ)
def draft(period_id: UUID, enrollment_id: UUID) -> ResponseReturnValue:
    """Show what a partner's statement would say now."""
    session = db.session()
    wanted = queries.period(session, period_id)
    enrollment = enrollments.get(session, enrollment_id)
    return render_template(
        "statements/admin/draft.html",
        period=wanted,
        draft=service.draft_now(
            session, enrollment, wanted, withholds_us_tax=_withholds()
        ),
    )


@bp.get("/statements")
@requires(Permission.PERIODS_READ)
def index() -> ResponseReturnValue:
    """List all statements, newest first."""
    label = request.args.get("month", "")
    page = queries.page(
        db.session(),
        page_request(request.args),
        search=request.args.get("q", "").strip(),
        label=label,
    )
    return render_template(
        "statements/admin/index.html",
        page=page,
        months=[(name, name) for name in queries.labels(db.session())],
        formats=tuple(documents.FORMATS),
    )


@bp.get("/statements/<pid(stm):statement_id>")
@requires(Permission.PERIODS_READ)
def show(statement_id: UUID) -> ResponseReturnValue:
    """Show one statement, and what was paid of it."""
    session = db.session()
    view = queries.get(session, statement_id)
    statement = view.statement
    return render_template(
        "statements/admin/show.html",
        view=view,
        statement=statement,
        payments=queries.payouts_made(
            session, [statement.partner_id], statement.program_id
        ),
        formats=tuple(documents.FORMATS),
    )


@bp.get("/statements/<pid(stm):statement_id>.<any(pdf, csv, xlsx, json):fmt>")
@requires(Permission.PERIODS_READ)
def download(statement_id: UUID, fmt: str) -> Response:
    """Answer with one statement as a file."""
    view = queries.get(db.session(), statement_id)
    return file_download(
        documents.render(view.statement, fmt, current_app.config["BASE_URL"]),
        filename=documents.filename(view.statement, fmt),
        mimetype=documents.FORMATS[fmt].mimetype,
    )


def _period_page(
    wanted: Period,
    formdata: MultiDict[str, str] | None = None,
    refusal: Invalid | None = None,
    reason: ReasonForm | None = None,
) -> str:
    """Return the page of a month, with what was wrong with a form that was sent."""
    session, now = db.session(), utc_now()
    is_open = wanted.status is PeriodStatus.OPEN
    withholds = _withholds()
    checks = (
        service.check(session, wanted, now, withholds_us_tax=withholds)
        if is_open
        else []
    )
    form = close_form(wanted.label, _to_answer(wanted, checks), formdata)
    if formdata is not None:
        form.validate()
    if refusal is not None:
        blame(form, refusal)
    figures = service.preview(session, wanted, withholds_us_tax=withholds)
    parts = queries.chunks(session, wanted.id)
    done = sum(part.done_at is not None for part in parts)
    return render_template(
        "statements/admin/period.html",
        period=wanted,
        checks=checks,
        check_rows=[(row.severity, row.text, row.detail) for row in checks],
        can_be_closed=is_open
        and not any(found.severity is Severity.STOP for found in checks),
        form=form,
        reason_form=reason or ReasonForm(),
        four_eyes=_four_eyes(),
        is_mine=wanted.proposed_by_id == signed_in_user().id,
        has_changed=wanted.proposed_by_id is not None
        and is_open
        and figures.fingerprint != wanted.proposed_figures,
        figures=figures,
        reopenings=queries.reopenings(session, wanted.id),
        chart=_chart(figures),
        done=done,
        parts=len(parts),
        progress_text=_progress_text(done, len(parts)),
        month_name=month(wanted.first_day),
        program_name=programs.current_version(
            session, wanted.program_id, now
        ).definition.name,
    )


def _four_eyes() -> bool:
    return bool(current_app.config["FOUR_EYES_CLOSE"])


def _withholds() -> bool:
    return bool(current_app.config["WITHHOLDS_US_TAX"])


def _progress_text(done: int, total: int) -> str:
    return str(_("%(done)s of %(total)s parts are done.", done=done, total=total))


def _chart(figures: Preview) -> Bridge:
    """Return the bridge from the opening to the closing sum."""

    def show(minor: int) -> str:
        return money_text(Money(minor, figures.currency))

    return bridge(
        _steps(figures.totals),
        header=(_("Part"), _("Amount")),
        show=show,
        right_to_left=text_direction() == "rtl",
    )


def _steps(totals: Totals) -> list[Step]:
    return [
        Step(_("Opening"), totals.opening, is_total=True),
        Step(_("Earned"), totals.earned),
        Step(_("Reversed"), totals.reversals),
        Step(_("Adjusted"), totals.adjustments),
        *_steps_of_policy(totals),
        Step(_("Paid"), -totals.payouts),
        Step(_("Closing"), totals.closing, is_total=True),
    ]


def _steps_of_policy(totals: Totals) -> list[Step]:
    """Return the steps that most programs do not have."""
    steps = [
        Step(_("Kept back"), totals.holdback),
        Step(_("Released"), totals.releases),
        Step(_("Tax"), -totals.withholding),
    ]
    return [step for step in steps if step.amount]
