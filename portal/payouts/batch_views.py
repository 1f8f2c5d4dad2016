"""Batches of payouts: the staff's face."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.payouts import files, queries, service
from portal.payouts.files.results import HEADER, Problem
from portal.payouts.forms import FORMATS, BatchForm, ReasonForm
from portal.payouts.freezes import PayoutFreeze
from portal.payouts.models import BatchStatus
from portal.payouts.rules import LeftOut, next_business_day
from portal.web import flashes
from portal.web.downloads import download
from portal.web.forms import blame, form_id_of
from portal.web.pagination import page_request

bp = Blueprint("payout_batches", __name__, url_prefix="/admin/payouts")


@bp.app_template_global()
def payout_freeze() -> PayoutFreeze | None:
    """Return the freeze that goes on, for the banner of every page of staff."""
    return queries.freeze(db.session())


@bp.get("")
@requires(Permission.PAYOUTS_READ)
def index() -> ResponseReturnValue:
    """List the batches, and what waits to be paid."""
    session = db.session()
    return render_template(
        "payouts/admin/index.html",
        page=queries.batches(session, page_request(request.args)),
        owed=queries.balances(session),
        formats=FORMATS,
    )


@bp.get("/new")
@requires(Permission.PAYOUTS_RECORD)
def new() -> ResponseReturnValue:
    """Ask what to pay, and show whom that would be."""
    form = _batch_form(request.args)
    if request.args and not form.validate():
        return _preview_page(form, None), HTTPStatus.UNPROCESSABLE_ENTITY
    return _preview_page(form, _collected(form) if request.args else None)


@bp.post("")
@requires(Permission.PAYOUTS_RECORD)
def make() -> ResponseReturnValue:
    """Make the batch that the preview showed."""
    form = _batch_form(request.form)
    if not form.validate():
        return _preview_page(form, None), HTTPStatus.UNPROCESSABLE_ENTITY
    settings, actor = _settings(), signed_in_user()
    try:
        with transaction(db.session()) as session:
            batch_id = service.make_batch(
                session,
                currency=form.currency.data,
                file_format=form.file_format,
                pay_on=form.day,
                fingerprint=request.form.get("fingerprint", ""),
                form_id=form_id_of(request.form),
                payer=_payer(settings),
                four_eyes=settings.four_eyes,
                actor=actor,
                now=utc_now(),
            ).id
    except Invalid as refusal:
        blame(form, refusal)
    except (
        service.NothingDue,
        service.NotSetUp,
        service.PayoutsFrozen,
        service.PreviewOutdated,
    ) as refusal:
        form.form_errors.append(refusal.message)
    else:
        return _back(batch_id)
    return _preview_page(form, _collected(form)), HTTPStatus.UNPROCESSABLE_ENTITY


@bp.get("/<pid(bat):batch_id>")
@requires(Permission.PAYOUTS_READ)
def show(batch_id: UUID) -> ResponseReturnValue:
    """Show a batch with every payout in it."""
    return _batch_page(batch_id, ReasonForm())


@bp.post("/<pid(bat):batch_id>/rows/<pid(pay):row_id>/leave-out")
@requires(Permission.PAYOUTS_RECORD)
def leave_out(batch_id: UUID, row_id: UUID) -> ResponseReturnValue:
    """Take one payout out of a batch that nobody approved yet."""
    form = ReasonForm(request.form)
    queries.row(queries.batch(db.session(), batch_id), row_id)  # 404 first
    if not form.validate():
        return _batch_page(batch_id, form), HTTPStatus.UNPROCESSABLE_ENTITY
    with transaction(db.session()) as session:
        batch = queries.batch(session, batch_id, lock=True)
        service.leave_out(
            session,
            batch,
            queries.row(batch, row_id),
            reason=form.reason.data or "",
            actor=signed_in_user(),
            now=utc_now(),
        )
    flashes.success(_("Left out. It is due again with the next batch."))
    return _back(batch_id)


@bp.post("/<pid(bat):batch_id>/approve")
@requires(Permission.PAYOUTS_APPROVE)
def approve(batch_id: UUID) -> ResponseReturnValue:
    """Approve the batch, which makes its file."""
    settings = _settings()
    with transaction(db.session()) as session:
        service.approve(
            session,
            queries.batch(session, batch_id, lock=True),
            payer=_payer(settings),
            keys=settings.data_keys,
            actor=signed_in_user(),
            now=utc_now(),
        )
    flashes.success(_("Approved. Download the file and give it to your bank."))
    return _back(batch_id)


@bp.get("/<pid(bat):batch_id>/file")
@requires(Permission.PAYOUTS_RECORD)
def file(batch_id: UUID) -> ResponseReturnValue:
    """Download the file for the bank, the same bytes each time."""
    session = db.session()
    batch = queries.batch(session, batch_id)
    response = download(
        service.file_of(session, batch, keys=_settings().data_keys),
        filename=f"{batch.name}.{files.extension(batch.format)}",
        mimetype=files.mimetype(batch.format),
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/<pid(bat):batch_id>/sent")
@requires(Permission.PAYOUTS_RECORD)
def sent(batch_id: UUID) -> ResponseReturnValue:
    """Note that the bank has the file."""
    with transaction(db.session()) as session:
        service.mark_sent(
            session,
            queries.batch(session, batch_id, lock=True),
            actor=signed_in_user(),
            now=utc_now(),
        )
    flashes.success(_("Marked as sent. The partners get a mail about their payment."))
    return _back(batch_id)


@bp.post("/<pid(bat):batch_id>/cancel")
@requires(Permission.PAYOUTS_RECORD)
def cancel(batch_id: UUID) -> ResponseReturnValue:
    """Give the batch up before the bank has it."""
    form = ReasonForm(request.form)
    queries.batch(db.session(), batch_id)  # 404 first
    if not form.validate():
        return _batch_page(batch_id, form), HTTPStatus.UNPROCESSABLE_ENTITY
    with transaction(db.session()) as session:
        service.cancel(
            session,
            queries.batch(session, batch_id, lock=True),
            reason=form.reason.data or "",
            actor=signed_in_user(),
            now=utc_now(),
        )
    flashes.success(_("Canceled. Everything in it is due again."))
    return _back(batch_id)


@bp.get("/<pid(bat):batch_id>/results")
@requires(Permission.PAYOUTS_RECORD)
def results(batch_id: UUID) -> ResponseReturnValue:
    """Ask for the file with the bank's answers."""
    return _results_page(batch_id)


@bp.post("/<pid(bat):batch_id>/results")
@requires(Permission.PAYOUTS_RECORD)
def take_results(batch_id: UUID) -> ResponseReturnValue:
    """Take the bank's answers in, all of them or none."""
    upload = request.files.get("file")
    if upload is None or not upload.filename:
        page = _results_page(batch_id, _("Choose the file with the bank's answers."))
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    content = upload.read()
    try:
        with transaction(db.session()) as session:
            imported = service.import_results(
                session,
                queries.batch(session, batch_id, lock=True),
                content,
                actor=signed_in_user(),
                now=utc_now(),
            )
    except service.ResultsRefused as refusal:
        page = _results_page(batch_id, refusal.message, refusal.problems)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    flashes.success(
        _(
            "Taken in: %(paid)s paid, %(failed)s failed, %(known)s known before.",
            paid=imported.paid,
            failed=imported.failed,
            known=imported.known,
        )
    )
    return _back(batch_id)


def _settings() -> Settings:
    settings: Settings = current_app.extensions["portal.settings"]
    return settings


def _payer(settings: Settings) -> files.Payer:
    return files.Payer(
        name=settings.org_name,
        iban=settings.payer_iban,
        bic=settings.payer_bic,
        routing_number=settings.payer_routing_number,
        company_id=settings.payer_company_id,
        bank_name=settings.payer_bank_name,
    )


def _batch_form(typed: MultiDict[str, str]) -> BatchForm:
    return BatchForm(
        typed,
        currencies=queries.balances(db.session()),
        pay_on=next_business_day(utc_now().date()),
    )


def _collected(form: BatchForm) -> queries.Collected:
    return queries.collect(
        db.session(),
        currency=form.currency.data,
        file_format=form.file_format,
        pay_on=form.day,
        now=utc_now(),
    )


def _preview_page(form: BatchForm, found: queries.Collected | None) -> str:
    return render_template(
        "payouts/admin/new.html",
        form=form,
        found=found,
        missing=service.missing_setup(_payer(_settings()), form.file_format)
        if found
        else [],
        reasons=LeftOut,
        four_eyes=_settings().four_eyes,
    )


def _batch_page(batch_id: UUID, form: ReasonForm) -> str:
    batch = queries.batch(db.session(), batch_id)
    view = queries.view_of(batch)
    me = signed_in_user()
    return render_template(
        "payouts/admin/show.html",
        batch=batch,
        view=view,
        form=form,
        formats=FORMATS,
        statuses=BatchStatus,
        needs_other=batch.four_eyes and batch.made_by_id == me.id,
    )


def _results_page(
    batch_id: UUID, error: str = "", problems: tuple[Problem, ...] = ()
) -> str:
    batch = queries.batch(db.session(), batch_id)
    return render_template(
        "payouts/admin/results.html",
        batch=batch,
        error=error,
        problems=problems,
        header=",".join(HEADER),
    )


def _back(batch_id: UUID) -> ResponseReturnValue:
    return redirect(url_for(".show", batch_id=batch_id), HTTPStatus.SEE_OTHER)
