from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import can, requires
from portal.accounts.permissions import Permission
from portal.attribution import queries as attribution_queries
from portal.commissions import queries, wording
from portal.commissions.filtering import filters_from, month_choices
from portal.commissions.labels import CUSTOMER_LABELS, KIND_LABELS, STATE_LABELS
from portal.commissions.models import Commission
from portal.enrollments import queries as enrollments
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.money import Money
from portal.partners.access import current_partner_id
from portal.web.csv_safe import Cell, csv_lines
from portal.web.downloads import csv_download
from portal.web.formats import money_text
from portal.web.pagination import page_request

bp = Blueprint("commissions", __name__, url_prefix="/app")


def _zone() -> ZoneInfo:
    """Return the time zone in which the partner's months begin and end."""
    own = enrollments.of_partner(db.session(), current_partner_id())
    return own[0].version.definition.zone if own else ZoneInfo("UTC")


@bp.get("/earnings")
@requires(Permission.EARNINGS_READ)
def earnings() -> ResponseReturnValue:
    """List the partner's lines; the figures on top follow the filter."""
    session, now, zone = db.session(), utc_now(), _zone()
    filters = filters_from(request.args, zone, partner_id=current_partner_id())
    page = queries.page_of(session, filters, page_request(request.args), now=now)
    return render_template(
        "commissions/earnings.html",
        page=page,
        totals=queries.totals(session, filters, now=now),
        states=STATE_LABELS,
        kinds=KIND_LABELS,
        months=month_choices(now, zone),
        now=now,
        words=wording,
    )


@bp.get("/earnings.csv")
@requires(Permission.EARNINGS_READ)
def earnings_csv() -> Response:
    """Answer with the filtered lines as a file."""
    now = utc_now()
    partner_id = current_partner_id()
    filters = filters_from(request.args, _zone(), partner_id=partner_id)
    lines = queries.of_partner(db.session(), partner_id, filters, now=now)
    header = [
        _("Line"),
        _("Date"),
        _("Program"),
        _("Kind"),
        _("Customer"),
        _("Base"),
        _("Rate"),
        _("Amount"),
        _("Currency"),
        _("State"),
        _("Clears on"),
        _("Statement"),
        _("Why"),
    ]
    rows = [_csv_row(line, now) for line in lines]
    return csv_download(csv_lines(header, rows), filename="earnings.csv")


def _csv_row(line: Commission, now: datetime) -> list[Cell]:
    return [
        line.public_id,
        line.occurred_at.date(),
        line.version.definition.name,
        line.kind.value,
        wording.customer_label(line.customer),
        line.base,
        wording.rates(line),
        line.amount,
        line.currency,
        line.state_at(now).value,
        line.clears_at.date() if line.clears_at else None,
        line.period_label,
        wording.why(line),
    ]


@bp.get("/earnings/<pid(com):commission_id>")
@requires(Permission.EARNINGS_READ)
def line(commission_id: UUID) -> ResponseReturnValue:
    """Show why one amount is what it is."""
    session, now = db.session(), utc_now()
    found = queries.get_for_partner(session, commission_id, current_partner_id())
    definition = found.version.definition
    return render_template(
        "commissions/line.html",
        line=found,
        credit=attribution_queries.credit_of(
            session, found.customer_id, found.enrollment_id
        ),
        definition=definition,
        rule=next((r for r in definition.rules if r.key == found.rule_key), None),
        related=[
            other
            for other in queries.of_sale(session, found.sale_id, found.enrollment_id)
            if other.id != found.id
        ],
        states=STATE_LABELS,
        kinds=KIND_LABELS,
        now=now,
        words=wording,
    )


@bp.get("/customers")
@requires(Permission.CUSTOMERS_READ)
def customers() -> ResponseReturnValue:
    """List the customers that the partner brought, with masked names."""
    page = queries.customers_of_partner(
        db.session(), current_partner_id(), page_request(request.args)
    )
    return render_template(
        "commissions/customers.html",
        page=page,
        now=utc_now(),
        words=wording,
        customer_states=CUSTOMER_LABELS,
    )


@bp.get("/customers/<pid(cus):customer_id>")
@requires(Permission.CUSTOMERS_READ)
def customer(customer_id: UUID) -> ResponseReturnValue:
    """Show what happened with one customer, from the click to the last refund."""
    session, now, partner_id = db.session(), utc_now(), current_partner_id()
    view = queries.customer_for_partner(session, customer_id, partner_id)
    filters = queries.Filters(customer_id=customer_id)
    lines = queries.of_partner(session, partner_id, filters, now=now)
    clicks = attribution_queries.considered(session, view.attribution)
    return render_template(
        "commissions/customer.html",
        view=view,
        lines=lines,
        steps=_story(view, lines, clicks, sees_money=can(Permission.EARNINGS_READ)),
        states=STATE_LABELS,
        kinds=KIND_LABELS,
        customer_states=CUSTOMER_LABELS,
        now=now,
        words=wording,
    )


def _story(
    view: queries.CustomerView,
    lines: Sequence[Commission],
    clicks: Mapping[UUID, attribution_queries.ConsideredClick],
    *,
    sees_money: bool,
) -> list[dict[str, Any]]:
    """Return what happened with a customer, latest first, as rows of a timeline."""
    own = view.attribution.enrollment_id
    decision = view.attribution.reasons
    steps: dict[object, dict[str, Any]] = {}
    for line in lines:
        step = _step(line) if sees_money else _step_without_money(line)
        steps.setdefault(line.refund_id or line.sale_id, step)
    steps["came"] = {"text": _("Came to the vendor"), "at": decision.converted_at}
    # A partner never reads about the clicks of others, not even that there are any.
    for winner in decision.winners:
        for click in winner.clicks if winner.enrollment_id == own else ():
            link = clicks[click.click_id].link_name
            steps[click.click_id] = {
                "text": _("Clicked your link %(link)s", link=link),
                "at": click.clicked_at,
                "tone": "info",
            }
    return sorted(steps.values(), key=lambda step: step["at"], reverse=True)


def _step_without_money(line: Commission) -> dict[str, Any]:
    """Return the step for a role that sees no amounts."""
    if line.refund is None:
        return {"text": _("Paid"), "at": line.sale.occurred_at, "tone": "ok"}
    text = (
        _("Got money back")
        if line.refund.net_minor >= 0
        else _("Money came back to the vendor")
    )
    return {"text": text, "at": line.refund.occurred_at, "tone": "warn"}


def _step(line: Commission) -> dict[str, Any]:
    if line.refund is None:
        paid = money_text(Money(line.sale.net_minor, line.sale.currency))
        return {
            "text": _("Paid %(amount)s", amount=paid),
            "at": line.sale.occurred_at,
            "tone": "ok",
        }
    back = Money(abs(line.refund.net_minor), line.sale.currency)
    said = (
        _("Got %(amount)s back", amount=money_text(back))
        if line.refund.net_minor >= 0
        else _("%(amount)s came back to the vendor", amount=money_text(back))
    )
    return {"text": said, "at": line.refund.occurred_at, "tone": "warn"}
