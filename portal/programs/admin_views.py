from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import DomainError
from portal.programs import queries, service
from portal.programs.agreements import agreement_html
from portal.programs.changes import changes as changes_between
from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_yaml, preset, preset_keys
from portal.programs.forms import ConfirmForm, DraftForm
from portal.programs.models import Program, ProgramVersion, VersionState
from portal.programs.queries import PublishedVersion
from portal.programs.rewording import passages
from portal.programs.sentences import sign_again_sentence
from portal.programs.words import terms_in_words
from portal.web import flashes
from portal.web.downloads import download

bp = Blueprint("programs_admin", __name__, url_prefix="/admin/programs")

CHECK, REVIEW, PUBLISH = "check", "review", "publish"
"""What the buttons of the editor do; they are the values of `do`."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A program with its versions, newest first; nothing of both before the first."""

    program: Program | None = None
    history: Sequence[PublishedVersion] = ()

    @property
    def newest(self) -> ProgramVersion | None:
        """The newest version, in force or not."""
        return self.history[0].version if self.history else None

    @property
    def number(self) -> int:
        """The number of the newest version; 0 before the first."""
        return self.newest.number if self.newest else 0

    def version(self, number: int | None = None) -> ProgramVersion:
        """Return the version of that number, or the one in force."""
        return queries.pick(self.history, number).version


def _shelf(slug: str) -> Shelf:
    session = db.session()
    program = queries.by_key(session, slug)
    return Shelf(program, queries.history(session, program.id, utc_now()))


@bp.get("")
@requires(Permission.PROGRAMS_READ)
def index() -> ResponseReturnValue:
    """List all programs."""
    overviews = queries.overviews(db.session(), utc_now())
    return render_template("programs/admin/index.html", overviews=overviews)


@bp.get("/<slug>", defaults={"number": None})
@bp.get("/<slug>/versions/<int:number>")
@requires(Permission.PROGRAMS_READ)
def detail(slug: str, number: int | None) -> ResponseReturnValue:
    """Show one version in words: the one in force, or the one asked for."""
    shelf = _shelf(slug)
    shown = queries.pick(shelf.history, number)
    definition = shown.version.definition
    before = queries.agreement_before(shelf.history, shown.version.number)
    return render_template(
        "programs/admin/detail.html",
        program=shelf.program,
        shown=shown,
        version=shown.version,
        definition=definition,
        terms=terms_in_words(definition),
        coming=[row for row in shelf.history if row.state is VersionState.COMING],
        agreement_text=agreement_html(definition.agreement)
        if definition.agreement
        else None,
        agreement_again=sign_again_sentence(definition),
        agreement_before=before,
        agreement_changes=passages(before.text, definition.agreement.text)
        if before and definition.agreement
        else [],
    )


@bp.get("/<slug>/versions")
@requires(Permission.PROGRAMS_READ)
def versions(slug: str) -> ResponseReturnValue:
    """List all versions of a program."""
    shelf = _shelf(slug)
    return render_template(
        "programs/admin/versions.html",
        program=shelf.program,
        definition=shelf.version().definition,
        history=shelf.history,
    )


@bp.get("/<slug>/changes")
@requires(Permission.PROGRAMS_READ)
def changes(slug: str) -> ResponseReturnValue:
    """Say in words what differs between two versions: `?from=1&to=3`."""
    shelf = _shelf(slug)
    later = request.args.get("to", shelf.number, type=int)
    earlier = request.args.get("from", max(later - 1, 1), type=int)
    old, new = shelf.version(earlier), shelf.version(later)
    return render_template(
        "programs/admin/changes.html",
        program=shelf.program,
        definition=shelf.version().definition,
        history=shelf.history,
        old=old,
        new=new,
        differences=changes_between(old.definition, new.definition),
    )


@bp.get("/<slug>/versions/<int:number>.yaml")
@requires(Permission.PROGRAMS_READ)
def document(slug: str, number: int) -> ResponseReturnValue:
    """Give one version as a file that `portal programs publish` reads."""
    version = _shelf(slug).version(number)
    return download(
        dump_yaml(version.definition).encode(),
        filename=f"{version.program.key}-version-{version.number}.yaml",
        mimetype="application/yaml",
    )


@bp.get("/new")
@requires(Permission.PROGRAMS_PUBLISH)
def new() -> ResponseReturnValue:
    """Offer the presets, or the editor with the one that was chosen."""
    key = request.args.get("preset")
    if key is None:
        presets = [preset(known) for known in preset_keys()]
        return render_template("programs/admin/presets.html", presets=presets)
    return _first_look(Shelf(), preset(key))


@bp.post("/new")
@requires(Permission.PROGRAMS_PUBLISH)
def new_submitted() -> ResponseReturnValue:
    """Check, review or publish the first version of a program."""
    return _carry_out(Shelf())


@bp.get("/<slug>/edit")
@requires(Permission.PROGRAMS_PUBLISH)
def edit(slug: str) -> ResponseReturnValue:
    """Show the editor, with the newest version or the one of `?from=2`."""
    shelf = _shelf(slug)
    number = request.args.get("from", shelf.number, type=int)
    return _first_look(shelf, shelf.version(number).definition)


@bp.post("/<slug>/edit")
@requires(Permission.PROGRAMS_PUBLISH)
def edit_submitted(slug: str) -> ResponseReturnValue:
    """Check, review or publish a new version."""
    return _carry_out(_shelf(slug))


def _first_look(shelf: Shelf, definition: ProgramDefinition) -> str:
    text, number = dump_yaml(definition), str(shelf.number)
    form = DraftForm(MultiDict({"text": text, "based_on": number}))
    form.validate()
    return _editor(form, shelf, based_on=shelf.number)


def _carry_out(shelf: Shelf) -> ResponseReturnValue:
    """Do what the button says; whatever is refused comes back with all its text."""
    form, now = DraftForm(request.form), utc_now()
    do = request.form.get("do", CHECK)
    is_fine = form.validate()
    based_on = form.based_on.data if form.based_on.data is not None else shelf.number
    definition = form.draft.definition
    start = form.starts_at(definition.zone, now) if definition else None
    if not is_fine or definition is None or start is None:
        return _editor(form, shelf, based_on=based_on), 422
    if do not in (REVIEW, PUBLISH):
        return _editor(form, shelf, based_on=based_on)
    confirm = ConfirmForm(request.form if do == PUBLISH else None)
    confirm.key = definition.key
    is_confirmed = do == PUBLISH and confirm.validate()
    try:
        if is_confirmed:
            return _publish(shelf, definition, based_on=based_on, start=start, now=now)
        service.examine(
            db.session(),
            definition,
            effective_from=start,
            now=now,
            program=shelf.program,
            based_on=based_on,
        )
    except DomainError as refusal:
        form.form_errors.append(refusal.message)
        if isinstance(refusal, service.PublishedMeanwhile):
            # Told of the newer version, one may go on from it.
            shelf = _shelf(definition.key)
            based_on = shelf.number
        return _editor(form, shelf, based_on=based_on), 409
    page = _confirmation(
        form, confirm, shelf, definition, based_on=based_on, start=start
    )
    return page, 422 if confirm.errors else 200


def _publish(
    shelf: Shelf,
    definition: ProgramDefinition,
    *,
    based_on: int,
    start: datetime,
    now: datetime,
) -> ResponseReturnValue:
    with transaction(db.session()) as session:
        number = service.publish(
            session,
            definition,
            actor=signed_in_user(),
            effective_from=start,
            now=now,
            program=shelf.program,
            based_on=based_on,
        ).number
    flashes.success(_("Version %(number)s is published.", number=number))
    address = url_for(".detail", slug=definition.key, number=number)
    return redirect(address, code=303)


def _editor(form: DraftForm, shelf: Shelf, *, based_on: int) -> str:
    definition = form.draft.definition
    return render_template(
        "programs/admin/edit.html",
        form=form,
        draft=form.draft,
        program=shelf.program,
        newest=shelf.newest,
        based_on=based_on,
        terms=terms_in_words(definition) if definition else None,
        differences=changes_between(shelf.newest.definition, definition)
        if shelf.newest and definition
        else None,
    )


def _confirmation(
    form: DraftForm,
    confirm: ConfirmForm,
    shelf: Shelf,
    definition: ProgramDefinition,
    *,
    based_on: int,
    start: datetime,
) -> str:
    return render_template(
        "programs/admin/confirm.html",
        form=form,
        confirm=confirm,
        draft=form.draft,
        definition=definition,
        program=shelf.program,
        newest=shelf.newest,
        based_on=based_on,
        starts_at=start,
        terms=terms_in_words(definition),
        differences=changes_between(shelf.newest.definition, definition)
        if shelf.newest
        else None,
    )
