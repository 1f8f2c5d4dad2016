"""Entry fees as staff see them."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from portal.accounts.access import requires
from portal.accounts.permissions import Permission
from portal.extensions import db
from portal.fees import queries
from portal.fees.rules import FeeStatus
from portal.kit.clock import utc_now

bp = Blueprint("fees_admin", __name__, url_prefix="/admin/fees")

NEWEST = 200
"""How many subscriptions the list shows."""


@bp.get("")
@requires(Permission.FEES_READ)
def index() -> ResponseReturnValue:
    """List the subscriptions of all partners, newest first."""
    asked = request.args.get("status", "")
    status = FeeStatus(asked) if asked in set(FeeStatus) else None
    subscriptions = queries.for_staff(db.session(), status, limit=NEWEST)
    return render_template(
        "fees/admin/index.html",
        subscriptions=subscriptions,
        steps=queries.last_steps(db.session(), [one.id for one in subscriptions]),
        statuses=list(FeeStatus),
        status=status,
        now=utc_now(),
    )
