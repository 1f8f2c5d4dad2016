"""The editor of a program's application form, for staff."""

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.form import BaseForm

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.applications import editing, editor_forms, service, words
from portal.applications.editing import NoSuchPart, Steps
from portal.applications.editor_forms import question_form, question_from
from portal.applications.forms import step_form
from portal.applications.service import EditedForm
from portal.applications.service.form_drafts import retired, without
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.programs.changes import changes
from portal.programs.documents import DefinitionError, dump_yaml
from portal.web import flashes

bp = Blueprint("form_editor", __name__, url_prefix="/admin/forms")

Change = Callable[[EditedForm], Steps]


@bp.get("/<slug>")
@requires(Permission.PROGRAMS_PUBLISH)
def show(slug: str) -> ResponseReturnValue:
    """Show the pages and questions, and what would change."""
    form = service.edited_form(db.session(), slug)
    return render_template(
        "applications/admin/editor/show.html",
        form=form,
        join=form.definition.join,
        text=dump_yaml(form.definition),
        differences=changes(form.newest.definition, form.definition),
        kinds=editor_forms.KINDS,
        always_asked=editing.ALWAYS_ASKED,
        uses={q.key: editing.uses_of(form.definition.join, q.key)
              for q in form.definition.join.questions},
    )  # fmt: skip


@bp.get("/<slug>/preview")
@requires(Permission.PROGRAMS_PUBLISH)
def preview(slug: str) -> ResponseReturnValue:
    """Show all pages as an applicant sees them, in one language."""
    form = service.edited_form(db.session(), slug)
    languages = _languages(form, with_default=True)
    language = request.args.get("language", languages[0])
    if language not in languages:
        language = languages[0]
    join = form.definition.join.worded(language)
    return render_template(
        "applications/admin/editor/preview.html",
        form=form,
        join=join,
        languages=languages,
        language=language,
        fields={step.key: step_form(step, join, {}) for step in join.steps},
        by_key={question.key: question for question in join.questions},
        shown_choices=words.shown_choices,
    )


@bp.route("/<slug>/questions/new", methods=["GET", "POST"])
@requires(Permission.PROGRAMS_PUBLISH)
def new_question(slug: str) -> ResponseReturnValue:
    """Add a question."""
    return _question(slug, None)


@bp.route("/<slug>/questions/<question_key>", methods=["GET", "POST"])
@requires(Permission.PROGRAMS_PUBLISH)
def question(slug: str, question_key: str) -> ResponseReturnValue:
    """Change a question."""
    return _question(slug, question_key)


@bp.post("/<slug>/questions/<question_key>/<any(up, down, remove, retire, ask):verb>")
@requires(Permission.PROGRAMS_PUBLISH)
def change_question(slug: str, question_key: str, verb: str) -> ResponseReturnValue:
    """Move a question, or ask it no longer."""
    verbs: dict[str, Change] = {
        "up": lambda form: editing.moved_question(form.steps, question_key, -1),
        "down": lambda form: editing.moved_question(form.steps, question_key, 1),
        "remove": lambda form: without(form, question_key),
        "retire": lambda form: retired(form, question_key, is_retired=True),
        "ask": lambda form: retired(form, question_key, is_retired=False),
    }
    return _change_or_say_why(slug, verbs[verb], anchor=f"question-{question_key}")


@bp.route("/<slug>/pages/<step_key>", methods=["GET", "POST"])
@requires(Permission.PROGRAMS_PUBLISH)
def page(slug: str, step_key: str) -> ResponseReturnValue:
    """Change the title of a page."""
    edited = service.edited_form(db.session(), slug)
    languages = _languages(edited)
    try:
        step = editing.step_of(edited.steps, step_key)
    except NoSuchPart as error:
        raise service.NoSuchFormPart(_("The form has no such page.")) from error
    form = editor_forms.page_form(languages, step, _typed())
    if request.method == "POST" and form.validate():
        translated = {
            language: form[f"title_{language}"].data
            for language in languages
            if form[f"title_{language}"].data
        }
        title = form["title"].data
        _change(
            slug, lambda now: editing.retitled(now.steps, step_key, title, translated)
        )
        return _back(slug, f"page-{step_key}")
    shown = render_template(
        "applications/admin/editor/page.html", edited=edited, form=form, step=step
    )
    return shown, _status_of(form)


@bp.post("/<slug>/pages/<step_key>/<any(up, down):verb>")
@requires(Permission.PROGRAMS_PUBLISH)
def move_page(slug: str, step_key: str, verb: str) -> ResponseReturnValue:
    """Move a page."""
    by = -1 if verb == "up" else 1
    return _change_or_say_why(
        slug,
        lambda form: editing.moved_step(form.steps, step_key, by),
        anchor=f"page-{step_key}",
    )


@bp.post("/<slug>/discard")
@requires(Permission.PROGRAMS_PUBLISH)
def discard(slug: str) -> ResponseReturnValue:
    """Forget all changes."""
    with transaction(db.session()) as session:
        service.discard_form(session, slug, actor=signed_in_user(), now=utc_now())
    flashes.success(_("The changes are discarded."))
    return redirect(url_for(".show", slug=slug), HTTPStatus.SEE_OTHER)


@bp.post("/<slug>/keep")
@requires(Permission.PROGRAMS_PUBLISH)
def keep(slug: str) -> ResponseReturnValue:
    """Keep the changes although the form was published anew."""
    with transaction(db.session()) as session:
        service.keep_form(session, slug)
    flashes.success(_("Your form takes the place of the published one."))
    return redirect(url_for(".show", slug=slug), HTTPStatus.SEE_OTHER)


def _question(slug: str, key: str | None) -> ResponseReturnValue:
    edited = service.edited_form(db.session(), slug)
    steps, languages = edited.steps, _languages(edited)
    on, old = request.args.get("page"), None
    if key is not None:
        try:
            step, old = editing.question_of(steps, key)
        except NoSuchPart as error:
            raise service.NoSuchFormPart(_("The form has no such question.")) from error
        on = step["key"]
    form = question_form(
        steps,
        edited.definition.join,
        languages,
        question=old,
        on=on,
        typed=_typed(),
    )
    if request.method == "POST" and _is_fine(form):
        typed = question_from(form, languages, old, editing.keys_of(steps))
        place, title = form["page"].data or None, form["new_page"].data
        try:
            _change(
                slug,
                lambda now: editing.with_question(
                    now.steps, typed, on=place, new_title=title
                ),
            )
        except DefinitionError as refusal:
            form.form_errors.extend(_remedies(refusal))
        else:
            return _back(slug, f"question-{typed['key']}")
    shown = render_template(
        "applications/admin/editor/question.html",
        edited=edited,
        form=form,
        question=old,
        languages=languages,
    )
    return shown, _status_of(form)


def _is_fine(form: BaseForm) -> bool:
    is_fine = form.validate()
    if not form["page"].data and not form["new_page"].data:
        form["new_page"].errors = [_("Write the title of the new page.")]
        is_fine = False
    if "show_when" in form and not editor_forms.asks_of_one_question(form["show_when"]):
        form["show_when"].errors = [_("Tick answers of one question only.")]
        is_fine = False
    return is_fine


def _change(slug: str, change: Change) -> None:
    seen = request.form.get("number", "")
    with transaction(db.session()) as session:
        service.change_form(
            session,
            slug,
            change,
            seen_number=int(seen) if seen.isdecimal() else 0,
            actor=signed_in_user(),
            now=utc_now(),
        )


def _change_or_say_why(
    slug: str, change: Change, *, anchor: str
) -> ResponseReturnValue:
    """Change the form; what cannot be is said above it, and nothing is changed."""
    try:
        _change(slug, change)
    except DefinitionError as refusal:
        flashes.failure(" ".join(_remedies(refusal)))
    except (service.QuestionInUse, service.AlwaysAsked) as refusal:
        flashes.failure(refusal.message)
    return _back(slug, anchor)


def _remedies(refusal: DefinitionError) -> list[str]:
    """Return what to do, without the place in the document."""
    return [problem.partition(": ")[2] or problem for problem in refusal.problems]


def _languages(form: EditedForm, *, with_default: bool = False) -> list[str]:
    """Return the languages that the portal or the form has, the default one first."""
    settings: Settings = current_app.extensions["portal.settings"]
    default, *others = settings.locales
    known = dict.fromkeys([*others, *form.definition.join.languages])
    known.pop(default, None)
    return [default, *known] if with_default else list(known)


def _typed() -> object:
    return request.form if request.method == "POST" else None


def _status_of(form: BaseForm) -> HTTPStatus:
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK


def _back(slug: str, anchor: str) -> ResponseReturnValue:
    address = url_for(".show", slug=slug, _anchor=anchor)
    return redirect(address, HTTPStatus.SEE_OTHER)
