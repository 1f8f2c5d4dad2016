"""Exams as the partner's people take them."""

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
from portal.certification import answers, badges, queries, service, team_queries
from portal.certification.documents import render
from portal.certification.models import Attempt, AttemptStatus
from portal.certification.rules import renewable_from
from portal.certification.team_words import member_text, team_text
from portal.config import Settings
from portal.enrollments import queries as enrollments
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
    demanded = _demanded(partner_id)
    exams = queries.by_keys(session, list(demanded))
    attempts = queries.attempts_of(session, user.id)
    cards = [
        {
            "exam": exam,
            "programs": demanded[exam.key],
            "open": next(
                (
                    a
                    for a in attempts
                    if a.certification_id == exam.id
                    and a.status is AttemptStatus.IN_PROGRESS
                ),
                None,
            ),
            "last": next((a for a in attempts if a.certification_id == exam.id), None),
        }
        for exam in exams
    ]
    gates = [
        gate
        for one in enrollments.of_partner(session, partner_id)
        for gate in one.version.definition.gates
    ]
    return render_template(
        "certification/index.html",
        cards=cards,
        teams=team_queries.team_standings(session, partner_id, gates, now=now),
        team_text=team_text,
        team_sentences=team_sentences,
        member_text=member_text,
        certificates=queries.certificates_of_partner(session, partner_id),
        user=user,
        now=now,
    )


@bp.get("/<key>/start")
@requires(Permission.CERTIFICATION_TAKE)
def rules(key: str) -> ResponseReturnValue:
    """Say what the exam asks, before the clock starts."""
    session, user, now = db.session(), signed_in_user(), utc_now()
    _require_demanded(key)
    exam = queries.by_key(session, key)
    running = queries.open_attempt(session, exam.id, user.id)
    if running is not None:
        return redirect(url_for(".question", attempt_id=running.id, position=1))
    return render_template(
        "certification/rules.html",
        exam=exam,
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
    _require_demanded(key)
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
        is_last = _keep(attempt_id, position)
    except service.TimeIsOver:
        return _submit(attempt_id)
    except Invalid as error:
        attempt = queries.attempt_of(db.session(), attempt_id, signed_in_user().id)
        return _ask(attempt, position, error=error.message)
    if is_last or "overview" in request.form:
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
        _keep(attempt_id, position)
    except Invalid as error:
        return {"saved": False, "problem": error.message}, 422
    return {"saved": True}


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
        earliest=service.earliest_start(
            session, attempt.certification, user.id, now=now
        ),
        now=now,
    )


@bp.get("/certificates/<pid(cer):certificate_id>")
@requires(Permission.CERTIFICATION_TAKE)
def certificate(certificate_id: UUID) -> ResponseReturnValue:
    """Show one certificate of the team, with its files."""
    found = queries.certificate_of_partner(
        db.session(), certificate_id, current_partner_id()
    )
    settings = _settings()
    return render_template(
        "certification/certificate.html",
        certificate=found,
        address=badges.verify_url(found.number, settings),
        linkedin=badges.linkedin_url(found, settings),
        has_badges=bool(settings.badge_keys),
        is_holder=found.user_id == signed_in_user().id,
        renewable=renewable_from(found.expires_at, found.certification.renewal_days),
        now=utc_now(),
    )


@bp.get("/certificates/<pid(cer):certificate_id>.pdf")
@requires(Permission.CERTIFICATION_TAKE)
def paper(certificate_id: UUID) -> ResponseReturnValue:
    """Give a certificate of the team as a PDF; a revoked one is not given out."""
    found = queries.certificate_of_partner(
        db.session(), certificate_id, current_partner_id()
    )
    if found.revoked_at is not None:
        raise NotFound(_("This certificate was revoked."))
    settings = _settings()
    address = badges.verify_url(found.number, settings)
    return download(
        render(found, settings.org_name, address),
        filename=f"{found.number}.pdf",
        mimetype="application/pdf",
    )


def _settings() -> Settings:
    settings: Settings = current_app.extensions["portal.settings"]
    return settings


def _keep(attempt_id: UUID, position: int) -> bool:
    """Save the answer in the form; tell whether it was to the last question."""
    with transaction(db.session()) as session:
        attempt = queries.attempt_of(
            session, attempt_id, signed_in_user().id, lock=True
        )
        asked = attempt.asked_at(position)
        given = answers.given(asked, answers.typed(asked, request.form))
        service.answer(attempt, position, given, now=utc_now())
        return position >= len(attempt.questions)


def _ask(attempt: Attempt, position: int, *, error: str = "") -> ResponseReturnValue:
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
        now=utc_now(),
    )
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


def _demanded(partner_id: UUID) -> dict[str, list[str]]:
    """Return the exams that the partner's programs demand, with the programs."""
    found: dict[str, list[str]] = {}
    for enrollment in enrollments.of_partner(db.session(), partner_id):
        definition = enrollment.version.definition
        for key in dict.fromkeys(
            exam for one in definition.gates for exam in one.exams
        ):
            found.setdefault(key, []).append(definition.name)
    return found


def _require_demanded(key: str) -> None:
    if key not in _demanded(current_partner_id()):
        raise NotFound(_("None of your programs asks for this certification."))
