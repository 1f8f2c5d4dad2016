from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import can, requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.enrollments.rules import GateStatus
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.partners.access import current_partner_id
from portal.programs.definition import GateKind
from portal.tracking import queries, service
from portal.tracking.blueprint import address_of, bp, site
from portal.tracking.forms import LinkForm
from portal.tracking.rules import shown
from portal.web import flashes
from portal.web.forms import blame
from portal.web.navigation import link_to

_WHERE = {
    GateKind.AGREEMENT: "enrollments.index",
    GateKind.CERTIFICATION: "certification.index",
    GateKind.FEE: "fees.index",
    GateKind.TAX_FORM: "tax.index",
    GateKind.PAYOUT_ACCOUNT: "payouts.index",
}
"""The page on which a partner meets a gate of this kind."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a partner may have links in one program.

    Attributes:
        enrollment: The partner in the program.
        waiting: The gates in the way.
    """

    enrollment: Enrollment
    waiting: Sequence[GateStatus]

    @property
    def name(self) -> str:
        """The program's name."""
        return self.enrollment.version.definition.name

    @property
    def is_stopped(self) -> bool:
        """Whether staff stopped or ended it."""
        stopped = (EnrollmentStatus.SUSPENDED, EnrollmentStatus.TERMINATED)
        return self.enrollment.status in stopped

    @property
    def is_open(self) -> bool:
        """Whether the partner may make links."""
        return not self.waiting and not self.is_stopped


@bp.get("/app/links")
@requires(Permission.LINKS_READ)
def links() -> ResponseReturnValue:
    """List the partner's links; make the first one where it is due.

    Only for who may make links: somebody who may just look changes nothing.
    """
    now, partner_id = utc_now(), current_partner_id()
    standings = _standings(partner_id, now)
    rows = queries.links_of_partner(db.session(), partner_id)
    served = {row.link.enrollment_id for row in rows}
    due = [
        standing.enrollment
        for standing in standings
        if standing.is_open and standing.enrollment.id not in served
    ]
    if due and can(Permission.LINKS_WRITE):
        with transaction(db.session()) as session:
            for enrollment in due:
                service.ensure_default_link(session, enrollment, now=now)
        rows = queries.links_of_partner(db.session(), partner_id)
    return render_template(
        "tracking/links.html",
        rows=rows,
        standings=standings,
        locked=[standing for standing in standings if not standing.is_open],
        can_make=any(standing.is_open for standing in standings),
        address_of=address_of,
        shown=lambda kept: shown(kept, site()),
        where=where,
    )


@bp.get("/app/links/new")
@requires(Permission.LINKS_WRITE)
def new_link() -> ResponseReturnValue:
    """Show the form for a new link."""
    return _render_form(_form(utc_now()))


@bp.post("/app/links/new")
@requires(Permission.LINKS_WRITE)
def create_link() -> ResponseReturnValue:
    """Make a link, then show it."""
    now = utc_now()
    form = _form(now)
    if not form.validate():
        return _render_form(form), 422
    try:
        with transaction(db.session()) as session:
            enrollment = enrollments.get(
                session,
                UUID(form.enrollment.data),
                partner_id=current_partner_id(),
                lock=True,
            )
            link = service.create_link(
                session,
                enrollment,
                name=form.name.data or "",
                destination_url=form.destination.data or None,
                site=site(),
                code=(form.code.data or "").lower() or None,
                actor=signed_in_user(),
                now=now,
            )
            link_id = link.id
    except Invalid as refusal:
        blame(form, refusal)
        return _render_form(form), 422
    flashes.success(_("Your link is ready. Copy it and pass it on."))
    return redirect(url_for(".link", link_id=link_id), 303)


@bp.get("/app/links/<pid(lnk):link_id>")
@requires(Permission.LINKS_READ)
def link(link_id: UUID) -> ResponseReturnValue:
    """Show one link and what it brought."""
    session = db.session()
    row = queries.link_of_partner(session, link_id, current_partner_id())
    return render_template(
        "tracking/link.html",
        row=row,
        address=address_of(row.link.code),
        destination=shown(row.link.destination_url, site()),
        referrers=queries.top_referrers(session, link_id),
    )


@bp.post("/app/links/<pid(lnk):link_id>/disable")
@requires(Permission.LINKS_WRITE)
def disable_link(link_id: UUID) -> ResponseReturnValue:
    """Stop a link from counting."""
    with transaction(db.session()) as session:
        found = queries.get_for_partner(
            session, link_id, current_partner_id(), lock=True
        )
        service.disable(session, found, actor=signed_in_user(), now=utc_now())
    flashes.success(_("The link is switched off. Clicks on it do not count any more."))
    return redirect(url_for(".link", link_id=link_id), 303)


@bp.post("/app/links/<pid(lnk):link_id>/enable")
@requires(Permission.LINKS_WRITE)
def enable_link(link_id: UUID) -> ResponseReturnValue:
    """Let a link count again."""
    with transaction(db.session()) as session:
        found = queries.get_for_partner(
            session, link_id, current_partner_id(), lock=True
        )
        service.enable(session, found, actor=signed_in_user(), now=utc_now())
    flashes.success(_("The link is switched on again."))
    return redirect(url_for(".link", link_id=link_id), 303)


def where(status: GateStatus) -> str | None:
    """Return the page on which the partner meets a gate, if there is one."""
    endpoint = _WHERE.get(status.gate.kind)
    return link_to(endpoint) if endpoint else None


def _standings(partner_id: UUID, now: datetime) -> list[Standing]:
    session = db.session()
    found = enrollments.of_partner(session, partner_id)
    statuses = enrollments.checklists(session, found, now=now)
    return [Standing(one, service.in_the_way(statuses[one.id])) for one in found]


def _form(now: datetime) -> LinkForm:
    """Return the form over the programs in which the partner may make links."""
    form = LinkForm(request.form)
    form.enrollment.choices = [
        (str(standing.enrollment.id), standing.name)
        for standing in _standings(current_partner_id(), now)
        if standing.is_open
    ]
    if len(form.enrollment.choices) == 1 and not form.enrollment.data:
        form.enrollment.data = form.enrollment.choices[0][0]
    return form


def _render_form(form: LinkForm) -> str:
    return render_template(
        "tracking/new_link.html",
        form=form,
        hosts=sorted(site().hosts),
        example=address_of("summer-offer"),
    )
