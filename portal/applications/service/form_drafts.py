"""Changing the form of a program, until a version of the program publishes it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.applications import editing
from portal.applications.editing import NoSuchPart, Steps
from portal.applications.models import FormDraft
from portal.audit import service as audit
from portal.kit.errors import Conflict, NotFound
from portal.programs import queries as programs
from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_json, load_json
from portal.programs.models import Program, ProgramVersion


class FormChangedMeanwhile(Conflict):
    """Somebody else changed the same draft."""

    code = "form_changed_meanwhile"


class QuestionInUse(Conflict):
    """Something depends on the question; it can be retired."""

    code = "question_in_use"


class AlwaysAsked(Conflict):
    """The portal needs the question to open a partner's account."""

    code = "question_always_asked"


class NoSuchFormPart(NotFound):
    """The form has no such page or question."""

    code = "form_part_not_found"


@dataclass(frozen=True, slots=True)
class EditedForm:
    """A form as it is being changed.

    Attributes:
        program: Whose form it is.
        newest: The program's newest version.
        draft: The changes; none while nothing is changed.
        definition: The newest version with the changed form.
        is_behind: Whether the form was published anew since the changes began.
    """

    program: Program
    newest: ProgramVersion
    draft: FormDraft | None
    definition: ProgramDefinition
    is_behind: bool = False

    @property
    def steps(self) -> Steps:
        """The pages as documents."""
        steps: Steps = dump_json(self.definition)["join"]["steps"]
        return steps

    @property
    def number(self) -> int:
        """Counts the changes; 0 before the first."""
        return self.draft.number if self.draft else 0

    @property
    def is_changed(self) -> bool:
        """Whether there is something to publish."""
        return self.definition.join != self.newest.definition.join


def edited_form(session: Session, slug: str, *, lock: bool = False) -> EditedForm:
    """Return the form of a program with what staff changed about it.

    A draft that says what the newest version says was published: it counts as none.

    Args:
        session: The session to read from.
        slug: The program's key.
        lock: Hold the draft until the transaction ends.

    Raises:
        NotFound: There is no such program.
    """
    program = programs.by_key(session, slug)
    newest = programs.latest_version(session, program.id)
    if newest is None:
        raise NoSuchFormPart(_("This program has no version yet."))
    draft = session.get(FormDraft, program.id, with_for_update=lock)
    if draft is None or draft.steps == dump_json(newest.definition)["join"]["steps"]:
        return EditedForm(program, newest, None, newest.definition)
    definition = with_steps(newest.definition, draft.steps)
    is_behind = draft.based_on != newest.number and _form_differs(
        session, draft, newest
    )
    return EditedForm(program, newest, draft, definition, is_behind)


def with_steps(definition: ProgramDefinition, steps: Steps) -> ProgramDefinition:
    """Return a program with another form.

    Raises:
        DefinitionError: It is no form; the problems say why.
    """
    document = dump_json(definition)
    document["join"]["steps"] = steps
    return load_json(document)


def change_form(
    session: Session,
    slug: str,
    change: Callable[[EditedForm], Steps],
    *,
    seen_number: int,
    actor: User,
    now: datetime,
) -> None:
    """Change the draft of a form; what is no form afterwards is refused.

    Args:
        session: The session that holds the open transaction.
        slug: The program's key.
        change: Returns the new pages; see `editing`.
        seen_number: The `number` of the draft that was looked at.
        actor: Who changes it.
        now: The moment.

    Raises:
        FormChangedMeanwhile: Somebody else was faster.
        NoSuchFormPart: The page or question is gone.
        DefinitionError: It would be no form.
    """
    # The program's row stands for a draft that is not there yet.
    program = programs.by_key(session, slug, lock=True)
    form = edited_form(session, slug, lock=True)
    if form.number != seen_number:
        raise FormChangedMeanwhile(
            _("Somebody else changed this form meanwhile. Look at it again.")
        )
    try:
        steps = change(form)
    except NoSuchPart as error:
        raise NoSuchFormPart(_("The form has no such page or question.")) from error
    definition = with_steps(form.definition, steps)
    written = dump_json(definition)["join"]["steps"]
    kept = session.get(FormDraft, program.id)
    if kept is None:
        kept = FormDraft(program_id=program.id, based_on=form.newest.number, number=0)
        session.add(kept)
    elif form.draft is None:
        kept.based_on = form.newest.number  # an old one that was published
        kept.number = 0
    kept.number += 1
    kept.steps = written
    kept.changed_at = now
    kept.changed_by_id = actor.id
    audit.record(
        session, "program.form_changed", program.id, actor=actor, at=now, key=slug
    )


def without(form: EditedForm, key: str) -> Steps:
    """Return the form without a question.

    Raises:
        AlwaysAsked: The portal needs it.
        QuestionInUse: Something depends on it; the message names it.
    """
    _require_free_choice(key)
    uses = editing.uses_of(form.definition.join, key)
    if uses:
        named = [use or _("the rules that look at the score") for use in uses]
        raise QuestionInUse(
            _(
                "Something depends on this question: %(uses)s. Stop asking it "
                "instead of removing it.",
                uses="; ".join(named),
            )
        )
    return editing.without_question(form.steps, key)


def retired(form: EditedForm, key: str, *, is_retired: bool) -> Steps:
    """Return the form in which a question is not asked any more, or is again.

    Raises:
        AlwaysAsked: The portal needs it.
    """
    _require_free_choice(key)
    return editing.retired(form.steps, key, is_retired=is_retired)


def discard_form(session: Session, slug: str, *, actor: User, now: datetime) -> None:
    """Forget the changes to a form."""
    form = edited_form(session, slug, lock=True)
    kept = session.get(FormDraft, form.program.id)
    if kept is not None:
        session.delete(kept)
        audit.record(
            session,
            "program.form_discarded",
            form.program.id,
            actor=actor,
            at=now,
            key=slug,
        )


def keep_form(session: Session, slug: str) -> None:
    """Keep the changes although the form was published anew meanwhile."""
    form = edited_form(session, slug, lock=True)
    if form.draft is not None:
        form.draft.based_on = form.newest.number


def _require_free_choice(key: str) -> None:
    if key in editing.ALWAYS_ASKED:
        raise AlwaysAsked(
            _("The portal needs this question to open a partner's account.")
        )


def _form_differs(session: Session, draft: FormDraft, newest: ProgramVersion) -> bool:
    versions = programs.versions(session, draft.program_id)
    base = next(version for version in versions if version.number == draft.based_on)
    return base.definition.join.steps != newest.definition.join.steps
