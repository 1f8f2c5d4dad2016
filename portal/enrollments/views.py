"""The partner's programs and what is left to do in each."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from portal.accounts.access import requires
from portal.accounts.permissions import Permission
from portal.enrollments import queries
from portal.enrollments.steps import checklist_items
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.partners.access import current_partner_id

bp = Blueprint("enrollments", __name__, url_prefix="/app/programs")


@bp.get("")
@requires(Permission.WORKSPACE)
def index() -> ResponseReturnValue:
    """Show the partner's programs, each with its gates."""
    session, now = db.session(), utc_now()
    enrollments = queries.of_partner(session, current_partner_id())
    statuses = queries.checklists(session, enrollments, now=now)
    cards = [(one, checklist_items(one, statuses[one.id])) for one in enrollments]
    return render_template("enrollments/index.html", cards=cards)
