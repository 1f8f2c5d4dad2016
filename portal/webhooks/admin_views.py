import json

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.payments.models import InboxStatus
from portal.web import flashes
from portal.webhooks import queries, service
from portal.webhooks.queries import EventFilter

bp = Blueprint("webhooks_admin", __name__, url_prefix="/admin/events")


@bp.get("")
@requires(Permission.EVENTS_READ)
def index() -> ResponseReturnValue:
    """List what Stripe told us."""
    status = request.args.get("state", "")
    asked = EventFilter(
        status=InboxStatus(status) if status in set(InboxStatus) else None,
        kind=request.args.get("type") or None,
        after=request.args.get("after") or None,
        before=request.args.get("before") or None,
    )
    session = db.session()
    return render_template(
        "webhooks/admin/index.html",
        page=queries.events(session, asked),
        states=list(InboxStatus),
        types=queries.types(session),
        is_filtered=asked.status is not None or asked.kind is not None,
    )


@bp.get("/<event_id>")
@requires(Permission.EVENTS_READ)
def event(event_id: str) -> ResponseReturnValue:
    """Show one event: what it said, and what became of it."""
    found = queries.event(db.session(), event_id)
    return render_template(
        "webhooks/admin/event.html",
        event=found,
        payload=json.dumps(found.payload, indent=2, sort_keys=True, ensure_ascii=False),
        can_retry=found.status in service.RETRIED,
    )


@bp.post("/<event_id>/retry")
@requires(Permission.EVENTS_RETRY)
def retry(event_id: str) -> ResponseReturnValue:
    """Act on an event once more."""
    with transaction(db.session()) as session:
        found = service.retry(session, event_id, actor=signed_in_user(), now=utc_now())
        status = found.status
    if status is InboxStatus.FAILED:
        flashes.failure(_("It failed again. The note says why."))
    elif status is InboxStatus.PARKED:
        flashes.warning(_("It still waits for something that has not arrived."))
    else:
        flashes.success(_("Done. The event is taken care of."))
    return redirect(url_for(".event", event_id=event_id), 303)
