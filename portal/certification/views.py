"""Exams as the partner's people take them."""

from typing import NamedTuple
from uuid import UUID

from flask import (
    Blueprint,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.certification import answers, demands, queries, service, team_queries
from portal.certification.badges import linkedin_url
from portal.certification.cards import cards_of
from portal.certification.courses import queries as courses
from portal.certification.courses.rules import to_study
from portal.certification.documents import CALENDAR_TYPE, next_attempt
from portal.certification.models import Attempt, AttemptStatus
from portal.certification.team_words import member_text, team_text
from portal.config import Settings
from portal.enrollments import queries as enrollments
from portal.enrollments.steps import UNLOCKS
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid, NotFound
from portal.partners.access import current_partner_id
from portal.programs.sentences import team_sentences
from portal.web.downloads import download

bp = Blueprint("certification", __name__, url_prefix="/app/certifications")


@bp.get("")
@requires(Permission.CERTIFICATION_TAKE)
def index() -> ResponseReturnValue:
    """Show the exams that the partner's programs demand, and how each stands."""
    now, user = utc_now(), signed_in_user()
    session, partner_id = db.session(), current_partner_id()
    gates = [
        gate
        for one in enrollments.of_partner(session, partner_id)
        for gate in one.version.definition.gates
    ]
    return render_template(
        "certification/index.html",
        cards=cards_of(session, user.id, partner_id, now=now),
        teams=team_queries.team_standings(session, partner_id, gates, now=now),
        team_text=team_text,
        team_sentences=team_sentences,
        member_text=member_text,
        certificates=queries.certificates_of_partner(session, partner_id),
        unlocks=UNLOCKS,
        now=now,
    )


@bp.get("/<key>/start")
@requires(Permission.CERTIFICATION_TAKE)
def rules(key: str) -> ResponseReturnValue:
    """Say what the exam asks, before the clock starts."""
    session, user, now = db.session(), signed_in_user(), utc_now()
    demands.require(session, current_partner_id(), key)
    exam = queries.by_key(session, key)
    running = queries.open_attempt(session, exam.id, user.id)
    if running is not None:
        return redirect(url_for(".question", attempt_id=running.id, position=1))
    return render_template(
        "certification/rules.html",
        exam=exam,
        course=courses.progress_of(session, [exam.id], user.id)[exam.id],
        earliest=service.earliest_start(session, exam, user.id, now=now),
        renewable=service.renewal_start(session, exam, user.id, now=now),
        extra_percent=queries.extra_percent(session, user.id),
        now=now,
    )


@bp.post("/<key>/start")
@requires(Permission.CERTIFICATION_TAKE)
def start(key: str) -> ResponseReturnValue:
    """Start the clock, or go on with the attempt that is open."""
    partner_id = current_partner_id()
    demands.require(db.session(), partner_id, key)
    user = signed_in_user()
    try:
        with transaction(db.session()) as session:
            attempt = service.start(
                session,
                queries.by_key(session, key),
                user=user,
                partner_id=partner_id,
                now=utc_now(),
            )
            attempt_id = attempt.id
    except service.AttemptIsOpen:
        return redirect(url_for(".rules", key=key), code=303)
    return redirect(url_for(".question", attempt_id=attempt_id, position=1), code=303)


@bp.get("/attempts/<pid(att):attempt_id>/<int:position>")
@requires(Permission.CERTIFICATION_TAKE)
def question(attempt_id: UUID, position: int) -> ResponseReturnValue:
    """Ask one question."""
    attempt = queries.attempt_of(db.session(), attempt_id, signed_in_user().id)
    return _ask(attempt, position)


@bp.post("/attempts/<pid(att):attempt_id>/<int:position>")
@requires(Permission.CERTIFICATION_TAKE)
def answer(attempt_id: UUID, position: int) -> ResponseReturnValue:
    """Save the answer, then show the next question or the overview."""
    try:
        kept = _keep(attempt_id, position)
    except service.TimeIsOver:
        return _submit(attempt_id)
    except service.AnsweredElsewhere as error:
        attempt = queries.attempt_of(db.session(), attempt_id, signed_in_user().id)
        return _ask(attempt, position, elsewhere=error.message)
    except Invalid as error:
        attempt = queries.attempt_of(db.session(), attempt_id, signed_in_user().id)
        return _ask(attempt, position, error=error.message)
    if kept.is_last or "overview" in request.form:
        return redirect(url_for(".overview", attempt_id=attempt_id), code=303)
    following = url_for(".question", attempt_id=attempt_id, position=position + 1)
    return redirect(following, code=303)


@bp.post("/attempts/<pid(att):attempt_id>/<int:position>/save")
@requires(Permission.CERTIFICATION_TAKE)
def save(attempt_id: UUID, position: int) -> ResponseReturnValue:
    """Save what is in the form so far, without leaving the question.

    Scripts call it while somebody types, so that a lost connection loses nothing.
    """
    try:
        version = _keep(attempt_id, position).version
    except Invalid as error:
        return {"saved": False, "problem": error.message}, 422
    return {"saved": True, "version": version}


@bp.get("/attempts/<pid(att):attempt_id>/overview")
@requires(Permission.CERTIFICATION_TAKE)
def overview(attempt_id: UUID) -> ResponseReturnValue:
    """Show what is answered and what is open, before handing in."""
    attempt = queries.attempt_of(db.session(), attempt_id, signed_in_user().id)
    if attempt.status is not AttemptStatus.IN_PROGRESS:
        return redirect(url_for(".result", attempt_id=attempt_id))
    return render_template(
        "certification/overview.html", attempt=attempt, now=utc_now()
    )


@bp.post("/attempts/<pid(att):attempt_id>/submit")
@requires(Permission.CERTIFICATION_TAKE)
def submit(attempt_id: UUID) -> ResponseReturnValue:
    """Hand in. Handing in twice is handing in once."""
    return _submit(attempt_id)


@bp.get("/attempts/<pid(att):attempt_id>/result")
@requires(Permission.CERTIFICATION_TAKE)
def result(attempt_id: UUID) -> ResponseReturnValue:
    """Show the score, and the certificate or when to try again."""
    session, user, now = db.session(), signed_in_user(), utc_now()
    attempt = queries.attempt_of(session, attempt_id, user.id)
    if attempt.status is AttemptStatus.IN_PROGRESS:
        return redirect(url_for(".overview", attempt_id=attempt_id))
    exam = attempt.certification
    course = courses.progress_of(session, [exam.id], user.id)[exam.id]
    certificate = next(
        (
            c
            for c in queries.certificates_of_partner(session, attempt.partner_id)
            if c.attempt_id == attempt.id
        ),
        None,
    )
    return render_template(
        "certification/result.html",
        attempt=attempt,
        certificate=certificate,
        linkedin=linkedin_url(certificate, _settings()) if certificate else None,
        earliest=service.earliest_start(
            session, attempt.certification, user.id, now=now
        ),
        demands=demands.of_partner(session, attempt.partner_id).get(exam.key, []),
        unlocks=UNLOCKS,
        study=to_study(course.lines, attempt.score_by_topic),
        has_course=bool(course.total),
        now=now,
    )


@bp.get("/attempts/<pid(att):attempt_id>/retry.ics")
@requires(Permission.CERTIFICATION_TAKE)
def retry_reminder(attempt_id: UUID) -> ResponseReturnValue:
    """Give the moment of the next attempt as a calendar file."""
    session, user, now = db.session(), signed_in_user(), utc_now()
    attempt = queries.attempt_of(session, attempt_id, user.id)
    exam = attempt.certification
    earliest = service.earliest_start(session, exam, user.id, now=now)
    if attempt.status is not AttemptStatus.FAILED or earliest <= now:
        raise NotFound(_("There is no date to wait for."))
    content = next_attempt(
        exam, earliest, url_for(".rules", key=exam.key, _external=True), now=now
    )
    return download(content, filename=f"{exam.key}.ics", mimetype=CALENDAR_TYPE)


def _settings() -> Settings:
    settings: Settings = current_app.extensions["portal.settings"]
    return settings


class _Kept(NamedTuple):
    """What was saved: whether it was the last question, and how often it was saved."""

    is_last: bool
    version: int


def _keep(attempt_id: UUID, position: int) -> _Kept:
    """Save the answer in the form."""
    version = request.form.get("version", "")
    with transaction(db.session()) as session:
        attempt = queries.attempt_of(
            session, attempt_id, signed_in_user().id, lock=True
        )
        asked = attempt.asked_at(position)
        service.answer(
            attempt,
            position,
            answers.given(asked, answers.typed(asked, request.form)),
            version=int(version) if version.isascii() and version.isdigit() else None,
            now=utc_now(),
        )
        return _Kept(position >= len(attempt.questions), asked.version)


def _ask(
    attempt: Attempt, position: int, *, error: str = "", elsewhere: str = ""
) -> ResponseReturnValue:
    if attempt.status is not AttemptStatus.IN_PROGRESS:
        return redirect(url_for(".result", attempt_id=attempt.id))
    asked = attempt.asked_at(position)
    shown = answers.typed(asked, request.form) if error else answers.saved(asked)
    page = render_template(
        "certification/question.html",
        attempt=attempt,
        asked=asked,
        shown=shown,
        error=error,
        elsewhere=elsewhere,
        now=utc_now(),
    )
    if elsewhere:
        return page, 409
    return (page, 422) if error else page


def _submit(attempt_id: UUID) -> ResponseReturnValue:
    user = signed_in_user()
    with transaction(db.session()) as session:
        attempt = queries.attempt_of(session, attempt_id, user.id, lock=True)
        now = utc_now()
        if attempt.status is AttemptStatus.IN_PROGRESS:
            service.submit(session, attempt, now=now)
            if now >= attempt.deadline_at:
                flash(_("The time is over. What you had saved counts."), "info")
    return redirect(url_for(".result", attempt_id=attempt_id), code=303)
