"""Courses as staff write them."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.certification import queries
from portal.certification.courses import files, service
from portal.certification.courses import queries as courses
from portal.certification.courses.content import LessonContent
from portal.certification.courses.reading import lesson_html
from portal.certification.forms import LessonForm, PublishForm
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Conflict, Invalid
from portal.programs.definition.parts import storable
from portal.web.forms import blame

bp = Blueprint("certification_lessons", __name__, url_prefix="/admin/certifications")


@bp.get("/<key>/course")
@requires(Permission.CERTIFICATION_READ)
def index(key: str) -> ResponseReturnValue:
    """List the lessons of an exam, drafts and retired ones too."""
    session = db.session()
    exam = queries.by_key(session, key)
    topics = {one.topic for one in queries.questions(session, exam.id)}
    lessons = courses.lessons(session, exam.id)
    return render_template(
        "certification/admin/course.html",
        exam=exam,
        lessons=lessons,
        current=courses.current_versions(session, exam.id),
        readers=courses.readers(session, exam.id),
        uncovered=sorted(topics - {one.topic for one in lessons}),
    )


@bp.get("/<key>/course/new")
@requires(Permission.CERTIFICATION_MANAGE)
def new(key: str) -> ResponseReturnValue:
    """Ask for a new lesson."""
    return _render_new(key, LessonForm())


@bp.post("/<key>/course/new")
@requires(Permission.CERTIFICATION_MANAGE)
def create(key: str) -> ResponseReturnValue:
    """Add a lesson as a draft, or show what it would look like."""
    form = LessonForm(request.form)
    if not _is_valid(form):
        return _render_new(key, form), 422
    if "preview" in request.form:
        return _render_new(key, form, preview=lesson_html(form.text.data or ""))
    name = form.key.data or files.key_for(form.title.data or "")
    if not name:
        form.key.errors = [_("Enter a name: none can be made from this title.")]
        return _render_new(key, form), 422
    try:
        with transaction(db.session()) as session:
            lesson = service.create(
                session,
                queries.by_key(session, key),
                name,
                _content(form),
                actor=signed_in_user(),
                now=utc_now(),
            )
            lesson_id = lesson.id
    except Invalid as refusal:
        blame(form, refusal)
        return _render_new(key, form), 422
    flash(_("Saved as a draft. Readers see it once you publish it."), "success")
    return redirect(url_for(".lesson", lesson_id=lesson_id), code=303)


@bp.get("/lessons/<pid(les):lesson_id>")
@requires(Permission.CERTIFICATION_READ)
def lesson(lesson_id: UUID) -> ResponseReturnValue:
    """Show a lesson: its draft, and the versions that were published."""
    return _render_lesson(lesson_id)


@bp.post("/lessons/<pid(les):lesson_id>")
@requires(Permission.CERTIFICATION_MANAGE)
def edit(lesson_id: UUID) -> ResponseReturnValue:
    """Save the draft, or show what it would look like."""
    form = LessonForm(request.form)
    if not _is_valid(form):
        return _render_lesson(lesson_id, form=form), 422
    if "preview" in request.form:
        return _render_lesson(lesson_id, form=form, is_preview=True)
    revision = form.revision.data or ""
    try:
        with transaction(db.session()) as session:
            service.edit(
                session,
                courses.lesson(session, lesson_id, lock=True),
                _content(form),
                revision=int(revision) if revision.isdecimal() else 0,
                actor=signed_in_user(),
                now=utc_now(),
            )
    except service.DraftChanged as refusal:
        form.form_errors.append(refusal.message)
        return _render_lesson(lesson_id, form=form, is_stale=True), 409
    flash(_("The draft is saved."), "success")
    return redirect(url_for(".lesson", lesson_id=lesson_id), code=303)


@bp.post("/lessons/<pid(les):lesson_id>/publish")
@requires(Permission.CERTIFICATION_MANAGE)
def publish(lesson_id: UUID) -> ResponseReturnValue:
    """Let readers see the draft."""
    form = PublishForm(request.form)
    if not form.validate():
        return _render_lesson(lesson_id, publishing=form), 422
    try:
        with transaction(db.session()) as session:
            service.publish(
                session,
                courses.lesson(session, lesson_id, lock=True),
                note=form.note.data or "",
                read_again=form.read_again.data,
                actor=signed_in_user(),
                now=utc_now(),
            )
    except Invalid as refusal:
        blame(form, refusal)
        return _render_lesson(lesson_id, publishing=form), 422
    except Conflict as refusal:
        flash(refusal.message, "error")
    else:
        flash(_("Published. Readers see it from now on."), "success")
    return redirect(url_for(".lesson", lesson_id=lesson_id), code=303)


@bp.post("/lessons/<pid(les):lesson_id>/<any(up, down):way>")
@requires(Permission.CERTIFICATION_MANAGE)
def move(lesson_id: UUID, way: str) -> ResponseReturnValue:
    """Move a lesson one place."""
    with transaction(db.session()) as session:
        found = courses.lesson(session, lesson_id)
        key = found.certification.key
        service.move(
            session, found, up=way == "up", actor=signed_in_user(), now=utc_now()
        )
    return redirect(url_for(".index", key=key), code=303)


@bp.post("/lessons/<pid(les):lesson_id>/<any(retire, restore):verb>")
@requires(Permission.CERTIFICATION_MANAGE)
def retire(lesson_id: UUID, verb: str) -> ResponseReturnValue:
    """Take a lesson out of the course, or bring it back."""
    change = service.retire if verb == "retire" else service.bring_back
    try:
        with transaction(db.session()) as session:
            found = courses.lesson(session, lesson_id, lock=True)
            change(session, found, actor=signed_in_user(), now=utc_now())
    except Conflict as refusal:
        flash(refusal.message, "error")
    return redirect(url_for(".lesson", lesson_id=lesson_id), code=303)


def _is_valid(form: LessonForm) -> bool:
    valid: bool = form.validate()
    for field in (form.title, form.topic, form.text, form.video_url):
        if not storable(field.data or ""):
            field.errors = [*field.errors, _("Remove the control characters.")]
            valid = False
    return valid


def _content(form: LessonForm) -> LessonContent:
    return LessonContent(
        title=form.title.data or "",
        topic=form.topic.data or "",
        minutes=form.minutes.data or 0,
        video_url=form.video_url.data or "",
        text=form.text.data or "",
    )


def _render_new(key: str, form: LessonForm, preview: Markup | None = None) -> str:
    session = db.session()
    exam = queries.by_key(session, key)
    return render_template(
        "certification/admin/new_lesson.html", exam=exam, form=form, preview=preview
    )


def _render_lesson(
    lesson_id: UUID,
    *,
    form: LessonForm | None = None,
    publishing: PublishForm | None = None,
    is_preview: bool = False,
    is_stale: bool = False,
) -> str:
    session = db.session()
    found = courses.lesson(session, lesson_id)
    if form is None:
        form = LessonForm(data={**found.content.model_dump(), "key": found.key})
    if form.revision.data is None or is_stale:
        # Saving once more, after comparing, is meant to replace the other draft.
        form.revision.data = str(found.revision)
    versions = courses.versions(session, lesson_id)
    has_news = not versions or versions[0].content != found.content
    return render_template(
        "certification/admin/lesson.html",
        lesson=found,
        form=form,
        publishing=publishing or PublishForm(),
        versions=versions,
        has_news=has_news,
        preview=lesson_html((form.text.data or "") if is_preview else found.text),
        is_preview=is_preview,
        theirs=found.text if is_stale else None,
    )
