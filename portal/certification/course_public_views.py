"""Courses that a program opens to those who are not in it yet."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from portal.accounts.access import public
from portal.certification import demands, queries
from portal.certification.courses import queries as courses
from portal.certification.courses.reading import lesson_html
from portal.certification.models import Certification
from portal.extensions import db
from portal.kit.clock import utc_now

bp = Blueprint("certification_open_course", __name__, url_prefix="/courses")


@bp.get("/<key>")
@public
def course(key: str) -> ResponseReturnValue:
    """List the lessons; nobody's progress is kept here."""
    exam = _open_exam(key)
    progress = courses.progress_of(db.session(), [exam.id], None)[exam.id]
    return render_template(
        "certification/public/course.html", exam=exam, progress=progress
    )


@bp.get("/<key>/<lesson>")
@public
def lesson(key: str, lesson: str) -> ResponseReturnValue:
    """Show one lesson."""
    session, exam = db.session(), _open_exam(key)
    shown = courses.published_lesson(session, exam.id, lesson)
    progress = courses.progress_of(session, [exam.id], None)[exam.id]
    before, after = progress.around(lesson)
    return render_template(
        "certification/public/lesson.html",
        exam=exam,
        version=shown.version,
        text=lesson_html(shown.version.text),
        before=before,
        after=after,
    )


def _open_exam(key: str) -> Certification:
    demands.require_open_course(db.session(), key, now=utc_now())
    return queries.by_key(db.session(), key)
