from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from portal.accounts.access import requires
from portal.accounts.permissions import Permission
from portal.attribution import queries as attribution_queries
from portal.attribution.rules import sentence_of
from portal.commissions import queries, wording
from portal.commissions.filtering import filters_from, month_choices
from portal.commissions.labels import KIND_LABELS, LOSS_LABELS, STATE_LABELS
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.programs import queries as programs
from portal.web.formats import datetime_text
from portal.web.pagination import page_request

bp = Blueprint("commissions_admin", __name__, url_prefix="/admin/commissions")

_UTC = ZoneInfo("UTC")


@bp.get("")
@requires(Permission.COMMISSIONS_READ)
def index() -> ResponseReturnValue:
    """List all lines; the sums follow the filter."""
    session, now = db.session(), utc_now()
    filters = filters_from(request.args, _UTC)
    return render_template(
        "commissions/admin/index.html",
        page=queries.page_of(session, filters, page_request(request.args), now=now),
        totals=queries.totals(session, filters, now=now),
        programs=programs.all_current(session, now),
        states=STATE_LABELS,
        kinds=KIND_LABELS,
        months=month_choices(now, _UTC),
        now=now,
        words=wording,
    )


@bp.get("/<pid(com):commission_id>")
@requires(Permission.COMMISSIONS_READ)
def line(commission_id: UUID) -> ResponseReturnValue:
    """Show one line with its trace and who got the credit for the customer."""
    session = db.session()
    found = queries.get(session, commission_id)
    credited = attribution_queries.in_program(
        session, found.customer_id, found.program_id
    )
    # Everybody who shares a customer has a row, all with the same decision.
    attribution = credited[0] if credited else None
    return render_template(
        "commissions/admin/line.html",
        line=found,
        related=queries.of_sale(session, found.sale_id, found.enrollment_id),
        decision=attribution.reasons if attribution else None,
        share_text=wording.share_text,
        decision_sentence=sentence_of(
            attribution.reasons, moment=datetime_text, gettext=wording.FORMATS.gettext
        )
        if attribution
        else None,
        clicks=attribution_queries.considered(session, attribution)
        if attribution
        else {},
        reasons=LOSS_LABELS,
        states=STATE_LABELS,
        kinds=KIND_LABELS,
        now=utc_now(),
        words=wording,
    )
