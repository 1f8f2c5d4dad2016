from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from portal.accounts.access import requires
from portal.accounts.permissions import Permission
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.partners.access import current_partner_id
from portal.tiers import queries, wording

bp = Blueprint("tiers", __name__, url_prefix="/app/tier")


@bp.get("")
@requires(Permission.EARNINGS_READ)
def show() -> ResponseReturnValue:
    """Show the level held, the next one, and what it would bring."""
    views = queries.of_partner(db.session(), current_partner_id(), now=utc_now())
    return render_template("tiers/show.html", views=views, words=wording)
