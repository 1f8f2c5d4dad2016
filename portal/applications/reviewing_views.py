"""What reviewers do besides deciding one application: notes, sleep, many at once."""

from collections.abc import Iterator
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.applications import review_queries, service, staff_access, words
from portal.applications.forms import CommentForm, SnoozeForm
from portal.applications.models import Application, ApplicationStatus
from portal.applications.queue_views import VIEWS, hold_seconds, page_of_one
from portal.applications.review_queries import Scope
from portal.applications.service.several import AT_ONCE
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.ids import parse_public_id
from portal.web import flashes
from portal.web.csv_safe import Cell, csv_lines
from portal.web.downloads import csv_download
from portal.web.pagination import PageRequest

bp = Blueprint("applications_review", __name__, url_prefix="/admin/applications")

COLUMNS = (
    "reference", "program", "company", "country", "email", "status", "sent",
    "answer_by", "assigned_to", "decided", "decided_by", "reason",
)  # fmt: skip


@bp.post("/<pid(app):application_id>/comment")
@requires(Permission.APPLICATIONS_REVIEW)
def comment(application_id: UUID) -> ResponseReturnValue:
    """Note something for colleagues."""
    form = CommentForm(request.form, prefix="comment-")
    if not form.validate():
        return page_of_one(application_id, comment_form=form)
    with staff_access.reviewing(application_id) as (session, application):
        service.comment(
            session,
            application,
            author=signed_in_user(),
            text=form.text.data or "",
            now=utc_now(),
        )
    flashes.success(_("Your comment is kept. The applicant does not see it."))
    return _back_to(application_id)


@bp.post("/<pid(app):application_id>/snooze")
@requires(Permission.APPLICATIONS_REVIEW)
def snooze(application_id: UUID) -> ResponseReturnValue:
    """Put an application out of sight for a while."""
    form = SnoozeForm(request.form, prefix="snooze-")
    if not form.validate():
        return page_of_one(application_id, snooze_form=form)
    with staff_access.reviewing(application_id) as (session, application):
        service.snooze(
            session,
            application,
            reviewer=signed_in_user(),
            days=int(form.days.data),
            now=utc_now(),
        )
        company = application.company
    flashes.success(_("%(company)s comes back later.", company=company))
    return redirect(url_for("applications_admin.queue"), HTTPStatus.SEE_OTHER)


@bp.post("/<pid(app):application_id>/wake")
@requires(Permission.APPLICATIONS_REVIEW)
def wake(application_id: UUID) -> ResponseReturnValue:
    """Bring a snoozed application back."""
    with staff_access.reviewing(application_id) as (session, application):
        service.snooze(
            session, application, reviewer=signed_in_user(), days=0, now=utc_now()
        )
        company = application.company
    flashes.success(_("%(company)s needs review again.", company=company))
    return _back_to(application_id)


@bp.post("/<pid(app):application_id>/<any(take, release):verb>")
@requires(Permission.APPLICATIONS_REVIEW)
def assign(application_id: UUID, verb: str) -> ResponseReturnValue:
    """Take care of an application, or leave it to others."""
    with staff_access.reviewing(application_id) as (session, application):
        service.assign(
            session,
            application,
            reviewer=signed_in_user(),
            is_taken=verb == "take",
            now=utc_now(),
        )
    flashes.success(
        _("This application is yours.")
        if verb == "take"
        else _("This application is nobody's again.")
    )
    return _back_to(application_id)


@bp.post("/<pid(app):application_id>/conflict")
@requires(Permission.APPLICATIONS_REVIEW)
def declare_conflict(application_id: UUID) -> ResponseReturnValue:
    """Keep away from an application in which one has a stake."""
    with staff_access.reviewing(application_id) as (session, application):
        service.declare_conflict(
            session, application, reviewer=signed_in_user(), now=utc_now()
        )
    flashes.success(_("Noted. A colleague decides this application."))
    return redirect(url_for("applications_admin.queue"), HTTPStatus.SEE_OTHER)


@bp.post("/<pid(app):application_id>/reopen")
@requires(Permission.APPLICATIONS_REVIEW)
def reopen(application_id: UUID) -> ResponseReturnValue:
    """Reverse a rejection that a person or a rule made."""
    with staff_access.reviewing(application_id) as (session, application):
        service.reopen(session, application, actor=signed_in_user(), now=utc_now())
    flashes.success(_("The application needs review again."))
    return _back_to(application_id)


@bp.get("/several")
@requires(Permission.APPLICATIONS_REVIEW)
def several() -> ResponseReturnValue:
    """Show which applications can be approved together, and why others cannot."""
    session, now, reviewer = db.session(), utc_now(), signed_in_user()
    awake = review_queries.in_scope(Scope.AWAKE, reviewer_id=reviewer.id, now=now)
    page = review_queries.queue_page(
        session, ApplicationStatus.SUBMITTED, awake, PageRequest(size=AT_ONCE)
    )
    checks = review_queries.checks_of(session, page.items)
    ties = review_queries.ties_of(session, reviewer)
    judged = [
        (row, service.obstacle_to(row, checks[row.id], ties)) for row in page.items
    ]
    return render_template(
        "applications/admin/several.html",
        ready=[row for row, obstacle in judged if obstacle is None],
        left=[service.Left(row, obstacle) for row, obstacle in judged if obstacle],
        goes_on=page.older is not None,
        words_of=words.OBSTACLES,
        country_name=words.country_name,
    )


@bp.post("/several")
@requires(Permission.APPLICATIONS_REVIEW)
def approve_several() -> ResponseReturnValue:
    """Approve what was chosen, as far as there is still no doubt."""
    chosen = list(_chosen())
    if not chosen:
        flashes.failure(_("Choose at least one application."))
        return redirect(url_for(".several"), HTTPStatus.SEE_OTHER)
    with transaction(db.session()) as session:
        approved, left = service.approve_several(
            session,
            chosen,
            reviewer=signed_in_user(),
            hold_seconds=hold_seconds(),
            now=utc_now(),
        )
        companies = [
            f"{item.application.company or item.application.reference}: "
            f"{item.message or words.OBSTACLES[item.obstacle]}"
            for item in left
        ]
    flashes.success(
        ngettext(
            "Approved %(num)s application.",
            "Approved %(num)s applications.",
            len(approved),
        )
    )
    if companies:
        flashes.warning(_("Left as they are: %(list)s", list="; ".join(companies)))
    return redirect(url_for("applications_admin.queue"), HTTPStatus.SEE_OTHER)


def _chosen() -> Iterator[UUID]:
    for text in request.form.getlist("selected")[:AT_ONCE]:
        try:
            yield parse_public_id("app", text)
        except ValueError:
            continue


@bp.get("/export.csv")
@requires(Permission.APPLICATIONS_READ)
def export() -> Response:
    """Answer with the applications of one view as a file."""
    view = VIEWS.get(request.args.get("state", ""), VIEWS["all"])
    scope = review_queries.in_scope(
        view.scope, reviewer_id=signed_in_user().id, now=utc_now()
    )

    def rows() -> Iterator[list[Cell]]:
        # The session is asked for while the file is sent: the view's has ended then.
        for row in review_queries.every(db.session(), view.status, scope):
            yield _cells(row)

    return csv_download(csv_lines(COLUMNS, rows()), filename="applications.csv")


def _cells(row: Application) -> list[Cell]:
    return [
        row.reference,
        row.definition.name,
        row.company,
        row.country,
        row.email,
        row.status.value,
        row.submitted_at.isoformat() if row.submitted_at else None,
        row.answer_by.isoformat() if row.answer_by else None,
        row.assigned_to.name if row.assigned_to else None,
        row.decided_at.isoformat() if row.decided_at else None,
        row.decided_by.name if row.decided_by else None,
        row.reason.value if row.reason else None,
    ]


def _back_to(application_id: UUID) -> ResponseReturnValue:
    address = url_for("applications_admin.show", application_id=application_id)
    return redirect(address, HTTPStatus.SEE_OTHER)
