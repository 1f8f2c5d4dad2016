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
from portal.statements.forms import close_form, notes_of
from portal.statements.models import Period, PeriodStatus
from portal.statements.rules import Severity, Totals
from portal.statements.service import Preview
from portal.web import flashes
from portal.web.charts import Bridge, Step, bridge
from portal.web.downloads import download as file_download
from portal.web.formats import money_text, month
from portal.web.forms import blame
from portal.web.pagination import page_request
from portal.web.preferences import text_direction

bp = Blueprint("statements_admin", __name__, url_prefix="/admin")


@bp.get("/periods")
@requires(Permission.PERIODS_READ)
def periods() -> ResponseReturnValue:
    """List the months of all programs, newest first."""
    return render_template(
        "statements/admin/periods.html", views=queries.period_views(db.session())
    )


@bp.get("/periods/<pid(per):period_id>")
@requires(Permission.PERIODS_READ)
def period(period_id: UUID) -> ResponseReturnValue:
    """Show a month: what to look at, what it comes to, and the button that closes."""
    return _period_page(queries.period(db.session(), period_id))


@bp.post("/periods/<pid(per):period_id>/close")
@requires(Permission.PERIODS_CLOSE)
def close(period_id: UUID) -> ResponseReturnValue:
    """Begin the close; the worker does the rest."""
    session, now = db.session(), utc_now()
    wanted = queries.period(session, period_id)
    checks = service.check(session, wanted, now, withholds_us_tax=_withholds())
    form = close_form(wanted.label, checks, request.form)
    # Somebody may have closed it since the page was shown: the service says so.
    if wanted.status is PeriodStatus.OPEN and not form.validate():
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
                now=now,
            )
    except Invalid as refusal:
        wanted = queries.period(db.session(), period_id)
        page = _period_page(wanted, request.form, refusal)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    flashes.success(_("The close has begun."))
    return redirect(url_for(".period", period_id=period_id), HTTPStatus.SEE_OTHER)


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
    form = close_form(wanted.label, checks, formdata)
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
        figures=figures,
        chart=_chart(figures),
        done=done,
        parts=len(parts),
        progress_text=_progress_text(done, len(parts)),
        month_name=month(wanted.first_day),
        program_name=programs.current_version(
            session, wanted.program_id, now
        ).definition.name,
    )


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
