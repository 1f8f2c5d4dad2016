"""Question banks as staff keep them: statistics, import, corrections, extra time."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.accounts import queries as people
from portal.accounts.access import requires, signed_in_user
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.accounts.service import normal_email
from portal.certification import imports, queries, service
from portal.certification.forms import CorrectionForm, ExtraTimeForm, ImportForm
from portal.certification.models import Question
from portal.certification.rules import QuestionKind, QuestionStatistics
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Conflict, Invalid
from portal.web.forms import blame

bp = Blueprint("certification_bank", __name__, url_prefix="/admin/certifications")


@bp.get("/<key>")
@requires(Permission.CERTIFICATION_READ)
def bank(key: str) -> ResponseReturnValue:
    """Show an exam's settings and how its questions do, without the answers."""
    session = db.session()
    exam = queries.by_key(session, key)
    return render_template(
        "certification/admin/bank.html",
        exam=exam,
        questions=queries.questions(session, exam.id),
        statistics=queries.statistics(session, exam.id),
        nothing=QuestionStatistics(),
    )


@bp.get("/<key>/import")
@requires(Permission.CERTIFICATION_MANAGE)
def ask_import(key: str) -> ResponseReturnValue:
    """Ask for a file of questions."""
    exam = queries.by_key(db.session(), key)
    return render_template(
        "certification/admin/import.html", exam=exam, form=ImportForm(), planned=None
    )


@bp.post("/<key>/import")
@requires(Permission.CERTIFICATION_MANAGE)
def import_questions(key: str) -> ResponseReturnValue:
    """Try a file, or bring in what was tried."""
    form = ImportForm(request.form)
    planned, status = None, 422
    try:
        text = _text_of(form)
        if form.validate() and text:
            with transaction(db.session()) as session:
                exam = queries.by_key(session, key)
                planned = imports.plan(session, exam, text, form.fmt.data)
                if "import" in request.form and not planned.problems:
                    imports.take_in(
                        session, exam, planned, actor=signed_in_user(), now=utc_now()
                    )
                    return _imported(key, len(planned.new))
            status = 422 if planned.problems else 200
        elif not text:
            form.file.errors = [_("Choose a file, or paste the questions.")]
    except ValueError as error:
        form.file.errors = [str(error)]
    page = render_template(
        "certification/admin/import.html",
        exam=queries.by_key(db.session(), key),
        form=form,
        planned=planned,
    )
    return page, status


def _text_of(form: ImportForm) -> str:
    """Return the uploaded file, which goes first, or what was pasted."""
    upload = request.files.get("file")
    if upload is not None and upload.filename:
        form.text.data = imports.decoded(upload.read())
    return str(form.text.data or "")


def _imported(key: str, count: int) -> ResponseReturnValue:
    text = ngettext("%(num)d question is new.", "%(num)d questions are new.", count)
    flash(text, "success")
    return redirect(url_for(".bank", key=key), code=303)


@bp.get("/questions/<pid(qst):question_id>")
@requires(Permission.CERTIFICATION_MANAGE)
def question(question_id: UUID) -> ResponseReturnValue:
    """Show one question with its answer, to those who may correct it."""
    return _render_question(question_id, CorrectionForm())


@bp.post("/questions/<pid(qst):question_id>/correct")
@requires(Permission.CERTIFICATION_MANAGE)
def correct(question_id: UUID) -> ResponseReturnValue:
    """Say what a correction would do, or correct the answer."""
    form = CorrectionForm(request.form)
    is_trial = "trial" in request.form
    with transaction(db.session()) as session:
        found = queries.question(session, question_id)
        right = _right(found)
        try:
            if is_trial:
                preview = service.preview_correction(session, found, right)
                return _render_question(question_id, form, right=right, preview=preview)
            service.correct_key(
                session,
                found,
                right,
                actor=signed_in_user(),
                reason=form.reason.data or "",
                now=utc_now(),
            )
        except Invalid as refusal:
            blame(form, refusal)
            return _render_question(question_id, form, right=right), 422
    flash(_("The answer is corrected, and the attempts are graded again."), "success")
    return redirect(url_for(".question", question_id=question_id), code=303)


@bp.post("/questions/<pid(qst):question_id>/retire")
@requires(Permission.CERTIFICATION_MANAGE)
def retire(question_id: UUID) -> ResponseReturnValue:
    """Draw a question no more."""
    try:
        with transaction(db.session()) as session:
            found = queries.question(session, question_id, lock=True)
            service.retire(session, found, actor=signed_in_user(), now=utc_now())
    except Conflict as refusal:
        flash(refusal.message, "error")
    else:
        flash(_("The question is retired. Attempts that have it keep it."), "success")
    return redirect(url_for(".question", question_id=question_id), code=303)


def _right(found: Question) -> list[str]:
    """Return the answer in the form, as it is stored."""
    if found.kind is QuestionKind.TEXT:
        return request.form.get("right", "").splitlines()
    if found.kind is not QuestionKind.ORDER:
        return request.form.getlist("right")
    places = {
        option["key"]: request.form.get(f"place-{option['key']}", "")
        for option in found.options
    }
    return sorted((key for key in places if places[key]), key=lambda k: places[k])


def _render_question(question_id: UUID, form: CorrectionForm, **found: Any) -> str:  # noqa: ANN401 - what a template takes
    session = db.session()
    asked = queries.question(session, question_id)
    key = queries.answer_key(session, question_id)
    statistics = queries.statistics(session, asked.certification_id)
    form.reason.flags.required = True  # to correct, though not to try
    return render_template(
        "certification/admin/question.html",
        question=asked,
        answer=key,
        form=form,
        shown=found.get("right", key.right),
        preview=found.get("preview"),
        changes=queries.key_changes(session, question_id),
        found=statistics.get(question_id, QuestionStatistics()),
    )


@bp.get("/extra-time")
@requires(Permission.CERTIFICATION_MANAGE)
def extra_time() -> ResponseReturnValue:
    """List who has more time, with the form that grants it."""
    return _render_extra_time(ExtraTimeForm())


@bp.post("/extra-time")
@requires(Permission.CERTIFICATION_MANAGE)
def grant_extra_time() -> ResponseReturnValue:
    """Give a person more time, or take it away."""
    form = ExtraTimeForm(request.form)
    if not form.validate():
        return _render_extra_time(form), 422
    try:
        with transaction(db.session()) as session:
            person = _person(form.email.data or "")
            service.grant_extra_time(
                session,
                person,
                int(form.percent.data),
                actor=signed_in_user(),
                now=utc_now(),
            )
            name = person.name
    except Invalid as refusal:
        blame(form, refusal)
        return _render_extra_time(form), 422
    flash(
        _("Saved. It counts from the next attempt of %(name)s on.", name=name),
        "success",
    )
    return redirect(url_for(".extra_time"), code=303)


def _person(email: str) -> User:
    found = people.by_email(db.session(), normal_email(email))
    if found is None:
        raise Invalid(_("Nobody signs in with this address."), field="email")
    return found


def _render_extra_time(form: ExtraTimeForm) -> str:
    return render_template(
        "certification/admin/extra_time.html",
        form=form,
        granted=queries.extra_times(db.session()),
    )
