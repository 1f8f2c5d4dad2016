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
from portal.applications import access, document_queries, rules, service, words
from portal.applications.forms import (
    CodeForm,
    SendForm,
    StartForm,
)
from portal.applications.models import Application, ApplicationStatus
from portal.applications.queries import NoSuchApplication
from portal.applications.references_in_urls import understand_references
from portal.applications.uploading import has_files
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.programs import queries as programs
from portal.web import flashes
from portal.web.forms import blame

bp = Blueprint("applications", __name__)
understand_references(bp)

_STARTED = "application_started"
TAKES_FILES = frozenset({"applications.save_step", "applications.save_step_with_files"})


@bp.before_request
def refuse_files() -> None:
    """Refuse uploads where none is asked for; a step says it beside its form.

    Raises:
        Invalid: The form brings a file.
    """
    if request.endpoint not in TAKES_FILES and has_files():
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
            begins_at = _begins_at(application)
    if application is None:
        message = _(
            "This is not the code of our newest mail, or it is too old. "
            "Check the digits, or ask for a new mail."
        )
        blame(form, Invalid(message, field="code"))
        return _render_check_email(slug, form), HTTPStatus.UNPROCESSABLE_ENTITY
    del flask.session[_STARTED]
    return redirect(begins_at, HTTPStatus.SEE_OTHER)


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
            answer = redirect(_begins_at(application))
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
        return to_status(application)
    join = words.in_reader_language(application.definition.join)
    left = {
        step.key: rules.unfinished(step.questions, application.answers, join)
        for step in join.steps
    }
    return render_template(
        "applications/public/tasks.html", application=application, join=join, left=left
    )


@bp.route("/apply/<reference:reference>/check", methods=["GET", "POST"])
@public
def check(reference: str) -> ResponseReturnValue:
    """Show all answers before they are sent, and send them."""
    application = access.opened(db.session(), reference)
    if application.status is not ApplicationStatus.DRAFT:
        return to_status(application)
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
    join = words.in_reader_language(application.definition.join)
    page = render_template(
        "applications/public/check.html",
        application=application,
        join=join,
        asked={question.key for question in join.asked(application.answers)},
        documents=document_queries.by_question(db.session(), application),
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


def _typed() -> MultiDict[str, str] | None:
    return request.form if request.method == "POST" else None


def _status_of(form: BaseForm) -> HTTPStatus:
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK


def _begins_at(application: Application) -> str:
    """Return where its sender goes on: a short form needs no list of what is left."""
    reference = application.reference
    if application.status is not ApplicationStatus.DRAFT:
        return url_for("applications_status.show", reference=reference)
    join = application.definition.join
    is_left = rules.unfinished(join.questions, application.answers, join)
    if len(join.steps) == 1 and is_left:
        return url_for(".step", reference=reference, step_key=join.steps[0].key)
    return url_for(".tasks", reference=reference)


def to_status(application: Application) -> ResponseReturnValue:
    """Lead to the page of an application that was sent."""
    address = url_for("applications_status.show", reference=application.reference)
    return redirect(address, HTTPStatus.SEE_OTHER)


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
