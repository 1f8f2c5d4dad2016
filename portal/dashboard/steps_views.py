"""Everything that a partner's programs ask of it, in one list."""

from dataclasses import dataclass

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from portal.accounts.access import requires
from portal.accounts.permissions import Permission
from portal.certification.team_words import team_texts
from portal.dashboard.queries import home as queries
from portal.enrollments.models import EnrollmentStatus
from portal.enrollments.steps import ChecklistItem, checklist_items
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.partners.access import current_partner_id

bp = Blueprint("dashboard_steps", __name__, url_prefix="/app/steps")

_ORDER = ("ending", "now", "todo", "check", "missed", "done")
"""What needs doing first is at the top."""
DONE = frozenset({"done", "ending"})


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that one program asks for."""

    program_name: str
    item: ChecklistItem


@bp.get("")
@requires(Permission.WORKSPACE)
def index() -> ResponseReturnValue:
    """Show what is done and what is next, what it unlocks, costs, and by when."""
    session, now = db.session(), utc_now()
    standings = [
        one
        for one in queries.standings(session, current_partner_id(), now)
        if one.enrollment.status is not EnrollmentStatus.TERMINATED
    ]
    steps = [
        Step(one.program_name, item)
        for one in standings
        for item in checklist_items(one.enrollment, one.statuses, team_texts(one.teams))
    ]
    steps.sort(key=lambda step: _ORDER.index(step.item.state))
    return render_template(
        "dashboard/steps.html",
        steps=steps,
        done=sum(step.item.state in DONE for step in steps),
        paused=[
            one.program_name
            for one in standings
            if one.enrollment.status is EnrollmentStatus.SUSPENDED
        ],
        has_several=len(standings) > 1,
    )
