"""One step of the application: its questions, its files, and two windows at once."""

from http import HTTPStatus

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.form import BaseForm

from portal.accounts.access import public
from portal.applications import (
    access,
    document_queries,
    rules,
    service,
    uploading,
    words,
)
from portal.applications.forms import ANSWER_PREFIX, step_form, typed_answers
from portal.applications.models import Application, ApplicationStatus
from portal.applications.public_views import bp, to_status
from portal.applications.rules import Answer
from portal.applications.uploading import has_files
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import NotFound
from portal.kit.ids import parse_public_id
from portal.programs.definition import FormStep, Join
from portal.web import flashes

LONGEST_FORM = 4 * 1_048_576
"""A step takes more than it keeps, so that a long text comes back to its author."""
_FORM_ID_LENGTH = 64


@bp.url_value_preprocessor
def take_long_texts(endpoint: str | None, values: dict[str, object] | None) -> None:
    """Read long forms of a step to the end, so that they can be shown again."""
    del values
    if endpoint == "applications.save_step":
        request.max_content_length = LONGEST_FORM
        request.max_form_memory_size = LONGEST_FORM
    elif endpoint == "applications.save_step_with_files":
        uploading.allow_files()
        request.max_form_memory_size = LONGEST_FORM


@bp.get("/apply/<reference:reference>/<step_key>")
@public
def step(reference: str, step_key: str) -> ResponseReturnValue:
    """Ask the questions of one step."""
    application = access.opened(db.session(), reference)
    if application.status is not ApplicationStatus.DRAFT:
        return to_status(application)
    join = words.in_reader_language(application.definition.join)
    asked = _step_of(join, step_key)
    form = step_form(asked, join, application.answers)
    return _render_step(application, asked, form)


@bp.post("/apply/<reference:reference>/<step_key>")
@public
def save_step(reference: str, step_key: str) -> ResponseReturnValue:
    """Keep the answers of one step, finished or not."""
    application = access.opened(db.session(), reference)
    join = words.in_reader_language(application.definition.join)
    asked = _step_of(join, step_key)
    form = step_form(asked, join, application.answers, request.form)
    try:
        version = _save(reference, asked, typed_answers(asked, form))
    except service.DraftChanged as refusal:
        if _is_autosave():
            return {"error": {"code": refusal.code}}, HTTPStatus.CONFLICT
        return _render_conflict(reference, asked, form, refusal.keys)
    form.validate()
    if has_files():
        form.form_errors.append(_("You cannot attach files here."))
    if _is_autosave():
        return _autosaved(join, asked, form, version)
    application = access.opened(db.session(), reference)
    if form.errors:
        page = _render_step(application, asked, form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    return redirect(_after(application, join, asked), HTTPStatus.SEE_OTHER)


@bp.post("/apply/<reference:reference>/<step_key>/files")
@public
def save_step_with_files(reference: str, step_key: str) -> ResponseReturnValue:
    """Keep the answers of a step that asks for files, and add or remove files.

    The typed answers are kept first, so that nothing is lost when a file is refused.
    """
    application = access.opened(db.session(), reference)
    join = words.in_reader_language(application.definition.join)
    asked = _step_of(join, step_key)
    typed = uploading.texts_and_files()
    form = step_form(asked, join, application.answers, typed)
    try:
        _save(reference, asked, typed_answers(asked, form))
    except service.DraftChanged as refusal:
        return _render_conflict(reference, asked, form, refusal.keys)
    if "remove" in request.form:
        _remove_file(reference, request.form["remove"])
    wrong = _take_files(reference, asked, form)
    application = access.opened(db.session(), reference)
    stays_here = "add" in request.form or "remove" in request.form
    if stays_here and not wrong:
        here = url_for(
            ".step",
            reference=reference,
            step_key=step_key,
            back=request.args.get("back"),
        )
        return redirect(here, HTTPStatus.SEE_OTHER)
    form = step_form(asked, join, application.answers, typed)
    if not stays_here:
        form.validate()
    for key, messages in wrong.items():
        form[key].errors = messages
    if form.errors:
        page = _render_step(application, asked, form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    return redirect(_after(application, join, asked), HTTPStatus.SEE_OTHER)


# Parts of the above


def _save(reference: str, asked: FormStep, answers: dict[str, Answer]) -> int:
    """Keep the answers of a step and return the draft's version after it."""
    seen = request.form.get("version", "")
    with transaction(db.session()) as session:
        application = access.opened(session, reference, lock=True)
        service.save_answers(
            session,
            application,
            asked,
            answers,
            seen_version=int(seen) if seen.isdecimal() else 0,
            form_id=request.form.get("form_id", "")[:_FORM_ID_LENGTH],
            now=utc_now(),
        )
        return application.answers_version


def _autosaved(
    join: Join, asked: FormStep, form: BaseForm, version: int
) -> ResponseReturnValue:
    """Answer the page's script; what was not kept must not look as if it was."""
    answers = typed_answers(asked, form)
    kept = rules.keepable(asked, answers, join)
    if form.form_errors or kept != set(answers):
        error = {"code": "not_kept", "message": _("Some answers could not be kept.")}
        return {"error": error}, HTTPStatus.UNPROCESSABLE_ENTITY
    return {"version": version}


def _take_files(
    reference: str, asked: FormStep, form: BaseForm
) -> dict[str, list[str]]:
    """Add the files that came with a step; return what is wrong, by question key."""
    wrong: dict[str, list[str]] = {}
    for question in rules.file_questions(asked):
        came = uploading.came_with(form[question.key])
        taken = uploading.take(reference, came)
        wrong[question.key] = list(taken.refused)
        for file, name in taken.files:
            try:
                with transaction(db.session()) as session:
                    service.answer_with_file(
                        session,
                        access.opened(session, reference, lock=True),
                        question,
                        file,
                        name=name,
                        now=utc_now(),
                    )
            except service.TooManyDocuments as refusal:
                wrong[question.key].append(refusal.message)
                break
    return {key: messages for key, messages in wrong.items() if messages}


def _remove_file(reference: str, document: str) -> None:
    try:
        document_id = parse_public_id("doc", document)
    except ValueError as error:
        raise NotFound(_("There is no such document.")) from error
    with transaction(db.session()) as session:
        application = access.opened(session, reference, lock=True)
        service.remove_file(session, application, document_id, now=utc_now())


def _is_autosave() -> bool:
    return "X-Autosave" in request.headers


def _step_of(join: Join, key: str) -> FormStep:
    found = next((step for step in join.steps if step.key == key), None)
    if found is None:
        raise NotFound(_("There is no such step."))
    return found


def _after(application: Application, join: Join, asked: FormStep) -> str:
    """Return where "Save and continue" leads; steps without questions are skipped."""
    reference = application.reference
    if "later" in request.form:
        flashes.success(_("Your draft is saved."))
        return url_for(".tasks", reference=reference)
    shown = {question.key for question in join.asked(application.answers)}
    following = [
        step
        for step in join.steps[join.steps.index(asked) + 1 :]
        if any(question.key in shown for question in step.questions)
    ]
    if request.args.get("back") == "check" or not following:
        return url_for(".check", reference=reference)
    return url_for(".step", reference=reference, step_key=following[0].key)


def _render_step(application: Application, asked: FormStep, form: BaseForm) -> str:
    join = words.in_reader_language(application.definition.join)
    here = {question.key for question in asked.questions}
    shown = {question.key for question in join.asked(application.answers)}
    return render_template(
        "applications/public/step.html",
        application=application,
        join=join,
        step=asked,
        number=join.steps.index(asked) + 1,
        # A question that hangs on another one of this page may be due any moment.
        questions=[
            question
            for question in asked.questions
            if question.key in shown
            or (
                question.show_when
                and question.show_when.question in here
                and not question.retired
            )
        ],
        shown_choices=words.shown_choices,
        size_text=words.size_text,
        by_key={question.key: question for question in join.questions},
        documents=document_queries.by_question(db.session(), application),
        takes_files=bool(rules.file_questions(asked)),
        accept=uploading.ACCEPT,
        form=form,
    )


def _render_conflict(
    reference: str, asked: FormStep, form: BaseForm, keys: tuple[str, ...]
) -> ResponseReturnValue:
    """Show both answers and let the applicant choose."""
    application = access.opened(db.session(), reference)
    typed = typed_answers(asked, form)
    page = render_template(
        "applications/public/conflict.html",
        application=application,
        step=asked,
        differing=[q for q in asked.questions if q.key in keys],
        typed=typed,
        pairs=[
            (ANSWER_PREFIX + key, text)
            for key, answer in typed.items()
            for text in (answer if isinstance(answer, list) else [answer])
        ],
        has_files=has_files(),
        shown_answer=words.shown_answer,
    )
    return page, HTTPStatus.CONFLICT
