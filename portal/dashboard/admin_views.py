"""What staff see first: the work that waits, and everything about a partner."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms import Form

from portal.accounts.access import can, requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.applications.words import country_name
from portal.commissions import service as commissions
from portal.dashboard import work
from portal.dashboard.forms import ReasonForm
from portal.dashboard.partner_tabs import (
    GATE_FORMS,
    TABS,
    VERBS,
    chosen_tab,
    gate_dialog,
    place_dialog,
)
from portal.dashboard.queries import inbox as inbox_queries
from portal.dashboard.queries import partners as partner_queries
from portal.dashboard.queries.partners import Search
from portal.enrollments import queries as enrollments
from portal.enrollments import service as enrollment_service
from portal.enrollments.forms import ConfirmForm, WithdrawForm
from portal.enrollments.models import (
    Enrollment,
    EnrollmentStatus,
    EnrollmentTransition,
)
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.kit.ids import parse_public_id
from portal.partners import queries as partners
from portal.programs import queries as programs
from portal.programs.models import ProgramVersion
from portal.statements.rules import month_of
from portal.tiers import wording as tier_words
from portal.web import flashes
from portal.web.csv_safe import Cell, csv_lines
from portal.web.downloads import csv_download
from portal.web.forms import blame
from portal.web.pagination import page_request
from portal.web.states import state_label

bp = Blueprint("dashboard_admin", __name__, url_prefix="/admin")

_DO = {
    "suspend": enrollment_service.suspend,
    "resume": enrollment_service.resume,
    "terminate": enrollment_service.terminate,
}


@bp.get("")
@requires(Permission.STAFF)
def inbox() -> ResponseReturnValue:
    """List what waits for a person, and how each program's month stands."""
    session, now = db.session(), utc_now()
    versions = programs.all_current(session, now)
    periods = inbox_queries.unclosed_periods(session)
    return render_template(
        "dashboard/admin/inbox.html",
        items=work.waiting(
            session,
            {row.program_id: row.definition for row in versions},
            periods,
            allowed=can,
            now=now,
        ),
        health=inbox_queries.month_health(session, versions, periods, now=now),
        next_close=_next_close(versions, now),
        now=now,
    )


def _next_close(
    versions: Sequence[ProgramVersion], now: datetime
) -> tuple[date, date] | None:
    """Return the running month that ends first, and the day on which it can be closed.

    None without a program.
    """
    zones = (version.definition.zone for version in versions)
    months = ((month_of(now, zone), zone) for zone in zones)
    first = min(months, key=lambda pair: pair[0].ends_at, default=None)
    if first is None:
        return None
    month, zone = first
    begins, ends = (
        moment.astimezone(zone).date() for moment in (month.starts_at, month.ends_at)
    )
    return begins, ends


@bp.get("/partners", endpoint="partners")
@requires(Permission.PARTNERS_READ)
def partners_list() -> ResponseReturnValue:
    """List the partners that match the filters."""
    session, now = db.session(), utc_now()
    return render_template(
        "dashboard/admin/partners.html",
        page=partner_queries.page(
            session, _search(), page_request(request.args), now=now
        ),
        programs=programs.all_current(session, now),
        statuses=[(status.value, state_label(status)) for status in EnrollmentStatus],
        country_name=country_name,
        tier_words=tier_words,
    )


@bp.get("/partners.csv")
@requires(Permission.PARTNERS_READ)
def partners_csv() -> ResponseReturnValue:
    """Answer with the partners that match the filters as a file.

    A line for each program that a partner is in, and for each currency in it.
    """
    sees_money = can(Permission.COMMISSIONS_READ)
    header = ["partner", "name", "country", "website", "joined_on", "program"]
    header += ["status", "tier", "customers"]
    if sees_money:
        header += ["earned_12_months", "currency"]
    lines = csv_lines(header, _csv_rows(_search(), utc_now(), sees_money=sees_money))
    return csv_download(lines, filename="partners.csv")


def _csv_rows(
    search: Search, now: datetime, *, sees_money: bool
) -> Iterator[Sequence[Cell]]:
    # The session is asked for here, while the file is sent: the view's has ended then.
    for row in partner_queries.every(db.session(), search, now=now):
        partner = row.partner
        about: list[Cell] = [
            partner.public_id,
            partner.name,
            partner.country,
            partner.website,
            partner.created_at.date(),
        ]
        if not row.places:
            yield [*about, *[None] * (6 if sees_money else 4)]
        for place in row.places:
            place_cells: list[Cell] = [
                *about,
                place.definition.name,
                place.enrollment.status.value,
                place.tier,
                place.customers,
            ]
            if not sees_money:
                yield place_cells
                continue
            for amount in place.earned:
                yield [*place_cells, amount, amount.currency]


def _search() -> Search:
    """Read the search; what makes no sense is left out, so old bookmarks work."""
    status = request.args.get("status", "")
    return Search(
        text=request.args.get("q", "").strip(),
        program_id=_program_id(request.args.get("program", "")),
        status=EnrollmentStatus(status) if status in set(EnrollmentStatus) else None,
    )


def _program_id(text: str) -> UUID | None:
    try:
        return parse_public_id("pgm", text)
    except ValueError:
        return None


@bp.get("/partners/<pid(prt):partner_id>")
@requires(Permission.PARTNERS_READ)
def partner(partner_id: UUID) -> ResponseReturnValue:
    """Show everything about one partner, in tabs."""
    return _partner_page(partner_id, chosen_tab(request.args.get("tab", "")))


@bp.post(
    "/partners/<pid(prt):partner_id>/programs/<pid(enr):enrollment_id>/"
    "<any(suspend, resume, terminate):verb>"
)
@requires(Permission.PARTNERS_MANAGE)
def change_place(
    partner_id: UUID, enrollment_id: UUID, verb: str
) -> ResponseReturnValue:
    """Suspend, resume or end a partner's place in a program."""
    found = enrollments.get(db.session(), enrollment_id, partner_id=partner_id)
    dialog = place_dialog(found, verb)
    form = ReasonForm(request.form, prefix=f"{dialog}-")
    if not form.validate():
        page = _partner_page(partner_id, "overview", failed=(dialog, form))
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    here = url_for(".partner", partner_id=partner_id)
    try:
        with transaction(db.session()) as session:
            enrollment = enrollments.get(
                session, enrollment_id, partner_id=partner_id, lock=True
            )
            _DO[verb](
                session,
                enrollment,
                actor=signed_in_user(),
                reason=form.reason.data or "",
                now=utc_now(),
            )
            commissions.recompute_later(session, enrollment.id)
            state = state_label(enrollment.status)
    except EnrollmentTransition:
        # A second click, or a colleague was faster; the page shows how things are.
        flashes.warning(_("Nothing was changed: somebody was faster. See below."))
    else:
        flashes.success(_("Done. The place in the program is now: %(s)s.", s=state))
    return redirect(here, HTTPStatus.SEE_OTHER)


@bp.post(
    "/partners/<pid(prt):partner_id>/programs/<pid(enr):enrollment_id>/"
    "gates/<gate_key>/<any(confirm, withdraw):verb>"
)
@requires(Permission.GATES_CONFIRM)
def change_gate(
    partner_id: UUID, enrollment_id: UUID, gate_key: str, verb: str
) -> ResponseReturnValue:
    """Confirm something that staff check, or take the confirmation back."""
    found = enrollments.get(db.session(), enrollment_id, partner_id=partner_id)
    dialog = gate_dialog(found, gate_key, verb)
    form = GATE_FORMS[verb](request.form, prefix=f"{dialog}-")
    if form.validate():
        try:
            _change_gate(found, gate_key, form)
        except Invalid as refusal:
            blame(form, refusal)
    if form.errors:
        page = _partner_page(partner_id, "overview", failed=(dialog, form))
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    return redirect(url_for(".partner", partner_id=partner_id), HTTPStatus.SEE_OTHER)


def _change_gate(
    found: Enrollment, gate_key: str, form: ConfirmForm | WithdrawForm
) -> None:
    actor, reason, now = signed_in_user(), form.reason.data or "", utc_now()
    try:
        with transaction(db.session()) as session:
            enrollment = enrollments.get(session, found.id, lock=True)
            if isinstance(form, ConfirmForm):
                enrollment_service.confirm_gate(
                    session,
                    enrollment,
                    gate_key,
                    actor=actor,
                    reason=reason,
                    now=now,
                    since_on=form.since_on.data,
                    last_on=form.last_on.data,
                )
            else:
                enrollment_service.withdraw_gate(
                    session, enrollment, gate_key, actor=actor, reason=reason, now=now
                )
            commissions.recompute_later(session, enrollment.id)
    except (
        enrollment_service.AlreadyConfirmed,
        enrollment_service.NotConfirmed,
    ) as refusal:
        # A second click, or a colleague was faster; the page shows how things are.
        flashes.warning(refusal.message)
    else:
        flashes.success(_("Done. The requirement is up to date; see below."))


def _partner_page(
    partner_id: UUID,
    tab: str,
    *,
    failed: tuple[str, Form] | None = None,
) -> str:
    session, now = db.session(), utc_now()
    found = partners.get(session, partner_id)
    return render_template(
        "dashboard/admin/partner.html",
        partner=found,
        country=country_name(found.country),
        own=enrollments.of_partner(session, partner_id),
        tab=tab,
        tabs=[
            (
                str(one.label),
                url_for(".partner", partner_id=partner_id, tab=name),
                name == tab,
                None,
            )
            for name, one in TABS.items()
            if can(one.permission)
        ],
        verbs=VERBS,
        failed=failed,
        form=failed[1] if failed else None,
        now=now,
        **TABS[tab].load(session, found, now),
    )
