from collections.abc import Iterator
from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from portal.accounts.access import requires
from portal.accounts.permissions import Permission
from portal.audit import queries
from portal.audit.words import (
    action_in_words,
    details_in_words,
    subject_id,
    subject_text,
)
from portal.extensions import db
from portal.kit.ids import parse_public_id
from portal.web.csv_safe import Cell, csv_lines
from portal.web.downloads import csv_download
from portal.web.pagination import page_request

bp = Blueprint("audit_admin", __name__, url_prefix="/admin/audit")

_NOTHING = UUID(int=0)
"""Matches no row: what somebody typed is no id, so nothing is found."""


@bp.get("")
@requires(Permission.AUDIT_READ)
def index() -> ResponseReturnValue:
    """List who did what, the latest first."""
    page = queries.events(db.session(), page_request(request.args), _filter())
    return render_template(
        "audit/admin/index.html",
        page=page,
        actors=queries.actors(db.session()),
        action_in_words=action_in_words,
        details_in_words=details_in_words,
        subject_text=subject_text,
    )


@bp.get("/export.csv")
@requires(Permission.AUDIT_READ)
def export() -> ResponseReturnValue:
    """Give the trail, or what the filters leave of it, as a file."""
    header = ("time", "actor", "action", "subject", "details")
    return csv_download(csv_lines(header, _rows(_filter())), filename="audit.csv")


def _rows(wanted: queries.Filter) -> Iterator[tuple[Cell, ...]]:
    for event, user in queries.every_event(db.session(), wanted):
        yield (
            event.at,
            user.email if user else "",
            event.action,
            subject_text(event.action, event.subject_id),
            details_in_words(event.details),
        )


def _filter() -> queries.Filter:
    """Read the filters of the query string."""
    subject = request.args.get("q", "").strip()
    return queries.Filter(
        actor_id=_user_id(request.args.get("actor", "")),
        action=request.args.get("action", "").strip().lower(),
        subject_id=(subject_id(subject) or _NOTHING) if subject else None,
    )


def _user_id(text: str) -> UUID | None:
    try:
        return parse_public_id("usr", text) if text else None
    except ValueError:
        return _NOTHING
