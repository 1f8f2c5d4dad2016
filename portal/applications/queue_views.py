"""The reviewers' page: a queue on the left, one application on the right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType
from uuid import UUID

from flask import current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext
from flask_babel.speaklater import LazyString
from sqlalchemy.orm import Session

from portal.accounts.access import can, signed_in_user
from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.applications import (
    document_queries,
    independence,
    queries,
    review_queries,
    rules,
    service,
    staff_access,
    words,
)
from portal.applications.forms import (
    ApproveForm,
    CommentForm,
    QuestionForm,
    RejectForm,
    SnoozeForm,
)
from portal.applications.models import DECIDED, Application, ApplicationStatus
from portal.applications.review_queries import Scope
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.web.pagination import Page, page_request

FUNNEL_DAYS = 30


@dataclass(frozen=True, slots=True)
class View:
    """One chip above the queue."""

    label: LazyString
    status: ApplicationStatus | None
    is_queue: bool
    """Whether we are expected to act, so that the one due first is at the top."""
    scope: Scope = Scope.EVERY


_S = ApplicationStatus
VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "review": View(
            lazy_gettext("Needs review"),
            _S.SUBMITTED,
            is_queue=True,
            scope=Scope.AWAKE,
        ),
        "mine": View(
            lazy_gettext("Mine"), _S.SUBMITTED, is_queue=True, scope=Scope.MINE
        ),
        "snoozed": View(
            lazy_gettext("Snoozed"), _S.SUBMITTED, is_queue=True, scope=Scope.SNOOZED
        ),
        "waiting": View(
            lazy_gettext("Waiting for applicant"), _S.INFO_REQUESTED, is_queue=True
        ),
        "approved": View(lazy_gettext("Approved"), _S.APPROVED, is_queue=False),
        "rejected": View(lazy_gettext("Rejected"), _S.REJECTED, is_queue=False),
        "all": View(lazy_gettext("All"), None, is_queue=False),
    }
)
_VIEW_OF: Mapping[ApplicationStatus, str] = MappingProxyType(
    {view.status: name for name, view in reversed(list(VIEWS.items())) if view.status}
)


def hold_seconds() -> int:
    """Return how long a decision can be undone."""
    settings: Settings = current_app.extensions["portal.settings"]
    return settings.mail_hold_seconds


def page_of_one(application_id: UUID, **sent: object) -> ResponseReturnValue:
    """Show one application; with a form that was sent, what is wrong with it."""
    application = staff_access.opened(db.session(), application_id)
    asked = request.args.get("state", "")
    name = asked if asked in VIEWS else _VIEW_OF.get(application.status, "all")
    status = HTTPStatus.UNPROCESSABLE_ENTITY if sent else HTTPStatus.OK
    form = next(iter(sent.values()), None)
    return page(name, application, form=form, **sent), status


def page(name: str, application: Application | None, **forms: object) -> str:
    """Return the page of a view, and note that its reader looks at the application.

    Args:
        name: Of the view.
        application: The one to show; none for the first that is free.
        **forms: What was sent and is wrong, by the name that the template gives it.
    """
    session, now, reader = db.session(), utc_now(), signed_in_user()
    view = VIEWS[name]
    rows = _page_of(session, view, reader, now)
    ties = review_queries.ties_of(session, reader)
    conflicts = {
        row.id
        for row in rows.items
        if independence.conflict(ties, row.id, row.email, row.answers)
    }
    ids = [row.id for row in rows.items] + ([application.id] if application else [])
    looks = review_queries.lookers(session, ids, besides=reader.id, now=now)
    if application is None:
        application = _first(rows.items, conflicts, looks)
    shown = {row.id: row for row in rows.items}
    if application:
        shown[application.id] = application
    checks = review_queries.checks_of(session, list(shown.values()))
    given = {key: form for key, form in forms.items() if form is not None}
    html = render_template(
        "applications/admin/queue.html",
        views=VIEWS,
        name=name,
        page=rows,
        counts=_counts(session, reader, now),
        funnel=review_queries.funnel(session, now - timedelta(days=FUNNEL_DAYS)),
        funnel_days=FUNNEL_DAYS,
        application=application,
        neighbours=_neighbours(rows, application),
        conflicts=conflicts,
        looks=looks,
        warnings={key: rules.warnings(found) for key, found in checks.items()},
        now=now,
        soon=now + timedelta(days=1),
        **(_details(session, application, checks[application.id], now) | given)
        if application
        else {},
    )
    if application and can(Permission.APPLICATIONS_REVIEW):
        _note_look(application.id, now)
    return html


def _note_look(application_id: UUID, now: datetime) -> None:
    with transaction(db.session()) as session:
        service.look(session, application_id, reviewer=signed_in_user(), now=now)


def _first(
    rows: Sequence[Application], conflicts: set[UUID], looks: Mapping[UUID, str]
) -> Application | None:
    """Return the first that one may decide and that no colleague is at."""
    mine = [row for row in rows if row.id not in conflicts]
    free = (row for row in mine if row.id not in looks)
    return next(free, mine[0] if mine else None)


def _counts(session: Session, reader: User, now: datetime) -> dict[str, int]:
    by_status = queries.counts(session)
    by_scope = review_queries.scope_counts(session, reviewer_id=reader.id, now=now)
    return {
        name: by_scope[view.scope]
        if view.scope is not Scope.EVERY
        else by_status[view.status]
        if view.status
        else sum(by_status.values())
        for name, view in VIEWS.items()
    }


def _page_of(
    session: Session, view: View, reader: User, now: datetime
) -> Page[Application]:
    asked = page_request(request.args)
    if view.is_queue and view.status is not None:
        scope = review_queries.in_scope(view.scope, reviewer_id=reader.id, now=now)
        return review_queries.queue_page(session, view.status, scope, asked)
    return queries.newest(session, asked, view.status)


def _neighbours(
    page: Page[Application], application: Application | None
) -> tuple[Application | None, Application | None, int]:
    """Return the application before and after this one in the list, and its place."""
    ids = [row.id for row in page.items]
    if application is None or application.id not in ids:
        return None, page.items[0] if page.items else None, 0
    place = ids.index(application.id)
    before = page.items[place - 1] if place else None
    after = page.items[place + 1] if place + 1 < len(ids) else None
    return before, after, place + 1


def _details(
    session: Session,
    application: Application,
    checks: list[rules.Check],
    now: datetime,
) -> dict[str, object]:
    return {
        "question_form": QuestionForm(prefix="ask-"),
        "reject_form": RejectForm(prefix="reject-"),
        "comment_form": CommentForm(prefix="comment-"),
        "snooze_form": SnoozeForm(prefix="snooze-"),
        "note_form": ApproveForm(prefix="approve-").for_program(application.definition),
        "must_confirm": bool(rules.confirmed_by_reviewer(application.definition)),
        "current_user_id": signed_in_user().id,
        "takes_two": rules.takes_two_reviewers(application.definition.join, checks),
        "messages": queries.messages(session, application.id),
        "comments": review_queries.comments(session, application.id),
        "trail": queries.trail(session, application.id),
        "checks": checks,
        "documents": document_queries.documents_of(session, application),
        "size_text": words.size_text,
        "is_held": application.is_held(now),
        "is_snoozed": application.is_snoozed(now),
        "is_decided": application.status in DECIDED,
        "reasons": words.REASONS,
        "shown_answer": words.shown_answer,
        "country_name": words.country_name,
    }
