"""Courses as the partner's people read them."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.certification import demands, queries
from portal.certification.courses import queries as courses
from portal.certification.courses import service
from portal.certification.courses.reading import lesson_html
from portal.certification.models import Certification
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.partners.access import current_partner_id

bp = Blueprint("certification_course", __name__, url_prefix="/app/certifications")


@bp.get("/<key>/course")
@requires(Permission.CERTIFICATION_TAKE)
def course(key: str) -> ResponseReturnValue:
    """Show the lessons, what is read of them, and where to go on."""
    exam = _demanded_exam(key)
    found = courses.progress_of(db.session(), [exam.id], signed_in_user().id)
    return render_template(
        "certification/course.html", exam=exam, progress=found[exam.id]
    )


@bp.get("/<key>/course/<lesson>")
@requires(Permission.CERTIFICATION_TAKE)
def lesson(key: str, lesson: str) -> ResponseReturnValue:
    """Show one lesson, and say so when it changed since it was read."""
    session, user, exam = db.session(), signed_in_user(), _demanded_exam(key)
    shown = courses.published_lesson(session, exam.id, lesson)
    progress = courses.progress_of(session, [exam.id], user.id)[exam.id]
    before, after = progress.around(lesson)
    read = courses.latest_read(session, shown.lesson.id, user.id)
    return render_template(
        "certification/lesson.html",
        exam=exam,
        version=shown.version,
        text=lesson_html(shown.version.text),
        progress=progress,
        line=next(line for line in progress.lines if line.key == lesson),
        before=before,
        after=after,
        news=[
            one
            for one in courses.versions(session, shown.lesson.id)
            if read is not None and one.number > read.number
        ],
    )


@bp.post("/<key>/course/<lesson>/read")
@requires(Permission.CERTIFICATION_TAKE)
def mark_read(key: str, lesson: str) -> ResponseReturnValue:
    """Mark the version that was on the page as read, and go on."""
    user, exam = signed_in_user(), _demanded_exam(key)
    number = request.form.get("number", "")
    try:
        with transaction(db.session()) as session:
            service.mark_read(
                session,
                courses.published_lesson(session, exam.id, lesson),
                user,
                int(number) if number.isascii() and number.isdigit() else 0,
                now=utc_now(),
            )
    except service.LessonChanged as refusal:
        flash(refusal.message, "error")
        return redirect(url_for(".lesson", key=key, lesson=lesson), code=303)
    progress = courses.progress_of(db.session(), [exam.id], user.id)[exam.id]
    if progress.resume is None:
        flash(_("You have read the whole course."), "success")
        return redirect(url_for(".course", key=key), code=303)
    following = url_for(".lesson", key=key, lesson=progress.resume.key)
    return redirect(following, code=303)


def _demanded_exam(key: str) -> Certification:
    demands.require(db.session(), current_partner_id(), key)
    return queries.by_key(db.session(), key)
