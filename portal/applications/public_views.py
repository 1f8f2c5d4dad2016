"""From the e-mail address to the application that was sent."""

from http import HTTPStatus

import flask
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from wtforms.form import BaseForm

from portal.accounts.access import public
from portal.applications import access, rules, service, words
from portal.applications.forms import (
    ANSWER_PREFIX,
    CodeForm,
    SendForm,
    StartForm,
    step_form,
    typed_answers,
)
from portal.applications.models import Application, ApplicationStatus
from portal.applications.queries import NoSuchApplication
from portal.applications.references_in_urls import understand_references
from portal.applications.rules import Answer
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid, NotFound
from portal.programs import queries as programs
from portal.programs.definition import FormStep, Join
from portal.web import flashes
from portal.web.forms import blame

bp = Blueprint("applications", __name__)
understand_references(bp)

_STARTED = "application_started"
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


@bp.before_request
def refuse_files() -> None:
    """Refuse uploads; a step says it beside its form.

    Raises:
        Invalid: The form brings a file.
    """
    if request.endpoint != "applications.save_step" and _has_files():
        raise Invalid(_("You cannot attach files here."), field="file")


@bp.errorhandler(NoSuchApplication)
def not_opened_here(error: NoSuchApplication) -> ResponseReturnValue:
    """Say how to get in, whether there is such an application or not."""
    del error
    return render_template("applications/public/not_opened.html"), HTTPStatus.NOT_FOUND


# Getting in


@bp.route("/apply/<slug>", methods=["GET", "POST"])
@public
def start(slug: str) -> ResponseReturnValue:
    """Ask for the e-mail address, and the country where it matters."""
    now = utc_now()
    version = programs.open_to_visitors(db.session(), slug, now)
    definition = version.definition
    form = StartForm(_typed(), prefix="start-").for_program(definition.join)
    if request.method == "POST" and form.validate():
        try:
            _start(slug, form.email.data or "", form.country_code)
        except Invalid as refusal:
            blame(form, refusal)
        else:
            return redirect(url_for(".check_email", slug=slug), HTTPStatus.SEE_OTHER)
    page = render_template(
        "applications/public/start.html", form=form, definition=definition
    )
    return page, _status_of(form)


@bp.get("/apply/<slug>/check-email")
@public
def check_email(slug: str) -> ResponseReturnValue:
    """Say where the link is; take the code instead."""
    started = flask.session.get(_STARTED)
    if started is None or started["slug"] != slug:
        return redirect(url_for(".start", slug=slug))
    return _render_check_email(slug, CodeForm())


@bp.post("/apply/<slug>/check-email")
@public
def enter_code(slug: str) -> ResponseReturnValue:
    """Open the draft whose code was typed."""
    started = flask.session.get(_STARTED)
    if started is None or started["slug"] != slug:
        return redirect(url_for(".start", slug=slug), HTTPStatus.SEE_OTHER)
    form = CodeForm(request.form)
    if not form.validate():
        return _render_check_email(slug, form), HTTPStatus.UNPROCESSABLE_ENTITY
    with transaction(db.session()) as session:
        application = service.confirm_email(
            session,
            programs.by_key(session, slug).id,
            email=started["email"],
            code=form.code.data or "",
            remote_address=request.remote_addr,
            now=utc_now(),
        )
        if application is not None:
            access.remember(application)
            reference = application.reference
    if application is None:
        message = _(
            "This is not the code of our newest mail, or it is too old. "
            "Check the digits, or ask for a new mail."
        )
        blame(form, Invalid(message, field="code"))
        return _render_check_email(slug, form), HTTPStatus.UNPROCESSABLE_ENTITY
    del flask.session[_STARTED]
    return redirect(url_for(".tasks", reference=reference), HTTPStatus.SEE_OTHER)


@bp.post("/apply/<slug>/resend")
@public
def resend(slug: str) -> ResponseReturnValue:
    """Send the mail again."""
    started = flask.session.get(_STARTED)
    if started is None or started["slug"] != slug:
        return redirect(url_for(".start", slug=slug), HTTPStatus.SEE_OTHER)
    _start(slug, started["email"], started["country"])
    flashes.success(_("If this address can get another mail today, it is on its way."))
    return redirect(url_for(".check_email", slug=slug), HTTPStatus.SEE_OTHER)


@bp.get("/apply/confirm/<token>")
@public
def confirm(token: str) -> ResponseReturnValue:
    """Open the application that a mailed link belongs to."""
    try:
        with transaction(db.session()) as session:
            application = service.open_by_link(session, token, now=utc_now())
            access.remember(application)
            is_draft = application.status is ApplicationStatus.DRAFT
            endpoint = ".tasks" if is_draft else "applications_status.show"
            answer = redirect(url_for(endpoint, reference=application.reference))
    except service.LinkExpired as refusal:
        answer = _link_is_dead(refusal.message, refusal.program_key, HTTPStatus.GONE)
    except service.NoSuchLink as refusal:
        answer = _link_is_dead(refusal.message, None, HTTPStatus.NOT_FOUND)
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


# Filling in


@bp.get("/apply/<reference:reference>")
@public
def tasks(reference: str) -> ResponseReturnValue:
    """Show what is done and what is left."""
    application = access.opened(db.session(), reference)
    if application.status is not ApplicationStatus.DRAFT:
        return _to_status(application)
    join = application.definition.join
    left = {
        step.key: rules.unfinished(step.questions, application.answers, join)
        for step in join.steps
    }
    return render_template(
        "applications/public/tasks.html", application=application, left=left
    )


@bp.get("/apply/<reference:reference>/<step_key>")
@public
def step(reference: str, step_key: str) -> ResponseReturnValue:
    """Ask the questions of one step."""
    application = access.opened(db.session(), reference)
    if application.status is not ApplicationStatus.DRAFT:
        return _to_status(application)
    asked = _step_of(application, step_key)
    form = step_form(asked, application.definition.join, application.answers)
    return _render_step(application, asked, form)


@bp.post("/apply/<reference:reference>/<step_key>")
@public
def save_step(reference: str, step_key: str) -> ResponseReturnValue:
    """Keep the answers of one step, finished or not."""
    application = access.opened(db.session(), reference)
    asked, join = _step_of(application, step_key), application.definition.join
    form = step_form(asked, join, application.answers, request.form)
    try:
        version = _save(reference, asked, typed_answers(asked, form))
    except service.DraftChanged as refusal:
        if _is_autosave():
            return {"error": {"code": refusal.code}}, HTTPStatus.CONFLICT
        return _render_conflict(reference, asked, form, refusal.keys)
    form.validate()
    if _has_files():
        form.form_errors.append(_("You cannot attach files here."))
    if _is_autosave():
        return _autosaved(join, asked, form, version)
    if form.errors:
        application = access.opened(db.session(), reference)
        page = _render_step(application, asked, form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    return redirect(_after(reference, join, asked), HTTPStatus.SEE_OTHER)


@bp.route("/apply/<reference:reference>/check", methods=["GET", "POST"])
@public
def check(reference: str) -> ResponseReturnValue:
    """Show all answers before they are sent, and send them."""
    application = access.opened(db.session(), reference)
    if application.status is not ApplicationStatus.DRAFT:
        return _to_status(application)
    is_open = service.takes_in_everybody(db.session(), application, now=utc_now())
    form = SendForm(_typed())
    if is_open:
        del form.agree
    if request.method == "POST":
        try:
            with transaction(db.session()) as session:
                service.submit(
                    session,
                    access.opened(session, reference, lock=True),
                    agrees_to_checks="agree" in form and bool(form.agree.data),
                    now=utc_now(),
                )
        except Invalid as refusal:
            blame(form, refusal)
        except (
            service.AnswersMissing,
            service.StaffAddress,
            service.AlreadyInProgram,
        ) as refusal:
            form.form_errors.append(refusal.message)
        else:
            return redirect(url_for(".sent", reference=reference), HTTPStatus.SEE_OTHER)
        application = access.opened(db.session(), reference)
    join = application.definition.join
    page = render_template(
        "applications/public/check.html",
        application=application,
        form=form,
        is_open=is_open,
        problems=rules.unfinished(join.questions, application.answers, join),
        shown_answer=words.shown_answer,
        problem_text=words.problem_text,
    )
    return page, _status_of(form)


@bp.get("/apply/<reference:reference>/sent")
@public
def sent(reference: str) -> ResponseReturnValue:
    """Say that it has arrived and what happens next."""
    application = access.opened(db.session(), reference)
    if application.submitted_at is None:
        return redirect(url_for(".tasks", reference=reference))
    return render_template("applications/public/sent.html", application=application)


# Parts of the above


def _start(slug: str, email: str, country: str | None) -> None:
    now = utc_now()
    with transaction(db.session()) as session:
        service.start(
            session,
            programs.open_to_visitors(session, slug, now),
            email=email,
            country=country,
            remote_address=request.remote_addr,
            locale=str(get_locale()),
            now=now,
        )
    # Not the application: an older one would tell that the address is known.
    flask.session[_STARTED] = {
        "slug": slug,
        "email": email.strip().lower(),
        "country": country,
    }


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


def _typed() -> MultiDict[str, str] | None:
    return request.form if request.method == "POST" else None


def _has_files() -> bool:
    return any(upload.filename for upload in request.files.values())


def _is_autosave() -> bool:
    return "X-Autosave" in request.headers


def _status_of(form: BaseForm) -> HTTPStatus:
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK


def _to_status(application: Application) -> ResponseReturnValue:
    address = url_for("applications_status.show", reference=application.reference)
    return redirect(address, HTTPStatus.SEE_OTHER)


def _step_of(application: Application, key: str) -> FormStep:
    steps = application.definition.join.steps
    found = next((step for step in steps if step.key == key), None)
    if found is None:
        raise NotFound(_("There is no such step."))
    return found


def _after(reference: str, join: Join, asked: FormStep) -> str:
    """Return where "Save and continue" leads."""
    if "later" in request.form:
        flashes.success(_("Your draft is saved."))
        return url_for(".tasks", reference=reference)
    following = join.steps[join.steps.index(asked) + 1 :]
    if request.args.get("back") == "check" or not following:
        return url_for(".check", reference=reference)
    return url_for(".step", reference=reference, step_key=following[0].key)


def _render_step(application: Application, asked: FormStep, form: BaseForm) -> str:
    return render_template(
        "applications/public/step.html",
        application=application,
        step=asked,
        number=application.definition.join.steps.index(asked) + 1,
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
        shown_answer=words.shown_answer,
    )
    return page, HTTPStatus.CONFLICT


def _render_check_email(slug: str, form: CodeForm) -> str:
    return render_template(
        "applications/public/check_email.html",
        slug=slug,
        form=form,
        email=flask.session[_STARTED]["email"],
    )


def _link_is_dead(message: str, key: str | None, status: HTTPStatus) -> Response:
    page = render_template(
        "applications/public/dead_link.html", message=message, program_key=key
    )
    return Response(page, status)
