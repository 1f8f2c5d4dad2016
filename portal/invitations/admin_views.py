"""Invitations as staff see them: who is invited, and what became of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.extensions import db
from portal.invitations import bulk, queries, service
from portal.invitations.forms import ImportForm, InviteForm
from portal.invitations.models import InvitationState
from portal.invitations.rules import MOST_BYTES
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Conflict, Invalid, TooMany
from portal.kit.ids import parse_public_id
from portal.programs import queries as programs
from portal.programs.models import ProgramVersion
from portal.web import flashes
from portal.web.csv_safe import Cell, csv_lines
from portal.web.downloads import csv_download
from portal.web.forms import blame
from portal.web.pagination import page_request
from portal.web.states import state_label

bp = Blueprint("invitations_admin", __name__, url_prefix="/admin")


@dataclass(frozen=True, slots=True)
class _Filters:
    program_id: UUID | None
    state: InvitationState | None
    search: str


@bp.get("/invitations")
@requires(Permission.APPLICATIONS_READ)
def index() -> ResponseReturnValue:
    """List the invitations, the newest first."""
    session, now, filters = db.session(), utc_now(), _filters()
    counts = queries.counts(session, now=now, program_id=filters.program_id)
    return render_template(
        "invitations/admin/index.html",
        page=queries.listing(
            session,
            page_request(request.args),
            now=now,
            program_id=filters.program_id,
            state=filters.state,
            search=filters.search,
        ),
        states=[
            (state.value, f"{state_label(state.value)} ({counts[state]})")
            for state in InvitationState
        ],
        programs=programs.all_current(session, now),
        names=_names(),
        now=now,
    )


@bp.get("/invitations.csv")
@requires(Permission.APPLICATIONS_READ)
def index_csv() -> ResponseReturnValue:
    """Answer with all invitations that match the filters, as a file."""
    header = ["invitation", "program", "email", "name", "company", "state"]
    header += ["sent_on", "expires_on", "opened_on", "used_on", "application"]
    return csv_download(
        csv_lines(header, _csv_rows(_filters())), filename="invitations.csv"
    )


def _csv_rows(filters: _Filters) -> Iterator[Sequence[Cell]]:
    # The session is asked for here, while the file is sent: the view's has ended then.
    now = utc_now()
    for row in queries.everything(
        db.session(),
        now=now,
        program_id=filters.program_id,
        state=filters.state,
        search=filters.search,
    ):
        yield [
            row.public_id,
            row.program.key,
            row.email,
            row.name,
            row.company,
            row.state(now).value,
            row.sent_at.date(),
            row.expires_at.date(),
            row.opened_at.date() if row.opened_at else None,
            row.used_at.date() if row.used_at else None,
            row.application.reference if row.application else None,
        ]


@bp.get("/invitations/new")
@requires(Permission.APPLICATIONS_REVIEW)
def new() -> ResponseReturnValue:
    """Ask whom to invite."""
    form = InviteForm()
    form.for_programs(programs.all_current(db.session(), utc_now()))
    return render_template("invitations/admin/new.html", form=form)


@bp.post("/invitations/new")
@requires(Permission.APPLICATIONS_REVIEW)
def invite() -> ResponseReturnValue:
    """Invite one person."""
    now = utc_now()
    versions = programs.all_current(db.session(), now)
    form = InviteForm(request.form)
    form.for_programs(versions)
    if form.validate():
        try:
            with transaction(db.session()) as session:
                service.invite(
                    session,
                    _chosen(versions, form.program.data),
                    email=form.email.data or "",
                    name=form.name.data or "",
                    company=form.company.data or "",
                    note=form.note.data or "",
                    days=form.days.data or 0,
                    actor=signed_in_user(),
                    now=now,
                )
        except Invalid as refusal:
            blame(form, refusal)
        except TooMany as refusal:
            blame(form, Invalid(refusal.message, field="email"))
        else:
            flashes.success(_("The invitation is on its way."))
            return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)
    page = render_template("invitations/admin/new.html", form=form)
    return page, HTTPStatus.UNPROCESSABLE_ENTITY


@bp.get("/invitations/import")
@requires(Permission.APPLICATIONS_REVIEW)
def ask_import() -> ResponseReturnValue:
    """Ask for a table of people to invite."""
    form = ImportForm()
    form.for_programs(programs.all_current(db.session(), utc_now()))
    return render_template("invitations/admin/import.html", form=form, planned=None)


@bp.post("/invitations/import")
@requires(Permission.APPLICATIONS_REVIEW)
def import_table() -> ResponseReturnValue:
    """Say whom a table would invite, give its problems as a file, or invite."""
    now = utc_now()
    versions = programs.all_current(db.session(), now)
    form = ImportForm(request.form)
    form.for_programs(versions)
    planned = None
    try:
        _take_upload(form)
        if form.validate():
            version = _chosen(versions, form.program.data)
            with transaction(db.session()) as session:
                planned = bulk.plan(session, version, form.text.data or "", now)
                if "problems" in request.form:
                    return _problems_csv(planned.problems)
                if "send" in request.form and planned.rows:
                    left_out = bulk.send(
                        session,
                        version,
                        planned.rows,
                        actor=signed_in_user(),
                        note=form.note.data or "",
                        days=form.days.data or 0,
                        now=now,
                    )
                    return _sent(len(planned.rows) - len(left_out), left_out)
    except Invalid as refusal:
        blame(form, refusal)
    page = render_template("invitations/admin/import.html", form=form, planned=planned)
    is_fine = planned is not None and not form.errors
    return page, HTTPStatus.OK if is_fine else HTTPStatus.UNPROCESSABLE_ENTITY


@bp.post("/invitations/<pid(inv):invitation_id>/<any(resend, revoke):verb>")
@requires(Permission.APPLICATIONS_REVIEW)
def change(invitation_id: UUID, verb: str) -> ResponseReturnValue:
    """Mail an invitation again, or take it back."""
    now = utc_now()
    try:
        with transaction(db.session()) as session:
            invitation = queries.get(session, invitation_id, lock=True)
            if verb == "resend":
                version = programs.current_version(session, invitation.program_id, now)
                service.resend(
                    session, invitation, version, actor=signed_in_user(), now=now
                )
            else:
                service.revoke(session, invitation, actor=signed_in_user(), now=now)
    except (Conflict, TooMany) as refusal:
        flashes.failure(refusal.message)
    else:
        flashes.success(
            _("The invitation is on its way again; the earlier link has ended.")
            if verb == "resend"
            else _("The invitation is taken back. Its link opens nothing any more.")
        )
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


def _take_upload(form: ImportForm) -> None:
    """Put the uploaded file, which goes first, where pasted text would be."""
    upload = request.files.get("file")
    if upload is not None and upload.filename:
        form.text.data = bulk.decoded(upload.read(MOST_BYTES + 1))


def _problems_csv(problems: Sequence[bulk.Problem]) -> Response:
    rows: list[Sequence[Cell]] = [
        [one.line, one.email, one.message] for one in problems
    ]
    return csv_download(
        csv_lines(["line", "email", "problem"], rows), filename="not-invited.csv"
    )


def _sent(number: int, left_out: Sequence[bulk.Problem]) -> ResponseReturnValue:
    flashes.success(
        ngettext(
            "%(num)d invitation is on its way.",
            "%(num)d invitations are on their way.",
            number,
        )
    )
    if left_out:
        addresses = ", ".join(one.email for one in left_out)
        flashes.warning(
            _("These got enough mails today, or were invited: %(who)s.", who=addresses)
        )
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


def _chosen(versions: Sequence[ProgramVersion], public_id: str) -> ProgramVersion:
    return next(one for one in versions if one.program.public_id == public_id)


def _names() -> dict[UUID, str]:
    """Return what the programs are called now."""
    versions = programs.all_current(db.session(), utc_now())
    return {one.program_id: one.definition.name for one in versions}


def _filters() -> _Filters:
    """Read the filters; what makes no sense is left out, so old bookmarks work."""
    asked = {key: request.args.get(key, "").replace("\x00", "") for key in _FILTERS}
    try:
        program_id = parse_public_id("pgm", asked["program"])
    except ValueError:
        program_id = None
    try:
        state = InvitationState(asked["state"])
    except ValueError:
        state = None
    return _Filters(program_id, state, asked["q"].strip())


_FILTERS = ("program", "state", "q")
