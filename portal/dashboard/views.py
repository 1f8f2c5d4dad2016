"""The partner's home: what did I earn, when do I get it, what should I do next?"""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from uuid import UUID
from zoneinfo import ZoneInfo

import flask_babel
from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.access import can, requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.certification.team_words import team_texts
from portal.commissions import queries as commissions
from portal.commissions import wording
from portal.commissions.labels import CUSTOMER_LABELS
from portal.dashboard import banners
from portal.dashboard.banners import Banner
from portal.dashboard.earnings_chart import EarningsChart, earnings_chart
from portal.dashboard.queries import home as queries
from portal.dashboard.queries.home import Standing
from portal.dashboard.rules import PartOfDay, part_of_day
from portal.enrollments import queries as enrollments
from portal.enrollments.steps import checklist_items
from portal.extensions import db
from portal.fees import queries as fees
from portal.fees.rules import FeeStatus
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.partners.access import current_partner_id
from portal.statements import documents
from portal.statements import queries as statements
from portal.tiers import queries as tiers
from portal.tiers import wording as tier_words
from portal.tracking import service as tracking
from portal.tracking.blueprint import address_of
from portal.tracking.models import ReferralLink
from portal.web import flashes
from portal.web.pagination import PageRequest

bp = Blueprint("dashboard", __name__, url_prefix="/app")

LATEST = 5
"""How many customers the home lists."""


@bp.get("")
@requires(Permission.WORKSPACE)
def home() -> ResponseReturnValue:
    """Show the partner's home; what the role may not see is left out."""
    session, now, partner_id = db.session(), utc_now(), current_partner_id()
    standings = queries.standings(session, partner_id, now)
    zone = standings[0].enrollment.version.definition.zone if standings else _UTC
    links = queries.links_of(session, [one.enrollment.id for one in standings])
    link = _link(standings, links)
    customers = commissions.customers_of_partner(
        session, partner_id, PageRequest(size=LATEST)
    )
    sees_money = can(Permission.EARNINGS_READ)
    charts = _charts(session, partner_id, now, zone) if sees_money else []
    next_tiers = _next_tiers(session, partner_id, now) if sees_money else []
    return render_template(
        "dashboard/home.html",
        greeting=_greeting(now),
        banner=_banner(
            session,
            standings,
            next_tiers,
            now,
            has_link=link is not None,
            has_customers=bool(customers.items),
        ),
        address=address_of(link.code) if link else None,
        first_link_for=_first_link_for(standings, links),
        counts=queries.customer_counts(session, partner_id, now, zone),
        purses=_purses(session, standings, now, zone) if sees_money else [],
        charts=charts,
        checklists=[
            (one, checklist_items(one.enrollment, one.statuses, team_texts(one.teams)))
            for one in standings
            if one.is_incomplete
        ],
        tiers=next_tiers,
        customers=customers.items,
        customer_states=CUSTOMER_LABELS,
        words=wording,
        tier_words=tier_words,
        is_member=bool(standings),
        now=now,
        today=now.astimezone(zone).date(),
    )


@bp.post("/programs/<pid(enr):enrollment_id>/first-link")
@requires(Permission.LINKS_WRITE)
def create_first_link(enrollment_id: UUID) -> ResponseReturnValue:
    """Make the partner's first link in a program; a second click finds it made."""
    with transaction(db.session()) as session:
        enrollment = enrollments.get(
            session, enrollment_id, partner_id=current_partner_id(), lock=True
        )
        link = tracking.ensure_default_link(session, enrollment, now=utc_now())
        is_made = link is not None
    if is_made:
        flashes.success(_("Your link is ready. Copy it and pass it on."))
    else:
        flashes.warning(_("You cannot make links in this program at present."))
    return redirect(url_for(".home"), HTTPStatus.SEE_OTHER)


_UTC = ZoneInfo("UTC")


def _greeting(now: datetime) -> str:
    """Return a greeting by the person's clock and first name."""
    name = signed_in_user().name.split()
    part = part_of_day(now.astimezone(flask_babel.get_timezone()).hour)
    words = {
        PartOfDay.MORNING: _("Good morning"),
        PartOfDay.AFTERNOON: _("Good afternoon"),
        PartOfDay.EVENING: _("Good evening"),
    }
    return f"{words[part]}, {name[0]}" if name else words[part]


def _link(
    standings: Sequence[Standing], links: dict[UUID, list[ReferralLink]]
) -> ReferralLink | None:
    """Return the oldest link in use of the first program that lets the partner link."""
    in_use = (
        link
        for one in standings
        if one.may_link
        for link in links[one.enrollment.id]
        if not link.is_disabled
    )
    return next(in_use, None)


def _first_link_for(
    standings: Sequence[Standing], links: dict[UUID, list[ReferralLink]]
) -> UUID | None:
    """Return the enrollment that may have a link and never had one."""
    without = (
        one.enrollment.id
        for one in standings
        if one.may_link and not links[one.enrollment.id]
    )
    return next(without, None)


def _banner(
    session: Session,
    standings: Sequence[Standing],
    next_tiers: Sequence[tiers.TierView],
    now: datetime,
    *,
    has_link: bool,
    has_customers: bool,
) -> Banner | None:
    """Return what matters most: a stop, a fee, a step, a statement, a tip."""
    partner_id = current_partner_id()
    past_due = []
    if can(Permission.BILLING_READ):
        past_due = [
            row.enrollment_id
            for row in fees.of_partner(session, partner_id)
            if row.status is FeeStatus.PAST_DUE
        ]
    latest = None
    if can(Permission.STATEMENTS_READ):
        latest = statements.latest_of_partner(session, partner_id)
    return (
        banners.stopped(standings)
        or banners.ended(standings)
        or banners.unpaid_fee(standings, past_due, can)
        or banners.gate_to_meet(standings, can)
        or banners.ends_soon(standings, can, now)
        or banners.falls_soon(next_tiers, now)
        or (
            banners.statement_ready(latest.statement, tuple(documents.FORMATS))
            if latest
            else None
        )
        or banners.tip(has_customers=has_customers, has_link=has_link)
    )


def _purses(
    session: Session, standings: Sequence[Standing], now: datetime, zone: ZoneInfo
) -> list[queries.Purse]:
    currencies = {one.enrollment.version.definition.currency for one in standings}
    return queries.purses(
        session, current_partner_id(), currencies=currencies, now=now, zone=zone
    )


def _charts(
    session: Session, partner_id: UUID, now: datetime, zone: ZoneInfo
) -> list[EarningsChart]:
    today = now.astimezone(zone).date()
    by_currency = queries.earnings_by_month(session, partner_id, zone)
    return [
        earnings_chart(currency, sums, today) for currency, sums in by_currency.items()
    ]


def _next_tiers(
    session: Session, partner_id: UUID, now: datetime
) -> list[tiers.TierView]:
    """Return the programs in which there is a way up."""
    return [
        view
        for view in tiers.of_partner(session, partner_id, now=now)
        if view.progress is not None and view.enrollment.status not in queries.STOPPED
    ]
